"""Who may call what: one row for every route and method. A route without a row fails the matrix.

Alice owns a library that Bob may look at; `of` names the thing of hers whose id goes into path, query or body (as
`{seen_by_bob}`, an id of `tests.factories.House`). Charlie and the administrator do not see it: for them it is not
there (404). Bob sees it and may not change it.
"""

from dataclasses import dataclass, field
from typing import Any

from apps.accounts.api import ADMINISTRATOR, ANYONE, PERSON

PAGE = "page"  # for people who are signed in; everybody else is sent to sign in
BYTES = "bytes"  # pictures: whoever may not see them gets 404


@dataclass(frozen=True)
class Row:
    method: str
    route: str  # as the URLconf has it
    who: str  # an action, PERSON, ADMINISTRATOR, ANYONE, PAGE or BYTES
    path: dict[str, str] = field(default_factory=dict)  # the arguments of the route
    of: str = ""  # the thing of Alice's that it is about; "" when it is about the asker
    role: str = "viewer"  # what one has to be in its library
    query: str = ""
    body: Any = None
    form: bool = False  # the body is a form
    ok: tuple[int, ...] = (200, 201, 204)
    others: int = 404  # what Charlie gets; 2xx where what is not his is passed over in silence
    csrf: bool = True  # refused to a browser without the token
    writes: bool | None = None  # None: what does not read

    @property
    def changes(self) -> bool:
        return self.method not in ("GET", "HEAD") if self.writes is None else self.writes

    def __str__(self) -> str:
        return f"{self.method} /{self.route}"


def get(route: str, who: str, **more: Any) -> Row:
    return Row("GET", route, who, **more)


def post(route: str, who: str, **more: Any) -> Row:
    return Row("POST", route, who, **more)


def patch(route: str, who: str, **more: Any) -> Row:
    return Row("PATCH", route, who, **more)


def delete(route: str, who: str, **more: Any) -> Row:
    return Row("DELETE", route, who, **more)


ASSET = {"path": {"asset_id": "{seen_by_bob}"}, "of": "seen_by_bob"}
LIBRARY = {"path": {"library_id": "{shared}"}, "of": "shared"}
JOB = {"path": {"job_id": "{job}"}, "of": "job", "role": "starter"}
FILE = b"bytes of a picture"
NEW = {"username": "eve", "password": "a-long-enough-password"}

