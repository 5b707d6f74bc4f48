from django.urls import URLPattern, path

from apps.web import pages, processing, search, statistics

urlpatterns: list[URLPattern] = [
    path("", pages.gallery, name="gallery"),
    path("gallery/sections/", pages.gallery_sections, name="gallery_sections"),
    path("gallery/items/", pages.gallery_items, name="gallery_items"),
    path("photos/<int:asset_id>/", pages.photo, name="photo"),
    path("search/", search.search, name="search"),
    path("processing/", processing.processing, name="processing"),
    path("processing/troubles/", processing.troubles, name="troubles"),
    path("processing/retry/", processing.retry, name="retry"),
    path("processing/jobs/<int:job_id>/cancel/", processing.cancel_job, name="job_cancel"),
    path("statistics/", statistics.statistics, name="statistics"),
    path("settings/", pages.settings, name="settings"),
    path("words.js", pages.words, name="words"),
]
