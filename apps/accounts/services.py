"""How people and programs come in, and how they are put out again. What is put out is out at once."""

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Any

from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.auth.password_validation import validate_password
from django.contrib.sessions.backends.base import SessionBase
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from apps.accounts.models import ApiKey, Invitation, User, digest
from apps.accounts.scope import ACTIONS

SETUP_LOCK = 0x5E7  # any number of our own: who makes the first administrator holds it
LONGEST_INVITATION_DAYS = 90
LONGEST_KEY_DAYS = 3650


class LinkClosed(Exception):
    """A link for setting up or joining that is wrong, was used, was taken back, or is over."""


# -- The first administrator ------------------------------------------------------------------------------------------
def has_administrator() -> bool:
    return User.objects.filter(is_staff=True).exists()


def setup_token() -> str:
    """What opens the page that makes the first administrator; "" when there is one. The same at every start."""
    return "" if has_administrator() else _setup_token()


def is_setup_token(token: str) -> bool:
    return compare_digest(token.encode(), _setup_token().encode()) and not has_administrator()


def _setup_token() -> str:
    return salted_hmac("apps.accounts.setup", "the first administrator", algorithm="sha256").hexdigest()[:40]


def setup_administrator(token: str, username: str, password: str, name: str = "", email: str = "") -> User:
    """Raises LinkClosed, or ValidationError by field. Of several at the same time one wins."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SETUP_LOCK])
        if not is_setup_token(token):
            raise LinkClosed
        return create_user(username, password, name=name, email=email, is_administrator=True)


def create_user(
    username: str, password: str, *, name: str = "", email: str = "", is_administrator: bool = False
) -> User:
    """Raises ValidationError by field."""
    draft = User(username=username, email=email, name=name)
    try:
        validate_password(password, draft)
    except ValidationError as error:
        raise ValidationError({"password": error.messages}) from error
    return User.objects.create_user(
        username, password, name=name, email=email, is_staff=is_administrator, is_superuser=is_administrator
    )


# -- Invitations ------------------------------------------------------------------------------------------------------
def invite(by: User, name: str, role: str = Invitation.Role.MEMBER, days: int = 7) -> tuple[Invitation, str]:
    """A new invitation and the token of its link, which is told once. Only administrators invite."""
    if not (by.is_staff and by.is_active):
        raise PermissionDenied(_("Only administrators invite people."))
    if not 1 <= days <= LONGEST_INVITATION_DAYS:
        raise ValidationError(
            {"days": _("An invitation lasts between 1 and %(days)s days.") % {"days": LONGEST_INVITATION_DAYS}}
        )
    token = secrets.token_urlsafe(32)
    invitation = Invitation(
        digest=digest(token), name=name, role=role, created_by=by, expires_at=timezone.now() + timedelta(days=days)
    )
    invitation.full_clean(exclude=["digest", "accepted_by", "accepted_at", "revoked_at"])
    invitation.save()
    return invitation, token


def find_invitation(token: str) -> Invitation:
    """Raises LinkClosed."""
    try:
        return Invitation.objects.open().get(digest=digest(token))
    except Invitation.DoesNotExist:
        raise LinkClosed from None


def accept_invitation(token: str, username: str, password: str, name: str = "", email: str = "") -> User:
    """Raises LinkClosed, or ValidationError by field. Of several at the same time one wins."""
    with transaction.atomic():
        try:
            invitation = Invitation.objects.open().select_for_update(of=("self",)).get(digest=digest(token))
        except Invitation.DoesNotExist:
            raise LinkClosed from None
        user = create_user(
            username,
            password,
            name=name or invitation.name,
            email=email,
            is_administrator=invitation.role == Invitation.Role.ADMINISTRATOR,
        )
        invitation.accepted_by, invitation.accepted_at = user, timezone.now()
        invitation.save(update_fields=["accepted_by", "accepted_at"])
        return user


def take_back(invitation: Invitation) -> None:
    Invitation.objects.filter(pk=invitation.pk, revoked_at=None).update(revoked_at=timezone.now())


# -- Keys -------------------------------------------------------------------------------------------------------------
def make_key(user: User, name: str, scopes: Iterable[str], expires_at: datetime | None = None) -> tuple[ApiKey, str]:
    """A new key and its secret, which is told once. Raises ValidationError by field."""
    wanted = sorted(set(scopes))
    unknown = [scope for scope in wanted if scope not in ACTIONS]
    if unknown or not wanted:
        known = ", ".join(ACTIONS)
        raise ValidationError({"scopes": _("Choose at least one of: %(known)s.") % {"known": known}})
    if expires_at is not None and expires_at <= timezone.now():
        raise ValidationError({"expires_at": _("This time is over. Choose a later one.")})
    if expires_at is not None and expires_at > timezone.now() + timedelta(days=LONGEST_KEY_DAYS):
        raise ValidationError(
            {
                "expires_at": _(
                    "A key that ends lasts %(days)s days at most. Choose an earlier time, or none: then it has no end."
                )
                % {"days": LONGEST_KEY_DAYS}
            }
        )
    prefix, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    key = ApiKey(user=user, name=name, prefix=prefix, digest=digest(secret), scopes=wanted, expires_at=expires_at)
    key.full_clean(exclude=["digest", "expires_at", "last_used_at", "revoked_at"])
    key.save()
    return key, f"mh_{prefix}_{secret}"


def find_key(text: str) -> ApiKey | None:
    """The usable key behind what a program sent."""
    mark, _first, rest = text.partition("_")
    prefix, _second, secret = rest.partition("_")
    if mark != "mh" or not prefix.isalnum():
        return None
    key = ApiKey.objects.usable().select_related("user").filter(prefix=prefix).first()
    return key if key and compare_digest(bytes(key.digest), digest(secret)) else None


# -- Revocation: immediate, everywhere --------------------------------------------------------------------------------
def revoke(what: User | ApiKey | UserSession) -> None:
    """Puts out a person everywhere, one key, or one session: its rows are gone, what was cached for the person is
    stale, open sockets are closed."""
    with transaction.atomic():
        if isinstance(what, ApiKey):
            ApiKey.objects.filter(pk=what.pk, revoked_at=None).update(revoked_at=timezone.now())
            what.user.raise_access_epoch()
        elif isinstance(what, UserSession):
            what.end()
            _close_sockets(session_key=what.session_key)
        else:
            for session in UserSession.objects.filter(user=what):
                session.end()
            what.raise_access_epoch()
            _close_sockets(user_id=what.pk)


def sessions_of(user: User) -> QuerySet[UserSession]:
    UserSession.objects.purge_and_list(user)  # those that have run out
    return UserSession.objects.filter(user=user).order_by("-last_seen_at", "-id")


def end_other_sessions(user: User, keep: str | None) -> int:
    """Ends every session but the one with this key. Returns how many."""
    others = list(UserSession.objects.filter(user=user).exclude(session_key=keep or ""))
    for session in others:
        revoke(session)
    return len(others)


def change_password(user: User, password: str, session: SessionBase) -> None:
    """Ends every session but this one, which gets a new key: who copied the old one is out. Raises ValidationError."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise ValidationError({"new": error.messages}) from error
    with transaction.atomic():
        user.set_password(password)
        user.save(update_fields=["password"])
        end_other_sessions(user, session.session_key)
        old = session.session_key
        session.cycle_key()
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()
        UserSession.objects.filter(session_key=old).update(session_key=session.session_key)


