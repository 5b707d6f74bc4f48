"""Vision transformers as ONNX, for machines without torch: exported whole, checked against torch, or not at all.

From timm's weights, the patches of the last layer, for pictures of any size.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import weights
from .backend import NotInstalled
from .engines.torch import ensure_torchvision, inference
from .export import ExportError, drawn_pictures, quantise, shared_nearest, to_onnx, whole_or_not_at_all
from .packages import missing_packages
from .patches import DESCRIPTION, POSITIONS, SOURCE, Eye, PatchTower, alike, file_of
from .results import Numbers
from .roles import Picture
from .towers import PRECISIONS, Precision, folder_of

_NEEDS = ("torch", "torchvision", "timm", "onnx", "onnxruntime")
_MOST_PICTURES = 8
_MOST_PATCHES = 2048
_COMPARED = 500  # patches whose nearest are looked for

#: The least cosine of a patch, the mean one, and the least mean share of a patch's ten nearest that stay.
LIMITS: dict[Precision, tuple[float, float, float]] = {"fp32": (0.999, 0.9999, 0.98), "int8": (0.9, 0.98, 0.8)}


@dataclass(frozen=True)
class PatchVerdict:
    """How near exported patches come to torch's: the smallest and the mean cosine, and the mean share of each patch's
    ten nearest that torch names too. `kept`: within the limits."""

    precision: Precision
    least: float
    mean: float
    nearest: float
    kept: bool

    @property
    def figures(self) -> dict[str, str]:
        """For people."""
        return {
            "least cosine of a patch": f"{self.least:.5f}",
            "mean": f"{self.mean:.5f}",
            "same nearest ten": f"{self.nearest:.0%}",
        }


def export(name: str, pictures: Sequence[Picture] = ()) -> list[PatchVerdict]:
    """Write the patches of an installed vision transformer as ONNX beside it, with numbers of 32 and of 8 bits.

    They are checked on the first of `pictures`, at several sizes; own photos say more than the drawn ones that are
    taken when there are none. A precision that drifts is not kept; when that is fp32, nothing is. Raises NotInstalled
    and ExportError.
    """
    model = load_vit(_source(name))
    with whole_or_not_at_all(folder_of(name)) as folder:
        _write(model, folder)
        return _judge(model, folder, pictures or drawn_pictures(_MOST_PICTURES))


def verify(name: str, pictures: Sequence[Picture]) -> list[PatchVerdict]:
    """Compare exported patches with torch's; a precision that drifts is removed. Errors as `export`."""
    source, folder = _source(name), folder_of(name)
    if not (folder / DESCRIPTION).is_file():
        raise NotInstalled(f"Not exported: {name}. Run: python -m ml models export {name}")
    return _judge(load_vit(source), folder, pictures)


def load_vit(source: Path) -> Any:
    """The model of a folder as timm publishes it, in fp32, for pictures of any size. Nothing is fetched."""
    ensure_torchvision()
    import timm

    try:
        architecture = json.loads((source / "config.json").read_text())["architecture"]
        if not timm.models.is_model_in_modules(architecture, ["vision_transformer"]):
            raise ExportError(f"{source.name} is no plain vision transformer: MediaHub cannot ask it for patches.")
        model = timm.create_model(
            f"local-dir:{source}", pretrained=True, num_classes=0, dynamic_img_size=True, cache_dir=str(source)
        )
    except ExportError:
        raise
    except Exception as error:  # what timm and safetensors raise for half a file has no common base class
        raise ExportError(f"The weights in {source} cannot be read: {error}. Install them again.") from error
    return model.eval()


def eye_of(model: Any) -> Eye:
    config = model.pretrained_cfg
    return Eye(int(model.patch_embed.patch_size[0]), tuple(config["mean"]), tuple(config["std"]), int(model.embed_dim))


