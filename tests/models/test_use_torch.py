"""torch as the models find it: with a torchvision that imports, on the device there is, honest about memory."""

import subprocess
import sys
import weakref

import numpy as np
import pytest

from ml.engines.torch import device_for, dtype_for, ensure_torchvision, free, inference

torch = pytest.importorskip("torch", reason="torch is not installed here: make test-ml")

IMPORTS = """
from ml.engines.torch import ensure_torchvision
ensure_torchvision()
import open_clip, timm, torch, torchvision
from transformers import DetrForObjectDetection
"""


def test_what_is_built_on_torchvision_imports_quietly() -> None:
    answer = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, timeout=120)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


def test_overlapping_boxes_are_suppressed_best_first() -> None:
    ensure_torchvision()
    from torchvision.ops import batched_nms, nms

    random = np.random.default_rng(5)
    corners = random.random((300, 2)) * 4
    boxes = np.concatenate([corners, corners + 0.5 + random.random((300, 2))], axis=1).astype(np.float32)
    scores = random.random(300).astype(np.float32)
    kept = nms(torch.tensor(boxes), torch.tensor(scores), 0.4).tolist()
    assert kept == _plainly(boxes, scores, 0.4)
    assert nms(torch.zeros(0, 4), torch.zeros(0), 0.4).tolist() == []
    apart = torch.arange(300)
    assert sorted(batched_nms(torch.tensor(boxes), torch.tensor(scores), apart, 0.4).tolist()) == apart.tolist()


def _plainly(boxes: np.ndarray, scores: np.ndarray, overlap: float) -> list[int]:
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable"):
        if all(_overlap(boxes[index], boxes[other]) <= overlap for other in kept):
            kept.append(int(index))
    return kept


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0) * max(height, 0)
    areas = (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1])
    return float(shared / (areas - shared))


def test_without_a_graphics_card_the_processor_computes_in_full() -> None:
    if torch.cuda.is_available() or torch.backends.mps.is_available():
        pytest.skip("There is a graphics card.")
    assert device_for("cuda") == device_for(None) == "cpu"
    assert dtype_for("cpu") == torch.float32
    assert dtype_for("cuda") == torch.float16
    assert dtype_for("cpu", "bfloat16") == torch.bfloat16
    with pytest.raises(ValueError, match=r'no numbers "half"\. Known are: auto, bfloat16'):
        dtype_for("cpu", "half")


def test_too_little_memory_is_a_memory_error() -> None:
    with pytest.raises(MemoryError), inference():
        torch.empty(2**48)


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="size"), inference():
        torch.ones(2) + torch.ones(3)


@pytest.mark.parametrize(
    "message",
    [
        "MPS backend out of memory (MPS allocated: 8.00 GB)",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "CUDA error: out of memory",
    ],
)
def test_too_little_memory_has_one_name_on_every_device(message: str) -> None:
    with pytest.raises(MemoryError), inference():
        raise RuntimeError(message)


def test_a_model_that_holds_itself_is_let_go_of() -> None:
    layer = torch.nn.Linear(1, 1)
    layer.myself = [layer]
    held = weakref.ref(layer)
    del layer
    free("cpu")
    assert held() is None