def change_user(user: User, *, is_active: bool, is_administrator: bool) -> None:
    """What administrators decide about a person. Who is put out is out at once. Raises ValidationError for the last
    administrator."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SETUP_LOCK])
        refuse_last_administrator(user, is_active=is_active, is_administrator=is_administrator)
        User.objects.filter(pk=user.pk).update(
            is_active=is_active, is_staff=is_administrator, is_superuser=is_administrator
        )
        user.refresh_from_db()
        if not is_active:
            revoke(user)
        else:
            user.raise_access_epoch()


def refuse_last_administrator(user: User, *, is_active: bool, is_administrator: bool) -> None:
    """Raises ValidationError when this would leave a house that nobody keeps."""
    others = User.objects.filter(is_staff=True, is_active=True).exclude(pk=user.pk)
    if not (is_active and is_administrator) and user.is_staff and not others.exists():
        raise ValidationError(_("This is the only administrator. Make somebody else one first."))


def change_profile(user: User, **facts: Any) -> None:
    """What a person says about themselves. Raises ValidationError by field."""
    before = user.email
    for name, value in facts.items():
        setattr(user, name, value)
    user.email = User.objects.normalize_email(user.email)
    user.full_clean(exclude=["password"])
    with transaction.atomic():
        user.save(update_fields=list(facts))
        if user.email != before:
            EmailAddress.objects.filter(user=user).delete()  # the old address opens nothing any more


def _close_sockets(*, user_id: int | None = None, session_key: str | None = None) -> None:
    import_string(settings.CLOSE_SOCKETS)(user_id=user_id, session_key=session_key)
