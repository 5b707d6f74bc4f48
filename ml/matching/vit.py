"""Patches as a vision transformer sees them: the last layer's tokens of any ViT that timm knows, in one pass.

The weights are a folder as timm publishes it: config.json and model.safetensors. torch and timm are imported by
`load` only.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..backend import NotInstalled
from ..devices import Device
from ..engines.torch import device_for, dtype_for, ensure_torchvision, inference, set_threads
from ..packages import missing_packages
from ..results import Numbers
from ..roles import Picture

_PACKAGES = ("torch", "torchvision", "timm")
_FILES = ("config.json", "model.safetensors")


class VitPatches:
    """`cell`: the side of the model's patches. Pictures must be whole cells large; those of one call all the same."""

    def __init__(self, model: Any, device: Device, numbers: str) -> None:
        self._model = model
        self._device = device
        self._numbers = numbers
        self.cell = int(model.patch_embed.patch_size[0])

    @classmethod
    def load(cls, folder: Path, *, device: Device | None = None, numbers: str = "auto", threads: int = 1) -> Self:
        """`numbers`: "float32", "bfloat16", several times faster on processors that have it, or "auto". Raises
        NotInstalled, which says what to do."""
        if missing := missing_packages(_PACKAGES):
            raise NotInstalled(missing)
        if absent := [name for name in _FILES if not (folder / name).is_file()]:
            raise NotInstalled(f"Not in {folder}: {', '.join(absent)}. Put a vision transformer of timm there.")
        ensure_torchvision()
        import timm

        set_threads(threads)
        place = device_for(device)
        try:
            model = timm.create_model(
                f"local-dir:{folder}", pretrained=True, num_classes=0, dynamic_img_size=True, cache_dir=str(folder)
            )
        except Exception as error:  # what timm and safetensors raise for half a file has no common base class
            raise NotInstalled(f"The model in {folder} cannot be read: {error}. Install it again.") from error
        model = model.eval().to(device=place, dtype=dtype_for(place, numbers))
        return cls(model, place, numbers)

    def __call__(self, pictures: Sequence[Picture], /) -> list[Numbers]:
        import torch

        height, width = pictures[0].shape[:2]
        config = self._model.pretrained_cfg
        with inference():
            batch = torch.from_numpy(np.stack(pictures)).to(self._device).permute(0, 3, 1, 2).float() / 255
            mean, std = (torch.tensor(config[key], device=self._device).view(1, 3, 1, 1) for key in ("mean", "std"))
            tokens = self._model.forward_features(((batch - mean) / std).to(dtype_for(self._device, self._numbers)))
            tokens = tokens[:, self._model.num_prefix_tokens :].float().cpu().numpy()
        rows, columns = height // self.cell, width // self.cell
        maps: Numbers = tokens.reshape(len(pictures), rows, columns, -1)
        return list(maps)
