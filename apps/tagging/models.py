from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.library.models import Asset
from apps.library.querysets import ScopedQuerySet


class Tag(models.Model):
    """A tag is (family, name): the format `portrait` is not the subject `portrait`."""

    class Family(models.TextChoices):
        SCENE = "scene", _("Scene")
        OBJECTS = "objects", _("Objects")
        QUALITY = "quality", _("Quality")
        COLOUR = "colour", _("Colour")
        TEMPORAL = "temporal", _("Time")
        TECHNICAL = "technical", _("Technical")
        FORMAT = "format", _("Format")
        PEOPLE = "people", _("People")
        LOCATION = "location", _("Place")
        MOOD = "mood", _("Mood")

    family = models.CharField(max_length=9, choices=Family.choices)
    name = models.CharField(max_length=100)

    class Meta:
        constraints = [models.UniqueConstraint("family", "name", name="tag_once")]

    def __str__(self) -> str:
        return f"{self.family}:{self.name}"


class AssetTagQuerySet(ScopedQuerySet["AssetTag"]):
    library_path: ClassVar[str] = "asset__library_id"


class AssetTag(models.Model):
    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="+")
    tag = models.ForeignKey(Tag, on_delete=models.CASCADE, related_name="+")
    source = models.CharField(max_length=16)  # "facts", later the model or the person it comes from
    score = models.FloatField(default=1.0)

    objects = AssetTagQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint("asset", "tag", "source", name="asset_tag_once")]
        indexes = [models.Index("tag", "asset", name="asset_tag_by_tag")]  # the pictures with a tag

    def __str__(self) -> str:
        return f"{self.tag_id} on {self.asset_id}"


class QualityScoreQuerySet(ScopedQuerySet["QualityScore"]):
    library_path: ClassVar[str] = "asset__library_id"


class QualityScore(models.Model):
    """How good a picture is technically, 0 to 100, with the parts it is made of."""

    asset = models.OneToOneField(Asset, on_delete=models.CASCADE, primary_key=True, related_name="+")
    score = models.PositiveSmallIntegerField(null=True)  # None: nothing in the picture to judge by
    parts = models.JSONField(default=dict)

    objects = QualityScoreQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.score}"
