"""Looks through a folder that the owner pointed at. The folder is read and never written; a second look at an unchanged
folder touches nothing, neither there nor in the database."""

import hashlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple, NoReturn

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.ingest.services import new_revision, plan, retry_found
from apps.jobs import faults
from apps.jobs.services import JobContext, JobError
from apps.library.access import resolve
from apps.library.clock import household_clock, household_now
from apps.library.models import Asset, File, Library
from apps.library.names import clean_name, suffix_of
from apps.library.rows import insert_like

log = logging.getLogger("mediahub.scan")

CHUNK = 2000  # files in one look at the database
_PICTURES = "jpg jpeg jpe jfif png webp gif tif tiff bmp dib heic heif hif avif"
_RAW = "dng cr2 cr3 crw nef nrw arw srf sr2 raf orf rw2 pef srw raw rwl iiq 3fr erf kdc mrw x3f"
PICTURE_SUFFIXES = frozenset(f".{suffix}" for suffix in f"{_PICTURES} {_RAW}".split())
SIDECAR_SUFFIX = ".xmp"
WANTED_SUFFIXES = PICTURE_SUFFIXES | {SIDECAR_SUFFIX}


class Found(NamedTuple):
    """A file as the folder shows it; `path` is relative to the library's root."""

    path: str
    size: int
    modified_ns: int

    @property
    def is_sidecar(self) -> bool:
        return self.path.lower().endswith(SIDECAR_SUFFIX)


@dataclass(slots=True)
class Outcome:
    seen: int = 0
    added: int = 0
    changed: int = 0
    moved: int = 0
    copies: int = 0
    missing: int = 0
    unreadable: int = 0
    returned: int = 0
    known: set[int] = field(default_factory=set)  # ids of the files that were seen again: kept while the scan lasts


def run(job: JobContext) -> None:
    """The job: walks from where it was left, chunk by chunk."""
    library = Library.objects.filter(pk=int(job.target), kind=Library.Kind.FOLDER).first()
    if library is None:
        raise JobError(_("This library is gone."))
    root = Path(library.root)
    _check_root(library, root)
    after = str(job.cursor.get("after", ""))
    walked_from_start = not after
    outcome = Outcome(**job.cursor.get("counts", {}))
    told = outcome.unreadable
    for chunk in _chunks(walk(root, outcome, after=after)):
        job.check()
        if library.pk not in resolve(job.starter()).owned:
            raise JobError(_("This library is not yours any more."))
        take(library, root, chunk, outcome)
        faults.reached("scan.chunk")
        cursor = {"after": chunk[-1].path, "counts": _plain(outcome)}
        job.advance(done=len(chunk), failed=outcome.unreadable - told, cursor=cursor)
        told = outcome.unreadable
    if walked_from_start and not outcome.seen and File.objects.filter(library=library, missing_since=None).exists():
        _vanished(library)
    find_missing(library, root, outcome)
    retry_found(library.pk)
    job.advance(failed=outcome.unreadable - told, cursor=job.cursor | {"counts": _plain(outcome)})
    Library.objects.filter(pk=library.pk).update(scanned_at=timezone.now(), unreachable_since=None)
    log.info("scanned", extra={"library": library.pk, **{k: v for k, v in _plain(outcome).items() if v}})


def _plain(outcome: Outcome) -> dict[str, int]:
    names = ("seen", "added", "changed", "moved", "copies", "missing", "unreadable", "returned")
    return {name: getattr(outcome, name) for name in names}


def _check_root(library: Library, root: Path) -> None:
    """Raises JobError when the folder is gone, or is the empty place where a disk should be."""
    try:
        with os.scandir(root) as entries:
            empty = all(entry.name.startswith(".") for entry in entries)
    except OSError:
        _vanished(library)
    if empty and File.objects.filter(library=library, missing_since=None).exists():
        _vanished(library)


def _vanished(library: Library) -> NoReturn:
    """Nothing is forgotten because a folder is away."""
    Library.objects.filter(pk=library.pk, unreachable_since=None).update(unreachable_since=timezone.now())
    raise JobError(
        _("The folder %(root)s is not there or empty. Connect its disk, then scan again. Nothing was removed.")
        % {"root": library.root}
    )


# -- The folder -------------------------------------------------------------------------------------------------------
def walk(root: Path, outcome: Outcome, *, after: str = "") -> Iterator[Found]:
    """Every picture and sidecar below `root` in one fixed order, beginning behind `after`. Links are not followed, and
    what cannot be read is counted and passed over: a folder without permission must not hide all others."""
    start = after.split("/") if after else []
    for folder in _folders(os.fspath(root), "", start, outcome):
        yield from folder


