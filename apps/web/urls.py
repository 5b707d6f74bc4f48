from django.urls import URLPattern, path

from apps.web import pages

urlpatterns: list[URLPattern] = [
    path("", pages.gallery, name="gallery"),
    path("gallery/sections/", pages.gallery_sections, name="gallery_sections"),
    path("gallery/items/", pages.gallery_items, name="gallery_items"),
    path("photos/<int:asset_id>/", pages.photo, name="photo"),
    path("settings/", pages.settings, name="settings"),
    path("words.js", pages.words, name="words"),
]
