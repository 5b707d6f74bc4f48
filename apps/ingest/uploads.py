"""How the bytes of an upload arrive: straight into the store's file system, hashed on the way, synced at the end."""

import errno
import hashlib
import os
import shutil
import uuid
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload

from apps.jobs import faults
from apps.library.names import clean_name

if TYPE_CHECKING:
    _Uploaded = UploadedFile[bytes]
else:
    _Uploaded = UploadedFile


class Incoming(_Uploaded):
    """An upload whose bytes lie complete and synced at `path`."""

    def __init__(self, path: Path, name: str, size: int, sha256: bytes, content_type: str | None) -> None:
        super().__init__(file=None, name=name, content_type=content_type or "", size=size)
        self.path, self.sha256 = path, sha256

    def drop(self) -> None:
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Called at the end of every request: what was not taken over is let go of. A sealed upload is kept."""
        if not self.path.with_suffix(".json").exists():
            self.drop()


class NoSpace(OSError):
    """The disk is fuller than its reserve allows."""

    def __init__(self) -> None:
        super().__init__(errno.ENOSPC, os.strerror(errno.ENOSPC))


def check_space(size: int) -> None:
    """Raises NoSpace when `size` more bytes would eat into what is kept free for the database."""
    free = shutil.disk_usage(settings.INCOMING_DIR).free
    if free - size < settings.DISK_RESERVE_MB * 1024 * 1024:
        raise NoSpace


class IncomingHandler(FileUploadHandler):
    """One of Django's upload handlers: gets each file in chunks."""

    chunk_size = 1024 * 1024

    def handle_raw_input(
        self,
        input_data: Any,
        META: Any,  # the name that Django calls it by
        content_length: int,
        boundary: Any,
        encoding: Any = None,
    ) -> None:
        self._open: IO[bytes] | None = None
        check_space(content_length)

    def new_file(self, *arguments: Any, **keywords: Any) -> None:
        super().new_file(*arguments, **keywords)
        self._path = Path(settings.INCOMING_DIR) / f"{uuid.uuid4().hex}.part"
        self._open = self._path.open("xb")
        self._hash = hashlib.sha256()
        faults.reached("upload.temporary")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        assert self._open is not None  # noqa: S101  # new_file came first
        try:
            self._open.write(raw_data)
        except OSError as error:
            self.upload_interrupted()
            if error.errno == errno.ENOSPC:
                raise NoSpace from error
            raise
        self._hash.update(raw_data)

    def file_complete(self, file_size: int) -> Incoming:
        assert self._open is not None  # noqa: S101
        try:
            self._open.flush()
            os.fsync(self._open.fileno())
        except OSError as error:  # after a failed sync nothing is known about the bytes: they are sent again
            self.upload_interrupted()
            if error.errno == errno.ENOSPC:
                raise NoSpace from error
            raise StopUpload(connection_reset=True) from error
        self._open.close()
        self._open = None
        self._path.chmod(0o440)
        faults.reached("upload.synced")
        name = clean_name(self.file_name or "")
        return Incoming(self._path, name, file_size, self._hash.digest(), self.content_type)

    def upload_interrupted(self) -> None:
        """The sender went away, or the request is not what it should be."""
        if self._open is not None:
            self._open.close()
            self._open = None
            self._path.unlink(missing_ok=True)
