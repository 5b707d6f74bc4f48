"""RAM++ as ONNX files, for machines without torch: exported whole, checked against torch, or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from . import weights
from .backend import NotInstalled
from .engines.torch import inference
from .export import ExportError, drawn_pictures, quantise, to_onnx, whole_or_not_at_all
from .packages import missing_packages
from .results import Numbers
from .roles import Picture
from .taggers import CHECKPOINT, Tagger, file_of
from .towers import PRECISIONS, Precision, folder_of
from .vocabulary import ENGLISH

if TYPE_CHECKING:
    from .ram_plus import RamPlus

_NEEDS = ("torch", "torchvision", "timm", "onnx", "onnxruntime")
_DRAWN = 12
_MOST_PICTURES = 16  # torch takes seconds for each
_AT_ONCE = 2
_BORDERS = {"image_proj", "wordvec_proj", "fc"}

#: The least correlation of a picture's logits, and the least mean share of its ten best tags that stay its ten best.
LIMITS: dict[Precision, tuple[float, float]] = {"fp32": (0.9999, 0.99), "int8": (0.99, 0.9)}


@dataclass(frozen=True)
class TagVerdict:
    """How near an exported tagger comes to torch: the smallest correlation of a picture's logits, the largest
    difference of a score, and the mean share of each picture's ten best tags that torch names too. `kept`: within the
    limits."""

    precision: Precision
    correlation: float
    difference: float
    shared: float
    kept: bool

    @property
    def figures(self) -> dict[str, str]:
        """For people."""
        return {
            "least correlation of logits": f"{self.correlation:.5f}",
            "largest difference of a score": f"{self.difference:.4f}",
            "same ten best tags": f"{self.shared:.0%}",
        }


def export(name: str, pictures: Sequence[Picture] = ()) -> list[TagVerdict]:
    """Write installed RAM++ weights as ONNX beside them, with numbers of 32 and of 8 bits.

    They are checked on the first of `pictures`; own photos say more than the drawn ones that are taken when there are
    none. A precision that drifts is not kept; when that is fp32, nothing is. Raises NotInstalled and ExportError.
    """
    model = _model(name)
    with whole_or_not_at_all(folder_of(name)) as folder:
        import torch

        path = folder / file_of("fp32")
        to_onnx(model, {"pictures": torch.zeros(2, 3, model.sizes.side, model.sizes.side)}, path, output="logits")
        quantise(path, folder / file_of("int8"), leave=_left_alone(path))
        return _judge(model, folder, pictures or drawn_pictures(_DRAWN))


def verify(name: str, pictures: Sequence[Picture]) -> list[TagVerdict]:
    """Compare an exported tagger with torch on pictures; a precision that drifts is removed. Errors as `export`."""
    if not (folder_of(name) / file_of("fp32")).is_file():
        raise NotInstalled(f"Not exported: {name}. Run: python -m ml models export {name}")
    return _judge(_model(name), folder_of(name), pictures)


def _model(name: str) -> "RamPlus":
    if missing := missing_packages(_NEEDS) or weights.missing(name, CHECKPOINT, ENGLISH):
        raise NotInstalled(missing)
    from .ram_plus import load

    return load(name)


def _left_alone(path: Path) -> list[str]:
    """The products that stay as they are. With the descriptions, whose table would be kept twice; and the three at the
    borders, which are small: in 8 bits they alone cost ten times as much correlation as all the others."""
    import onnx

    graph = onnx.load(path).graph
    tables = {one.name for one in graph.initializer if len(one.dims) > 2}
    products = [node for node in graph.node if node.op_type in ("MatMul", "Gemm")]
    return [node.name for node in products if tables & set(node.input) or set(node.name.split("/")) & _BORDERS]


def _judge(model: "RamPlus", folder: Path, pictures: Sequence[Picture]) -> list[TagVerdict]:
    """Remove what drifts. Raises ExportError when fp32 does."""
    import torch

    cut, theirs = model.sizes.cut, []
    pieces = [pictures[start : start + _AT_ONCE] for start in range(0, min(len(pictures), _MOST_PICTURES), _AT_ONCE)]
    for piece in pieces:
        with inference():
            theirs.append(model(torch.from_numpy(cut(piece))).numpy())
    verdicts = []
    for precision in PRECISIONS:
        if not (path := folder / file_of(precision)).is_file():
            continue
        tagger = Tagger(path, device="cpu", threads=1)
        found = _verdict(
            precision, np.concatenate([tagger(tagger.cut(piece)) for piece in pieces]), np.concatenate(theirs)
        )
        verdicts.append(found)
        if not found.kept and precision == "fp32":
            raise ExportError(f"The exported model is not the one of torch: {found}. It is not kept.")
        if not found.kept:
            path.unlink()
    return verdicts


def _verdict(precision: Precision, ours: Numbers, theirs: Numbers) -> TagVerdict:
    correlation = min(float(np.corrcoef(one, other)[0, 1]) for one, other in zip(ours, theirs, strict=True))
    difference = float(np.abs(_scores(ours) - _scores(theirs)).max())
    best = [np.argsort(-rows, axis=1, kind="stable")[:, :10].tolist() for rows in (ours, theirs)]
    shared = float(np.mean([len({*one} & {*other}) / len(one) for one, other in zip(*best, strict=True)]))
    least_correlation, least_shared = LIMITS[precision]
    kept = correlation >= least_correlation and shared >= least_shared
    return TagVerdict(precision, round(correlation, 6), round(difference, 4), round(shared, 4), kept)


def _scores(logits: Numbers) -> Numbers:
    return np.asarray(1 / (1 + np.exp(-logits)), np.float32)
