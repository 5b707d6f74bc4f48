"""Fetch a model by name: resumed where it was cut, checked, and there as a whole or not at all."""

import http.client
import os
import shutil
import socket
import ssl
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from . import manifest, store
from .files import WeightsError, in_words, no_room, problem, sha256_of
from .manifest import Weights, WeightsFile
from .store import FileRecord, Record

#: Told while it goes on: the file, the bytes that are here, all of its bytes where known.
Progress = Callable[[str, int, int | None], None]

_BLOCK = 1 << 18
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True)
class Patience:
    """`silence`: seconds without a byte until a connection counts as cut. Each try goes on where the last one ended."""

    silence: float = 30.0
    tries: int = 6
    pause: float = 1.0  # doubled after each try that brought nothing


@dataclass(frozen=True)
class Pulled:
    """`fresh` is False when the model had been there already, whole."""

    record: Record
    folder: Path
    fresh: bool


def pull(
    name: str,
    progress: Progress | None = None,
    on_wait: Callable[[str], None] | None = None,
    *,
    rows: tuple[Weights, ...] | None = None,
    patience: Patience | None = None,
) -> Pulled:
    """Install the model of this name; raises WeightsError. What was fetched before an error stays for the next try."""
    row = known_row(name, rows)
    if row.package:
        raise WeightsError(f"There is nothing to fetch: {row.name} lies in the Python package {row.package}.")
    for file in (row.archive, *row.files):
        if file and file.url:
            _refuse_insecure(file.url)
    with store.incoming(row.name, on_wait) as place:
        if (record := _whole(row)) is not None:
            shutil.rmtree(place)
            return Pulled(record, store.folder(row.name), fresh=False)
        _keep_good_files(row, place)
        try:
            _refuse_small_disk(row, place)
            fetch = _Fetch(place, progress, patience or Patience())
            files = _from_archive(row, row.archive, fetch) if row.archive else _one_by_one(row, fetch)
            store.keep_only(place, {file.path for file in files})
            store.keep_what_was_made_here(row.name, place)
            record = store.write_record(place, row.name, "pulled", row.source, files)
            return Pulled(record, store.publish(place, row.name), fresh=True)
        except OSError as error:
            if no_room(error):
                raise WeightsError(
                    f"The disk with {store.home()} is full. Free some room and run the same command again: "
                    "what was fetched stays."
                ) from error
            raise WeightsError(f"{row.name} cannot be written: {error}.") from error


def known_row(name: str, rows: tuple[Weights, ...] | None = None) -> Weights:
    """The row of this name, whatever its capital letters; raises WeightsError."""
    rows = manifest.ROWS if rows is None else rows
    for row in rows:
        if row.name.lower() == name.lower():
            return row
    raise WeightsError(f'There is no model "{name}". There are: {", ".join(sorted(row.name for row in rows))}.')


def _whole(row: Weights) -> Record | None:
    """What is written down about it, when every file is as it was written down."""
    record = store.record(row.name)
    place = store.folder(row.name)
    wanted = {file.path: file.sha256 for file in row.files if not file.optional}
    if record is None or not wanted.keys() <= {file.path for file in record.files}:
        return None
    for file in record.files:
        path = place / file.path
        if wanted.get(file.path) not in {None, file.sha256}:
            return None
        if not path.is_file() or path.stat().st_size != file.size or sha256_of(path) != file.sha256:
            return None
    return record


def _keep_good_files(row: Weights, place: Path) -> None:
    """Of a damaged model, what is still as it should be need not be fetched again."""
    for file in row.files:
        old, new = store.folder(row.name) / file.path, place / file.path
        if file.sha256 and old.is_file() and not new.exists() and sha256_of(old) == file.sha256:
            os.link(old, new)


def _one_by_one(row: Weights, fetch: "_Fetch") -> tuple[FileRecord, ...]:
    found = []
    for file in row.files:
        if not file.url:
            raise WeightsError(
                f"{row.name} has no address to fetch {file.path} from. Get it from {row.source} and run: "
                f"python -m ml models import FOLDER --as {row.name}"
            )
        if (record := fetch(file)) is not None:
            found.append(record)
    return tuple(found)


