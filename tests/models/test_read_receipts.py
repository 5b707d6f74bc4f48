"""How much of real receipts the reader of text reads."""

import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml import OCR, PageText, Picture, Runtime

pytest.importorskip("rapidocr", reason="the extra ml is not installed")


def words(text: str) -> Counter[str]:
    return Counter(re.findall(r"[a-z0-9]+", text.lower()))


def test_the_words_of_receipts_are_found(material: Path) -> None:
    truth = json.loads((material / "truth" / "ocr_receipts.json").read_text())
    expected = {name: words(" ".join(line["text"] for line in receipt["lines"])) for name, receipt in truth.items()}
    with Runtime({"ocr": {"BACKEND": "rapidocr"}}) as runtime:
        results = list(runtime.map(OCR, (rendition(material / name) for name in truth)))
    found = {
        name: (words(result.text) & expected[name]).total()
        for name, result in zip(truth, results, strict=True)
        if isinstance(result, PageText)
    }
    shares = {name: found[name] / expected[name].total() for name in truth}
    assert sum(found.values()) / sum(counter.total() for counter in expected.values()) >= 0.9
    assert {name: share for name, share in shares.items() if share < 0.8} == {}


def rendition(path: Path) -> Picture:
    """As the pipeline shows a picture with text: 2560 on the long side, never enlarged."""
    with Image.open(path) as image:
        image.thumbnail((2560, 2560))
        return np.asarray(image.convert("RGB"))
