"""What is known about pictures that show the same."""

from typing import NamedTuple

from django.db.models import BigIntegerField, Exists, F, OuterRef, QuerySet
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast

from apps.accounts.scope import Scope
from apps.duplicates.matching import INVERSE
from apps.duplicates.models import DuplicatePair
from apps.library.models import Asset


class Duplicate(NamedTuple):
    """Another asset with the same picture; `form` says how it is turned to look alike (media.results.Pdq)."""

    asset: Asset
    distance: int
    form: int


def duplicates_of(scope: Scope, asset: Asset) -> list[Duplicate]:
    """What the asker may see of an asset's duplicates, nearest first."""
    pairs = DuplicatePair.objects.visible_to(scope).of([asset.pk]).select_related("first", "second")
    found = [
        Duplicate(pair.second, pair.distance, pair.form)
        if pair.first_id == asset.pk
        else Duplicate(pair.first, pair.distance, INVERSE[pair.form])
        for pair in pairs
    ]
    return sorted(found, key=lambda duplicate: (duplicate.distance, duplicate.asset.pk))


def hidden(assets: QuerySet[Asset]) -> QuerySet[Asset]:
    """Without the pictures that have a better twin: one with more pixels, or the older one of two that have the same.
    Twins are of one library, so who sees one sees the other."""
    pairs = DuplicatePair.objects.annotate(
        first_pixels=_pixels(F("first__width"), F("first__height")),
        second_pixels=_pixels(F("second__width"), F("second__height")),
    )
    pixels = _pixels(OuterRef("width"), OuterRef("height"))
    return assets.exclude(Exists(pairs.filter(first=OuterRef("pk"), second_pixels__gt=pixels))).exclude(
        Exists(pairs.filter(second=OuterRef("pk"), first_pixels__gte=pixels))
    )


def _pixels(width: Combinable, height: Combinable) -> Combinable:
    return Cast(width, BigIntegerField()) * Cast(height, BigIntegerField())
