"""A model that answers each word with itself, does what the word says, and counts what is in memory."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from ml import BackendSetting, Failure, registry
from ml.backend import Backend, BadItem, Unavailable
from ml.candidate import Allocator
from ml.devices import Device, Place, place
from ml.results import ModelName
from ml.roles import EmbedOptions, Role


@dataclass(frozen=True)
class Word:
    text: str
    model: ModelName


def _problem(word: str) -> str | None:
    return None if word else "This word is empty."


ONE: Role[str, EmbedOptions, Word] = Role("one", EmbedOptions, Word, _problem)
TWO: Role[str, EmbedOptions, Word] = Role("two", EmbedOptions, Word, _problem)
THREE: Role[str, EmbedOptions, Word] = Role("three", EmbedOptions, Word, _problem)


class House:
    """Counts on its own what the runtime should count. `watch` is called in each stage, with its name and the words."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.forget()

    def forget(self) -> None:
        self.loaded_mb: dict[Place, int] = {"ram": 0, "gpu": 0}
        self.most_mb: dict[Place, int] = {"ram": 0, "gpu": 0}
        self.batches: list[tuple[str, Device, int]] = []
        self.watch: Callable[[str, Sequence[str]], None] = lambda stage, words: None

    def add(self, device: Device, memory_mb: int) -> None:
        with self._lock:
            side = place(device)
            self.loaded_mb[side] += memory_mb
            self.most_mb[side] = max(self.most_mb[side], self.loaded_mb[side])


HOUSE = House()


@dataclass
class Echo(Backend[str, EmbedOptions, list[str], list[str], Word]):
    """ "bad" is a bad item; "broken" fails in this model, "down" too, when it is named "weak"; "huge" fits into no
    memory; "sleep" takes a moment. A model that is named "stuck" complains when it is to go.
    `plays`: the device that it says it is on. `pace`: its variants."""

    name: str = "echo"
    plays: str = "cpu"
    memory_mb: int = 1
    batch_size: int = 4
    idle_seconds: int = 0
    pace: str = "slow"
    _device: Device | None = field(default=None, init=False)

    def model(self) -> ModelName:
        return ModelName(self.name, "2" if self.pace == "renamed" else "1")

    def variants(self) -> list[dict[str, Any]]:
        return [{"pace": pace} for pace in ("quick", "wrong", "impossible", "renamed")]

    def missing_weights(self) -> str | None:
        return "Not installed: absent." if self.name == "absent" else None

    def load(self, device: Device | None) -> Device:
        assert self._device is None
        if self.name == "unloadable" or self.pace == "impossible":
            raise ValueError("half a file")
        playable: dict[str, Device] = {"cpu": "cpu", "cuda": "cuda"}
        self._device = device or playable[self.plays]
        HOUSE.add(self._device, self.memory_mb)
        return self._device

    def unload(self) -> None:
        assert self._device
        HOUSE.add(self._device, -self.memory_mb)
        self._device = None
        if self.name == "stuck":
            raise OSError("The device is lost.")

    def prepare(self, items: Sequence[str], options: EmbedOptions) -> list[str]:
        assert self._device
        HOUSE.watch("prepare", items)
        if "bad" in items:
            raise BadItem("This word is bad.")
        return list(items)

    def infer(self, batch: list[str]) -> list[str]:
        assert self._device
        HOUSE.watch("infer", batch)
        HOUSE.batches.append((self.name, self._device, len(batch)))
        if "sleep" in batch:
            time.sleep(0.002)
        if self.name == "away":
            raise Unavailable("This model is away.", retry_after=7)
        if "huge" in batch:
            raise MemoryError
        if "broken" in batch or (self.name == "weak" and "down" in batch):
            raise ValueError("These words break it.")
        if self.name == "measured" and self.pace == "slow":
            time.sleep(0.005)
        return batch

    def finish(self, raw: list[str]) -> list[Word | Failure]:
        assert self._device
        HOUSE.watch("finish", raw)
        if self.pace == "wrong":
            return [Word(text[::-1], self.model()) for text in raw]
        unpaid = Failure("no_budget", "There is no money for this word.", retryable=True)
        return [unpaid if text == "unpaid" and self.name == "weak" else Word(text, self.model()) for text in raw]


@dataclass
class Tight(Allocator):
    """A machine with little memory: so many items at once on each device, and so many MB of models."""

    items: dict[Device, int] = field(default_factory=dict)
    models_mb: int = 1000

    def load(self, model: str, memory_mb: int) -> None:
        if sum(HOUSE.loaded_mb.values()) + memory_mb > self.models_mb:
            raise MemoryError

    def work(self, model: str, device: Device, items: int) -> None:
        if items > self.items.get(device, 1000):
            raise MemoryError


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


ROWS = tuple(
    registry.Row("echo", role.key, "tests.ml.echo.Echo", (), "MediaHub's own", "no weights", "MediaHub", "designed")
    for role in (ONE, TWO, THREE)
)


def echo(**options: Any) -> BackendSetting:
    return {"BACKEND": "echo", "OPTIONS": options}
