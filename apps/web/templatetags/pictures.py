"""How pages show pictures."""

import base64

from django import template
from django.utils.translation import gettext_lazy as _

from apps.library.models import Asset
from apps.tagging import labels
from apps.tagging.models import Tag
from apps.web import timeline

register = template.Library()

WHY = {
    "title": _("title"),
    "name": _("file name"),
    "keyword": _("keyword"),
    "tag": _("tag"),
    "place": _("place"),
    "camera": _("camera"),
    "text": _("text"),
    "description": _("description"),
}

STATES = {
    "pending": _("Waiting"),
    "preprocessing": _("Opening"),
    "processing_facts": _("Describing"),
    "processing_ocr": _("Reading text"),
    "processing_hash": _("Comparing"),
    "checking_duplicates": _("Looking for duplicates"),
    "completed": _("Done"),
    "partial": _("Done in part"),
    "failed": _("Failed"),
}


@register.filter
def thumbhash(asset: Asset) -> str:
    return base64.b64encode(asset.thumbhash).decode()


@register.filter
def called(asset: Asset) -> str:
    return timeline.called(asset)


@register.filter
def why_label(where: str) -> str:
    """Where the words of a search were found."""
    return str(WHY.get(where, where))


@register.filter
def state_label(state: str) -> str:
    return str(STATES.get(state, state))


@register.filter
def exposure(seconds: float) -> str:
    """`1/250 s`, `2.5 s`: as cameras write it."""
    if seconds <= 0:
        return ""
    return f"1/{round(1 / seconds)} s" if seconds < 0.3 else f"{seconds:g} s"


@register.filter
def tag_label(tag: Tag) -> str:
    return labels.tag_label(tag.family, tag.name)


@register.filter
def format_label(name: str) -> str:
    return labels.format_label(name)


@register.filter
def corners(box: list[list[float]]) -> str:
    """A box as the page's script reads it: four corners, shares of the picture."""
    return " ".join(f"{x:.4f},{y:.4f}" for x, y in box)


@register.filter
def hexadecimal(digest: bytes) -> str:
    return bytes(digest).hex()
