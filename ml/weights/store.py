"""The folder of installed models: one folder a name, complete or not there at all."""

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Literal

from .files import WeightsError, in_words, plain_name, sha256_of, sync

RECORD = "weights.json"
#: In a model's folder: what `models export` made of it.
EXPORT = "onnx"
_SPARE = 64 * 1024 * 1024  # bytes left free on the disk
# No name of a model has this sign.
_OLD, _GONE, _LOCK = "~old", "~gone", "~lock"
How = Literal["pulled", "imported", "exported"]


@dataclass(frozen=True)
class FileRecord:
    """`known`: the checksum was known before the file came, else it was written down when it did."""

    path: str
    size: int
    sha256: str
    known: bool


@dataclass(frozen=True)
class Record:
    """What was installed under a name; lies in the model's folder."""

    name: str
    how: How
    source: str
    installed_at: str
    files: tuple[FileRecord, ...]


def home() -> Path:
    """All installed models: MODEL_CACHE_DIR, or `models` in MEDIAHUB_DATA, which is `data` where nothing is said."""
    return Path(os.environ.get("MODEL_CACHE_DIR") or Path(os.environ.get("MEDIAHUB_DATA") or "data") / "models")


def folder(name: str) -> Path:
    """Where the weights of this name lie once installed. An absolute path stands for itself."""
    return Path(name) if Path(name).is_absolute() else home() / name


def missing(name: str, *files: str) -> str | None:
    """What to do about weights that are not on this machine, or None."""
    place = folder(name)
    if not place.is_dir() and not Path(name).is_absolute():
        _put_back(name)
    absent = [file for file in files if not (place / file).is_file()]
    if place.is_dir() and not absent:
        return None
    if Path(name).is_absolute():
        return f"Not installed: {place} lacks {', '.join(absent)}." if absent else f"Not installed: no folder {place}."
    return f"Not installed: {name}. Run: python -m ml models pull {name}"


