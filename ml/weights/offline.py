"""Install models from a folder, for houses without internet."""

import os
import shlex
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import manifest, store
from .files import NO_WEIGHTS, WeightsError, no_room, plain_name, problem, sha256_of
from .manifest import Weights, WeightsFile
from .store import RECORD, FileRecord

_MOST_FILES = 10_000
_GATHERED = "~import"  # no file of a model has this name


@dataclass(frozen=True)
class Left:
    """A file that was not taken, and why. `command`: what takes it all the same."""

    path: Path
    reason: str
    command: str | None = None


@dataclass(frozen=True)
class Imported:
    """The names that were installed, and what stayed behind."""

    names: tuple[str, ...]
    left: tuple[Left, ...]


def import_folder(
    folder: Path, *, name: str | None = None, trust: bool = False, rows: tuple[Weights, ...] = manifest.ROWS
) -> Imported:
    """Install every model that lies in this folder or below it; raises WeightsError when the folder cannot be read.

    A model is recognised by its files' names and checksums; files without a known checksum count only in a folder that
    bears the model's name. With `name` the folder itself is that model, with what was exported from it; `trust` then
    takes files with other checksums than the known ones, and writes theirs down. Copies; the folder stays as it is.
    """
    if folder.is_file():
        raise WeightsError(f"{folder} is a file. Name the folder that it lies in.")
    if not folder.is_dir():
        raise WeightsError(f"There is no folder {folder}.")
    places = _places(folder)
    checksums = _Checksums()
    try:
        if name is not None:
            files = dict(places[0][1])
            for place, exported in places:
                if place == folder / store.EXPORT:
                    files |= {f"{store.EXPORT}/{file}": path for file, path in exported.items()}
            return _as(plain_name(name), folder, files, trust, rows, checksums)
        return _recognised(places, rows, checksums)
    except OSError as error:
        if no_room(error):
            raise WeightsError(f"The disk with {store.home()} is full. Free some room and try again.") from error
        raise WeightsError(f"The models cannot be copied: {error}.") from error


def _places(folder: Path) -> list[tuple[Path, dict[str, Path]]]:
    """Each folder with its files by name, the given one first. Links are not followed."""
    places: list[tuple[Path, dict[str, Path]]] = []
    count = 0
    for top, folders, names in os.walk(folder):
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        files = {name: Path(top, name) for name in sorted(names) if Path(top, name).is_file() and name != RECORD}
        places.append((Path(top), files))
        count += len(files)
        if count > _MOST_FILES:
            raise WeightsError(f"{folder} holds more than {_MOST_FILES:,} files. Name the folder of the models alone.")
    return places


class _Checksums:
    """Of each file once; large ones take a while."""

    def __init__(self) -> None:
        self._known: dict[Path, str] = {}

    def __call__(self, path: Path) -> str:
        if path not in self._known:
            self._known[path] = sha256_of(path)
        return self._known[path]

    def is_of(self, path: Path, file: WeightsFile) -> bool:
        if file.size is not None and path.stat().st_size != file.size:
            return False
        return self(path) == file.sha256


def _recognised(
    places: list[tuple[Path, dict[str, Path]]], rows: tuple[Weights, ...], checksums: _Checksums
) -> Imported:
    names: list[str] = []
    used: set[Path] = set()
    for place, files in places:
        for row in rows:
            taken = _of_row(row, place, files, checksums)
            if taken and row.name not in names:
                _install(row.name, row.source, taken)
                names.append(row.name)
            used |= {path for path, _ in taken}
    return Imported(tuple(names), tuple(_left(places, used, rows, checksums)))


def _of_row(row: Weights, place: Path, files: dict[str, Path], checksums: _Checksums) -> list[tuple[Path, FileRecord]]:
    """The row's files in this folder, or nothing when one is missing or another one."""
    archive = row.archive
    if archive and archive.path in files and checksums.is_of(files[archive.path], archive):
        return [(files[archive.path], FileRecord(file.path, 0, "", known=True)) for file in row.files]
    named = place.name.lower() == row.name.lower()
    taken = []
    for file in row.files:
        path = files.get(file.path)
        if path is None and file.optional:
            continue
        if path is None or not (file.sha256 or named) or _otherness(path, file, checksums):
            return []
        if problem(path, pinned=file.sha256 is not None):
            return []
        taken.append((path, _record(file.path, path, checksums, known=file.sha256 is not None)))
    return taken


def _left(
    places: list[tuple[Path, dict[str, Path]]], used: set[Path], rows: tuple[Weights, ...], checksums: _Checksums
) -> Iterator[Left]:
    for _place, files in places:
        for name, path in files.items():
            if path not in used:
                candidates = [(row, file) for row in rows for file in row.files if file.path == name]
                yield _left_one(path, candidates, checksums)


