"""Files of weights: which kinds may be installed, what their checksum is, how they reach the disk for good."""

import errno
import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path

from . import whole

#: What cannot run a program while it is read. `.bin` is CTranslate2's; a pickle of that name is told by its bytes.
SAFE_SUFFIXES = frozenset(
    {".bin", ".data", ".jinja", ".json", ".jsonl", ".model", ".npy", ".onnx", ".onnx_data", ".safetensors", ".txt"}
)
#: Only when every byte is known beforehand: PyTorch's own, read with `weights_only=True`, and archives.
PINNED_SUFFIXES = frozenset({".pt", ".pth", ".zip"})
NO_WEIGHTS = "files of this kind are not weights that can be read safely"

_BLOCK = 1 << 20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class WeightsError(Exception):
    """Weights cannot be had, kept or trusted. The message says what to do."""


def plain_name(name: str) -> str:
    """The name, when it can be the name of one folder; raises WeightsError."""
    if not _NAME.fullmatch(name):
        raise WeightsError(f'"{name}" cannot be the name of a model: letters, digits, dots and dashes only.')
    return name


def sha256_of(path: Path, seen: Callable[[int], None] | None = None) -> str:
    """`seen` is told how many bytes were read, block by block."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            if seen:
                seen(len(block))
    return digest.hexdigest()


def problem(path: Path, *, pinned: bool) -> str | None:
    """Why this file may not be installed, or None. `pinned`: its checksum is the known one, so that it is whole."""
    suffix = path.suffix.lower()
    if suffix in PINNED_SUFFIXES:
        kind = "an archive" if suffix == ".zip" else "a pickle, which can run programs,"
        return None if pinned else f"it is {kind} and its checksum is not a known one"
    if suffix not in SAFE_SUFFIXES:
        return NO_WEIGHTS
    with path.open("rb") as file:
        head = file.read(8)
        if not head:
            return "it is empty"
        # A pickle begins with its protocol, a PyTorch file is a ZIP around one.
        if suffix not in {".txt", ".npy"} and (head[:2] in {b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"}):
            return "it is a pickle, which can run programs; look for the safetensors or ONNX form"
    return None if pinned else whole.trouble(path)


def sync(path: Path) -> None:
    """A file or folder is on the disk when this returns."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def no_room(error: OSError) -> bool:
    return error.errno in {errno.ENOSPC, errno.EDQUOT}


def in_words(size: int | None) -> str:
    """1,234,567 bytes are "1.2 MB"."""
    if size is None:
        return "unknown size"
    number = float(size)
    for unit in ("bytes", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "bytes" or number >= 100 else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"
