"""Sentence models of BERT's family as ONNX, built from their numbers alone, without torch."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import weights
from .backend import NotInstalled
from .export import ExportError, quantise, shared_nearest, whole_or_not_at_all
from .packages import missing_packages
from .results import Numbers
from .sentences import CONFIG, NUMBERS, TOKENIZER, SentenceModel, file_of
from .towers import Precision, vectors_of

_NEEDS = ("onnx", "onnxruntime", "tokenizers")
_OPSET, _IR = 17, 8

#: The least cosine with the vector of 32-bit numbers, and the least mean share of the ten nearest that stay.
LIMIT = (0.98, 0.9)

SENTENCES = tuple(
    f"{who} {what}."
    for who in ("A puppy", "My grandmother", "The red car", "Somebody in the crowd", "The invoice of the plumber")
    for what in ("sleeps on the sofa", "was late again", "stands in the garden", "has a new coat", "costs too much")
)


@dataclass(frozen=True)
class TextVerdict:
    """How near 8-bit numbers come to 32-bit ones: the smallest cosine of a sentence, and the mean share of each
    sentence's ten nearest that both name. `kept`: within the limits."""

    precision: Precision
    cosine: float
    nearest: float
    kept: bool

    @property
    def figures(self) -> dict[str, str]:
        """For people."""
        return {"least cosine, sentences": f"{self.cosine:.5f}", "same nearest ten": f"{self.nearest:.0%}"}


def export(name: str) -> list[TextVerdict]:
    """Write an installed sentence model as ONNX beside it: with 32 bits where its publisher has only bare numbers, and
    with 8 bits, which is not kept when it drifts. Raises NotInstalled and ExportError.
    """
    folder = weights.folder(name)
    bare = (folder / NUMBERS).is_file()
    needed = (*_NEEDS, "safetensors") if bare else _NEEDS
    if absent := missing_packages(needed) or weights.missing(
        name, NUMBERS if bare else "model.onnx", TOKENIZER, CONFIG
    ):
        raise NotInstalled(absent)
    with whole_or_not_at_all(folder / "onnx") as target:
        whole = target / "model.onnx" if bare else folder / "model.onnx"
        if bare:
            write_bert(folder, whole)
        quantise(whole, target / "model.int8.onnx")
    return verify(name)


def verify(name: str) -> list[TextVerdict]:
    """Compare the 8-bit model with the 32-bit one; when it drifts it is removed. Raises NotInstalled."""
    if not file_of(name, "int8").is_file():
        raise NotInstalled(f"Not exported: {name}. Run: python -m ml models export {name}")
    ours, theirs = (_vectors(name, precision) for precision in ("int8", "fp32"))
    cosine, nearest = float((ours * theirs).sum(axis=1).min()), shared_nearest(ours, theirs)
    kept = cosine >= LIMIT[0] and nearest >= LIMIT[1]
    if not kept:
        file_of(name, "int8").unlink()
    return [TextVerdict("fp32", 1.0, 1.0, kept=True), TextVerdict("int8", round(cosine, 6), round(nearest, 4), kept)]


def write_bert(folder: Path, path: Path) -> None:
    """From `config.json` and `model.safetensors`. Raises ExportError for a model that is built otherwise."""
    import onnx
    from safetensors.numpy import load_file

    config = json.loads((folder / CONFIG).read_text())
    built = config.get("model_type"), config.get("hidden_act"), config.get("position_embedding_type", "absolute")
    if built != ("bert", "gelu", "absolute"):
        raise ExportError(f"{folder.name} is built in a way that MediaHub does not know: {', '.join(map(str, built))}.")
    try:
        named = load_file(folder / NUMBERS).items()
        numbers = {name.removeprefix("bert."): rows.astype(np.float32) for name, rows in named}
        onnx.save(_Bert(numbers, config).proto(), path)
    except KeyError as error:
        raise ExportError(f"The weights in {folder} lack {error}. Install them again.") from error
    except Exception as error:  # what half a file raises has no class of its own
        raise ExportError(f"The weights in {folder} cannot be read: {error}. Install them again.") from error


