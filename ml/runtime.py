"""The one owner of models in a process: what is loaded, where, and what it takes."""

import ctypes
import importlib
import inspect
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from threading import Lock
from types import TracebackType
from typing import Any, Literal, NotRequired, Self, TypeAlias, TypedDict, TypeVar

from . import registry
from .backend import Backend, BadItem, NotInstalled
from .devices import DEVICES, Device
from .packages import missing_packages
from .results import Failure
from .roles import Role

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Options = TypeVar("Options")
Result = TypeVar("Result")

AnyBackend: TypeAlias = Backend[Any, Any, Any, Any, Any]


class BackendSetting(TypedDict):
    """BACKEND is a key of `ml.registry`, OPTIONS go to its constructor. "auto": the best device there is."""

    BACKEND: str
    OPTIONS: NotRequired[Mapping[str, Any]]
    DEVICE: NotRequired[Device | Literal["auto"]]


class SettingsError(ValueError):
    """A setting that can never work. The message names what is known instead."""


@dataclass(frozen=True)
class BackendStatus:
    """One backend that the settings name. `memory_mb` and `device` are those of the loaded model, else 0 and None."""

    role: str
    backend: str
    model: str
    installed: bool
    loaded: bool
    device: Device | None
    memory_mb: int
    last_error: str | None


class Runtime:
    """Loads each model once, at its first use, and maps items to results. Safe to use from many threads.

    A list of settings for a role is an order of preference: the first backend that loads does the work.
    """

    def __init__(self, settings: Mapping[str, BackendSetting | Sequence[BackendSetting]]) -> None:
        """Raises SettingsError for an unknown role, backend, option or device. Loads nothing."""
        self._slots = {role: _Slot(role, _candidates(role, setting)) for role, setting in settings.items()}
        self._closed = False

    def map(
        self, role: Role[Item, Options, Result], items: Iterable[Item], options: Options | None = None
    ) -> Iterator[Result | Failure]:
        """One result or Failure for each item, in order, lazily: a batch is read when its first result is asked for."""
        return self._map(self._slot(role), role, iter(items), role.options() if options is None else options)

    def _map(
        self, slot: "_Slot", role: Role[Item, Options, Result], items: Iterator[Item], options: Options
    ) -> Iterator[Result | Failure]:
        while batch := list(islice(items, slot.batch_size)):
            problems = [role.problem(item) for item in batch]
            good = [item for item, problem in zip(batch, problems, strict=True) if problem is None]
            results: Iterator[Result | Failure] = iter(self._run(slot, good, options))
            for problem in problems:
                yield next(results) if problem is None else Failure("bad_item", problem, retryable=False)

    def _run(self, slot: "_Slot", items: list[Any], options: Any) -> list[Any]:
        if not items:
            return []
        with slot.lock:
            if self._closed:
                raise RuntimeError("This runtime is closed.")
            try:
                backend = slot.loaded_backend()
            except Exception as error:  # noqa: BLE001 - what a library raises while it loads is the items' answer
                return [_failure(error)] * len(items)
            return _results(backend, items, options)

    def model(self, role: Role[Any, Any, Any]) -> str | None:
        """The name that a result made now would bear, or None when nothing is installed for it. Loads nothing."""
        candidate = self._slot(role).likely()
        return str(candidate.backend.model()) if candidate else None

    def status(self) -> list[BackendStatus]:
        """One row for each backend that the settings name, in order of preference."""
        return [candidate.status(slot.role) for slot in self._slots.values() for candidate in slot.candidates]

    @property
    def memory_mb(self) -> int:
        """What all loaded models take together."""
        return sum(status.memory_mb for status in self.status())

    def unload(self, role: Role[Any, Any, Any] | None = None) -> None:
        """Free the models of one role, or all; waits for the batch at work. The next use loads again."""
        for slot in self._slots.values() if role is None else [self._slot(role)]:
            with slot.lock:
                slot.unload()
        _return_memory()

    def close(self) -> None:
        """Free everything for good: a later `map` raises RuntimeError."""
        self._closed = True
        self.unload()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _slot(self, role: Role[Any, Any, Any]) -> "_Slot":
        if self._closed:
            raise RuntimeError("This runtime is closed.")
        if role.key not in self._slots:
            raise SettingsError(f'No backend is set for "{role.key}". Set are: {_names(self._slots)}.')
        return self._slots[role.key]


@dataclass
class _Candidate:
    row: registry.Row
    backend: AnyBackend
    wish: Device | None
    device: Device | None = None
    last_error: str | None = None

    @property
    def loaded(self) -> bool:
        return self.device is not None

    def what_is_missing(self) -> str | None:
        return missing_packages(self.row.packages) or self.backend.missing_weights()

    def load(self) -> None:
        """Raises NotInstalled, or what the library raises."""
        if missing := self.what_is_missing():
            raise NotInstalled(missing)
        try:
            self.device = self.backend.load(self.wish)
        except ImportError as error:  # the package is there, but not whole
            raise NotInstalled(f"{self.row.key} cannot be imported: {error}") from error
        self.last_error = None
        logger.info("Loaded %s on %s", self.backend.model(), self.device)

    def unload(self) -> None:
        if self.loaded:
            self.device = None
            self.backend.unload()

    def status(self, role: str) -> BackendStatus:
        missing = self.what_is_missing()
        return BackendStatus(
            role=role,
            backend=self.row.key,
            model=str(self.backend.model()),
            installed=missing is None,
            loaded=self.loaded,
            device=self.device,
            memory_mb=self.backend.memory_mb if self.loaded else 0,
            last_error=missing or self.last_error,
        )


