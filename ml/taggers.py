"""RAM++ as ONNX: what an export leaves in the folder, and how it is asked. Without torch."""

from pathlib import Path

from . import weights
from .backend import NotInstalled
from .cuts import Cut
from .devices import Device
from .engines.ort import opened
from .results import Numbers
from .towers import PRECISIONS, folder_of

#: As its publisher names the file that an export is made from.
CHECKPOINT = "ram_plus_swin_large_14m.pth"


class Tagger:
    """`tags`: how many it knows. Raises NotInstalled for a file that cannot be read, or is another model."""

    def __init__(self, path: Path, *, device: Device | None, threads: int) -> None:
        self._model = opened(path, "Export the model again.", device=device, threads=threads)
        shape, tags = list(self._model.input_shape), list(self._model.output_shape)[-1]
        if len(shape) != 4 or not isinstance(side := shape[-1], int) or not isinstance(tags, int):
            raise NotInstalled(f"{path} is no RAM++. Export the model again.")
        self.cut, self.tags = cut_of(side), tags

    @property
    def device(self) -> Device:
        return self._model.device

    def __call__(self, pictures: Numbers) -> Numbers:
        """Pictures x tags, logits."""
        return self._model(pictures)


def cut_of(side: int) -> Cut:
    """The whole picture as a square, as the model was trained: ImageNet's mean and spread."""
    return Cut(side, side, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "bilinear", "squash")


def file_of(precision: str) -> str:
    return "tags.onnx" if precision == "fp32" else f"tags.{precision}.onnx"


def missing(name: str, precision: str, *lists: str) -> str | None:
    """What to do about a tagger that is not on this machine, or None. `lists`: what must lie beside it."""
    if precision not in PRECISIONS:
        return f'There is no precision "{precision}". Known are: {", ".join(PRECISIONS)}.'
    if absent := weights.missing(name, *lists):
        return absent
    folder = folder_of(name)
    if (folder / file_of(precision)).is_file():
        return None
    if (folder / file_of("fp32")).is_file():
        return f"The {precision} form of {name} drifted too far and was not kept: set the precision to fp32."
    return f"Not exported: {name}. Run: python -m ml models export {name}"
