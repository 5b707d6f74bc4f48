"""What the settings may wish for, in Django's shape; every wish that can never work is refused at once."""

import importlib
import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

from . import registry
from .backend import Backend
from .devices import DEVICES, Device
from .options import Between

AnyBackend: TypeAlias = Backend[Any, Any, Any, Any, Any]


class BackendSetting(TypedDict):
    """BACKEND is a key of `ml.registry`, OPTIONS go to its constructor. "auto": the best device there is.

    IDLE_SECONDS: unused for so long it is unloaded; 0: it stays while there is room. Without it the backend decides.
    """

    BACKEND: str
    OPTIONS: NotRequired[Mapping[str, Any]]
    DEVICE: NotRequired[Device | Literal["auto"]]
    IDLE_SECONDS: NotRequired[float]


class SettingsError(ValueError):
    """A setting that can never work. The message names what is known instead."""


@dataclass(frozen=True)
class Choice:
    """One backend that the settings name. `device` None: the best there is."""

    row: registry.Row
    options: Mapping[str, Any] = field(default_factory=dict)
    device: Device | None = None
    idle_seconds: float | None = None

    def build(self, **preferred: Any) -> AnyBackend:
        """A backend, not loaded. What the settings say stands before what is preferred."""
        return _kind(self.row)(**{**preferred, **self.options})

    def folders(self) -> list[str]:
        """What may be a folder of weights among its options; whoever looks finds nothing under the other words."""
        backend = self.build()
        options = (getattr(backend, name, None) for name in inspect.signature(type(backend)).parameters)
        return [option.partition("/")[0] for option in options if isinstance(option, str)]


def choices(role: str, setting: BackendSetting | Sequence[BackendSetting]) -> list[Choice]:
    """In order of preference. Raises SettingsError."""
    known = registry.backends_of(role)
    if not known:
        raise SettingsError(f'There is no role "{role}". Known roles: {names(registry.role_keys())}.')
    settings = [setting] if isinstance(setting, Mapping) else list(setting)
    if not settings:
        raise SettingsError(f'The list of backends for "{role}" is empty. Known backends: {names(known)}.')
    return [_choice(role, known, one) for one in settings]


def _choice(role: str, known: dict[str, registry.Row], setting: BackendSetting) -> Choice:
    unknown = set(setting) - set(BackendSetting.__annotations__)
    if unknown or "BACKEND" not in setting:
        raise SettingsError(
            f'The setting for "{role}" needs BACKEND and may have {names(BackendSetting.__optional_keys__)};'
            f" it has {names(setting)}."
        )
    if setting["BACKEND"] not in known:
        raise SettingsError(f'There is no backend "{setting["BACKEND"]}" for "{role}". Known backends: {names(known)}.')
    device = setting.get("DEVICE", "auto")
    if device not in ("auto", *DEVICES):
        raise SettingsError(f'There is no device "{device}". Known devices: auto, {names(DEVICES)}.')
    idle_seconds = setting.get("IDLE_SECONDS")
    if idle_seconds is not None and not (_fits(idle_seconds, 0.0) and idle_seconds >= 0):
        raise SettingsError(f'IDLE_SECONDS of "{role}" must be a number of seconds, not {idle_seconds!r}.')
    choice = Choice(
        known[setting["BACKEND"]], setting.get("OPTIONS", {}), None if device == "auto" else device, idle_seconds
    )
    _check_options(choice)
    return choice


def _check_options(choice: Choice) -> None:
    key, known = choice.row.key, inspect.signature(_kind(choice.row)).parameters
    if unknown := set(choice.options) - set(known):
        raise SettingsError(f'"{key}" has no option {names(unknown)}. Known options: {names(known)}.')
    for name, value in choice.options.items():
        if not _fits(value, known[name].default):
            wanted = type(known[name].default).__name__
            raise SettingsError(f'The option {name} of "{key}" must be of type {wanted}, not {value!r}.')
        if (bounds := _bounds(known[name])) and not bounds.has(value):
            raise SettingsError(f'The option {name} of "{key}" must be {bounds}, not {value!r}.')


def _bounds(option: inspect.Parameter) -> Between | None:
    told = getattr(option.annotation, "__metadata__", ())
    return next((one for one in told if isinstance(one, Between)), None)


def _kind(row: registry.Row) -> type[AnyBackend]:
    module, _, name = row.path.rpartition(".")
    kind: type[AnyBackend] = getattr(importlib.import_module(module), name)
    return kind


def _fits(value: object, default: object) -> bool:
    """Of the default's type; a whole number may stand for a fraction, but a truth value for no number."""
    return type(value) is type(default) or (type(default) is float and type(value) is int)


def names(words: Iterable[str]) -> str:
    return ", ".join(sorted(words)) or "none"