@dataclass
class _Slot:
    """The backends of one role. Its lock is held while a batch is at work, so that nothing is unloaded under it."""

    role: str
    candidates: list[_Candidate]
    lock: Lock = field(default_factory=Lock)

    @property
    def batch_size(self) -> int:
        return min(candidate.backend.batch_size for candidate in self.candidates)

    def likely(self) -> _Candidate | None:
        """The loaded candidate, else the first that could be loaded."""
        loaded = (candidate for candidate in self.candidates if candidate.loaded)
        installed = (candidate for candidate in self.candidates if candidate.what_is_missing() is None)
        return next(loaded, None) or next(installed, None)

    def loaded_backend(self) -> AnyBackend:
        """Load the first candidate that loads; raises the first one's error when none does."""
        errors: list[Exception] = []
        for candidate in sorted(self.candidates, key=lambda candidate: not candidate.loaded):
            try:
                if not candidate.loaded:
                    candidate.load()
            except Exception as error:  # noqa: BLE001 - one that does not load must not keep the next from its turn
                logger.warning("%s does not load: %s", candidate.row.key, error)
                candidate.last_error = str(error) or type(error).__name__
                errors.append(error)
            else:
                return candidate.backend
        raise errors[0]

    def unload(self) -> None:
        for candidate in self.candidates:
            candidate.unload()


def _return_memory() -> None:
    """Without it glibc keeps what a model has freed: 166 of the reader's 175 MB were measured to stay."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def _results(backend: AnyBackend, items: list[Any], options: Any) -> list[Any]:
    """Work on all together; when that fails, on each alone, so that only the guilty one is a Failure."""
    try:
        return _as_many(list(backend.finish(backend.infer(backend.prepare(items, options)))), items)
    except Exception as error:  # noqa: BLE001 - the border to foreign model code, which may raise anything
        if len(items) > 1:
            return [result for item in items for result in _results(backend, [item], options)]
        return [_failure(error)]


def _as_many(results: list[Any], items: list[Any]) -> list[Any]:
    if len(results) != len(items):
        raise RuntimeError(f"{len(results)} results came for {len(items)} items.")
    return results


def _failure(error: Exception) -> Failure:
    match error:
        case BadItem():
            return Failure("bad_item", str(error), retryable=False)
        case NotInstalled():
            return Failure("not_installed", str(error), retryable=True)
        case MemoryError():
            return Failure("out_of_memory", "There was not enough memory for this item.", retryable=True)
        case TimeoutError():
            return Failure("timeout", str(error) or "This item took too long.", retryable=True)
    logger.error("A model failed", exc_info=error)
    return Failure("internal", f"The model failed on this item ({type(error).__name__}).", retryable=False)


def _candidates(role: str, setting: BackendSetting | Sequence[BackendSetting]) -> list[_Candidate]:
    known = registry.backends_of(role)
    if not known:
        raise SettingsError(f'There is no role "{role}". Known roles: {_names(registry.role_keys())}.')
    settings = [setting] if isinstance(setting, Mapping) else list(setting)
    if not settings:
        raise SettingsError(f'The list of backends for "{role}" is empty. Known backends: {_names(known)}.')
    return [_candidate(role, known, one) for one in settings]


def _candidate(role: str, known: dict[str, registry.Row], setting: BackendSetting) -> _Candidate:
    unknown = set(setting) - set(BackendSetting.__annotations__)
    if unknown or "BACKEND" not in setting:
        raise SettingsError(
            f'The setting for "{role}" needs BACKEND and may have {_names(BackendSetting.__optional_keys__)};'
            f" it has {_names(setting)}."
        )
    if setting["BACKEND"] not in known:
        raise SettingsError(
            f'There is no backend "{setting["BACKEND"]}" for "{role}". Known backends: {_names(known)}.'
        )
    device = setting.get("DEVICE", "auto")
    if device not in ("auto", *DEVICES):
        raise SettingsError(f'There is no device "{device}". Known devices: auto, {_names(DEVICES)}.')
    row = known[setting["BACKEND"]]
    return _Candidate(row, _backend(row, setting.get("OPTIONS", {})), None if device == "auto" else device)


def _backend(row: registry.Row, options: Mapping[str, Any]) -> AnyBackend:
    module, _, name = row.path.rpartition(".")
    kind: type[AnyBackend] = getattr(importlib.import_module(module), name)
    known = inspect.signature(kind).parameters
    if unknown := set(options) - set(known):
        raise SettingsError(f'"{row.key}" has no option {_names(unknown)}. Known options: {_names(known)}.')
    for name, value in options.items():
        if not _fits(value, known[name].default):
            wanted = type(known[name].default).__name__
            raise SettingsError(f'The option {name} of "{row.key}" must be of type {wanted}, not {value!r}.')
    backend = kind(**options)
    if backend.batch_size < 1:
        raise SettingsError(f'The option batch_size of "{row.key}" must be at least 1.')
    return backend


def _fits(value: object, default: object) -> bool:
    """Of the default's type; a whole number may stand for a fraction, but a truth value for no number."""
    return type(value) is type(default) or (type(default) is float and type(value) is int)


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
