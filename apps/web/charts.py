"""Where the bars of a chart stand. Everything is a share of the drawing, so that one drawing fits every screen and its
words keep their size."""

from collections.abc import Sequence
from dataclasses import dataclass

LEAST = 0.6  # percent: what is there at all is seen
YEAR_ROOM = 4  # neighbours that a group needs for its name: three of 36 are 30 pixels on a phone, as wide as the name


@dataclass(frozen=True, slots=True)
class Value:
    label: str
    amount: float
    shown: str  # the amount in words
    params: str = ""  # the search behind it; empty: it leads nowhere
    short: str = ""  # the label where there is little room
    is_major: bool = True  # named also where there is no room for all
    group: str = ""  # what stands below the axis once for neighbours, such as the year of months


@dataclass(frozen=True, slots=True)
class Bar:
    """A row of a table with a bar in it."""

    value: Value
    width: str


@dataclass(frozen=True, slots=True)
class Column:
    """An upright bar, `x`, `y`, `width` and `height` as SVG writes them."""

    value: Value
    slot: str  # the left edge of what belongs to this column
    slot_width: str
    x: str
    y: str
    width: str
    height: str
    middle: str
    group: str  # the value's group, on the first column of it, where there is room for a name


def bars(values: Sequence[Value]) -> list[Bar]:
    """One bar for each value, the largest filling the width."""
    largest = max((value.amount for value in values), default=0)
    return [Bar(value, _percent(_share(value.amount, largest))) for value in values]


def columns(values: Sequence[Value], *, fill: float = 0.72) -> list[Column]:
    """Columns side by side, the largest filling the height. `fill` is how much of its slot a column takes."""
    largest = max((value.amount for value in values), default=0)
    slot = 100 / len(values) if values else 0
    drawn = []
    for place, value in enumerate(values):
        begins = place == 0 or values[place - 1].group != value.group
        has_room = [other.group for other in values[place : place + YEAR_ROOM]] == [value.group] * YEAR_ROOM
        height = _share(value.amount, largest)
        drawn.append(
            Column(
                value=value,
                slot=_percent(place * slot),
                slot_width=_percent(slot),
                x=_percent((place + (1 - fill) / 2) * slot),
                y=_percent(100 - height),
                width=_percent(slot * fill),
                height=_percent(height),
                middle=_percent((place + 0.5) * slot),
                group=value.group if begins and has_room else "",
            )
        )
    return drawn


def _share(amount: float, largest: float) -> float:
    if amount <= 0 or largest <= 0:
        return 0.0
    return max(LEAST, 100 * amount / largest)


def _percent(share: float) -> str:
    return f"{share:.2f}%"
