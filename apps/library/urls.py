from django.urls import path, register_converter

from apps.library import views


class KindConverter:
    regex = "thumbnail|preview|detail|original"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(KindConverter, "media_kind")

urlpatterns = [path("m/<int:asset_id>/<int:revision>/<media_kind:kind>", views.media, name="media")]