def _folders(folder: str, relative: str, start: list[str], outcome: Outcome) -> Iterator[list[Found]]:
    """The files of one folder after the other, as `walk` orders them: a folder is left and taken up again where
    another one stands between its files."""
    try:
        with os.scandir(folder) as entries:
            ordered = sorted(entries, key=attrgetter("name"))
    except OSError as error:
        outcome.unreadable += 1
        log.warning("folder cannot be read", extra={"folder": relative, "reason": error.strerror})
        return
    files: list[Found] = []
    for entry in ordered:
        name = entry.name
        if name.startswith("."):
            continue
        rest: list[str] = []
        if start:
            if name < start[0]:
                continue
            if name == start[0]:
                rest = start[1:]
        try:
            if _is_wanted(name) and entry.is_file(follow_symlinks=False):
                if start and name == start[0]:
                    continue
                stat = entry.stat(follow_symlinks=False)
                path = relative + name
                path.encode()  # a name that is no text cannot be kept in a row
                files.append(Found(path, stat.st_size, stat.st_mtime_ns))
            elif entry.is_dir(follow_symlinks=False):
                yield files
                files = []
                yield from _folders(entry.path, f"{relative}{name}/", rest, outcome)
        except (OSError, UnicodeEncodeError) as error:
            outcome.unreadable += 1
            log.warning("file cannot be read", extra={"folder": relative, "reason": str(error)})
    yield files


def _is_wanted(name: str) -> bool:
    return "." in name and name[name.rfind(".") :].lower() in WANTED_SUFFIXES


def _chunks(found: Iterator[Found]) -> Iterator[list[Found]]:
    while chunk := list(islice(found, CHUNK)):
        yield chunk


# -- The rows ---------------------------------------------------------------------------------------------------------
def take(library: Library, root: Path, chunk: list[Found], outcome: Outcome) -> None:
    """Compares a chunk with what is known of it, by one query; writes only what is new."""
    outcome.seen += len(chunk)
    known = _known(library, [found.path for found in chunk])
    new: list[Found] = []
    for found in chunk:
        row = known.get(found.path)
        if row is None:
            new.append(found)
            continue
        pk, size, modified_ns, missing_since = row
        outcome.known.add(pk)
        if missing_since is not None:
            _returned(pk, outcome)
        if (size, modified_ns) != (found.size, found.modified_ns):
            new += _changed(root, pk, found, outcome)
    if new:
        _add(library, root, new, outcome)


def _known(library: Library, paths: list[str]) -> dict[str, tuple[int, int, int, datetime | None]]:
    """(id, size, modified_ns, missing_since) by path. The paths travel as one array: two thousand parameters take
    longer to be read than their rows to be found."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT path, id, size, modified_ns, missing_since FROM library_file"
            " WHERE library_id = %s AND path = ANY(%s)",
            [library.pk, paths],
        )
        return {row[0]: row[1:] for row in cursor.fetchall()}


def _digest(root: Path, found: Found, outcome: Outcome) -> bytes | None:
    try:
        with (root / found.path).open("rb", buffering=0) as stream:
            return hashlib.file_digest(stream, "sha256").digest()
    except OSError as error:
        outcome.unreadable += 1
        log.warning("file cannot be read", extra={"file": found.path, "reason": error.strerror})
        return None


def _returned(pk: int, outcome: Outcome) -> None:
    with transaction.atomic():
        file = File.objects.select_for_update().select_related("asset").get(pk=pk)
        file.missing_since = None
        file.save(update_fields=["missing_since"])
        if file.role == File.Role.SIDECAR:
            new_revision(file.asset)
    outcome.returned += 1


def _changed(root: Path, pk: int, found: Found, outcome: Outcome) -> list[Found]:
    """The file was written since. Other bytes in an original or in its notes are a new revision of the asset. Copies do
    not follow: a copy with other bytes, and the copies of an original that has others now, are pictures of their own.
    They are given back, to be added."""
    digest = _digest(root, found, outcome)
    if digest is None:
        return []
    with transaction.atomic():
        file = File.objects.select_for_update().select_related("asset").get(pk=pk)
        file.size, file.modified_ns = found.size, found.modified_ns
        if bytes(file.sha256_now) == digest:
            file.save(update_fields=["size", "modified_ns"])
            return []
        outcome.changed += 1
        if file.role == File.Role.COPY:
            file.delete()
            return [found]
        file.sha256_now = digest
        same = File.objects.filter(library_id=file.library_id, sha256_uploaded=digest, role=File.Role.ORIGINAL)
        if not same.exclude(pk=pk).exists():
            file.sha256_uploaded = digest
        file.save(update_fields=["size", "modified_ns", "sha256_now", "sha256_uploaded"])
        new_revision(file.asset)
        if file.role == File.Role.SIDECAR:
            return []
        copies = list(File.objects.filter(asset=file.asset_id, role=File.Role.COPY, missing_since=None))
        File.objects.filter(pk__in=[copy.pk for copy in copies]).delete()
        return [Found(copy.path, copy.size, copy.modified_ns) for copy in copies]


def _add(library: Library, root: Path, new: list[Found], outcome: Outcome) -> None:
    digests: dict[str, bytes] = {}
    for found in new:
        if not found.is_sidecar and (digest := _digest(root, found, outcome)) is not None:
            digests[found.path] = digest
    with transaction.atomic():
        there = _contents(library, set(digests.values()))
        fresh: dict[bytes, Found] = {}
        copies: list[Found] = []
        for found in new:
            content = digests.get(found.path)
            if content is None:
                continue
            known = there.get(content)
            if known is not None and _is_gone(root / known[2]):
                _move(known[0], found, outcome)
                there[content] = (known[0], known[1], found.path)
            elif known is not None or content in fresh:
                copies.append(found)
            else:
                fresh[content] = found
        originals = list(fresh.values())
        ids = insert_like(
            Asset(library=library),
            name=[clean_name(found.path) for found in originals],
            sort_at=[_written_at(found) for found in originals],
        )
        _write_files(library, File.Role.ORIGINAL, ids, originals, digests)
        owners = {content: known[1] for content, known in there.items()} | dict(zip(fresh, ids, strict=True))
        _write_files(library, File.Role.COPY, [owners[digests[found.path]] for found in copies], copies, digests)
        outcome.added += len(originals)
        outcome.copies += len(copies)
        _add_sidecars(library, root, [found for found in new if found.is_sidecar], outcome)
        plan(library.pk, ids, urgent=False)
        faults.reached("scan.rows")


def _written_at(found: Found) -> datetime:
    try:
        return household_clock(datetime.fromtimestamp(found.modified_ns / 1e9, UTC))
    except (OverflowError, OSError, ValueError):  # a file system can hold times that no calendar has
        return household_now()


def _contents(library: Library, digests: set[bytes]) -> dict[bytes, tuple[int, int, str]]:
    """(file, asset, path) of the originals with these contents."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sha256_uploaded, id, asset_id, path FROM library_file"
            " WHERE library_id = %s AND role = 'original' AND sha256_uploaded = ANY(%s)",
            [library.pk, list(digests)],
        )
        return {bytes(row[0]): row[1:] for row in cursor.fetchall()}


