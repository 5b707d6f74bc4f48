"""Whether a request may call a view at all. What it then sees of the rows is asked of its `Scope`."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from apps.accounts.models import ApiKey, User
from apps.accounts.scope import ACTIONS

if TYPE_CHECKING:
    from rest_framework.views import APIView  # it reads its defaults while it is imported: this class is one

# What a view may ask for besides the actions that keys can be given.
ANYONE = "anyone"  # not even signed in
PERSON = "person"  # signed in by a session; no key
ADMINISTRATOR = "administrator"  # a person who keeps the house


class RequiresAction(BasePermission):
    """Asks the view for `actions`, by method: one of ACTIONS, PERSON, ADMINISTRATOR or ANYONE. A method that the view
    answers without naming an action is refused."""

    message = _("You may not do this.")

    def has_permission(self, request: Request, view: "APIView") -> bool:
        method = "GET" if request.method == "HEAD" else (request.method or "")
        if method.lower() not in view.http_method_names or not hasattr(view, method.lower()):
            return True  # 405 follows
        action = getattr(view, "actions", {}).get(method)
        return action is not None and allows(request, action)


def allows(request: Request, action: str) -> bool:
    if action == ANYONE:
        return True
    user, key = request.user, request.auth
    if not isinstance(user, User) or not user.is_active:
        return False
    if isinstance(key, ApiKey):
        return action in ACTIONS and action in key.scopes
    return action in ACTIONS or action == PERSON or (action == ADMINISTRATOR and user.is_staff)
