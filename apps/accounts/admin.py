"""People, invitations and keys as their keepers see them: nobody's secret, nobody's password."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from apps.accounts import services
from apps.accounts.models import ApiKey, Invitation, User

if TYPE_CHECKING:
    UserModelAdmin = admin.ModelAdmin[User]
    InvitationModelAdmin = admin.ModelAdmin[Invitation]
    KeyModelAdmin = admin.ModelAdmin[ApiKey]
    UserModelForm = forms.ModelForm[User]
    InvitationModelForm = forms.ModelForm[Invitation]
else:
    UserModelAdmin = InvitationModelAdmin = KeyModelAdmin = admin.ModelAdmin
    UserModelForm = InvitationModelForm = forms.ModelForm

STATES = {"open": _("Open"), "accepted": _("Accepted"), "taken_back": _("Taken back"), "over": _("Over")}


class UserForm(UserModelForm):
    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        services.refuse_last_administrator(
            User.objects.get(pk=self.instance.pk),
            is_active=cleaned.get("is_active", False),
            is_administrator=cleaned.get("is_staff", False),
        )
        return cleaned


@admin.register(User)
class UserAdmin(UserModelAdmin):
    """People come by invitation and are put out by making them inactive; what they own stays."""

    form = UserForm
    list_display = ["username", "name", "email", "is_active", "is_staff", "last_login", "date_joined"]
    list_filter = ["is_active", "is_staff"]
    search_fields = ["username", "name", "email"]
    ordering = ["username"]
    fields = ["username", "name", "email", "is_active", "is_staff", "last_login", "date_joined"]
    readonly_fields = ["username", "name", "email", "last_login", "date_joined"]

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        services.change_user(User.objects.get(pk=obj.pk), is_active=obj.is_active, is_administrator=obj.is_staff)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False


class InvitationForm(InvitationModelForm):
    days = forms.IntegerField(
        label=_("days"), initial=7, min_value=1, max_value=services.LONGEST_INVITATION_DAYS,
        help_text=_("How long the link opens the door."),
    )  # fmt: skip

    class Meta:
        model = Invitation
        fields = ("name", "role")


@admin.register(Invitation)
class InvitationAdmin(InvitationModelAdmin):
    form = InvitationForm
    list_display = ["name", "role", "how", "created_by", "created_at", "expires_at", "accepted_by"]
    list_select_related = ["created_by", "accepted_by"]
    actions = ["take_back"]

    @admin.display(description=_("state"))
    def how(self, invitation: Invitation) -> str:
        return str(STATES[invitation.state])

    def save_model(self, request: HttpRequest, obj: Invitation, form: Any, change: bool) -> None:
        assert isinstance(request.user, User)  # noqa: S101  # the administration is for people only
        made, token = services.invite(request.user, obj.name, obj.role, form.cleaned_data["days"])
        obj.pk = made.pk
        link = request.build_absolute_uri(reverse("join", args=[token]))
        messages.info(request, gettext("Send this link to %(name)s. It is shown this once: %(link)s") % {
            "name": obj.name, "link": link,
        })  # fmt: skip

    def response_add(self, request: HttpRequest, obj: Invitation, post_url_continue: str | None = None) -> HttpResponse:
        return self.response_post_save_add(request, obj)

    @admin.action(description=_("Take back"))
    def take_back(self, request: HttpRequest, chosen: QuerySet[Invitation]) -> None:
        for invitation in chosen:
            services.take_back(invitation)

    def has_change_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        return False


@admin.register(ApiKey)
class ApiKeyAdmin(KeyModelAdmin):
    list_display = ["name", "user", "prefix", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at"]
    list_select_related = ["user"]
    search_fields = ["name", "prefix", "user__username"]
    fields = readonly_fields = (
        "name", "user", "prefix", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at",
    )  # fmt: skip
    actions = ["revoke"]

    @admin.action(description=_("Revoke"))
    def revoke(self, request: HttpRequest, chosen: QuerySet[ApiKey]) -> None:
        keys = list(chosen.select_related("user"))
        for key in keys:
            services.revoke(key)
        done = ngettext("%(count)s key is revoked.", "%(count)s keys are revoked.", len(keys))
        messages.success(request, done % {"count": len(keys)})

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return False
