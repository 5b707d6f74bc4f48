"""How two things are compared: A-B-B-A in every repeat, the median of the ratios, and a bootstrap interval."""

import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

RESAMPLES = 2000


class GateError(AssertionError):
    """Both sides did not do the same work: there is no ratio to speak of."""


def gate(*, holds: bool, why: str) -> None:
    if not holds:
        raise GateError(why)


@dataclass(frozen=True)
class Ratio:
    """`low` and `high` are the 95 % interval of the median. `target` is said as "<= 2" or ">= 0.5"."""

    name: str
    what: str
    median: float
    low: float
    high: float
    target: str
    gate: str
    note: str = ""

    @property
    def reached(self) -> bool:
        sign, _space, bound = self.target.partition(" ")
        return self.median <= float(bound) if sign == "<=" else self.median >= float(bound)


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def interleave(
    first: Callable[[], float], second: Callable[[], float], repeats: int
) -> tuple[list[float], list[float]]:
    """The seconds of both sides, one mean for each repeat of A-B-B-A. Each side times itself, so that it may prepare
    what is not measured."""
    ours, theirs = [], []
    for _ in range(repeats):
        a, b, c, d = first(), second(), second(), first()
        ours.append((a + d) / 2)
        theirs.append((b + c) / 2)
    return ours, theirs


def ratio(name: str, what: str, values: Sequence[float], target: str, gate: str, note: str = "") -> Ratio:
    dice = random.Random(1)
    medians = sorted(statistics.median(dice.choices(values, k=len(values))) for _ in range(RESAMPLES))
    low, high = medians[int(RESAMPLES * 0.025)], medians[int(RESAMPLES * 0.975)]
    return Ratio(name, what, statistics.median(values), low, high, target, gate, note)
