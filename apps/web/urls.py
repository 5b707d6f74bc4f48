from django.urls import URLPattern, path

from apps.web import pages

urlpatterns: list[URLPattern] = [
    path("", pages.gallery, name="gallery"),
    path("settings/", pages.settings, name="settings"),
    path("words.js", pages.words, name="words"),
]
