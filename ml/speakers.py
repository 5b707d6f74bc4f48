"""What all ways to tell speakers apart share: the likest become one, and moments become turns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, Self, TypeAlias, TypeVar

import numpy as np

from .results import Numbers
from .spectrogram import STEP
from .voice import RATE, Span

#: Every group is compared with every other one: of more than so many, blocks are joined first.
_AT_ONCE = 300
#: Seconds: a shorter silence of somebody between two words is part of the turn.
_BREATH = 0.5


class Group(Protocol):
    """What was said by one voice, as far as is known."""

    def joined(self, other: Self) -> Self: ...


OneGroup = TypeVar("OneGroup", bound=Group)
#: What it costs to take a group and each of others for one voice; less than nothing where it saves.
Prices: TypeAlias = Callable[[OneGroup, Sequence[OneGroup]], Numbers]


@dataclass(frozen=True)
class Spoken:
    """Somebody speaks from one sample to another; `speaker` counts from 0 in the order of first words."""

    start: int
    end: int
    speaker: int


def joined(
    groups: Sequence[OneGroup], prices: Prices[OneGroup], *, at_least: int, at_most: int | None = None
) -> list[OneGroup]:
    """The two likest become one, again and again, while it saves; and then until there are no more than `at_most`."""
    left = list(groups)
    costs = np.full((len(left), len(left)), np.inf)
    for place in range(1, len(left)):
        costs[place, :place] = prices(left[place], left[:place])
    while len(left) > at_least:
        one, other = (int(place) for place in np.unravel_index(costs.argmin(), costs.shape))
        if costs[one, other] > 0 and (at_most is None or len(left) <= at_most):
            break
        left[other] = left[other].joined(left.pop(one))
        costs = np.delete(np.delete(costs, one, axis=0), one, axis=1)
        renewed = prices(left[other], left)
        costs[other, :other], costs[other + 1 :, other] = renewed[:other], renewed[other + 1 :]
    return left


def in_blocks(groups: Sequence[OneGroup], prices: Prices[OneGroup], *, at_least: int) -> list[OneGroup]:
    """What neighbours in time become, a block at a time."""
    blocks = (groups[start : start + _AT_ONCE] for start in range(0, len(groups), _AT_ONCE))
    return [group for block in blocks for group in joined(block, prices, at_least=at_least)]


def in_turns(spans: Sequence[Span], whose: Sequence[Numbers]) -> list[Spoken]:
    """`whose`: of each span the speaker of each frame, by any number. A breath does not end a turn."""
    numbers: dict[int, int] = {}
    spoken: list[Spoken] = []
    for span, frames in zip(spans, whose, strict=True):
        for first, last in pairwise([0, *(np.flatnonzero(np.diff(frames)) + 1).tolist(), len(frames)]):
            speaker = numbers.setdefault(int(frames[first]), len(numbers))
            start = span.start + first * STEP
            end = span.end if last == len(frames) else span.start + last * STEP
            if spoken and spoken[-1].speaker == speaker and start - spoken[-1].end < _BREATH * RATE:
                start = spoken.pop().start
            spoken.append(Spoken(start, end, speaker))
    return spoken
