"""The reader of text in a process of its own, for its memory and its first answer: `python -m bench.reader WAY PAGES`.

Told as one line of JSON. Sizes are MB of resident memory beyond what the process had before the models were loaded.
"""

import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TypedDict

import cv2
import numpy as np
import onnxruntime  # noqa: F401 - what it takes is not the model's

from ml import OCR, OcrOptions, PageText, Picture, Runtime
from ml.backends.rapidocr import RapidOcr


class Told(TypedDict):
    """`batch_mb`: the pictures of one batch."""

    texts: list[str]
    peak_mb: float
    batch_mb: float


def main() -> None:
    way, pages = sys.argv[1], int(sys.argv[2])
    if way == "first":
        say_the_first_word()
    else:
        told = {"runtime": through_the_runtime, "bare": one_batch_after_the_other}[way](pages)
        print(json.dumps(told))


def through_the_runtime(pages: int) -> Told:
    before = _resident_mb()
    with Runtime({"ocr": {"BACKEND": "rapidocr", "DEVICE": "cpu"}}) as runtime:
        texts = [page.text for page in runtime.map(OCR, _pages(pages)) if isinstance(page, PageText)]
        return Told(texts=texts, peak_mb=_peak_mb() - before, batch_mb=0)


def one_batch_after_the_other(pages: int) -> Told:
    """The model and a batch at work: what nobody can do without."""
    before = _resident_mb()
    backend = RapidOcr()
    backend.load("cpu")
    texts, batch_mb, waiting = [], 0.0, _pages(pages)
    while batch := list(islice(waiting, backend.batch_size)):
        batch_mb = max(batch_mb, sum(page.nbytes for page in batch) / 2**20)
        texts += [page.text for page in backend.finish(backend.infer(backend.prepare(batch, OcrOptions())))]
        batch.clear()
    return Told(texts=texts, peak_mb=_peak_mb() - before, batch_mb=batch_mb)


def say_the_first_word() -> None:
    """The first answer of a fresh process, to a small picture."""
    with Runtime({"ocr": {"BACKEND": "rapidocr", "DEVICE": "cpu"}}) as runtime:
        picture = _page(0, width=320, height=96)
        print(json.dumps([page.text for page in runtime.map(OCR, [picture]) if isinstance(page, PageText)]), flush=True)


def _pages(count: int) -> Iterator[Picture]:
    return (_page(number) for number in range(count))


def _page(number: int, *, width: int = 2560, height: int = 1920) -> Picture:
    page = np.full((height, width, 3), 255, np.uint8)
    for row in range(height // 150 + 1):
        words = f"Page {number} line {row} costs {number * 12 + row}.50"
        cv2.putText(page, words, (60, 70 + 150 * row), cv2.FONT_HERSHEY_SIMPLEX, 2, (0, 0, 0), 5)
    return page


def _resident_mb() -> float:
    return _status_mb("VmRSS")


def _peak_mb() -> float:
    """Of this program only; the figure of getrusage would also know the parent that started it."""
    return _status_mb("VmHWM")


def _status_mb(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(name))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
