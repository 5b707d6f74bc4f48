"""How every read of a household's things begins: with what the asker may see."""

from typing import ClassVar, Self, TypeVar

from django.db import models

from apps.accounts.scope import Scope

Row = TypeVar("Row", bound=models.Model, covariant=True)


class ScopedQuerySet(models.QuerySet[Row]):
    """Rows that belong to a library; `library_path` leads to its id."""

    library_path: ClassVar[str] = "library_id"

    def visible_to(self, scope: Scope) -> Self:
        return self.filter(**{f"{self.library_path}__in": scope.readable})

    def editable_by(self, scope: Scope) -> Self:
        return self.filter(**{f"{self.library_path}__in": scope.editable})
