"""Whether a file of weights is all there, told by the file itself: every length that it names must fit into it.

Only lengths are read, never the numbers, so that a file of gigabytes takes no memory and no library that runs it.
"""

import json
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import numpy as np

_LONGEST_HEADER = 100_000_000  # what the safetensors library allows
_LONGEST_JSON = 100_000_000
_MOST_FIELDS = 5_000_000
_CTRANSLATE2_VERSIONS = range(4, 7)  # of the form in which model.bin is written

# Numbers of fields in onnx.proto.
_MODEL_VERSION, _MODEL_GRAPH, _MODEL_OPERATORS = 1, 7, 8
_GRAPH_NODE, _GRAPH_TENSOR = 1, 5
_TENSOR_ELSEWHERE = 13
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5


class _CutOffError(Exception):
    pass


class _OtherFormError(Exception):
    pass


def trouble(path: Path) -> str | None:
    """What is wrong with the file, as far as its kind tells; None for a whole one, and for kinds that say nothing."""
    kinds: dict[str, Callable[[IO[bytes], Path], None]] = {
        ".onnx": _onnx,
        ".safetensors": _safetensors,
        ".bin": _ctranslate2,
        ".json": _json,
        ".npy": _npy,
    }
    if (check := kinds.get(path.suffix.lower())) is None:
        return None
    try:
        with path.open("rb") as file:
            check(file, path)
    except _CutOffError as error:
        return f"it is cut off{error}"
    except _OtherFormError as error:
        return f"it is cut off, damaged or no {error}"
    return None


def _onnx(file: IO[bytes], path: Path) -> None:
    fields = _Fields(file)
    seen = set()
    for number, start, end in fields(0, _size(path)):
        seen.add(number)
        if number == _MODEL_GRAPH:
            for part, first, last in fields(start, end):
                if part == _GRAPH_NODE:
                    for _field in fields(first, last):
                        pass
                if part == _GRAPH_TENSOR:
                    _tensor(fields, first, last, path)
    if not seen >= {_MODEL_VERSION, _MODEL_GRAPH, _MODEL_OPERATORS}:
        raise _OtherFormError("ONNX file")


def _tensor(fields: "_Fields", start: int, end: int, path: Path) -> None:
    """Large models keep their numbers in a file beside them."""
    entries = [fields.texts(first, last) for field, first, last in fields(start, end) if field == _TENSOR_ELSEWHERE]
    told = dict(texts[:2] for texts in entries if len(texts) > 1)
    if "location" not in told:
        return
    beside = path.parent / told["location"]
    if Path(told["location"]).name != told["location"] or not beside.is_file():
        raise _CutOffError(f": its numbers are in {told['location']}, which is not beside it")
    offset, length = (int(told.get(key, "0")) if told.get(key, "0").isdigit() else 0 for key in ("offset", "length"))
    if offset + length > _size(beside):
        raise _CutOffError(f": {told['location']} beside it ends too early")


class _Fields:
    """Protocol buffers: fields with their numbers, kinds and lengths. What does not fit raises."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._left = _MOST_FIELDS

    def __call__(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Of the message between these places each field's number, and where its content begins and ends."""
        at = start
        while at < end:
            self._left -= 1
            tag, at = self._varint(at, end)
            number, kind = tag >> 3, tag & 7
            if self._left < 0 or not number:
                raise _OtherFormError("ONNX file")
            if kind == _LENGTH:
                length, at = self._varint(at, end)
                following = at + length
            elif kind == _VARINT:
                _, following = self._varint(at, end)
            elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
                following = at + (8 if kind == _EIGHT_BYTES else 4)
            else:
                raise _OtherFormError("ONNX file")
            if following > end:
                raise _CutOffError
            yield number, at, following
            at = following

    def texts(self, start: int, end: int) -> list[str]:
        """The fields of a small message as words."""
        words = []
        for _number, first, last in self(start, end):
            self._file.seek(first)
            words.append(self._file.read(min(last - first, 4096)).decode(errors="replace"))
        return words

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        self._file.seek(at)
        value = 0
        for place, byte in enumerate(self._file.read(min(10, end - at))):
            value |= (byte & 127) << (7 * place)
            if byte < 128:
                return value, at + place + 1
        raise _CutOffError


def _safetensors(file: IO[bytes], path: Path) -> None:
    """Its header says where its last number ends."""
    size = _size(path)
    length = struct.unpack("<Q", file.read(8).ljust(8, b"\0"))[0]
    if not 2 <= length <= min(_LONGEST_HEADER, size - 8):
        raise _OtherFormError("safetensors file")
    ends = [int(end) for end in re.findall(rb'"data_offsets"\s*:\s*\[\s*\d+\s*,\s*(\d+)\s*\]', file.read(length))]
    if size != 8 + length + max(ends, default=0):
        raise _CutOffError


def _ctranslate2(file: IO[bytes], path: Path) -> None:
    """Version, name, revision; then each variable with its length, and the names that mean the same."""
    size = _size(path)

    def number(form: str) -> int:
        wide = struct.calcsize(form)
        if len(read := file.read(wide)) < wide:
            raise _CutOffError
        value: int = struct.unpack(f"<{form}", read)[0]
        return value

    def skip(length: int) -> None:
        if file.seek(length, 1) > size:
            raise _CutOffError

    if size < 4 or number("I") not in _CTRANSLATE2_VERSIONS:
        raise _OtherFormError("CTranslate2 model")
    skip(number("H"))
    skip(4)
    for _variable in range(number("I")):
        skip(number("H"))
        skip(4 * number("B") + 1)
        skip(number("I"))
    for _alias in range(number("I")):
        skip(number("H"))
        skip(number("H"))


def _json(file: IO[bytes], path: Path) -> None:
    try:
        json.loads(file.read(_LONGEST_JSON))
    except (ValueError, RecursionError) as error:
        raise _OtherFormError("JSON") from error


def _npy(file: IO[bytes], path: Path) -> None:
    try:
        np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise _OtherFormError("NumPy array") from error


def _size(path: Path) -> int:
    return path.stat().st_size
