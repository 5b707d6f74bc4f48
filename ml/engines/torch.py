"""torch: where a model runs, with which numbers, and what it says when memory is short."""

import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..devices import Device, wanted

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)


def device_for(device: Device | None) -> Device:
    """The first of the wished devices that this torch can use. Core ML is none of torch's: the processor."""
    import torch

    usable = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    return next(one for one in wanted(device) if usable.get(one))


def dtype_for(device: Device, name: str = "auto") -> "torch.dtype":
    """The numbers to compute with: half as long on a graphics card, full on a processor, unless `name` says.

    Raises ValueError for a name that torch does not know.
    """
    import torch

    if name == "auto":
        return torch.float32 if device == "cpu" else torch.float16
    known = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
    if name not in known:
        raise ValueError(f'There are no numbers "{name}". Known are: auto, {", ".join(sorted(known))}.')
    return known[name]


def set_threads(threads: int) -> None:
    """Threads of one computation; torch keeps one number for the whole process."""
    import torch

    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)


#: What those say of it who have no error of their own: the processor, Apple's graphics, cuBLAS, CUDA itself.
_TOO_LITTLE = ("not enough memory", "can't allocate memory", "out of memory", "ALLOC_FAILED")


@contextmanager
def memory() -> Iterator[None]:
    """Too little memory is a MemoryError on every device."""
    import torch

    try:
        yield
    except torch.OutOfMemoryError as error:
        raise MemoryError(str(error)) from error
    except RuntimeError as error:
        if any(words in str(error) for words in _TOO_LITTLE):
            raise MemoryError(str(error)) from error
        raise


@contextmanager
def inference() -> Iterator[None]:
    """Compute without keeping what only training needs. Too little memory is a MemoryError."""
    import torch

    with memory(), torch.inference_mode():
        yield


def free(device: Device) -> None:
    """Give back what torch keeps of a graphics card for the next model; call it when nobody holds the last one."""
    import torch

    gc.collect()  # some models hold themselves: Ultralytics' do
    if device == "cuda":
        torch.cuda.empty_cache()
    elif device == "mps":
        torch.mps.empty_cache()


#: Keeps the definitions of the stand-in alive: they end with their object.
_stand_in: list[Any] = []


def ensure_torchvision() -> None:
    """Make `import torchvision` work beside a torch for processors; call it before whatever imports torchvision.

    The registry's torchvision is built for CUDA. Beside another torch its compiled part does not load, and importing
    it fails because two operations are missing. They are defined here, one of them in plain torch. `decode_jpeg` and
    its like stay missing. Nothing is done where torchvision loads by itself.
    """
    import torch

    if _stand_in or torch.version.cuda is not None:
        return
    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    else:
        return
    _forget_torchvision()
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.impl("nms", _suppressed, "CPU")
    _stand_in.append(library)
    import torchvision
    from torchvision.ops import boxes

    boxes._assert_has_ops = lambda: None
    logger.debug("torchvision %s runs without its compiled part.", torchvision.__version__)


def _forget_torchvision() -> None:
    """A failed import leaves the submodules that did load."""
    import sys

    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]


def _suppressed(boxes: "torch.Tensor", scores: "torch.Tensor", overlap: float) -> "torch.Tensor":
    """Non-maximum suppression: the boxes to keep, best first."""
    import torch

    left, top, right, bottom = boxes.unbind(1)
    areas = (right - left) * (bottom - top)
    order, kept = scores.argsort(descending=True, stable=True), []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(best)
        width = (torch.minimum(right[best], right[rest]) - torch.maximum(left[best], left[rest])).clamp(min=0)
        height = (torch.minimum(bottom[best], bottom[rest]) - torch.maximum(top[best], top[rest])).clamp(min=0)
        shared = width * height
        order = rest[shared / (areas[best] + areas[rest] - shared) <= overlap]
    return torch.stack(kept) if kept else order