ROWS = [
    # -- Doors ----------------------------------------------------------------------------------------------------
    get("setup/<str:token>/", ANYONE, path={"token": "guess"}, ok=(404,)),
    post("setup/<str:token>/", ANYONE, path={"token": "guess"}, body=NEW, form=True, ok=(404,)),
    get("join/<str:token>/", ANYONE, path={"token": "guess"}, ok=(404,)),
    post("join/<str:token>/", ANYONE, path={"token": "guess"}, body=NEW, form=True, ok=(404,)),
    get("account/login/", ANYONE, ok=(200, 302)),
    post(
        "account/login/", ANYONE, body={"login": "alice", "password": "guess"}, form=True, ok=(200, 302), writes=False
    ),
    get("account/logout/", ANYONE, ok=(200, 302)),
    post("account/logout/", ANYONE, form=True, ok=(302,)),
    get("account/closed/", ANYONE),
    get("account/password/", PAGE),
    post("account/password/", PAGE, body={"current": "guess", "new": "guess"}, form=True, ok=(422,), writes=False),
    delete("_allauth/app/v1/auth/session", PERSON),
    post(
        "_allauth/app/v1/auth/login",
        ANYONE,
        body={"username": "alice", "password": "guess"},
        ok=(400,),
        csrf=False,
        writes=False,
    ),
    get("admin/login/", ANYONE, ok=(302, 403)),
    get("admin/logout/", ANYONE, ok=(200, 302)),
    post("admin/logout/", ANYONE, form=True, ok=(302,)),
    get("admin/password_change/", ANYONE, ok=(302,)),
    # -- The account ----------------------------------------------------------------------------------------------
    get("api/account/", PERSON),
    patch("api/account/", PERSON, body={"name": "Somebody"}),
    post("api/account/password/", PERSON, body={"current": "guess", "new": "guess"}, ok=(400,), writes=False),
    get("api/account/keys/", PERSON),
    post("api/account/keys/", PERSON, body={"name": "k", "scopes": ["asset.read"]}),
    delete("api/account/keys/<int:key_id>/", PERSON, path={"key_id": "{key}"}, of="key", role="holder"),
    get("api/account/sessions/", PERSON),
    delete(
        "api/account/sessions/<int:session_id>/", PERSON, path={"session_id": "{session}"}, of="session", role="holder"
    ),
    delete("api/account/sessions/others/", PERSON),
    get("api/invitations/", ADMINISTRATOR),
    post("api/invitations/", ADMINISTRATOR, body={"name": "Dora", "role": "member"}),
    delete("api/invitations/<int:invitation_id>/", ADMINISTRATOR, path={"invitation_id": "{invitation}"}),
    get("api/users/", ADMINISTRATOR),
    patch("api/users/<int:user_id>/", ADMINISTRATOR, path={"user_id": "{alice}"}, body={"is_active": False}),
    # -- Pictures -------------------------------------------------------------------------------------------------
    get(
        "m/<int:asset_id>/<int:revision>/<media_kind:kind>",
        BYTES,
        path={"asset_id": "{seen_by_bob}", "revision": "1", "kind": "preview"},
        of="seen_by_bob",
    ),
    post(
        "api/uploads/",
        "asset.upload",
        of="shared",
        role="editor",
        body={"library": "{shared}", "file": FILE},
        form=True,
    ),
    post(
        "api/uploads/check",
        "asset.upload",
        of="shared",
        role="editor",
        body={"library": "{shared}", "sha256s": ["0" * 64]},
        writes=False,
    ),
    get("api/assets/", "asset.read", query="library={shared}"),
    get("api/assets/<int:asset_id>/", "asset.read", **ASSET),
    patch("api/assets/<int:asset_id>/", "asset.update", **ASSET, role="editor", body={"title": "New"}),
    get("api/assets/<int:asset_id>/steps/", "asset.read", **ASSET),
    post("api/assets/<int:asset_id>/retry/", "asset.update", **ASSET, role="editor", body={"step": "ocr"}, ok=(202,)),
    get("api/search/", "asset.read", query="q=Umbrellaphant&library={home}"),
    get("api/search/suggest/", "asset.read", query="q=umbre"),
    get("api/timeline/", "asset.read", query="library={home}"),
    # -- Libraries ------------------------------------------------------------------------------------------------
    get("api/libraries/", "library.read"),
    post("api/libraries/", "library.update", body={"name": "New"}),
    get("api/libraries/<int:library_id>/", "library.read", **LIBRARY),
    patch("api/libraries/<int:library_id>/", "library.update", **LIBRARY, role="owner", body={"name": "New"}),
    get("api/libraries/<int:library_id>/members/", "library.read", **LIBRARY),
    post(
        "api/libraries/<int:library_id>/members/",
        "library.update",
        **LIBRARY,
        role="owner",
        body={"username": "charlie"},
    ),
    delete(
        "api/libraries/<int:library_id>/members/<int:user_id>/",
        "library.update",
        path={"library_id": "{shared}", "user_id": "{dora}"},
        of="shared",
        role="owner",
    ),
    post(
        "api/libraries/<int:library_id>/scan/",
        "library.update",
        path={"library_id": "{folder}"},
        of="folder",
        ok=(202,),
    ),
    # -- Work -----------------------------------------------------------------------------------------------------
    get("api/jobs/", "job.read"),
    get("api/jobs/<int:job_id>/", "job.read", **JOB),
    post("api/jobs/<int:job_id>/cancel/", "job.update", **JOB),
    get("api/processing/", "job.read"),
    get("api/processing/troubles/", "job.read"),
    post(
        "api/processing/retry/",
        "asset.update",
        of="seen_by_bob",
        role="editor",
        body={"assets": ["{seen_by_bob}", "{canary}"]},
        ok=(202,),
        others=202,
    ),
    get("api/stats", "statistic.read"),
    get("api/status/", "job.read"),
    # -- Pages ----------------------------------------------------------------------------------------------------
    get("", PAGE),
    get("gallery/sections/", PAGE, query="library={home}"),
    get("gallery/items/", PAGE, query="library={home}&from=2023-05-01&to=2023-05-31"),
    get("photos/<int:asset_id>/", PAGE, **ASSET),
    get("search/", PAGE, query="q=Umbrellaphant&library={home}"),
    get("processing/", PAGE),
    get("processing/troubles/", PAGE),
    post(
        "processing/retry/",
        PAGE,
        of="seen_by_bob",
        role="editor",
        body={"asset": "{seen_by_bob}", "step": "ocr"},
        form=True,
        ok=(302,),
    ),
    post("processing/jobs/<int:job_id>/cancel/", PAGE, **JOB, form=True, ok=(302,)),
    get("statistics/", PAGE),
    get("settings/", PAGE),
    get("words.js", ANYONE),
    # -- About the API --------------------------------------------------------------------------------------------
    get("api/schema/", ANYONE),
    get("api/docs/", ANYONE),
]