def _from_archive(row: Weights, archive: WeightsFile, fetch: "_Fetch") -> tuple[FileRecord, ...]:
    """Only the files that the row names are taken out, whatever else the archive holds, and wherever in it."""
    fetch(archive)
    path = fetch.place / archive.path
    try:
        with zipfile.ZipFile(path) as opened:
            members = {Path(info.filename).name: info for info in opened.infolist() if not info.is_dir()}
            for file in row.files:
                if file.path not in members:
                    raise WeightsError(f"{archive.path} does not hold {file.path}; it was not installed.")
                with opened.open(members[file.path]) as source, (fetch.place / file.path).open("wb") as target:
                    shutil.copyfileobj(source, target, _BLOCK)
    except zipfile.BadZipFile as error:
        path.unlink()
        raise WeightsError(f"{archive.path} is damaged and was thrown away. Run the same command again.") from error
    records = tuple(fetch.checked(fetch.place / file.path, file) for file in row.files)
    path.unlink()
    return records


class _Fetch:
    """Brings single files into `place`. A file that is there under its name has been checked."""

    def __init__(self, place: Path, progress: Progress | None, patience: Patience) -> None:
        self.place = place
        self._progress = progress or (lambda name, here, total: None)
        self._patience = patience
        self._opener = urllib.request.build_opener(_SecureRedirects())
        self._opener.addheaders = [("User-Agent", "MediaHub"), ("Accept-Encoding", "identity")]

    def __call__(self, file: WeightsFile) -> FileRecord | None:
        """The file's record, or None for an optional one that its publisher does not have."""
        path, part = self.place / file.path, self.place / f"{file.path}.part"
        if not path.exists():
            if not self._bring(file, part):
                return None
            part.rename(path)
            self._note(part).unlink(missing_ok=True)
        return self.checked(path, file)

    def checked(self, path: Path, file: WeightsFile) -> FileRecord:
        """Throws the file away and raises WeightsError when it is not what it should be."""
        checksum = sha256_of(path)
        if file.sha256 and checksum != file.sha256:
            path.unlink()
            raise WeightsError(
                f"{file.path} is not the file that was published: its checksum is {checksum[:16]}..., it should be "
                f"{file.sha256[:16]}.... It was thrown away. Run the same command again; if that does not help, its "
                "publisher has changed it."
            )
        if trouble := problem(path, pinned=file.sha256 is not None):
            path.unlink()
            raise WeightsError(f"{file.path} was thrown away: {trouble}.")
        return FileRecord(file.path, path.stat().st_size, checksum, known=file.sha256 is not None)

    def _bring(self, file: WeightsFile, part: Path) -> bool:
        """False: an optional file that is not there."""
        fruitless = 0
        while True:
            before = part.stat().st_size if part.exists() else 0
            try:
                self._once(file, part)
                return True
            except urllib.error.HTTPError as error:
                error.close()
                if error.code == http.client.NOT_FOUND and file.optional:
                    return False
                if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and part.exists():
                    part.unlink()
                elif error.code not in {429, 500, 502, 503, 504}:
                    raise WeightsError(_answer(error.code, file)) from error
                reason: Exception = error
            except (urllib.error.URLError, ConnectionError, TimeoutError, http.client.HTTPException, EOFError) as error:
                reason = error
            now = part.stat().st_size if part.exists() else 0
            fruitless = 0 if now > before else fruitless + 1
            if fruitless >= self._patience.tries or _is_hopeless(reason):
                raise WeightsError(_gave_up(reason, file, now, self.place.name)) from reason
            time.sleep(self._patience.pause * 2**fruitless)

    def _once(self, file: WeightsFile, part: Path) -> None:
        """Ask for what is missing and append it. Raises EOFError when the connection ends too early."""
        have = part.stat().st_size if part.exists() else 0
        if file.size is not None and have > file.size:
            part.unlink()
            have = 0
        version = self._note(part).read_text() if have and self._note(part).exists() else ""
        if file.size is not None and have == file.size:
            return
        request = urllib.request.Request(file.url)  # noqa: S310  # the scheme was checked by _refuse_insecure
        # Without a mark of the version two halves of different files could be joined; a pinned checksum would tell.
        if have and (version or file.sha256):
            request.add_header("Range", f"bytes={have}-")
            if version:
                request.add_header("If-Range", version)
        with self._opener.open(request, timeout=self._patience.silence) as answer:
            goes_on = answer.status == http.client.PARTIAL_CONTENT and _starts_at(answer.headers) == have
            if answer.status == http.client.PARTIAL_CONTENT and not goes_on:
                part.unlink()
                raise EOFError("the server sent another part than was asked for")
            start = have if goes_on else 0
            total = _total(answer.headers, start)
            if file.size is not None and total is not None and total != file.size:
                part.unlink(missing_ok=True)
                raise WeightsError(
                    f"{file.path} has {in_words(total)} at its publisher instead of {in_words(file.size)}; "
                    "it is another file than the one that is known, and was not fetched."
                )
            self._remember_version(part, answer.headers)
            with part.open("ab" if goes_on else "wb") as target:
                here = self._copy(answer, target, file, start, total or file.size)
        if total is not None and here != total:
            raise EOFError(f"the connection ended after {in_words(here)} of {in_words(total)}")

    def _copy(self, source: IO[bytes], target: IO[bytes], file: WeightsFile, here: int, total: int | None) -> int:
        self._progress(file.path, here, total)
        while block := source.read1(_BLOCK) if isinstance(source, http.client.HTTPResponse) else source.read(_BLOCK):
            target.write(block)
            here += len(block)
            if file.size is not None and here > file.size:
                raise WeightsError(f"{file.path} is longer than it should be; it was not fetched.")
            self._progress(file.path, here, total)
        return here

    def _note(self, part: Path) -> Path:
        return part.with_suffix(".version")

    def _remember_version(self, part: Path, headers: http.client.HTTPMessage) -> None:
        """A weak mark (W/) does not promise equal bytes."""
        mark = headers.get("ETag", "")
        if mark and not mark.startswith("W/"):
            self._note(part).write_text(mark)
        else:
            self._note(part).unlink(missing_ok=True)


