"""Keyset paging: a page is found by where the last one ended, so page 20,000 costs what page 1 costs."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from django.db.models import Model, Q, QuerySet

Row = TypeVar("Row", bound=Model)
Item = TypeVar("Item")
LARGEST = 2**63 - 1  # of what a column of whole numbers holds


class BadCursor(ValueError):
    """A cursor that no page of ours gave out."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    items: Sequence[Item]
    next: str | None
    previous: str | None


@dataclass(frozen=True, slots=True)
class Keyset:
    """The order of a list: `fields` all descending, the last one unique. `forward` False walks back towards the top."""

    fields: tuple[str, ...] = ("sort_at", "id")

    def encode(self, row: Model, *, forward: bool) -> str:
        values = [getattr(row, field) for field in self.fields]
        plain = [value.isoformat() if isinstance(value, datetime) else value for value in values]
        return base64.urlsafe_b64encode(json.dumps([int(forward), *plain]).encode()).decode().rstrip("=")

    def decode(self, cursor: str) -> tuple[bool, list[Any]]:
        try:
            plain = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            forward, *values = plain
            if len(values) != len(self.fields) or forward not in (0, 1):
                raise ValueError(cursor)
            return bool(forward), [self._value(field, value) for field, value in zip(self.fields, values, strict=True)]
        except (ValueError, TypeError, RecursionError, binascii.Error) as error:
            raise BadCursor("This page link is not valid any more. Start again from the first page.") from error

    @staticmethod
    def _value(field: str, value: object) -> object:
        """What `encode` wrote, and nothing else: PostgreSQL refuses times and numbers that its columns cannot hold."""
        if field.endswith("_at"):
            at = datetime.fromisoformat(str(value))
            if at.utcoffset() != timedelta(0):
                raise ValueError(value)
            return at
        if type(value) is not int or not -LARGEST <= value <= LARGEST:
            raise ValueError(value)
        return value

    def beyond(self, values: Sequence[object], *, forward: bool) -> Q:
        """`(a, b) < (x, y)` spelled so that PostgreSQL starts at that place of an index on (a, b)."""
        operator = "lt" if forward else "gt"
        first, value = self.fields[0], values[0]
        condition = Q(**{f"{first}__{operator}e": value})
        tie = Q(**{f"{first}__{operator}": value})
        for depth in range(1, len(self.fields)):
            equal = Q(**dict(zip(self.fields[:depth], values[:depth], strict=True)))
            tie |= equal & Q(**{f"{self.fields[depth]}__{operator}": values[depth]})
        return condition & tie

    def order(self, *, forward: bool) -> list[str]:
        return [f"-{field}" if forward else field for field in self.fields]


TIMELINE = Keyset(("sort_at", "id"))


def page_of(
    queryset: QuerySet[Row],
    cursor: str | None,
    size: int,
    keyset: Keyset = TIMELINE,
    fetch: Callable[[QuerySet[Row], int], list[Row]] | None = None,
) -> Page[Row]:
    """One page of `queryset`. Raises BadCursor. `fetch` may read the ordered rows in a way of its own."""
    forward, values = keyset.decode(cursor) if cursor else (True, None)
    if values is not None:
        queryset = queryset.filter(keyset.beyond(values, forward=forward))
    ordered = queryset.order_by(*keyset.order(forward=forward))
    rows = fetch(ordered, size + 1) if fetch else list(ordered[: size + 1])
    more, rows = len(rows) > size, rows[:size]
    if not forward:
        rows.reverse()
    first, last = (rows[0], rows[-1]) if rows else (None, None)
    return Page(
        items=rows,
        next=keyset.encode(last, forward=True) if last and (more or not forward) else None,
        previous=keyset.encode(first, forward=False) if first and (cursor and (more or forward)) else None,
    )
