"""How what a file says is written for people: one spelling for pages, tags and search."""

from django.utils import translation
from django_countries import countries


def country_name(code: str) -> str:
    """In English, whatever the reader's language: it is searched for and counted. Empty for no known country."""
    with translation.override("en"):
        return str(countries.countries.get(code, "")) if code else ""


def camera_name(make: str, model: str) -> str:
    """`Canon` and `Canon EOS 5D` are one Canon EOS 5D; `NIKON CORPORATION` and `NIKON D70` one NIKON D70."""
    make, model = make.strip(), model.strip()
    if not make or not model:
        return model or make
    brand = make.split()[0]
    return model if model.casefold().startswith(brand.casefold()) else f"{make} {model}"
