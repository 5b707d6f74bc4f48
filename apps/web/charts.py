"""Where the bars of a chart stand. Everything is a share of the drawing, so that one drawing fits every screen and its
words keep their size. A word is shown only where it has room."""

from collections.abc import Sequence
from dataclasses import dataclass

LEAST = 0.6  # percent: what is there at all is seen
LEAST_SLOTS = 10  # so that a single column does not fill the page

# The widths from which the page may show more words, in pixels: the style sheet has the same names and numbers.
WIDTHS = {"narrow": 328, "medium": 640, "wide": 1000}
LETTER, GAP = 7, 2  # pixels: a digit of the chart's words, and between two of them
WORD_HEIGHT = 15  # percent of the drawing, with some air


@dataclass(frozen=True, slots=True)
class Value:
    label: str
    amount: float
    shown: str  # the amount in words
    params: str = ""  # the search behind it; empty: it leads nowhere
    short: str = ""  # the label where there is little room
    is_major: bool = False  # one in five: named also where there is no room for all
    group: str = ""  # what stands below the axis once for neighbours, such as the year of months
    note: str = ""  # said quietly beside the label


@dataclass(frozen=True, slots=True)
class Bar:
    """A row of a table with a bar in it."""

    value: Value
    width: str


@dataclass(frozen=True, slots=True)
class Column:
    """An upright bar, `x`, `y`, `width` and `height` as SVG writes them. Each `_at` names the widths at which these
    words have room, such as `medium wide`."""

    value: Value
    slot: str  # the left edge of what belongs to this column
    slot_width: str
    x: str
    y: str
    width: str
    height: str
    middle: str
    shown_at: str
    short_at: str
    group_at: str


def bars(values: Sequence[Value]) -> list[Bar]:
    """One bar for each value, the largest filling the width."""
    largest = max((value.amount for value in values), default=0)
    return [Bar(value, _percent(_share(value.amount, largest))) for value in values]


def columns(values: Sequence[Value], *, fill: float = 0.72) -> list[Column]:
    """Columns side by side, the largest filling the height. `fill` is how much of its slot a column takes."""
    largest = max((value.amount for value in values), default=0)
    heights = [_share(value.amount, largest) for value in values]
    slot = 100 / max(len(values), LEAST_SLOTS)
    groups = {name: _named_groups(values, slot * width / 100) for name, width in WIDTHS.items()}
    drawn = []
    for place, value in enumerate(values):
        drawn.append(
            Column(
                value=value,
                slot=_percent(place * slot),
                slot_width=_percent(slot),
                x=_percent((place + (1 - fill) / 2) * slot),
                y=_percent(100 - heights[place]),
                width=_percent(slot * fill),
                height=_percent(heights[place]),
                middle=_percent((place + 0.5) * slot),
                shown_at=_fits(value.shown, slot * _free(heights, place)),
                short_at=_fits(value.short, slot * (5 if value.is_major else 1)),
                group_at=" ".join(name for name, named in groups.items() if place in named),
            )
        )
    return drawn


def _named_groups(values: Sequence[Value], slot: float) -> set[int]:
    """The columns that a group's name stands below, where a column is `slot` pixels wide: all groups that are as
    wide as their names, and of the others those whose names are in nobody's way."""
    begins = [place for place, value in enumerate(values) if place == 0 or values[place - 1].group != value.group]
    ends = [*begins, max(len(values), LEAST_SLOTS)][1:]
    fitting = {
        begin
        for begin, end in zip(begins, ends, strict=True)
        if values[begin].group and _wide(values[begin].group) <= (end - begin) * slot
    }
    named, free = set[int](), 0.0
    for begin in begins:
        end = begin * slot + _wide(values[begin].group)
        is_free = begin * slot >= free and not any(begin * slot < other * slot < end for other in fitting)
        if values[begin].group and (begin in fitting or is_free):
            named.add(begin)
            free = end
    return named


def _free(heights: Sequence[float], place: int) -> int:
    """How many slots the words above a column have: they may hang over neighbours that are much lower."""
    taken = [
        abs(other - place)
        for other, height in enumerate(heights)
        if other != place and height and height + WORD_HEIGHT > heights[place]
    ]
    return min(taken, default=len(heights))


def _fits(words: str, share: float) -> str:
    """The widths at which the words fit into this share of the drawing, in percent."""
    return " ".join(name for name, width in WIDTHS.items() if _wide(words) <= width * share / 100)


def _wide(words: str) -> int:
    return LETTER * len(words) + GAP


def _share(amount: float, largest: float) -> float:
    if amount <= 0 or largest <= 0:
        return 0.0
    return max(LEAST, 100 * amount / largest)


def _percent(share: float) -> str:
    return f"{share:.2f}%"