class _Bert:
    """The graph: tokens in, one vector a token out, any batch and length."""

    def __init__(self, numbers: Mapping[str, Numbers], config: Mapping[str, Any]) -> None:
        self._numbers, self._config = numbers, config
        self._size, self._heads = int(config["hidden_size"]), int(config["num_attention_heads"])
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}

    def proto(self) -> Any:
        from onnx import TensorProto, checker, helper

        hidden = self._embedded()
        away = self._do("Sub", self._do("Cast", "attention_mask", to=TensorProto.FLOAT), self._constant(1.0))
        away = self._do("Mul", away, self._constant(1e9))
        away = self._do("Unsqueeze", away, self._constant(np.array([1, 2])))
        for layer in range(int(self._config["num_hidden_layers"])):
            hidden = self._layer(f"encoder.layer.{layer}", hidden, away)
        self._nodes.append(helper.make_node("Identity", [hidden], ["last_hidden_state"]))
        sides = ["batch", "tokens"]
        inputs = ("input_ids", "attention_mask", "token_type_ids")
        graph = helper.make_graph(
            self._nodes,
            "bert",
            [helper.make_tensor_value_info(name, TensorProto.INT64, sides) for name in inputs],
            [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [*sides, self._size])],
            list(self._constants.values()),
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)
        checker.check_model(model)
        return model

    def _embedded(self) -> str:
        words = self._do("Gather", self._table("embeddings.word_embeddings.weight"), "input_ids")
        kinds = self._do("Gather", self._table("embeddings.token_type_embeddings.weight"), "token_type_ids")
        places = self._do(
            "Slice",
            self._table("embeddings.position_embeddings.weight"),
            self._constant(np.array([0])),
            self._do("Shape", "input_ids", start=1, end=2),
            self._constant(np.array([0])),
        )
        return self._normal("embeddings.LayerNorm", self._do("Add", self._do("Add", words, kinds), places))

    def _layer(self, name: str, hidden: str, away: str) -> str:
        attended = self._attention(f"{name}.attention", hidden, away)
        attended = self._normal(f"{name}.attention.output.LayerNorm", self._do("Add", attended, hidden))
        wide = self._linear(f"{name}.intermediate.dense", attended)
        # In these steps ONNX Runtime knows GELU again and makes one of them.
        bent = self._do("Erf", self._do("Div", wide, self._constant(math.sqrt(2))))
        bent = self._do("Mul", self._do("Mul", wide, self._do("Add", bent, self._constant(1.0))), self._constant(0.5))
        narrow = self._linear(f"{name}.output.dense", bent)
        return self._normal(f"{name}.output.LayerNorm", self._do("Add", narrow, attended))

    def _attention(self, name: str, hidden: str, away: str) -> str:
        size = self._size
        split = self._constant(np.array([0, 0, self._heads, size // self._heads]))
        query, key, value = (
            self._do("Transpose", self._do("Reshape", self._linear(f"{name}.self.{one}", hidden), split), perm=order)
            for one, order in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3]))
        )
        like = self._do("Mul", self._do("MatMul", query, key), self._constant((size // self._heads) ** -0.5))
        shares = self._do("Softmax", self._do("Add", like, away), axis=-1)
        mixed = self._do("Transpose", self._do("MatMul", shares, value), perm=[0, 2, 1, 3])
        return self._linear(f"{name}.output.dense", self._do("Reshape", mixed, self._constant(np.array([0, 0, size]))))

    def _linear(self, name: str, hidden: str) -> str:
        product = self._do("MatMul", hidden, self._table(f"{name}.weight", turned=True))
        return self._do("Add", product, self._table(f"{name}.bias"))

    def _normal(self, name: str, hidden: str) -> str:
        scale, shift = self._table(f"{name}.weight"), self._table(f"{name}.bias")
        return self._do("LayerNormalization", hidden, scale, shift, epsilon=float(self._config["layer_norm_eps"]))

    def _do(self, operation: str, *inputs: str, **attributes: Any) -> str:
        from onnx import helper

        output = f"{operation}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operation, list(inputs), [output], output, **attributes))
        return output

    def _table(self, name: str, *, turned: bool = False) -> str:
        return self._constant(self._numbers[name].T if turned else self._numbers[name], name)

    def _constant(self, value: "float | np.ndarray[Any, Any]", name: str = "") -> str:
        from onnx import numpy_helper

        array = np.ascontiguousarray(np.float32(value) if isinstance(value, float) else value)
        name = name or f"constant_{len(self._constants)}"
        self._constants[name] = numpy_helper.from_array(array.reshape(np.shape(value)), name)
        return name


def _vectors(name: str, precision: str) -> Numbers:
    model = SentenceModel(name, precision, device="cpu", threads=1)
    rows = [row for row in model.tokens(SENTENCES) if row is not None]
    # One by one: the scale of 8-bit numbers depends on what shares the batch.
    found = np.concatenate([model([row], at_once=1) for row in rows])
    return np.stack([vector.values for vector in vectors_of(found, name, precision)])
