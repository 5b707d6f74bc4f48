"""Models of transformers that write text, from a local folder: never from the network, never another's code."""

import importlib.util
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..backend import NotInstalled
from ..devices import Device
from ..weights import folder, missing
from . import torch as engine

logger = logging.getLogger(__name__)

_ONE, _MANY = "model.safetensors", "model.safetensors.index.json"


def missing_files(weights: str, *files: str) -> str | None:
    """What to do about weights that are not here. A large model lies in several files that an index names."""
    many = (folder(weights) / _MANY).is_file()
    return missing(weights, "config.json", "tokenizer.json", _MANY if many else _ONE, *files)


def numbers_for(device: Device, name: str) -> Any:
    """These models are large: where nothing else is asked for, a number takes two bytes on every device."""
    try:
        return engine.dtype_for(device, "bfloat16" if (device, name) == ("cpu", "auto") else name)
    except ValueError as error:
        raise NotInstalled(f"{error} Change the option numbers.") from error


@contextmanager
def reading(weights: str) -> Iterator[None]:
    """Where files of a model are read. Raises MemoryError for too little memory, else NotInstalled."""
    try:
        with engine.memory():
            yield
    except Exception as error:  # half a file, another architecture: each library on the way has errors of its own
        if isinstance(error, MemoryError | ImportError):
            raise
        logger.warning("%s does not load", weights, exc_info=error)
        raise NotInstalled(f"{weights} cannot be loaded ({type(error).__name__}). Install it again.") from error


def load(kind: Any, weights: str, device: Device, *, numbers: str, bits: int) -> Any:
    """The model on its device, ready to write. With `bits` 4 or 8 and bitsandbytes it is quantised on a graphics card
    of NVIDIA. Raises NotInstalled for files that are no such model."""
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    options: dict[str, Any] = {"dtype": numbers_for(device, numbers)}
    if device == "cuda" and bits in (4, 8) and importlib.util.find_spec("bitsandbytes"):
        options |= {"quantization_config": _quantised(bits, options["dtype"]), "device_map": {"": 0}}
    with reading(weights):
        model, told = kind.from_pretrained(
            folder(weights),
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
            **options,
        )
        if "device_map" not in options:
            model = model.to(device)
    if told["missing_keys"]:  # the library would fill them with random numbers
        raise NotInstalled(f"{weights} lacks {len(told['missing_keys'])} of the model's parts. Install it again.")
    return model.eval()


def _quantised(bits: int, numbers: Any) -> Any:
    from transformers import BitsAndBytesConfig

    if bits == 8:
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=numbers)
