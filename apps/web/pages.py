"""The gallery, the photo page and the settings: views that parse, ask one question, and answer."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe
from django.views.i18n import JavaScriptCatalog


@require_safe
@login_required
def gallery(request: HttpRequest) -> HttpResponse:
    return render(request, "web/gallery.html")


@require_safe
@login_required
def settings(request: HttpRequest) -> HttpResponse:
    return render(request, "web/settings.html")


# The words that scripts show, in the language of the page (its address names the language, so it may be kept).
words = cache_control(max_age=3600)(JavaScriptCatalog.as_view(packages=["apps.web"]))
