"""PaddleOCR itself with real models, in its own environment."""

import json
import unicodedata
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml import OCR, PageText, Runtime
from ml.backends.paddleocr import PaddleOcr
from tests.models import built
from tests.models.pp_ocr import PACKAGE

pytestmark = pytest.mark.skipif(not find_spec(PACKAGE), reason="PaddlePaddle's models come with: make test-ml")

#: Two small ones: it takes its time.
RECEIPTS = ["documents/receipts/005.jpg", "documents/receipts/321.jpg"]


@pytest.fixture(scope="module")
def runtime() -> Iterator[Runtime]:
    options = {"weights": str(built("pp_ocr")), "seconds": 300.0}
    if missing := PaddleOcr(**options).missing_weights():  # type: ignore[arg-type]
        pytest.skip(missing)
    with Runtime({"ocr": {"BACKEND": "paddleocr", "OPTIONS": options}}) as runtime:
        yield runtime


def letters(text: str) -> Counter[str]:
    """Capitals and spaces aside: where those stand the truth and the model have habits of their own."""
    return Counter("".join(unicodedata.normalize("NFKC", text).upper().split()))


def test_receipts_are_read_with_their_totals(runtime: Runtime, material: Path) -> None:
    truth = json.loads((material / "truth" / "ocr_receipts.json").read_text())
    pictures = [np.asarray(Image.open(material / name).convert("RGB")) for name in RECEIPTS]
    for name, page in zip(RECEIPTS, runtime.map(OCR, pictures), strict=True):
        assert isinstance(page, PageText)
        printed = letters("".join(line["text"] for line in truth[name]["lines"]))
        read = letters(page.text)
        assert (printed & read).total() > 0.9 * max(printed.total(), read.total())
        assert truth[name]["fields"]["total"] in page.text
        assert all(0 <= at <= 1 for line in page.lines for corner in line.box for at in corner)
