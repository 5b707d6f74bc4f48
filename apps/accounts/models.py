import hashlib
from collections.abc import Collection
from datetime import datetime
from typing import ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

NAME_IS_TAKEN = _("Somebody has this user name already. Choose another one.")
EMAIL_IS_TAKEN = _("Somebody has this e-mail address already. Choose another one, or leave it empty.")
TAKEN = {"username_taken": "username", "email_taken": "email"}  # what refuses it, and the field it is about


class UserManager(BaseUserManager["User"]):
    def create_user(
        self,
        username: str,
        password: str | None = None,
        *,
        email: str = "",
        name: str = "",
        is_staff: bool = False,
        is_superuser: bool = False,
    ) -> "User":
        user = self.model(
            username=username,
            email=self.normalize_email(email),
            name=name,
            is_staff=is_staff,
            is_superuser=is_superuser,
        )
        user.set_password(password)
        user.full_clean(exclude=["password"])
        user.save(using=self._db)
        return user

    def create_superuser(self, username: str, password: str | None = None, *, email: str = "") -> "User":
        return self.create_user(username, password, email=email, is_staff=True, is_superuser=True)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(username__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):
    """A person of the household. An administrator (`is_staff`) keeps the house but sees no pictures of others."""

    class Theme(models.TextChoices):
        SYSTEM = "system", _("Like the device")
        LIGHT = "light", _("Light")
        DARK = "dark", _("Dark")

    username = models.CharField(
        _("user name"),
        max_length=150,
        unique=True,
        validators=[UnicodeUsernameValidator()],
        error_messages={"unique": NAME_IS_TAKEN},
    )
    name = models.CharField(_("name"), max_length=150, blank=True)
    email = models.EmailField(_("e-mail"), blank=True)
    is_staff = models.BooleanField(_("administrator"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    date_joined = models.DateTimeField(default=timezone.now)
    # Raised whenever what this person may see grows smaller; part of every cache key: no cache outlives a right.
    access_epoch = models.PositiveIntegerField(default=0)
    theme = models.CharField(max_length=8, choices=Theme.choices, default=Theme.SYSTEM)
    row_height = models.PositiveSmallIntegerField(default=235)

    objects: ClassVar[UserManager] = UserManager()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            models.UniqueConstraint(
                Lower("username"),
                name="user_username_any_case",
                violation_error_code="username_taken",
                violation_error_message=NAME_IS_TAKEN,
            ),
            models.UniqueConstraint(
                Lower("email"),
                name="user_email_any_case",
                condition=~Q(email=""),
                violation_error_code="email_taken",
                violation_error_message=EMAIL_IS_TAKEN,
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.username

    def get_full_name(self) -> str:
        return str(self)

    def get_short_name(self) -> str:
        return str(self)

    def validate_constraints(self, exclude: Collection[str] | None = None) -> None:
        """Names the field of what is taken: Django knows none for a constraint on an expression."""
        try:
            super().validate_constraints(exclude)
        except ValidationError as error:
            raise ValidationError(
                {TAKEN[refused.code or ""]: refused for refused in error.error_dict[NON_FIELD_ERRORS]}
            ) from error

    # Administrators may do everything that the administration offers; what it offers holds no pictures.
    def has_perm(self, perm: str, obj: object | None = None) -> bool:
        return self.is_active and self.is_staff

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_active and self.is_staff

    def raise_access_epoch(self) -> None:
        type(self).objects.filter(pk=self.pk).update(access_epoch=F("access_epoch") + 1)


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self, at: datetime | None = None) -> "InvitationQuerySet":
        """Those that still let somebody in. What a former administrator promised is not kept."""
        at = at or timezone.now()
        return self.filter(
            expires_at__gt=at,
            accepted_at=None,
            revoked_at=None,
            created_by__is_active=True,
            created_by__is_staff=True,
        )


class Invitation(models.Model):
    """A link that lets one person in, once. Only the digest of its token is kept."""

    class Role(models.TextChoices):
        MEMBER = "member", _("Member")
        ADMINISTRATOR = "administrator", _("Administrator")

    digest = models.BinaryField(max_length=32, unique=True)
    name = models.CharField(max_length=150)
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.MEMBER)
    created_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    accepted_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    accepted_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name

    @property
    def state(self) -> str:
        if self.accepted_at:
            return "accepted"
        if self.revoked_at or not (self.created_by.is_active and self.created_by.is_staff):
            return "taken_back"
        return "over" if self.expires_at <= timezone.now() else "open"


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def usable(self, at: datetime | None = None) -> "ApiKeyQuerySet":
        at = at or timezone.now()
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=at), revoked_at=None, user__is_active=True)


class ApiKey(models.Model):
    """A key for programs: `mh_<prefix>_<secret>`. The secret is shown once; only its SHA-256 is kept."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=8, unique=True)
    digest = models.BinaryField(max_length=32)
    scopes = ArrayField(models.CharField(max_length=40))
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name


def digest(token: str) -> bytes:
    """What is kept of a secret. The secrets are random and long, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).digest()
