"""The API's own description, and a page to read and try it. Both say nothing about anybody: anyone may read them."""

from django.urls import path
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiJsonRenderer2, OpenApiYamlRenderer
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.renderers import TemplateHTMLRenderer

from apps.accounts.api import ANYONE, ApiView


class Schema(ApiView, SpectacularAPIView):
    actions = {"GET": ANYONE}
    renderer_classes = [OpenApiYamlRenderer, OpenApiJsonRenderer, OpenApiJsonRenderer2]


class Documentation(ApiView, SpectacularSwaggerSplitView):
    """Its script comes from an address of its own: pages hold none."""

    actions = {"GET": ANYONE}
    renderer_classes = [TemplateHTMLRenderer]


urlpatterns = [
    path("schema/", Schema.as_view(), name="schema"),
    path("docs/", Documentation.as_view(), name="documentation"),
]
