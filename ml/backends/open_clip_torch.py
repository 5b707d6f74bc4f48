"""OpenCLIP by torch, from the folder as its publisher filled it: for graphics cards, and to compare exports with."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..backend import Backend, NotInstalled
from ..cuts import Cut
from ..devices import Device
from ..engines import torch as engine
from ..export import ExportError, cut_of, load_open_clip
from ..options import BatchSize, Megabytes, Threads
from ..results import ModelName, Numbers, Vector
from ..roles import EmbedOptions, Picture
from ..towers import model_name, vectors_of
from ..weights import folder, missing

Item = TypeVar("Item")


@dataclass
class _Embedder(Backend[Item, EmbedOptions, Any, Numbers, Vector]):
    """`numbers`: "auto" (half as long on a graphics card), "float32", "float16" or "bfloat16"; one space for all."""

    weights: str = "ViT-B-16-SigLIP2"
    numbers: str = "auto"
    threads: Threads = 1
    batch_size: BatchSize = 32
    memory_mb: Megabytes = 1800
    _model: Any = field(default=None, init=False, repr=False)
    _device: Device = field(default="cpu", init=False, repr=False)

    def model(self) -> ModelName:
        return model_name(self.weights, "fp32")

    def missing_weights(self) -> str | None:
        return missing(self.weights, "open_clip_config.json", "open_clip_model.safetensors")

    def dtype(self) -> str:
        return self.numbers if self._model is None else str(self._model.logit_scale.dtype).removeprefix("torch.")

    def finish(self, raw: Numbers) -> list[Vector]:
        return vectors_of(raw, self.weights, "fp32")

    def unload(self) -> None:
        self._model = None
        engine.free(self._device)

    def _load(self, device: Device | None, *, without: Sequence[str]) -> Device:
        """The model without the parts of the other tower."""
        try:
            model = load_open_clip(folder(self.weights))
            self._device = engine.device_for(device)
            numbers = engine.dtype_for(self._device, self.numbers)
        except (ExportError, ValueError) as error:
            raise NotInstalled(str(error)) from error
        for part in without:
            if hasattr(model, part):
                setattr(model, part, None)
        engine.set_threads(self.threads)
        self._model = model.to(self._device, numbers)
        return self._device


@dataclass
class TorchImageEmbedder(_Embedder[Picture]):
    _cut: Cut | None = field(default=None, init=False, repr=False)

    def load(self, device: Device | None) -> Device:
        found = self._load(device, without=("text", "transformer", "token_embedding", "text_decoder"))
        self._cut = cut_of(self._model)
        return found

    def prepare(self, items: Sequence[Picture], options: EmbedOptions) -> Numbers:
        if self._cut is None:
            raise RuntimeError("The model is not loaded.")
        return self._cut(items)

    def infer(self, batch: Numbers) -> Numbers:
        import torch

        with engine.inference():
            pictures = torch.from_numpy(batch).to(self._device, self._model.logit_scale.dtype)
            vectors: Numbers = self._model.encode_image(pictures).float().cpu().numpy()
        return vectors


@dataclass
class TorchQueryEmbedder(_Embedder[str]):
    """Its vectors stand in the space of the TorchImageEmbedder with the same weights, and of the ONNX ones in fp32."""

    _tokenizer: Any = field(default=None, init=False, repr=False)

    def load(self, device: Device | None) -> Device:
        found = self._load(device, without=("visual", "text_decoder"))
        import open_clip

        self._tokenizer = open_clip.get_tokenizer(f"local-dir:{folder(self.weights)}")
        return found

    def prepare(self, items: Sequence[str], options: EmbedOptions) -> Any:
        return self._tokenizer(list(items))

    def infer(self, batch: Any) -> Numbers:
        with engine.inference():
            vectors: Numbers = self._model.encode_text(batch.to(self._device)).float().cpu().numpy()
        return vectors
