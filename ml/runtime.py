"""The one owner of models in a process: what is loaded, where, and what it takes."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from .candidate import Allocator, Candidate, failure
from .devices import Device, Place
from .memory import ClosedError, Memory, Use
from .pipeline import staged
from .probe import remembered
from .results import Failure
from .roles import Role
from .settings import BackendSetting, SettingsError, choices, names
from .slot import BatchAtWork, Slot
from .weights.check import health

Item = TypeVar("Item")
Options = TypeVar("Options")
Result = TypeVar("Result")


@dataclass(frozen=True)
class BackendStatus:
    """One backend that the settings name. `memory_mb`, `device` and `dtype` are those of the loaded model, else 0 and
    None. `batch_size`: what goes in together now. `resting`: it failed too often and comes last for a while.
    `verified`: its weights are as they were when they were installed; None where nobody can tell.
    """

    role: str
    backend: str
    model: str
    installed: bool
    loaded: bool
    device: Device | None
    memory_mb: int
    last_error: str | None
    dtype: str | None = None
    batch_size: int = 0
    pinned: bool = False
    in_use: bool = False
    resting: bool = False
    loads: int = 0
    evictions: int = 0
    verified: bool | None = None


class Runtime:
    """Loads each model at its first use and maps items to results. Safe to use from many threads.

    A list of settings for a role is an order of preference: the first backend that loads does the work, and the next
    one what it fails at.

    `memory_mb` and `gpu_memory_mb` are what models may take together; what the process takes without them comes on
    top. When there is no room the least recently used leave. None: no limit.

    `measured`: the folder where `ml.probe` keeps what was the fastest on this machine. None: as the settings say.
    """

    def __init__(
        self,
        settings: Mapping[str, BackendSetting | Sequence[BackendSetting]],
        *,
        memory_mb: int | None = None,
        gpu_memory_mb: int | None = None,
        measured: Path | None = None,
        allocator: Allocator | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises SettingsError for an unknown role, backend, option or device. Loads nothing."""
        allocator = allocator or Allocator()
        self._memory = Memory(memory_mb, gpu_memory_mb, clock)
        self._slots = {
            role: Slot(
                [
                    Candidate(choice, remembered(measured, choice) if measured else {}, allocator)
                    for choice in choices(role, setting)
                ],
                self._memory,
                clock,
            )
            for role, setting in settings.items()
        }
        self._closed = False

    def map(
        self, role: Role[Item, Options, Result], items: Iterable[Item], options: Options | None = None
    ) -> Iterator[Result | Failure]:
        """One result or Failure for each item, in order, lazily: nothing is read before the first result is asked for,
        and never more than three batches beyond the last one.

        Items are read in the caller's thread. Closing the iterator ends the work after the batch that is at work.
        Raises TypeError at once for the options of another role.
        """
        wished = role.options() if options is None else options
        if not isinstance(wished, role.options):
            raise TypeError(f"{role.key} takes {role.options.__name__}, not {type(wished).__name__}.")
        return self._map(self._slot(role), role, iter(items), wished)

    def _map(
        self, slot: Slot, role: Role[Item, Options, Result], items: Iterator[Item], options: Options
    ) -> Iterator[Result | Failure]:
        stages = (BatchAtWork.prepare, BatchAtWork.infer, BatchAtWork.finish)
        with closing(staged(_works(slot, role, items, options), stages)) as works:
            for work in works:
                yield from work.results()

    def model(self, role: Role[Any, Any, Any]) -> str | None:
        """The name that a result made now would bear, or None when nothing is installed for it. Loads nothing."""
        candidate = self._slot(role).likely()
        return str(candidate.backend.model()) if candidate else None

    def status(self) -> list[BackendStatus]:
        """One row for each backend that the settings name, in order of preference."""
        return [_status(role, slot, candidate) for role, slot in self._slots.items() for candidate in slot.candidates]

    def memory(self) -> dict[Place, Use]:
        """What the models take of each kind of memory, and the most they ever took."""
        return {place: self._memory.use_of(place) for place in ("ram", "gpu")}

    @property
    def memory_mb(self) -> int:
        """What all loaded models take together."""
        return sum(use.loaded_mb for use in self.memory().values())

    @contextmanager
    def pinned(self, role: Role[Any, Any, Any]) -> Iterator[Failure | None]:
        """Load the model of this role and keep it. Gives the Failure that every item would get when it cannot be."""
        problem, candidate = None, None
        try:
            candidate = self._slot(role).begin()
        except Exception as error:  # what a library raises while it loads
            if isinstance(error, ClosedError):
                raise
            problem = failure(error)
        else:
            self._memory.pin(candidate)
            self._memory.end(candidate)
        try:
            yield problem
        finally:
            if candidate:
                self._memory.unpin(candidate)

    def unload(self, role: Role[Any, Any, Any] | None = None) -> None:
        """Free the models of one role, or all; waits for the batch at work. Pinned ones stay. The next use loads it."""
        slots = self._slots.values() if role is None else [self._slot(role)]
        self._memory.send_away([guest for slot in slots for guest in slot.guests])

    def tidy(self) -> None:
        """Free the models that were not used for as long as they wish to stay. A thread of its own does so, too."""
        self._memory.tidy()

    def close(self) -> None:
        """Free everything for good: a later `map` raises RuntimeError."""
        self._closed = True
        self._memory.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _slot(self, role: Role[Any, Any, Any]) -> Slot:
        if self._closed:
            raise ClosedError
        if role.key not in self._slots:
            raise SettingsError(f'No backend is set for "{role.key}". Set are: {names(self._slots)}.')
        return self._slots[role.key]


def _works(slot: Slot, role: Role[Any, Any, Any], items: Iterator[Any], options: Any) -> Iterator[BatchAtWork]:
    first = True
    while batch := list(islice(items, size := slot.batch_size)):
        problems = [role.problem(item) for item in batch]
        yield BatchAtWork(slot, batch, problems, options, alone=first and len(batch) < size)
        first = False


def _status(role: str, slot: Slot, candidate: Candidate) -> BackendStatus:
    missing = candidate.what_is_missing()
    loaded = candidate.state == "in"
    weights = getattr(candidate.backend, "weights", None)
    verified, damage = health(weights) if missing is None and isinstance(weights, str) else (None, None)
    return BackendStatus(
        role=role,
        backend=candidate.choice.row.key,
        model=str(candidate.backend.model()),
        installed=missing is None,
        loaded=loaded,
        device=candidate.device,
        memory_mb=candidate.memory_mb if loaded else 0,
        last_error=missing or damage or candidate.last_error,
        dtype=candidate.backend.dtype() if loaded else None,
        batch_size=candidate.batch_size,
        pinned=bool(candidate.pins),
        in_use=bool(candidate.users),
        resting=slot.is_resting(candidate),
        loads=candidate.loads,
        evictions=candidate.evictions,
        verified=verified,
    )
