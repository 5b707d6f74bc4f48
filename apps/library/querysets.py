"""How every read of a household's things begins: with what the asker may see."""

from typing import TYPE_CHECKING, ClassVar, Self, TypeVar

from django.db import models

from apps.accounts.scope import Scope

if TYPE_CHECKING:
    pass

Row = TypeVar("Row", bound=models.Model, covariant=True)


class ScopedQuerySet(models.QuerySet[Row]):
    """Rows that belong to a library; `library_path` leads to its id."""

    library_path: ClassVar[str] = "library_id"

    def visible_to(self, scope: Scope) -> Self:
        return self.filter(**{f"{self.library_path}__in": scope.readable})

    def editable_by(self, scope: Scope) -> Self:
        return self.filter(**{f"{self.library_path}__in": scope.editable})


class LibraryQuerySet(ScopedQuerySet["Library"]):
    library_path: ClassVar[str] = "id"

    def owned_by(self, scope: Scope) -> Self:
        return self.filter(id__in=scope.owned)