def seen(model: Any, pixels: Numbers) -> Numbers:
    """Pictures x rows x columns x numbers, by torch."""
    import torch

    place = model.pos_embed
    cell = model.patch_embed.patch_size[0]
    rows, columns = (side // cell for side in pixels.shape[2:])
    with inference():
        tokens = model.forward_features(torch.from_numpy(pixels).to(place.device, place.dtype))
        patches: Numbers = tokens[:, model.num_prefix_tokens :].float().cpu().numpy()
    return patches.reshape(len(pixels), rows, columns, -1)


def _source(name: str) -> Path:
    if missing := missing_packages(_NEEDS) or weights.missing(name, *SOURCE):
        raise NotInstalled(missing)
    return weights.folder(name)


def _write(model: Any, folder: Path) -> None:
    import torch

    count = 0 if model.no_embed_class else model.num_prefix_tokens
    rows, columns = model.patch_embed.grid_size
    before, places = model.pos_embed.detach()[:, :count], model.pos_embed.detach()[:, count:]
    extra = [one.detach() for one in (model.cls_token, model.reg_token) if one is not None]
    # The tokens that stand for no patch, with their places.
    prefix = torch.cat(extra, dim=1) if extra else places[:, :0]
    prefix = prefix + before if count else prefix

    class Patches(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model.requires_grad_(False)

        def forward(self, pictures: "torch.Tensor", positions: "torch.Tensor") -> "torch.Tensor":
            tokens = self.model.patch_embed(pictures).flatten(1, 2) + positions
            tokens = torch.cat([prefix.expand(tokens.shape[0], -1, -1), tokens], dim=1)
            tokens = self.model.norm(self.model.blocks(self.model.norm_pre(tokens)))
            return tokens[:, prefix.shape[1] :]

    eye = eye_of(model)
    (folder / DESCRIPTION).write_text(json.dumps(asdict(eye), indent=2))
    np.save(folder / POSITIONS, places[0].reshape(rows, columns, -1).numpy())
    sides = {"pictures": {0: "batch", 2: "height", 3: "width"}, "positions": {0: "patches"}}
    with inference():
        inputs = {"pictures": torch.zeros(2, 3, 3 * eye.cell, 2 * eye.cell), "positions": torch.zeros(6, eye.numbers)}
        path = folder / file_of("fp32")
        to_onnx(Patches(), inputs, path, output="patches", axes=sides | {"patches": {0: "batch", 1: "patches"}})
    quantise(path, folder / file_of("int8"))


def _judge(model: Any, folder: Path, pictures: Sequence[Picture]) -> list[PatchVerdict]:
    """Remove what drifts. Raises ExportError when fp32 does."""
    import cv2

    # Large, as tiles are, and lying, so that rows and columns cannot be mixed up.
    sizes = ((16, 16), (9, 14), (24, 24))
    eye = Eye.read(folder)
    sized = [
        np.asarray(cv2.resize(picture, (columns * eye.cell, rows * eye.cell)), np.uint8)
        for number, picture in enumerate(pictures[:_MOST_PICTURES])
        for rows, columns in [sizes[number % len(sizes)]]
    ]
    pieces = alike(eye, sized, _MOST_PATCHES)
    theirs = _rows([seen(model, piece.pixels) for piece in pieces])
    verdicts = []
    for precision in PRECISIONS:
        if not (path := folder / file_of(precision)).is_file():
            continue
        tower = PatchTower(folder, precision, device="cpu", threads=1)
        found = _verdict(precision, _rows([tower(piece.pixels) for piece in pieces]), theirs)
        verdicts.append(found)
        if not found.kept and precision == "fp32":
            raise ExportError(f"The exported model is not the one of torch: {found}. It is not kept.")
        if not found.kept:
            path.unlink()
    return verdicts


def _rows(maps: Sequence[Numbers]) -> Numbers:
    rows = np.concatenate([one.reshape(-1, one.shape[-1]) for one in maps])
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-12), np.float32)


def _verdict(precision: Precision, ours: Numbers, theirs: Numbers) -> PatchVerdict:
    cosines = (ours * theirs).sum(axis=1)
    step = max(len(ours) // _COMPARED, 1)
    nearest = shared_nearest(ours[::step], theirs[::step])
    least, mean = float(cosines.min()), float(cosines.mean())
    kept = all(figure >= limit for figure, limit in zip((least, mean, nearest), LIMITS[precision], strict=True))
    return PatchVerdict(precision, round(least, 5), round(mean, 5), round(nearest, 4), kept)
