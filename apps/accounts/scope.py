"""Who asks, and what they may reach: a value, made once per request (`apps.library.access`), handed everywhere."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# Every action a key can be given. What is missing here (keys, users, sessions) no key can ever do.
ACTIONS: dict[str, str | Promise] = {
    "asset.read": _("See pictures, their details and originals"),
    "asset.upload": _("Add pictures"),
    "asset.update": _("Change pictures and process them again"),
    "library.read": _("See libraries"),
    "library.update": _("Create, rename and share libraries"),
    "job.read": _("See what is being processed"),
    "job.update": _("Start, retry and stop processing"),
    "statistic.read": _("See statistics"),
}


@dataclass(frozen=True, slots=True)
class Scope:
    """`actions` is None for a person who is signed in: they may do everything that their roles allow."""

    user_id: int | None
    readable: frozenset[int] = frozenset()  # ids of libraries
    editable: frozenset[int] = frozenset()
    owned: frozenset[int] = frozenset()
    actions: frozenset[str] | None = None
    is_administrator: bool = False
    access_epoch: int = 0

    def allows(self, action: str) -> bool:
        if action not in ACTIONS:
            raise KeyError(f"{action!r} is no action; see apps.accounts.scope.ACTIONS")
        return self.user_id is not None and (self.actions is None or action in self.actions)

    @property
    def is_person(self) -> bool:
        """True for a signed-in session, False for a key. Only persons change keys, users and sessions."""
        return self.user_id is not None and self.actions is None

    @property
    def cache_key(self) -> str:
        return f"{self.user_id}:{self.access_epoch}"


NOBODY = Scope(user_id=None)
