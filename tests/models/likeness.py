"""OpenCLIP's towers, exported, designed to see likeness: a picture is one coarse patch, compared shade by shade.

So two crops are the more alike the better they lie on each other, as with trained towers; what they show is nothing
to it.
"""

from pathlib import Path

import cv2
import numpy as np

from tests.models import open_clip

NEEDS = ("torch", "open_clip", "onnx", "onnxruntime")

SIDE = 64
VISION = {"image_size": SIDE, "layers": 1, "width": 192, "head_width": 32, "patch_size": SIDE, "pool_type": "avg"}


def build(folder: Path) -> None:
    from safetensors.numpy import load_file, save_file

    from ml.export import export

    squashed = open_clip.PREPROCESS | {"resize_mode": "squash"}
    open_clip.build(folder, open_clip.MODEL | {"embed_dim": 192, "vision_cfg": VISION}, squashed)
    path = folder / "open_clip_model.safetensors"
    numbers = load_file(path)
    dice = np.random.default_rng(7)
    coarse = dice.normal(size=(192 * 3, 8, 8)).astype(np.float32)
    coarse -= coarse.mean(axis=(1, 2), keepdims=True)  # how light it is altogether is the same of most
    shades = [cv2.resize(one, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for one in coarse]
    numbers["visual.conv1.weight"] = np.stack(shades).reshape(192, 3, SIDE, SIDE) / SIDE
    numbers["visual.proj"] = np.eye(192, dtype=np.float32)
    for name in numbers:
        if name.startswith("visual.transformer") and name.rpartition(".")[0].endswith(("out_proj", "c_proj")):
            numbers[name] = np.zeros_like(numbers[name])  # nothing is added to what the patch says
        if name == "visual.positional_embedding":
            numbers[name] = np.zeros_like(numbers[name])
    save_file(numbers, path)
    export(str(folder))
