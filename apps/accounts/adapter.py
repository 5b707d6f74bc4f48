from allauth.account.adapter import DefaultAccountAdapter
from allauth.usersessions.models import UserSession
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.accounts.services import revoke


class AccountAdapter(DefaultAccountAdapter):
    """What this house does differently from allauth: nobody signs up, and who leaves is gone everywhere."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": _("The name or the password is wrong. Try again."),
        "email_password_mismatch": _("The name or the password is wrong. Try again."),
        "too_many_login_attempts": _("Too many wrong passwords. Wait five minutes, then try again."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def logout(self, request: HttpRequest) -> None:
        session = UserSession.objects.filter(session_key=request.session.session_key or "").first()
        super().logout(request)
        if session:
            revoke(session)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, object]) -> None:
        """There is no mail server."""
