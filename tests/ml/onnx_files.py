"""Small ONNX files, byte by byte: the base install has no `onnx`."""

from collections.abc import Sequence


def onnx_file(words: bytes = b"", *, tensors: Sequence[bytes] = ()) -> bytes:
    """One operator that gives back its input; `words` make it another file."""
    port = _field(1, b"x") + _field(2, _field(1, b"\x08\x01" + _field(2, _field(1, b"\x08\x01"))))
    other = port.replace(b"x", b"y", 1)
    node = _field(1, b"x") + _field(2, b"y") + _field(4, b"Identity")
    graph = [_field(1, node), _field(2, b"g"), *(_field(5, tensor) for tensor in tensors)]
    graph += [_field(11, port), _field(12, other)]
    return b"\x08\x08" + _field(6, words) + _field(7, b"".join(graph)) + _field(8, b"\x10\x0d")


def tensor(*, numbers: int = 0, elsewhere: dict[str, str] | None = None) -> bytes:
    """So many numbers of 32 bits, here or in a file beside."""
    entries = (_field(1, key.encode()) + _field(2, value.encode()) for key, value in (elsewhere or {}).items())
    head = b"\x08" + _varint(numbers) + b"\x10\x01" + _field(8, b"w")
    if elsewhere:
        return head + b"".join(_field(13, entry) for entry in entries) + b"\x70\x01"
    return head + _field(9, b"\0" * 4 * numbers)


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    low, rest = number & 127, number >> 7
    return bytes([low | 128]) + _varint(rest) if rest else bytes([low])
