from typing import Self

from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Cast
from pgvector.django import BitField

from apps.accounts.scope import Scope
from apps.library.models import Asset


class PictureHash(models.Model):
    """The PDQ hash of an asset as it is seen upright. The turned and mirrored forms are asked for, not kept.

    `written_in` is the transaction that wrote the row. Whoever remembers hashes asks for those of transactions that
    were not over when it last looked; a time or a counter would miss what is committed out of order.
    """

    asset = models.OneToOneField(Asset, on_delete=models.CASCADE, primary_key=True, related_name="+")
    bits = BitField(length=256)
    quality = models.PositiveSmallIntegerField()
    written_in = models.BigIntegerField(
        db_default=Cast(
            Cast(Func(function="pg_current_xact_id", output_field=models.TextField()), models.TextField()),
            models.BigIntegerField(),
        )
    )

    class Meta:
        indexes = [models.Index(fields=["written_in"], name="picture_hash_news")]

    def __str__(self) -> str:
        return f"hash of {self.asset_id}"


class DuplicatePairQuerySet(models.QuerySet["DuplicatePair"]):
    def visible_to(self, scope: Scope) -> Self:
        """Both sides must be visible: the other half of a pair may be somebody else's."""
        return self.filter(first__library_id__in=scope.readable, second__library_id__in=scope.readable)

    def of(self, asset_ids: list[int]) -> Self:
        return self.filter(Q(first__in=asset_ids) | Q(second__in=asset_ids))


class DuplicatePair(models.Model):
    """Two assets that show the same picture; `first` is the older id. Found between assets of one library."""

    first = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="+")
    second = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="+")
    distance = models.PositiveSmallIntegerField()
    # How `second` is turned or mirrored to look like `first`: a form of media.results.Pdq, 0 is upright.
    form = models.PositiveSmallIntegerField(default=0)

    objects = DuplicatePairQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint("first", "second", name="duplicate_pair_once"),
            models.CheckConstraint(condition=Q(first__lt=F("second")), name="duplicate_pair_in_order"),
        ]

    def __str__(self) -> str:
        return f"{self.first_id} = {self.second_id} ({self.distance})"
