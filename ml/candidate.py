"""One backend of a role as the runtime keeps it: where it is, how much it takes at once, how it fails."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import ceil
from threading import Lock
from typing import Any

from . import devices, heap
from .backend import BadItem, NotInstalled, Unavailable
from .devices import Device, Place
from .memory import Guest
from .packages import missing_packages
from .results import Failure
from .settings import AnyBackend, Choice
from .weights.check import damage

logger = logging.getLogger(__name__)

#: After running out of memory fewer items go in at once; after so many full batches more are tried again.
BATCHES_UNTIL_MORE = 8


class Allocator:
    """Asked before memory is taken; raises MemoryError when there is none. This one never does: the libraries do."""

    def load(self, model: str, memory_mb: int) -> None:
        pass

    def work(self, model: str, device: Device, items: int) -> None:
        pass


class Candidate(Guest):
    """`batch_size`: items that go in together now. `rests_until`: it failed too often; others come first till then."""

    def __init__(self, choice: Choice, preferred: dict[str, Any], allocator: Allocator) -> None:
        self.choice = choice
        self.backend: AnyBackend = choice.build(**preferred)
        self.batch_size = self.backend.batch_size
        self.device: Device | None = None
        self.last_error: str | None = None
        self.strikes = 0
        self.rests_until = float("-inf")
        self._preferred = preferred
        self._allocator = allocator
        self._twin: Candidate | None = None
        self._full_batches = 0
        # One thread at a time in each: that is all a backend is promised.
        self._preparing, self._inferring, self._finishing = Lock(), Lock(), Lock()
        idle_seconds = self.backend.idle_seconds if choice.idle_seconds is None else choice.idle_seconds
        super().__init__(self.backend.memory_mb, devices.place(choice.device or devices.best()), idle_seconds)

    def what_is_missing(self) -> str | None:
        return missing_packages(self.choice.row.packages) or self.backend.missing_weights()

    def check_installed(self) -> None:
        """Raises NotInstalled."""
        if self.state == "out" and (missing := self.what_is_missing()):
            raise NotInstalled(missing)

    def load(self) -> Place:
        """Raises NotInstalled, or what the library raises."""
        self._allocator.load(str(self.backend.model()), self.memory_mb)
        heap.give_large_blocks_back_at_once()
        try:
            self.device = self.backend.load(self.choice.device)
        except ImportError as error:  # the package is there, but not whole
            raise NotInstalled(f"{self.choice.row.key} cannot be imported: {error}") from error
        except Exception as error:  # what a library says of half a file helps nobody; our notes tell which one it is
            if not is_out_of_memory(error) and (damaged := damage(self.choice.folders())):
                raise NotInstalled(damaged) from error
            raise
        self.last_error = None
        logger.info("Loaded %s on %s", self.backend.model(), self.device)
        return devices.place(self.device)

    def unload(self) -> None:
        self.device = None
        try:
            self.backend.unload()
        except Exception:  # a library that cannot let go: it is no fault of the model that needs the room
            logger.exception("%s did not unload as it should", self.choice.row.key)
        heap.give_back()

    def on_processor(self) -> "Candidate":
        """The same backend once more, for what the GPU has no memory for."""
        if self._twin is None:
            self._twin = Candidate(replace(self.choice, device="cpu"), self._preferred, self._allocator)
        return self._twin

    @property
    def guests(self) -> "list[Candidate]":
        return [self, self._twin] if self._twin else [self]

    def prepare(self, items: Sequence[Any], options: Any) -> Any:
        with self._preparing:
            return self.backend.prepare(items, options)

    def infer(self, batch: Any, count: int) -> Any:
        with self._inferring:
            self._allocator.work(str(self.backend.model()), self.device or "cpu", count)
            return self.backend.infer(batch)

    def finish(self, raw: Any, count: int) -> list[Any]:
        with self._finishing:
            results = list(self.backend.finish(raw))
        if len(results) != count:
            raise RuntimeError(f"{len(results)} results came for {count} items.")
        if self.batch_size <= count and self.batch_size < self.backend.batch_size:
            self._full_batches += 1
            if self._full_batches >= BATCHES_UNTIL_MORE:
                self.batch_size, self._full_batches = min(self.batch_size * 2, self.backend.batch_size), 0
        return results

    def answers(self, items: Sequence[Any], options: Any, make_room: Callable[[], bool]) -> list[Any]:
        """A result or Failure for each, in as many pieces as are needed. `make_room`: see `after`."""
        if len(items) > self.batch_size:
            pieces = [items[start : start + self.batch_size] for start in range(0, len(items), self.batch_size)]
            return [answer for piece in pieces for answer in self.answers(piece, options, make_room)]
        try:
            return self.finish(self.infer(self.prepare(items, options), len(items)), len(items))
        except Exception as caught:  # noqa: BLE001 - the border to foreign model code, which may raise anything
            error = without_arrays(caught)
        return self.after(error, items, options, make_room)

    def after(self, error: Exception, items: Sequence[Any], options: Any, make_room: Callable[[], bool]) -> list[Any]:
        """What to do when these items raised together. Without memory: once more when `make_room` could free some,
        then half of them at a time. Else each alone, so that only the guilty one is a Failure."""
        if is_out_of_memory(error):
            if make_room():
                return self.answers(items, options, lambda: False)
            if len(items) > 1:
                half = ceil(len(items) / 2)
                self.batch_size, self._full_batches = min(self.batch_size, half), 0
                logger.warning("%s has not enough memory: %d at a time", self.backend.model(), half)
                return self.answers(items, options, make_room)
        elif isinstance(error, Unavailable):  # asking for each alone would only be refused more often
            return [failure(error)] * len(items)
        elif len(items) > 1:
            return [answer for item in items for answer in self.answers([item], options, make_room)]
        return [failure(error)]


def is_out_of_memory(error: BaseException) -> bool:
    """torch's own error is no MemoryError, and torch is not imported to ask."""
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"


def without_arrays(error: Exception) -> Exception:
    """The frames of its traceback hold the very arrays that there was no room for."""
    if is_out_of_memory(error):
        error.__cause__ = error.__context__ = None
        return error.with_traceback(None)
    return error


def failure(error: Exception) -> Failure:
    match error:
        case BadItem():
            return Failure("bad_item", str(error), retryable=False)
        case NotInstalled():
            return Failure("not_installed", str(error), retryable=True)
        case Unavailable():
            return Failure("unavailable", str(error), retryable=True, retry_after=error.retry_after)
        case TimeoutError():
            return Failure("timeout", str(error) or "This item took too long.", retryable=True)
    if is_out_of_memory(error):
        return Failure("out_of_memory", "There was not enough memory for this item.", retryable=True)
    logger.error("A model failed", exc_info=error)
    return Failure("internal", f"The model failed on this item ({type(error).__name__}).", retryable=False)
