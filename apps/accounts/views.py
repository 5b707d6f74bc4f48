"""The doors: signing in, setting up, joining, changing the password."""

from collections.abc import Callable
from typing import Any

from allauth.account.internal.flows.login import perform_login
from allauth.account.models import Login
from allauth.account.views import LoginView
from allauth.core import ratelimit
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from apps.accounts import services
from apps.accounts.forms import NewPersonForm, PasswordForm
from apps.accounts.models import User

Make = Callable[..., User]


class SignIn(LoginView):
    """While there is no administrator there is nobody to sign in as: says where the link is."""

    def dispatch(self, request: HttpRequest, *arguments: Any, **keywords: Any) -> HttpResponseBase:
        if not services.has_administrator():
            return render(request, "accounts/not_set_up.html")
        return super().dispatch(request, *arguments, **keywords)


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def setup(request: HttpRequest, token: str) -> HttpResponse:
    """The first person: they become the administrator and are signed in."""
    if not services.is_setup_token(token):
        return render(request, "accounts/link_closed.html", {"is_setup": True}, status=404)
    return _new_person(request, "accounts/setup.html", token, services.setup_administrator, {})


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, token: str) -> HttpResponse:
    """Somebody who was invited."""
    try:
        invitation = services.find_invitation(token)
    except services.LinkClosed:
        return render(request, "accounts/link_closed.html", status=404)
    context = {"invitation": invitation}
    return _new_person(request, "accounts/join.html", token, services.accept_invitation, context)


def _new_person(request: HttpRequest, template: str, token: str, make: Make, context: dict[str, Any]) -> HttpResponse:
    if limited := ratelimit.consume_or_429(request, action="signup"):
        return limited
    invitation = context.get("invitation")
    form = NewPersonForm(request.POST or None, initial={"name": invitation.name} if invitation else None)
    if request.method == "POST" and form.is_valid():
        try:
            user = make(token, **form.cleaned_data)
        except ValidationError as error:
            form.take_errors(error)
        except services.LinkClosed:  # somebody else was faster
            return render(request, "accounts/link_closed.html", {"is_setup": invitation is None}, status=404)
        else:
            return perform_login(request, Login(user=user))
    return render(request, template, {"form": form, **context}, status=422 if form.errors else 200)


@never_cache
@login_required
@sensitive_post_parameters("current", "new")
@require_http_methods(["GET", "HEAD", "POST"])
def change_password(request: HttpRequest) -> HttpResponse:
    user = request.user
    assert isinstance(user, User)  # noqa: S101  # login_required
    if limited := ratelimit.consume_or_429(request, action="change_password", user=user):
        return limited
    form = PasswordForm(user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.change_password(user, form.cleaned_data["new"], request.session)
        except ValidationError as error:
            form.add_error("new", error.messages)
        else:
            messages.success(request, _("Your password is changed. You are signed out everywhere else."))
            return redirect("settings")
    return render(request, "accounts/change_password.html", {"form": form}, status=422 if form.errors else 200)


@never_cache
@require_http_methods(["GET", "HEAD"])
def administration_door(request: HttpRequest) -> HttpResponse:
    """Administrators sign in where everybody does."""
    if not request.user.is_authenticated:
        return redirect_to_login(request.GET.get("next") or reverse("admin:index"))
    if not request.user.is_staff:
        raise PermissionDenied
    return redirect("admin:index")
