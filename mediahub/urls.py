from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
    path("api/", include("apps.jobs.api")),
    path("api/", include("apps.search.api")),
    path("", include("apps.library.urls")),
    path("", include("apps.web.urls")),
]