def installed() -> list[str]:
    """The names of all folders of models."""
    for old in _incoming().glob(f"*{_OLD}"):
        _put_back(old.name.removesuffix(_OLD))
    try:
        return sorted(entry.name for entry in home().iterdir() if entry.is_dir() and not entry.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []


def not_installed(name: str) -> str:
    """The sentence about a name that none of the folders bears."""
    return f"{name} is not installed. Installed are: {', '.join(installed()) or 'none'}."


def record(name: str) -> Record | None:
    """What is written down about an installed model; None when nothing is, or nothing readable."""
    try:
        told = json.loads((folder(name) / RECORD).read_text())
        files = tuple(FileRecord(**file) for file in told.pop("files"))
        return Record(files=files, **told)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write_record(place: Path, name: str, how: How, source: str, files: tuple[FileRecord, ...]) -> Record:
    """Writes it into `place`, which may still be on its way to its name."""
    written = Record(name, how, source, datetime.now(UTC).isoformat(timespec="seconds"), files)
    (place / RECORD).write_text(json.dumps(asdict(written), indent=2) + "\n")
    return written


@contextmanager
def incoming(name: str, on_wait: Callable[[str], None] | None = None) -> Iterator[Path]:
    """A folder on the models' disk in which a model is gathered; it stays there until `publish`, for a later try.

    Only one process gathers a model at a time; another one waits for it, having called `on_wait`.
    """
    try:
        place = _incoming() / plain_name(name)
        place.mkdir(parents=True, exist_ok=True)
        lock = _lock(name)
    except OSError as error:
        raise _unwritable(error) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if on_wait:
                on_wait(name)
            fcntl.flock(lock, fcntl.LOCK_EX)
        _keep_one(name)
        place.mkdir(exist_ok=True)
        yield place


def publish(place: Path, name: str) -> Path:
    """Give a gathered folder its name, in one step and for good. What had the name before is gone.

    A process that is killed between the two renamings leaves the name to the old one: `_put_back`.
    """
    for file in place.rglob("*"):
        sync(file)
    sync(place)
    final, old = home() / plain_name(name), _old(name)
    if final.exists():
        final.rename(old)
    try:
        place.rename(final)
    except BaseException:  # a stop, too, leaves what was installed
        if old.exists():
            old.rename(final)
        raise
    sync(final.parent)
    shutil.rmtree(old, ignore_errors=True)
    return final


def _incoming() -> Path:
    return home() / ".incoming"


def _old(name: str) -> Path:
    """Where an installed model lies while another one takes its name."""
    return _incoming() / f"{name}{_OLD}"


def _lock(name: str) -> IO[str]:
    return (_incoming() / f"{name}{_LOCK}").open("w")


def _put_back(name: str) -> None:
    """A model whose replacement was killed gets its name again, unless somebody is at it now."""
    if not _old(name).exists():
        return
    try:
        with _lock(name) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _keep_one(name)
    except OSError:  # somebody else's work, or a folder that is only read
        return


def _keep_one(name: str) -> None:
    """Of a model and what had its name before, the one that is whole under its name. Only for whoever is alone."""
    old, final = _old(name), home() / name
    if old.exists() and not final.exists():
        old.rename(final)
        sync(final.parent)
    shutil.rmtree(old, ignore_errors=True)


def _unwritable(error: OSError) -> WeightsError:
    return WeightsError(f"The folder of models cannot be written to: {error}. Check MODEL_CACHE_DIR.")


def ensure_room(name: str, place: Path, needed: int) -> None:
    """Raises WeightsError where the disk of `place` has not so many bytes, and some to spare."""
    if (free := shutil.disk_usage(place).free) < needed + _SPARE:
        raise WeightsError(
            f"{name} needs {in_words(needed + _SPARE)} of room, and {in_words(free)} are free on the disk with "
            f"{home()}. Free some room, or set MODEL_CACHE_DIR to a folder on another disk."
        )


def keep_what_was_made_here(name: str, place: Path) -> None:
    """Exported models and measured thresholds lie in folders of their own, and outlive the mending of a file."""
    old = folder(name)
    for made in old.iterdir() if old.is_dir() else ():
        if made.is_dir() and not (place / made.name).exists():
            shutil.copytree(made, place / made.name, copy_function=os.link)


def keep_only(place: Path, names: set[str]) -> None:
    """Nothing of an earlier try stays beside what is meant."""
    for path in place.iterdir():
        if path.name in names:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def note_export(name: str, source: str) -> None:
    """Write down what an export has put into the model's folder, so that it can be verified."""
    place = folder(name) / EXPORT
    files = tuple(
        FileRecord(path.name, path.stat().st_size, sha256_of(path), known=False)
        for path in sorted(place.iterdir())
        if path.is_file() and path.name != RECORD
    )
    write_record(place, f"{name}/{EXPORT}", "exported", source, files)


def remove(name: str) -> None:
    """With what was fetched of it for a later try. Raises WeightsError when there is neither."""
    place, half = home() / plain_name(name), _incoming() / name
    _put_back(name)
    if not place.is_dir() and not half.is_dir():
        raise WeightsError(not_installed(name))
    # MODEL_CACHE_DIR may be a folder that holds other things, too.
    if place.is_dir() and not (place / RECORD).is_file():
        raise WeightsError(f"Nothing says that it is a model what lies in {place}. If it is, delete it yourself.")
    try:
        _incoming().mkdir(exist_ok=True)
        with _lock(name) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            gone = _incoming() / f"{name}{_GONE}"
            shutil.rmtree(gone, ignore_errors=True)
            if place.is_dir():
                place.rename(gone)
                shutil.rmtree(gone)
            shutil.rmtree(half, ignore_errors=True)
    except BlockingIOError as error:
        raise WeightsError(f"{name} is being installed just now. Stop that first, or wait for its end.") from error
    except OSError as error:
        raise _unwritable(error) from error
