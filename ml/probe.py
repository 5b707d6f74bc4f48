"""Which way of running a model is the fastest on this machine: measured when somebody asks, remembered as JSON.

Nothing here runs by itself: a first request never waits for a measurement.
"""

import inspect
import json
import os
import platform
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from difflib import SequenceMatcher
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from .candidate import failure
from .machine import look
from .results import Failure, ModelName
from .settings import Choice

#: Of the results of the backend as it is set: 1 means the same. For vectors it is the cosine.
LEAST_AGREEMENT = 0.995
#: A larger batch is not tried when the last one was slower than the best by so much.
_SLOWER = 0.9


@dataclass(frozen=True)
class Trial:
    """One way of running it. `agreement` is that of the worst item; `problem`: why it is out of the question."""

    options: Mapping[str, Any]
    items_per_second: float
    agreement: float
    problem: str | None = None


def measure(choice: Choice, items: Sequence[Any], options: Any) -> list[Trial]:
    """Every variant that the backend offers, in batches of 1, 2, 4 ... up to its own; the fastest possible one first.

    Loads and unloads them one after the other in this thread: for a shell, not for a process that serves. Options that
    the settings name stay as they are.
    """
    base = choice.build()
    expected = _answers(choice, {}, items, options)
    free = set(inspect.signature(type(base)).parameters) - set(choice.options)
    variants = [{}, *(dict(variant) for variant in base.variants() if set(variant) <= free)]
    trials: list[Trial] = []
    for variant in variants:
        sizes = _sizes(base.batch_size) if "batch_size" in free else [base.batch_size]
        best = 0.0
        for size in sizes:
            changed = {**variant, "batch_size": size} if "batch_size" in free else variant
            trial = _trial(choice, changed, items, options, expected)
            trials.append(trial)
            best = max(best, trial.items_per_second)
            if trial.problem or trial.items_per_second < best * _SLOWER:
                break
    return sorted(trials, key=lambda trial: (trial.problem is not None, -trial.items_per_second))


def remember(home: Path, choice: Choice, trials: Sequence[Trial]) -> None:
    """Keep what was found under the models' home; the settings' own words stand before it."""
    known = _read(home)
    known[_key(choice)] = {
        "options": dict(trials[0].options) if trials and not trials[0].problem else {},
        "trials": [asdict(trial) for trial in trials],
    }
    home.mkdir(parents=True, exist_ok=True)
    part = _file(home).with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps(known, indent=2))
    part.replace(_file(home))


def remembered(home: Path, choice: Choice) -> dict[str, Any]:
    """The options that were the fastest on this machine, with these packages; empty when nobody measured."""
    entry = _read(home).get(_key(choice))
    found = entry.get("options") if isinstance(entry, dict) else None
    if not isinstance(found, dict):
        return {}
    possible = vars(choice.build())
    return {name: value for name, value in found.items() if type(possible.get(name)) is type(value)}


def agreement(one: object, other: object) -> float:
    """How like two results are, from 0 to 1; which model made them does not count."""
    if isinstance(one, Failure) or isinstance(other, Failure):
        return float(type(one) is type(other))
    if type(one) is not type(other):
        return 0.0
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
        return float(one.ravel() @ other.ravel()) / lengths if lengths and one.shape == other.shape else 0.0
    if isinstance(one, str) and isinstance(other, str):
        return SequenceMatcher(None, one, other, autojunk=False).ratio()
    if isinstance(one, float) and isinstance(other, float):
        return max(0.0, 1 - abs(one - other) / max(1.0, abs(one), abs(other)))
    if isinstance(one, tuple) and isinstance(other, tuple):
        most = max(len(one), len(other))
        return sum(map(agreement, one, other)) / most if most else 1.0
    if is_dataclass(one) and not isinstance(one, ModelName):
        names = [field.name for field in fields(one) if field.name != "model"]
        return min((agreement(getattr(one, name), getattr(other, name)) for name in names), default=1.0)
    return float(one == other)


def _trial(choice: Choice, changed: dict[str, Any], items: Sequence[Any], options: Any, expected: list[Any]) -> Trial:
    if choice.build(**changed).model() != choice.build().model():
        return Trial(changed, 0.0, 0.0, "It is another model.")
    try:
        seconds, answers = _timed(choice, changed, items, options)
    except Exception as error:  # noqa: BLE001 - a variant that this machine cannot run is an answer
        return Trial(changed, 0.0, 0.0, failure(error).message)
    like = min(map(agreement, expected, answers), default=1.0)
    problem = None if like >= LEAST_AGREEMENT else f"Its results differ: {like:.3f} instead of {LEAST_AGREEMENT}."
    return Trial(changed, round(len(items) / seconds, 3), round(like, 5), problem)


def _answers(choice: Choice, changed: dict[str, Any], items: Sequence[Any], options: Any) -> list[Any]:
    return _timed(choice, changed, items, options)[1]


def _timed(choice: Choice, changed: dict[str, Any], items: Sequence[Any], options: Any) -> tuple[float, list[Any]]:
    """The better of two rounds; the first batch of all is not counted."""
    backend = choice.build(**changed)
    starts = [*range(0, len(items), backend.batch_size), len(items)]
    backend.load(choice.device)
    try:

        def answers(pairs: Iterable[tuple[int, int]]) -> Iterator[Any]:
            for start, end in pairs:
                yield from backend.finish(backend.infer(backend.prepare(items[start:end], options)))

        list(answers([(starts[0], starts[1])]))
        rounds = []
        for _ in range(2):
            began = time.perf_counter()
            found = list(answers(pairwise(starts)))
            rounds.append(time.perf_counter() - began)
        return max(min(rounds), 1e-9), found
    finally:
        backend.unload()


def _sizes(most: int) -> list[int]:
    return [size for size in (2**power for power in range(most.bit_length())) if size < most] + [most]


def _key(choice: Choice) -> str:
    """Whatever makes a measurement worthless when it changes."""
    packages = ", ".join(f"{module} {_version(module)}" for module in choice.row.packages)
    wish = json.dumps({"device": choice.device, **choice.options}, sort_keys=True)
    return " | ".join((choice.row.role, choice.row.key, str(choice.build().model()), wish, _hardware(), packages))


@cache
def _hardware() -> str:
    machine = look()
    return " + ".join([*(gpu.name for gpu in machine.gpus), f"{_processor()}, {machine.cores} cores"])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _version(module: str) -> str:
    from importlib.metadata import PackageNotFoundError, version  # takes 10 ms, which nobody waits for in vain

    try:
        return version(module.replace("_", "-"))
    except PackageNotFoundError:
        return "?"


def _file(home: Path) -> Path:
    return home / "measured.json"


def _read(home: Path) -> dict[str, Any]:
    """A file that somebody spoilt counts as none: everything in it can be measured again."""
    try:
        known = json.loads(_file(home).read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
