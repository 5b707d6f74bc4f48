"""What the embedding of pictures is measured on and against: needs torch, to make the model and as the rival.

The model is a ViT-B-32 of real size with seeded numbers: it proves speed, and that two ways agree, never what is seen.
"""

import importlib.util
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from bench.protocol import NotHere, seconds
from ml import export
from ml.backends.open_clip_onnx import OnnxImageEmbedder
from ml.backends.open_clip_torch import TorchImageEmbedder
from ml.engines.torch import ensure_torchvision
from ml.results import Numbers
from ml.roles import EmbedOptions, Picture

Embedder: TypeAlias = OnnxImageEmbedder | TorchImageEmbedder

NEEDS = ("torch", "torchvision", "open_clip", "safetensors", "onnx")
SMALL = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 64, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}
BATCH = 16
GEMM = 1024  # the side of the square matrices whose product is the machine's peak


@dataclass(frozen=True)
class Tower:
    """`flop`: of one picture, each multiplication and each addition."""

    folder: Path
    flop: float


def make(folder: Path, *, small: bool) -> Tower:
    """Seeded weights as they lie on the hub, and their export. Raises NotHere, and ExportError when it drifts."""
    if missing := [name for name in NEEDS if importlib.util.find_spec(name) is None]:
        raise NotHere(f"{', '.join(missing)} is not installed here; run it by .venv-ml/bin/python -m bench embedding")
    ensure_torchvision()
    import open_clip
    import torch
    from safetensors.torch import save_file

    config: Any = SMALL if small else open_clip.get_model_config("ViT-B-32")
    folder.mkdir(parents=True)
    clip = {"mean": open_clip.OPENAI_DATASET_MEAN, "std": open_clip.OPENAI_DATASET_STD}
    preprocess = clip | {"interpolation": "bicubic", "resize_mode": "shortest"}
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": preprocess}))
    torch.manual_seed(2026)
    model = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
    numbers = {name: one.contiguous() for name, one in model.state_dict().items()}
    save_file(numbers, folder / "open_clip_model.safetensors")
    export.export(str(folder))
    return Tower(folder, _flop(config["vision_cfg"], config["embed_dim"]))


def pictures(count: int) -> list[Picture]:
    """As previews come: 1440 wide, with coarse and fine detail."""
    found = []
    for number in range(count):
        dice = np.random.default_rng(number)
        coarse = Image.fromarray(dice.integers(0, 256, (9 + number % 9, 16, 3), np.uint8)).resize((1440, 1080))
        grain = Image.fromarray(dice.integers(0, 256, (270, 360, 3), np.uint8)).resize((1440, 1080))
        found.append(np.asarray(Image.blend(coarse, grain, 0.2), np.uint8))
    return found


def one_by_one(tower: Tower) -> Callable[[Sequence[Picture]], Numbers]:
    """The prototypes' loop: OpenCLIP and its own preparation by torchvision, in fp32, a picture at a time."""
    import open_clip
    import torch

    model, prepare = open_clip.create_model_from_pretrained(f"local-dir:{tower.folder}")
    model.eval()
    torch.set_num_threads(1)

    def embed(items: Sequence[Picture]) -> Numbers:
        vectors = []
        with torch.no_grad():
            for item in items:
                vector = model.encode_image(prepare(Image.fromarray(item)).unsqueeze(0))
                vectors.append((vector / vector.norm(dim=-1, keepdim=True))[0].numpy())
        return np.stack(vectors)

    return embed


@contextmanager
def loaded(tower: Tower, way: str) -> Iterator[Embedder]:
    """`way`: "fp32" or "int8" by ONNX Runtime, "bf16" by torch. One thread."""
    embedder: Embedder = (
        TorchImageEmbedder(weights=str(tower.folder), numbers="bfloat16", batch_size=BATCH)
        if way == "bf16"
        else OnnxImageEmbedder(weights=str(tower.folder), precision=way, batch_size=BATCH)
    )
    if missing := embedder.missing_weights():
        raise NotHere(missing)
    embedder.load("cpu")
    try:
        yield embedder
    finally:
        embedder.unload()


def in_batches(embedder: Embedder, items: Sequence[Picture]) -> Numbers:
    vectors = []
    for start in range(0, len(items), BATCH):
        cuts = embedder.prepare(items[start : start + BATCH], EmbedOptions())
        vectors += [vector.values for vector in embedder.finish(embedder.infer(cuts))]
    return np.stack(vectors)


def product(way: str, folder: Path) -> tuple[str, Callable[[], object]]:
    """The fastest product of square matrices in these numbers that the engines here have; who computes it, and it."""
    import torch

    candidates: dict[str, Callable[[], object]] = {}
    if way == "bf16":
        square = torch.ones(GEMM, GEMM, dtype=torch.bfloat16)
        candidates["torch"] = lambda: square @ square
    elif way == "fp32":
        single = torch.ones(GEMM, GEMM)
        candidates["torch"] = lambda: single @ single
        candidates["ONNX Runtime"] = _onnx_product("MatMul", np.ones((GEMM, GEMM), np.float32), folder)
    else:
        small = torch.ones(GEMM, GEMM, dtype=torch.int8)
        candidates["torch"] = lambda: torch._int_mm(small, small)
        candidates["ONNX Runtime"] = _onnx_product("MatMulInteger", np.ones((GEMM, GEMM), np.int8), folder)
    return min(candidates.items(), key=lambda one: _best(one[1]))


def _best(work: Callable[[], object]) -> float:
    work()
    return min(seconds(work) for _ in range(5))


def _onnx_product(kind: str, square: Any, folder: Path) -> Callable[[], object]:
    """A model of one product, whose right side is constant as a model's weights are."""
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    whole = TensorProto.FLOAT if kind == "MatMul" else TensorProto.INT32
    left = TensorProto.FLOAT if kind == "MatMul" else TensorProto.UINT8
    graph = helper.make_graph(
        [helper.make_node(kind, ["left", "right"], ["out"])],
        "product",
        [helper.make_tensor_value_info("left", left, [GEMM, GEMM])],
        [helper.make_tensor_value_info("out", whole, [GEMM, GEMM])],
        [numpy_helper.from_array(square, "right")],
    )
    path = folder / f"{kind}.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    given = {"left": square if kind == "MatMul" else square.astype(np.uint8)}
    return lambda: session.run(None, given)


def _flop(vision: Any, dimensions: int) -> float:
    """Of a ViT: patches, layers of attention and two dense ones, the last projection."""
    width, patch, layers = vision["width"], vision["patch_size"], vision["layers"]
    patches = (vision["image_size"] // patch) ** 2
    tokens = patches + 1
    layer = 24 * tokens * width**2 + 4 * tokens**2 * width
    return float(2 * patches * 3 * patch**2 * width + layers * layer + 2 * width * dimensions)
