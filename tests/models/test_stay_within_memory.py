"""Real models in a process that has no room for both, and how much it really took."""

import json
import subprocess
import sys
from typing import Any

import pytest

pytest.importorskip("onnxruntime", reason="the extra ml is not installed")
pytest.importorskip("rapidocr", reason="the extra ml is not installed")
if not sys.platform.startswith("linux"):
    pytest.skip("the peak of a process is read from /proc", allow_module_level=True)

#: The reader in two roles, once looking less closely. With these pages the process took 320 to 345 MB when they take
#: turns, and 365 and more when both stay.
CHILD = """
import dataclasses, json, sys
from pathlib import Path

import cv2, onnxruntime
from ml import OCR, Role, Runtime, registry
from tests.ml.pages import page

def megabytes(name):
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) // 1024

SIGNS = Role("signs", OCR.options, OCR.result, OCR.problem)
reader = registry.backends_of("ocr")["rapidocr"]
registry.BACKENDS = (*registry.BACKENDS, dataclasses.replace(reader, role="signs"))

limit = int(sys.argv[1])
pages = [page(*(f"Line {line} of page {number}" for line in range(10))) for number in range(2)]
small = {"memory_mb": 240, "batch_size": 1}
settings = {
    "ocr": {"BACKEND": "rapidocr", "DEVICE": "cpu", "OPTIONS": small},
    "signs": {"BACKEND": "rapidocr", "DEVICE": "cpu", "OPTIONS": {**small, "detector_side": 800}},
}
with Runtime(settings, memory_mb=limit - megabytes("VmRSS")) as runtime:
    texts = [[one.text for one in runtime.map(role, pages)] for role in (OCR, SIGNS, OCR, SIGNS)]
    loads = [status.loads for status in runtime.status()]
print(json.dumps({"texts": texts, "loads": loads, "peak": megabytes("VmHWM")}))
"""


def child(limit: int) -> Any:
    """What the process says that may take so many megabytes."""
    command = [sys.executable, "-c", CHILD, str(limit)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=240).stdout)


def test_two_readers_take_turns_within_the_memory_for_one() -> None:
    limit, more = 360, 1000
    both, turns = child(more), child(limit)
    first, other, first_again, other_again = turns["texts"]
    assert (both["loads"], turns["loads"]) == ([1, 1], [2, 2])
    assert (first, other) == (first_again, other_again)
    assert turns["texts"] == both["texts"]
    assert [text.splitlines()[0] for text in first] == [f"Line 0 of page {number}" for number in range(2)]
    assert turns["peak"] < min(limit, both["peak"])
