from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.library.models import Asset
from apps.library.querysets import ScopedQuerySet


class TextSegmentQuerySet(ScopedQuerySet["TextSegment"]):
    library_path: ClassVar[str] = "asset__library_id"


class TextSegment(models.Model):
    """Words that a machine read in an asset, with their place. They can be read again at any time."""

    class Kind(models.TextChoices):
        OCR = "ocr", _("Text in the picture")

    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    position = models.PositiveIntegerField()  # reading order
    text = models.TextField()
    language = models.CharField(max_length=16, blank=True)
    score = models.FloatField()
    box = models.JSONField(default=list)  # four corners, shares of the picture
    model = models.CharField(max_length=100)

    objects = TextSegmentQuerySet.as_manager()

    class Meta:
        ordering = ["asset", "kind", "position"]
        constraints = [models.UniqueConstraint("asset", "kind", "position", name="text_segment_once")]

    def __str__(self) -> str:
        return self.text
