"""The doors. Of allauth only the addresses that this house uses are open."""

from allauth.account.views import account_inactive, logout
from django.urls import path
from django.views.decorators.http import require_http_methods, require_safe
from django.views.generic import RedirectView

from apps.accounts import endpoints, views

urlpatterns = [
    path("setup/<str:token>/", views.setup, name="setup"),
    path("join/<str:token>/", views.join, name="join"),
    path("account/login/", require_http_methods(["GET", "HEAD", "POST"])(views.SignIn.as_view()), name="account_login"),
    path("account/logout/", logout, name="account_logout"),
    path("account/closed/", account_inactive, name="account_inactive"),
    path("account/password/", views.change_password, name="account_change_password"),
    # Mobile apps sign in and out here; the rest of what they do is the API.
    path("_allauth/app/v1/auth/login", endpoints.MobileSignIn.as_view(), name="mobile_login"),
    path("_allauth/app/v1/auth/session", endpoints.MobileSession.as_view(), name="mobile_session"),
    # The administration has no doors of its own: they would know no rate limits and end no sessions.
    path("admin/login/", views.administration_door),
    path("admin/logout/", logout),
    path("admin/password_change/", require_safe(RedirectView.as_view(pattern_name="account_change_password"))),
]