class _SecureRedirects(urllib.request.HTTPRedirectHandler):
    """Publishers send on to their stores; never from https to anything else."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if urlsplit(req.full_url).scheme == "https" and urlsplit(newurl).scheme != "https":
            raise WeightsError(f"{urlsplit(req.full_url).hostname} sends on to an address without https; refused.")
        _refuse_insecure(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _refuse_insecure(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise WeightsError(f"{url} is refused: weights are fetched by https only.")


def _refuse_small_disk(row: Weights, place: Path) -> None:
    here = sum(path.stat().st_size for path in place.iterdir() if path.is_file())
    unpacked = sum(file.size or 0 for file in row.files) if row.archive else 0
    store.ensure_room(row.name, place, row.size + unpacked - here)


def _starts_at(headers: http.client.HTTPMessage) -> int | None:
    """`bytes 100-199/200` starts at 100."""
    start = headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    return int(start) if start.isdigit() else None


def _total(headers: http.client.HTTPMessage, start: int) -> int | None:
    length = headers.get("Content-Length", "")
    return start + int(length) if length.isdigit() else None


def _answer(code: int, file: WeightsFile) -> str:
    host = urlsplit(file.url).hostname
    if 300 <= code < 400:
        return f"{host} sends on to an address that is refused: weights are fetched by https only."
    if code == http.client.NOT_FOUND:
        return (
            f"{host} does not have {file.path} any more (404). Look for a newer MediaHub, or import it from a folder."
        )
    if code in {http.client.UNAUTHORIZED, http.client.FORBIDDEN}:
        return (
            f"{host} gives {file.path} only to people with an account ({code}). Fetch it with a browser and run: "
            "python -m ml models import FOLDER"
        )
    return f"{host} answered {code} for {file.path}. Try again later."


def _is_hopeless(reason: Exception) -> bool:
    """No internet, or somebody in between who is not the publisher: the next try will end the same way."""
    cause = reason.reason if isinstance(reason, urllib.error.URLError) else reason
    return isinstance(cause, socket.gaierror | ssl.SSLCertVerificationError)


def _gave_up(reason: Exception, file: WeightsFile, here: int, name: str) -> str:
    host = urlsplit(file.url).hostname
    cause = reason.reason if isinstance(reason, urllib.error.URLError) else reason
    kept = f" {in_words(here)} are here; the same command goes on from there." if here else ""
    if isinstance(reason, urllib.error.HTTPError):
        return f"{host} answered {reason.code} for {file.path}, again and again. Try again later.{kept}"
    if isinstance(cause, socket.gaierror):
        return (
            f"{host} cannot be found: this machine seems to have no internet. On one that has it, fetch the files that "
            f"`python -m ml models show {name}` lists, bring them here in a folder {name} and run: python -m ml models "
            f"import FOLDER{kept}"
        )
    if isinstance(cause, ssl.SSLError):
        return f"{host} cannot prove who it is ({cause}). Check this machine's clock and its proxy."
    if isinstance(cause, TimeoutError):
        return f"{host} stopped answering while {file.path} was fetched.{kept or ' Try again later.'}"
    return f"{file.path} could not be fetched from {host}: {cause}.{kept or ' Check the connection and try again.'}"
