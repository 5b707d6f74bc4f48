"""How two things are compared: A-B-B-A in every repeat, the median of the ratios, and a bootstrap interval.

A canary, the same small work every time, runs before and after each repeat. When it took clearly longer or shorter, the
machine was not the same on both sides: the repeat is void and done once more.
"""

import os
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from django.db import connection

RESAMPLES = 2000
DRIFT = 0.05  # of the canary, within one repeat
FEWEST = 3  # repeats that must not be void


class GateError(AssertionError):
    """Both sides did not do the same work: there is no ratio to speak of."""


class NotHere(Exception):
    """What a benchmark needs is not installed. The message says what, and where it is."""


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
    repeats: str  # "7 of 9": so many were kept
    note: str = ""

    @property
    def reached(self) -> bool:
        sign, _space, bound = self.target.partition(" ")
        return self.median <= float(bound) if sign == "<=" else self.median >= float(bound)


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@dataclass(frozen=True)
class Pairs:
    """The seconds of both sides, one mean for each repeat that was kept, of `tried`. `steady`: the canary was; a
    machine that is never quiet gives what it gives, and the table says so."""

    ours: list[float]
    theirs: list[float]
    tried: int
    steady: bool

    @property
    def repeats(self) -> str:
        return f"{len(self.ours)} of {self.tried}" + ("" if self.steady else ", restless")


def interleave(first: Callable[[], float], second: Callable[[], float], repeats: int) -> Pairs:
    """Repeats A-B-B-A until so many were not void, three times as often at most. Each side times itself, so that it may
    prepare what is not measured. A single repeat is a trial that measures nothing."""
    most = 3 * repeats if repeats > 1 else 1
    kept: list[tuple[float, float]] = []
    void: list[tuple[float, float]] = []
    while len(kept) < repeats and len(kept) + len(void) < most:
        before = canary()
        a, b, c, d = first(), second(), second(), first()
        drift = abs(canary() / before - 1)
        (kept if drift <= DRIFT else void).append(((a + d) / 2, (b + c) / 2))
    steady = len(kept) >= min(FEWEST, repeats)
    pairs = kept if steady else kept + void
    return Pairs([pair[0] for pair in pairs], [pair[1] for pair in pairs], len(kept) + len(void), steady)


def canary() -> float:
    """Seconds of a product of matrices, a copy of memory and some questions to the database."""

    def once() -> float:
        square = np.ones((400, 400), np.float32)
        block = np.ones(4_000_000, np.uint8)
        started = time.perf_counter()
        for _ in range(3):
            square @ square  # only its time counts
            block.copy()
        with connection.cursor() as cursor:
            for _ in range(30):
                cursor.execute("SELECT 1")
        return time.perf_counter() - started

    return statistics.median(once() for _ in range(9))


@contextmanager
def on_one_core() -> Iterator[None]:
    """This process stays on its last core, where the system can do that; the database has the others."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def ratio(name: str, what: str, values: Sequence[float], target: str, gate: str, pairs: Pairs, note: str = "") -> Ratio:
    dice = random.Random(1)
    medians = sorted(statistics.median(dice.choices(values, k=len(values))) for _ in range(RESAMPLES))
    low, high = medians[int(RESAMPLES * 0.025)], medians[int(RESAMPLES * 0.975)]
    return Ratio(name, what, statistics.median(values), low, high, target, gate, pairs.repeats, note)