def _left_one(path: Path, candidates: list[tuple[Weights, WeightsFile]], checksums: _Checksums) -> Left:
    trouble = problem(path, pinned=False)
    others = [(row.name, other) for row, file in candidates if (other := _otherness(path, file, checksums))]
    if others and len(others) == len(candidates):
        name, other = others[0]
        reason = f"it bears the name of {name}, but is another file: {other}"
        if trouble:
            return Left(path, f"{reason}. It cannot be taken: {trouble}")
        return Left(path, reason, f"python -m ml models import {shlex.quote(str(path.parent))} --as {name} --trust")
    if trouble:
        return Left(path, trouble)
    if candidates:
        names = [row.name for row, _ in candidates]
        return Left(
            path,
            "a name alone does not tell which model it belongs to. Put all files of one model into a folder that bears "
            f"its name ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})",
        )
    return Left(path, "no known model has a file of this name")


def _otherness(path: Path, file: WeightsFile, checksums: _Checksums) -> str | None:
    """How it differs from the published file; None where nothing tells."""
    size = path.stat().st_size
    if file.size is not None and size != file.size:
        return f"it has {size:,} bytes instead of {file.size:,}" + (" (cut off?)" if size < file.size else "")
    if file.sha256 and not checksums.is_of(path, file):
        return f"its checksum is {checksums(path)[:16]}... instead of {file.sha256[:16]}..."
    return None


def _as(
    name: str,
    folder: Path,
    files: dict[str, Path],
    trust: bool,
    rows: tuple[Weights, ...],
    checksums: _Checksums,
) -> Imported:
    row = next((row for row in rows if row.name.lower() == name.lower()), None)
    known = {file.path: file for file in row.files} if row else {}
    if absent := [file.path for file in known.values() if file.path not in files and not file.optional]:
        raise WeightsError(f"{folder} lacks {', '.join(absent)}, without which it is not {name}.")
    taken: list[tuple[Path, FileRecord]] = []
    left: list[Left] = []
    for path_name, path in files.items():
        is_exported = path_name.startswith(f"{store.EXPORT}/")
        if row and path_name not in known and not is_exported:
            left.append(Left(path, f"{row.name} has no file of this name"))
            continue
        file = known.get(path_name, WeightsFile(path_name))
        is_known = file.sha256 is not None and checksums.is_of(path, file)
        trouble = problem(path, pinned=is_known)
        if trouble == NO_WEIGHTS:  # what publishers put beside their models
            left.append(Left(path, trouble))
            continue
        if trouble:
            raise WeightsError(f"{path} cannot be taken: {trouble}.")
        if not is_known and not trust and (other := _otherness(path, file, checksums)):
            raise WeightsError(
                f"{path} is another file than the one that was published: {other}. If you trust it all the same, add "
                "--trust."
            )
        taken.append((path, _record(path_name, path, checksums, known=is_known)))
    if not taken:
        raise WeightsError(f"{folder} holds no files that are weights.")
    installed_name = row.name if row else name
    _install(installed_name, row.source if row else str(folder), taken)
    return Imported((installed_name,), tuple(left))


def _record(name: str, path: Path, checksums: _Checksums, *, known: bool) -> FileRecord:
    return FileRecord(name, path.stat().st_size, checksums(path), known=known)


def _install(name: str, source: str, taken: list[tuple[Path, FileRecord]]) -> None:
    """Apart from what a `pull` fetched: copies of an import that ends early are of no use, and would fill the disk."""
    with store.incoming(name) as place:
        store.ensure_room(name, place, sum(path.stat().st_size for path, _ in taken))
        gathered = place / _GATHERED
        shutil.rmtree(gathered, ignore_errors=True)
        try:
            gathered.mkdir()
            records = tuple(_copied(path, gathered, record) for path, record in taken)
            if _are_the_same(name, records):
                store.keep_what_was_made_here(name, gathered)
            store.write_record(gathered, name, "imported", source, records)
            store.publish(gathered, name)
        finally:
            shutil.rmtree(gathered, ignore_errors=True)
        shutil.rmtree(place)


def _copied(path: Path, gathered: Path, record: FileRecord) -> FileRecord:
    """Copies are hashed again: what counts is what is on the models' disk."""
    target = gathered / record.path
    target.parent.mkdir(exist_ok=True)
    if path.suffix == ".zip":
        _unpack(path, target)
    else:
        shutil.copyfile(path, target)
    checksum = sha256_of(target)
    if record.sha256 and checksum != record.sha256:
        raise WeightsError(f"{path} changed while it was copied. Check the disk that it lies on.")
    return FileRecord(record.path, target.stat().st_size, checksum, record.known)


def _are_the_same(name: str, records: tuple[FileRecord, ...]) -> bool:
    """What was exported from the installed weights, or measured on them, is true of these as well."""
    installed = store.record(name)
    return installed is not None and {(file.path, file.sha256) for file in installed.files} == {
        (file.path, file.sha256) for file in records
    }


def _unpack(archive: Path, target: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        member = next((info for info in opened.infolist() if Path(info.filename).name == target.name), None)
        if member is None:
            raise WeightsError(f"{archive} does not hold {target.name}.")
        with opened.open(member) as source, target.open("wb") as unpacked:
            shutil.copyfileobj(source, unpacked)
