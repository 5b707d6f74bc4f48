from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchVectorField
from django.db import models

from apps.library.models import Asset, Library
from apps.library.querysets import ScopedQuerySet


class SearchDocumentQuerySet(ScopedQuerySet["SearchDocument"]):
    library_path: ClassVar[str] = "library_id"


class SearchDocument(models.Model):
    """An asset's own words, folded, ready to be searched. No truth: all of it can be dropped and rebuilt."""

    asset = models.OneToOneField(Asset, on_delete=models.CASCADE, primary_key=True, related_name="+")
    library = models.ForeignKey(Library, on_delete=models.CASCADE, related_name="+")
    sort_at = models.DateTimeField()
    vector = SearchVectorField()
    # What autocomplete offers, as "kind:folded word": the terms of a library are counted up and down by difference.
    terms = ArrayField(models.TextField(), default=list)

    objects = SearchDocumentQuerySet.as_manager()

    class Meta:
        indexes = [GinIndex("vector", name="search_document_vector")]

    def __str__(self) -> str:
        return f"words of {self.asset_id}"


class TermQuerySet(ScopedQuerySet["Term"]):
    library_path: ClassVar[str] = "library_id"


class Term(models.Model):
    """A word or name that occurs in a library, with the number of assets it is on: what autocomplete looks through."""

    library = models.ForeignKey(Library, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=16)  # tag, place, camera, keyword, word, name
    folded = models.CharField(max_length=200)
    label = models.CharField(max_length=200)
    count = models.IntegerField(default=0)

    objects = TermQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint("library", "kind", "folded", name="term_once")]
        indexes = [
            # "starts with", within a library
            models.Index("library", OpClass("folded", name="varchar_pattern_ops"), name="term_prefix"),
        ]

    def __str__(self) -> str:
        return self.label
