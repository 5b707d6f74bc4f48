"""Whether what is installed is still what was installed."""

import importlib.util
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from . import manifest, store
from .files import problem, sha256_of
from .manifest import Weights

State = Literal["whole", "damaged", "unknown"]


@dataclass(frozen=True)
class Verdict:
    """`unknown`: nothing is written down about it (a folder that was copied in by hand).

    `trouble` says for a damaged one what is wrong, `mend` the command that mends it. `pinned`: every file is the one
    that was published; else they are what was first installed.
    """

    name: str
    state: State
    trouble: str | None
    mend: str | None
    pinned: bool
    size: int


def is_in_package(row: Weights) -> bool:
    """Whether the Python package that brings these weights is here. Imports nothing."""
    return row.package is not None and importlib.util.find_spec(row.package) is not None


def health(name: str) -> tuple[bool | None, str | None]:
    """Whether the installed weights are as they were written down, as far as sizes tell, and else what to do.

    None: nothing is written down about them, so nothing can be said.
    """
    found = verdict(name, deep=False)
    if found.state == "unknown":
        return None, None
    if found.state == "whole":
        return True, None
    return False, _said(found)


def verify(seen: Callable[[str], None] | None = None, names: Iterable[str] | None = None) -> list[Verdict]:
    """Reads every byte of these models, or of all that are installed; `seen` is told each name before."""
    verdicts = []
    for name in store.installed() if names is None else names:
        if seen:
            seen(name)
        verdicts.append(verdict(name))
        if store.record(exported := f"{name}/{store.EXPORT}"):
            verdicts.append(verdict(exported))
    return verdicts


def damage(names: Iterable[str]) -> str | None:
    """Of these models, or what was exported from them, what is not as it was installed and the command that mends it.

    Reads every byte: for when a model does not load. Names that nothing is written down about are passed over.
    """
    for name in names:
        for one in (name, f"{name}/{store.EXPORT}"):
            if name and store.record(one) and (found := verdict(one)).state == "damaged":
                return _said(found)
    return None


def _said(found: Verdict) -> str:
    return f"{found.name} is damaged: {found.trouble}. Mend it: {found.mend}"


def _mend(name: str, record: store.Record | None) -> str:
    """It is had again in the way in which it was had."""
    model, _, exported = name.partition("/")
    if model and exported:
        return f"python -m ml models export {model}"
    if record is None or record.how == "imported":
        known = manifest.row(name)
        trust = " --trust" if record and known and not all(file.known for file in record.files) else ""
        return f"python -m ml models import FOLDER --as {name}{trust}"
    return f"python -m ml models pull {name}"


def verdict(name: str, *, deep: bool = True) -> Verdict:
    """Without `deep` only the files' sizes are looked at, which is quick."""
    place = store.folder(name)
    size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file() and path.name != store.RECORD)
    record = store.record(name)
    mend = _mend(name, record)
    if record is None:
        return Verdict(name, "unknown", "nothing is written down about it", mend, pinned=False, size=size)
    troubles = []
    for file in record.files:
        path = place / file.path
        if not path.is_file():
            troubles.append(f"{file.path} is missing")
        elif path.stat().st_size != file.size:
            troubles.append(f"{file.path} has {path.stat().st_size:,} bytes instead of {file.size:,}")
        elif deep and sha256_of(path) != file.sha256:
            troubles.append(f"{file.path} was changed")
        elif deep and not file.known and (trouble := problem(path, pinned=False)):
            troubles.append(f"{file.path} was so from the beginning: {trouble}")
    pinned = all(file.known for file in record.files)
    if troubles:
        return Verdict(name, "damaged", "; ".join(troubles), mend, pinned, size)
    return Verdict(name, "whole", None, None, pinned, size)
