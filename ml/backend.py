"""What a backend is: one model, and how its items go in and its results come out.

A backend knows nothing of other backends, of threads or of retries; `ml.runtime` does. Its constructor takes the
OPTIONS of the settings as keyword arguments and is cheap: optional packages and weights are touched in `load` only.

`prepare`, `infer` and `finish` of three different batches may run at the same time, each in a thread of its own, but
never one of them twice: they share what `load` made and change nothing of it.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from .devices import Device
from .results import Failure, ModelName

Item = TypeVar("Item")
Options = TypeVar("Options")
Batch = TypeVar("Batch")
Raw = TypeVar("Raw")
Result = TypeVar("Result")


class BadItem(Exception):
    """The item itself cannot be worked on, today or tomorrow. The message is for its owner."""


class NotInstalled(Exception):
    """A package or the weights are missing. The message says what to install."""


class Unavailable(Exception):
    """The machine that a backend asks cannot be asked now; nothing is wrong with the items."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Backend(ABC, Generic[Item, Options, Batch, Raw, Result]):
    """`memory_mb`: what the loaded model takes at work, on the device it runs on. `batch_size`: items worked on
    together. `idle_seconds`: unused for so long it is unloaded; 0: it stays while there is room.
    """

    memory_mb: int
    batch_size: int
    idle_seconds: int = 0

    @abstractmethod
    def model(self) -> ModelName:
        """The name its results will bear; known without loading."""

    def dtype(self) -> str:
        """The numbers that the loaded model computes with."""
        return "float32"

    def variants(self) -> Sequence[Mapping[str, Any]]:
        """Other OPTIONS of the same model that may be faster here ({"threads": 2}, {"precision": "int8"}); a
        measurement on this machine chooses. The name of the model must be the same."""
        return ()

    def missing_weights(self) -> str | None:
        """What to do about weights that are not on this machine, or None. Never downloads."""
        return None

    @abstractmethod
    def load(self, device: Device | None) -> Device:
        """Load on this device (None: the best there is); answers the device the model really runs on."""

    @abstractmethod
    def prepare(self, items: Sequence[Item], options: Options) -> Batch: ...

    @abstractmethod
    def infer(self, batch: Batch) -> Raw: ...

    @abstractmethod
    def finish(self, raw: Raw) -> Sequence[Result | Failure]:
        """One result for each item, in order; a Failure for one that went wrong alone."""

    @abstractmethod
    def unload(self) -> None:
        """Give the memory back; `load` may be called again."""
