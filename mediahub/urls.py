from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("apps.accounts.urls")),
    path("admin/", admin.site.urls),
    path("api/", include("apps.accounts.documentation")),
    path("api/", include("apps.accounts.endpoints")),
    path("api/", include("apps.jobs.api")),
    path("api/", include("apps.library.api")),
    path("api/", include("apps.search.api")),
    path("api/", include("apps.ingest.api")),
    path("api/", include("apps.web.assets")),
    path("api/", include("apps.web.api")),
    path("", include("apps.library.urls")),
    path("", include("apps.web.urls")),
]

handler400 = "mediahub.problems.bad_request"
handler403 = "mediahub.problems.not_allowed"
handler404 = "mediahub.problems.not_found"
handler429 = "mediahub.problems.too_many"  # allauth's
handler500 = "mediahub.problems.server_error"
