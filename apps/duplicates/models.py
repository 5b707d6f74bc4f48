from typing import Self

from django.db import models
from django.db.models import F, Q
from pgvector.django import BitField

from apps.accounts.scope import Scope
from apps.library.models import Asset


class PictureHash(models.Model):
    """The PDQ hash of an asset as it is seen upright. The turned and mirrored forms are asked for, not kept."""

    asset = models.OneToOneField(Asset, on_delete=models.CASCADE, primary_key=True, related_name="+")
    bits = BitField(length=256)
    quality = models.PositiveSmallIntegerField()

    def __str__(self) -> str:
        return f"hash of {self.asset_id}"


class DuplicatePairQuerySet(models.QuerySet["DuplicatePair"]):
    def visible_to(self, scope: Scope) -> Self:
        """Both sides must be visible: the other half of a pair may be somebody else's."""
        return self.filter(first__library_id__in=scope.readable, second__library_id__in=scope.readable)


class DuplicatePair(models.Model):
    """Two assets that show the same picture; `first` is the older id. Found between assets of one library."""

    first = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="+")
    second = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="+")
    distance = models.PositiveSmallIntegerField()
    form = models.PositiveSmallIntegerField(default=0)  # which of the eight forms matched: 0 is upright

    objects = DuplicatePairQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint("first", "second", name="duplicate_pair_once"),
            models.CheckConstraint(condition=Q(first__lt=F("second")), name="duplicate_pair_in_order"),
        ]

    def __str__(self) -> str:
        return f"{self.first_id} = {self.second_id} ({self.distance})"
