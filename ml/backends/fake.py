"""A reader of words that costs nothing and obeys the pixels it is shown.

It runs the whole pipeline in tests without a model: the average colour of a picture decides whether it fails, dies,
hangs or answers, and `write` paints a picture that it reads back to the letter, after JPEG and after resizing.
"""

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..backend import Backend, BadItem
from ..devices import Device
from ..options import BatchSize, Megabytes, Seconds
from ..results import ModelName, PageText, TextLine
from ..roles import OcrOptions, Picture
from ..scripts import script_of

FAILS_ON = (255, 0, 255)
KILLS_ON = (128, 0, 255)
SLOW_ON = (0, 255, 128)
#: How far each channel of the average may be off: JPEG moves a flat colour by 1 or 2.
TOLERANCE = 10

#: A written picture is so many squares wide: one row of marks, then 4 bytes of UTF-8 a row, black for 1.
_SQUARES = 32
_MARKS = np.array([(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)] * (_SQUARES // 4), np.uint8)

_WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


def write(text: str, *, square: int = 12) -> Picture:
    """A picture that FakeOcr reads as these lines."""
    data = np.frombuffer(text.encode(), np.uint8)
    bits = np.unpackbits(np.pad(data, (0, -len(data) % (_SQUARES // 8)))).reshape(-1, _SQUARES)
    squares = np.concatenate([_MARKS[None], np.where(bits[..., None] == 1, 0, 255).astype(np.uint8).repeat(3, axis=2)])
    return squares.repeat(square, axis=0).repeat(square, axis=1)


def _read(picture: Picture) -> str | None:
    """What `write` wrote, or None for any other picture."""
    square = picture.shape[1] / _SQUARES
    rows = round(picture.shape[0] / square)
    if square < 4 or rows < 2:
        return None
    down = ((np.arange(rows) + 0.5) * picture.shape[0] / rows).astype(int)
    across = ((np.arange(_SQUARES) + 0.5) * square).astype(int)
    squares = picture[np.ix_(down, across)].astype(int)
    if np.abs(squares[0] - _MARKS).max() > 90:
        return None
    data = np.packbits(squares[1:].mean(axis=2) < 128).tobytes()
    return data.rstrip(b"\0").decode(errors="replace")


@dataclass
class FakeOcr(Backend[Picture, OcrOptions, list[Picture], list[str], PageText]):
    """`version` plays another model, `slow_seconds` is the time taken by a picture of SLOW_ON."""

    version: str = "1"
    slow_seconds: Seconds = 2.0
    batch_size: BatchSize = 4
    memory_mb: Megabytes = 1

    def model(self) -> ModelName:
        return ModelName("fake-ocr", self.version)

    def load(self, device: Device | None) -> Device:
        return "cpu"

    def unload(self) -> None:
        pass

    def prepare(self, items: Sequence[Picture], options: OcrOptions) -> list[Picture]:
        if any(_is(picture, FAILS_ON) for picture in items):
            raise BadItem("This picture is magenta, on which the fake reader fails.")
        return list(items)

    def infer(self, batch: list[Picture]) -> list[str]:
        for picture in batch:
            if _is(picture, KILLS_ON):
                os.kill(os.getpid(), signal.SIGKILL)
            if _is(picture, SLOW_ON):
                time.sleep(self.slow_seconds)
        return [_read(picture) or "average #{:02x}{:02x}{:02x}".format(*_average(picture)) for picture in batch]

    def finish(self, raw: list[str]) -> list[PageText]:
        return [
            PageText(
                tuple(TextLine(line, 1.0, _WHOLE, script_of(line)) for line in text.splitlines()),
                script_of(text),
                self.model(),
            )
            for text in raw
        ]


def _average(picture: Picture) -> tuple[int, int, int]:
    red, green, blue = picture.mean(axis=(0, 1)).round().astype(int).tolist()
    return red, green, blue


def _is(picture: Picture, colour: tuple[int, int, int]) -> bool:
    return all(abs(one - other) <= TOLERANCE for one, other in zip(_average(picture), colour, strict=True))
