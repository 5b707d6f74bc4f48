"""Models of torch as ONNX files, for machines without torch: exported whole, checked against torch, or not at all."""

import json
import os
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import weights
from .backend import NotInstalled
from .cuts import Cut
from .engines.torch import ensure_torchvision, inference
from .packages import missing_packages
from .results import Numbers
from .roles import Picture
from .towers import (
    DESCRIPTION,
    PRECISIONS,
    TABLE,
    TOKENIZER,
    PictureTower,
    Precision,
    SentenceTower,
    Towers,
    file_of,
    folder_of,
)

_NEEDS = ("torch", "open_clip", "onnx", "onnxruntime", "tokenizers")
_OPSET = 17

#: The least cosine, and the least mean share of each picture's ten nearest that stay its ten nearest. Below these an
#: export is not the same model any more.
LIMITS: dict[Precision, tuple[float, float]] = {"fp32": (0.9999, 0.99), "int8": (0.99, 0.95)}

SENTENCES = (
    "a photo of a dog on the beach",
    "two children and a birthday cake",
    "a receipt from a supermarket",
    "a red car in front of a house",
    "snow on the mountains at sunset",
    "a screenshot of a chat",
    "a black and white portrait of an old woman",
    "a crowded street at night in the rain",
    "ein Hund im Garten",
    "une tasse de café sur la table",
    "dos amigos en la playa",
    "一只猫坐在沙发上",
)


class ExportError(Exception):
    """Nothing was exported. The message says why, and what to do."""


@dataclass(frozen=True)
class Verdict:
    """How near exported towers come to torch: the smallest cosine of a picture and of a sentence, and the mean share
    of each picture's ten nearest that torch names too. `kept`: the pictures are within the limits. `sentences_kept`:
    so are the sentences; else those of fp32 take their place, as there is one at a time and thousands of pictures."""

    precision: Precision
    image_cosine: float
    text_cosine: float
    nearest: float
    kept: bool
    sentences_kept: bool

    @property
    def figures(self) -> dict[str, str]:
        """For people."""
        return {
            "least cosine, pictures": f"{self.image_cosine:.5f}",
            "sentences": f"{self.text_cosine:.5f}" + ("" if self.sentences_kept else ", so those of fp32"),
            "same nearest ten": f"{self.nearest:.0%}",
        }


def export(name: str, pictures: Sequence[Picture] = ()) -> list[Verdict]:
    """Write the ONNX towers of installed OpenCLIP weights beside them, with numbers of 32 and of 8 bits.

    They are checked on `pictures`; own photos say more than the drawn ones that are taken when there are none. A
    precision that drifts is not kept; when that is fp32, nothing is. Raises NotInstalled and ExportError.
    """
    source = _source(name)
    model = load_open_clip(source)
    with whole_or_not_at_all(folder_of(name)) as folder:
        _write(model, source, folder)
        return _judge(model, folder, pictures or drawn_pictures())


