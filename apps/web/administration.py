"""The site for those who keep the house. It shows people, libraries, jobs and workers; never a picture, the name of a
file or a text of somebody else."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.apps import AdminConfig
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path
from django.utils.translation import gettext_lazy as _

# The queue keeps arguments as unsigned pickles: to show a row is to run what is in it. The page of the queue counts.
# The key of a session opens somebody's pictures, and a changed e-mail signs somebody else in.
HIDDEN_APPS = frozenset({"django_q", "usersessions", "account", "auth"})


class Administration(admin.AdminSite):
    site_title = _("MediaHub administration")
    site_header = _("MediaHub administration")
    index_title = _("Keep the house")
    index_template = "web/administration/index.html"
    enable_nav_sidebar = False

    def register(self, model_or_iterable: Any, *arguments: Any, **options: Any) -> None:
        models = model_or_iterable if isinstance(model_or_iterable, list | tuple) else [model_or_iterable]
        shown = [model for model in models if model._meta.app_label not in HIDDEN_APPS]
        super().register(shown, *arguments, **options)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        return [path("queue/", self.admin_view(queue), name="queue"), *super().get_urls()]


class AdministrationConfig(AdminConfig):
    default_site = "apps.web.administration.Administration"


def queue(request: HttpRequest) -> TemplateResponse:
    """How much waits, and whether somebody works on it."""
    from apps.web.services import queue_lengths  # after the apps are loaded: this module is read while they are

    context = {**admin.site.each_context(request), "title": _("Queues"), "lengths": queue_lengths()}
    return TemplateResponse(request, "web/administration/queue.html", context)
