"""Permission is asked once, first: here a person or a key becomes a `Scope`."""

from django.http import HttpRequest

from apps.accounts.models import ApiKey, User
from apps.accounts.scope import NOBODY, Scope
from apps.library.models import Membership


def resolve(user: User, key: ApiKey | None = None) -> Scope:
    """The scope of a person, or of a key of theirs. Asks the database: a revoked share counts from the next request."""
    roles = dict(Membership.objects.filter(user=user).values_list("library_id", "role"))
    return Scope(
        user_id=user.pk,
        readable=frozenset(roles),
        editable=frozenset(library for library, role in roles.items() if role in ("editor", "owner")),
        owned=frozenset(library for library, role in roles.items() if role == "owner"),
        actions=None if key is None else frozenset(key.scopes),
        is_administrator=user.is_staff and key is None,
        access_epoch=user.access_epoch,
    )


def scope_of(request: HttpRequest) -> Scope:
    """The scope of a request, resolved once. Works for Django's requests and for those of the REST framework."""
    known: Scope | None = getattr(request, "_scope", None)
    if known is None:
        user = getattr(request, "user", None)
        key = getattr(request, "auth", None)
        if isinstance(user, User) and user.is_active:
            known = resolve(user, key if isinstance(key, ApiKey) else None)
        else:
            known = NOBODY
        request._scope = known  # type: ignore[attr-defined]  # kept on the request: it lives exactly as long
    return known