@contextmanager
def whole_or_not_at_all(target: Path) -> Iterator[Path]:
    """A folder to write into, which takes the place of `target` when nothing was raised."""
    unfinished = target.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    try:
        yield unfinished
        shutil.rmtree(target, ignore_errors=True)
        unfinished.rename(target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def verify(name: str, pictures: Sequence[Picture]) -> list[Verdict]:
    """Compare exported towers with torch on these pictures; a precision that drifts is removed. Errors as `export`."""
    source, folder = _source(name), folder_of(name)
    if not (folder / DESCRIPTION).is_file():
        raise NotInstalled(f"Not exported: {name}. Run: python -m ml models export {name}")
    return _judge(load_open_clip(source), folder, pictures)


def load_open_clip(source: Path) -> Any:
    """The model of a folder as it lies on the hub, in fp32 and ready to compute. Nothing is fetched."""
    ensure_torchvision()
    import open_clip

    if "hf_model_name" in _text_config(source):
        raise ExportError(f"{source.name} takes its sentence tower from another model, which MediaHub does not know.")
    try:
        return open_clip.create_model(f"local-dir:{source}").eval()
    except Exception as error:  # what half a file raises depends on where it ends
        raise ExportError(f"The weights in {source} cannot be read: {error}. Install them again.") from error


def cut_of(model: Any) -> Cut:
    """How an OpenCLIP model wants its pictures. Raises ValueError for a way that is not known."""
    values = model.visual.preprocess_cfg
    height, width = values["size"] if isinstance(values["size"], tuple | list) else (values["size"],) * 2
    return Cut.read({**values, "width": width, "height": height})


def write_tokenizer(source: Path, path: Path) -> str:
    """Write OpenCLIP's tokenizer of this model as one file; answers how a sentence is cleaned before."""
    import open_clip
    from tokenizers import Tokenizer

    options = _text_config(source).get("tokenizer_kwargs", {})
    if _text_config(source).get("tokenizer_mode") or set(options) - {"clean"}:
        raise ExportError(f"{source.name} reads sentences in a way that MediaHub does not know.")
    theirs = open_clip.get_tokenizer(f"local-dir:{source}")
    if isinstance(theirs, open_clip.SimpleTokenizer):
        cleaning, fast = options.get("clean", "lower"), _byte_pairs(theirs)
        fast.enable_padding(length=theirs.context_length, pad_id=0)
    else:
        cleaning, whole = options.get("clean", "whitespace"), theirs.tokenizer
        fast = Tokenizer.from_str(whole.backend_tokenizer.to_str())
        fast.enable_padding(
            direction=whole.padding_side,
            pad_id=whole.pad_token_id,
            pad_token=whole.pad_token,
            length=theirs.context_length,
        )
    fast.enable_truncation(theirs.context_length)
    fast.save(str(path))
    return str(cleaning)


def drawn_pictures(count: int = 32) -> list[Picture]:
    """Seeded patches of colour, coarse and fine."""
    import cv2

    random = np.random.default_rng(2026)
    sides = random.integers(2, 24, count).tolist()
    patches = (random.integers(0, 256, (side, side, 3), np.uint8) for side in sides)
    return [np.asarray(cv2.resize(patch, (320, 240)), np.uint8) for patch in patches]


def _source(name: str) -> Path:
    files = "open_clip_config.json", "open_clip_model.safetensors"
    if missing := missing_packages(_NEEDS) or weights.missing(name, *files):
        raise NotInstalled(missing)
    return weights.folder(name)


def _text_config(source: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((source / "open_clip_config.json").read_text())["model_cfg"]["text_cfg"]
    return config


def _write(model: Any, source: Path, folder: Path) -> None:
    import torch

    text = model if hasattr(model, "token_embedding") else model.text
    table = text.token_embedding

    class Rows(torch.nn.Module):
        """In place of the table, which stays outside: most of a multilingual tower is rows that nobody asks for."""

        rows: "torch.Tensor"

        def forward(self, tokens: "torch.Tensor") -> "torch.Tensor":
            return self.rows

    class Tower(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model.requires_grad_(False)

    class Sentences(Tower):
        def forward(self, embedded: "torch.Tensor", tokens: "torch.Tensor") -> "torch.Tensor":
            text.token_embedding.rows = embedded
            return self.model.encode_text(tokens, normalize=True)

    class Pictures(Tower):
        def forward(self, pictures: "torch.Tensor") -> "torch.Tensor":
            return self.model.encode_image(pictures, normalize=True)

    try:
        cut = cut_of(model)
    except ValueError as error:
        raise ExportError(f"{source.name} wants its pictures in a way that MediaHub does not know: {error}") from error
    cleaning = write_tokenizer(source, folder / TOKENIZER)
    np.save(folder / TABLE, table.weight.detach().numpy().astype(np.float16))
    context_length = text.context_length
    pictures = torch.zeros(2, 3, cut.height, cut.width)
    tokens = torch.zeros(2, context_length, dtype=torch.int64)
    with inference():
        embedded = table(tokens)
        dimensions = model.encode_image(pictures).shape[-1]
        to_onnx(Pictures(), {"pictures": pictures}, folder / file_of("image", "fp32"))
        text.token_embedding = Rows()
        try:
            to_onnx(Sentences(), {"embedded": embedded, "tokens": tokens}, folder / file_of("text", "fp32"))
        finally:
            text.token_embedding = table
    for tower in ("image", "text"):
        quantise(folder / file_of(tower, "fp32"), folder / file_of(tower, "int8"))
    bias = model.logit_bias
    towers = Towers(
        cut,
        context_length,
        cleaning,  # type: ignore[arg-type]
        dimensions,
        logit_scale=float(model.logit_scale.exp()),
        logit_bias=0.0 if bias is None else float(bias),
    )
    (folder / DESCRIPTION).write_text(json.dumps(asdict(towers), indent=2))


def to_onnx(
    module: Any,
    inputs: dict[str, Any],
    path: Path,
    *,
    output: str = "vectors",
    axes: dict[str, dict[int, str]] | None = None,
) -> None:
    """With a batch of any size; `axes`: the sides that may have any, where it is not the batch alone. The older
    exporter: the newer one clashes over names in sentence towers."""
    import torch

    batches = {name: {0: "batch"} for name in (*inputs, output)}
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # one operation that ONNX does not know
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what tracing takes for constant here is
        torch.onnx.export(
            module.eval(),
            tuple(inputs.values()),
            str(path),
            input_names=list(inputs),
            output_names=[output],
            dynamic_axes=batches if axes is None else axes,
            opset_version=_OPSET,
            dynamo=False,
        )
    torch.backends.mha.set_fastpath_enabled(fast)


def quantise(whole: Path, small: Path, *, leave: Sequence[str] = ()) -> None:
    """Weights of matrix products in 8 bits. Only those: the rest gains nothing and loses more. `leave`: the names of
    products that stay as they are."""
    import logging

    from onnxruntime.quantization import QuantType, quantize_dynamic

    logging.disable(logging.WARNING)  # it asks for a preparation that changes nothing for matrix products
    try:
        quantize_dynamic(
            whole,
            small,
            op_types_to_quantize=["MatMul", "Gemm"],
            per_channel=True,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=list(leave),
            extra_options={"MatMulConstBOnly": True},
        )
    finally:
        logging.disable(logging.NOTSET)


def _judge(model: Any, folder: Path, pictures: Sequence[Picture]) -> list[Verdict]:
    """Remove what drifts. Raises ExportError when fp32 does."""
    if len(pictures) < 11:
        raise ExportError("At least 11 pictures are needed: the ten nearest of each are compared.")
    verdicts = [
        _verdict(model, folder, precision, pictures)
        for precision in PRECISIONS
        if (folder / file_of("image", precision)).is_file()
    ]
    for verdict in verdicts:
        if verdict.kept and verdict.sentences_kept:
            continue
        if verdict.precision == "fp32":
            raise ExportError(f"The exported model is not the one of torch: {verdict}. It is not kept.")
        (folder / file_of("text", verdict.precision)).unlink()
        if verdict.kept:
            _stand_in(folder / file_of("text", "fp32"), folder / file_of("text", verdict.precision))
        else:
            (folder / file_of("image", verdict.precision)).unlink()
    return verdicts


def _stand_in(whole: Path, small: Path) -> None:
    try:
        os.link(whole, small)
    except OSError:  # a file system where no file has two names
        shutil.copyfile(whole, small)


def _verdict(model: Any, folder: Path, precision: Precision, pictures: Sequence[Picture]) -> Verdict:
    import torch

    picture_tower = PictureTower(folder, precision, device="cpu", threads=1)
    sentence_tower = SentenceTower(folder, precision, device="cpu", threads=1)
    tokens = sentence_tower.tokens(list(SENTENCES))
    cuts = [picture_tower.cut(pictures[start : start + 8]) for start in range(0, len(pictures), 8)]
    ours = np.concatenate([picture_tower(cut) for cut in cuts])
    with inference():
        theirs = np.concatenate([model.encode_image(torch.from_numpy(cut), normalize=True).numpy() for cut in cuts])
        their_sentences = model.encode_text(torch.from_numpy(tokens), normalize=True).numpy()
    image_cosine = float((ours * theirs).sum(axis=1).min())
    text_cosine = float((sentence_tower(tokens) * their_sentences).sum(axis=1).min())
    nearest = shared_nearest(ours, theirs)
    least_cosine, least_nearest = LIMITS[precision]
    return Verdict(
        precision,
        round(image_cosine, 6),
        round(text_cosine, 6),
        round(nearest, 4),
        kept=image_cosine >= least_cosine and nearest >= least_nearest,
        sentences_kept=text_cosine >= least_cosine,
    )


def shared_nearest(ours: Numbers, theirs: Numbers, count: int = 10) -> float:
    def nearest(vectors: Numbers) -> list[set[int]]:
        likeness = vectors @ vectors.T
        np.fill_diagonal(likeness, -2)
        return [set(row) for row in np.argsort(-likeness, axis=1, kind="stable")[:, :count].tolist()]

    pairs = zip(nearest(ours), nearest(theirs), strict=True)
    return float(np.mean([len(one & other) / count for one, other in pairs]))


def _byte_pairs(simple: Any) -> Any:
    """OpenCLIP's own tokenizer with its own vocabulary, in the form that needs no torch."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors

    fast = Tokenizer(
        models.BPE(
            vocab=simple.encoder,
            merges=list(simple.bpe_ranks),
            continuing_subword_prefix="",
            end_of_word_suffix="</w>",
        )
    )
    words = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    fast.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(words), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    fast.decoder = decoders.ByteLevel()
    start, end = "<start_of_text>", "<end_of_text>"
    fast.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}",
        special_tokens=[(start, simple.sot_token_id), (end, simple.eot_token_id)],
    )
    return fast