def _write_files(
    library: Library, role: str, asset_ids: list[int], files: list[Found], digests: dict[str, bytes]
) -> None:
    contents = [digests[found.path] for found in files]
    insert_like(
        File(library=library, role=role),
        asset_id=asset_ids,
        path=[found.path for found in files],
        size=[found.size for found in files],
        modified_ns=[found.modified_ns for found in files],
        sha256_uploaded=contents,
        sha256_now=contents,
    )


def _move(file_id: int, found: Found, outcome: Outcome) -> None:
    """The same content at another place, and its old place is empty: the asset keeps all that is known of it."""
    file = File.objects.select_related("asset").get(pk=file_id)
    file.path, file.size, file.modified_ns, file.missing_since = found.path, found.size, found.modified_ns, None
    file.save()
    file.asset.name = clean_name(found.path)
    file.asset.save(update_fields=["name"])
    outcome.moved += 1
    outcome.known.add(file.pk)


def _add_sidecars(library: Library, root: Path, sidecars: list[Found], outcome: Outcome) -> None:
    """`beach.jpg.xmp` and `beach.xmp` belong to `beach.jpg`. One that comes later makes the picture be read again."""
    for found in sidecars:
        stem = found.path[: -len(SIDECAR_SUFFIX)]
        owner = File.objects.filter(library=library, role=File.Role.ORIGINAL, path=stem).select_related("asset").first()
        if owner is None:
            same_stem = File.objects.filter(library=library, role=File.Role.ORIGINAL, path__startswith=f"{stem}.")
            owner = next(
                (
                    file
                    for file in same_stem.select_related("asset").order_by("path")
                    if file.path[: -len(suffix_of(file.path))] == stem
                ),
                None,
            )
        digest = _digest(root, found, outcome) if owner else None
        if owner is None or digest is None:
            continue
        _write_files(library, File.Role.SIDECAR, [owner.asset_id], [found], {found.path: digest})
        if owner.asset.width:  # it was read without these notes
            new_revision(owner.asset)


def find_missing(library: Library, root: Path, outcome: Outcome) -> None:
    """Marks what is not there any more. Asked only when fewer were seen than are known."""
    expected = File.objects.filter(library=library, missing_since=None)
    if expected.count() <= len(outcome.known) + outcome.added + outcome.copies:
        return
    gone: list[int] = []
    for pk, path in expected.order_by("id").values_list("pk", "path").iterator(chunk_size=CHUNK):
        if pk not in outcome.known and _is_gone(root / path):
            gone.append(pk)
    _check_root(library, root)  # a disk that is pulled while we look takes everything with it
    with transaction.atomic():
        lost = File.objects.filter(pk__in=gone)
        lost.update(missing_since=timezone.now())
        for asset in Asset.objects.filter(pk__in=lost.filter(role=File.Role.SIDECAR).values("asset")):
            new_revision(asset)  # its notes are gone: what they said is not so any more
    outcome.missing += len(gone)


def _is_gone(place: Path) -> bool:
    """Certainly not there. What only cannot be looked at, in a folder without permission, is not gone."""
    try:
        place.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False
