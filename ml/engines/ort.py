"""ONNX Runtime: one model file, one session."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..backend import NotInstalled
from ..devices import Device, wanted

if TYPE_CHECKING:
    import onnxruntime

_PROVIDERS: dict[Device, str] = {
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
_TENSORRT = "TensorrtExecutionProvider"
Provider: TypeAlias = str | tuple[str, Mapping[str, Any]]


class OrtModel:
    """One model file. Raises ImportError when ONNX Runtime is not installed.

    `tensorrt`: by TensorRT where CUDA is wanted and ONNX Runtime has it; what it builds is kept beside the file.
    """

    def __init__(self, path: Path, *, device: Device | None, threads: int, tensorrt: bool = False) -> None:
        import onnxruntime

        providers = providers_for(device, path, tensorrt=tensorrt)
        self._session = onnxruntime.InferenceSession(str(path), session_options(threads), providers=providers)
        self.inputs = [node.name for node in self._session.get_inputs()]

    @property
    def device(self) -> Device:
        return device_of(self._session)

    @property
    def input_shape(self) -> Sequence[int | str | None]:
        """Of the first input; a name stands for a side that may have any size."""
        return self._session.get_inputs()[0].shape

    @property
    def output_shape(self) -> Sequence[int | str | None]:
        """Of the first output, likewise."""
        return self._session.get_outputs()[0].shape

    @property
    def metadata(self) -> Mapping[str, str]:
        return self._session.get_modelmeta().custom_metadata_map

    def __call__(self, array: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """For a model with one input: its first output. Errors as in `run`."""
        first: npt.NDArray[np.float32] = self.run({self.inputs[0]: array})[0]
        return first

    def each(self, rows: npt.NDArray[np.float32]) -> list[npt.NDArray[Any]]:
        """For a model with one input: all outputs for any number of rows, also when it takes so many and no others."""
        size = self.input_shape[0]
        if not isinstance(size, int):
            return self.run({self.inputs[0]: rows})
        parts = [rows[start : start + size] for start in range(0, len(rows), size)]
        filled = [np.concatenate([part, np.zeros((size - len(part), *part.shape[1:]), part.dtype)]) for part in parts]
        outputs = [self.run({self.inputs[0]: part}) for part in filled]
        return [np.concatenate(of_one)[: len(rows)] for of_one in zip(*outputs, strict=True)]

    def run(self, arrays: Mapping[str, npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
        """All outputs; arrays that the model has no input for are left out.

        Raises MemoryError when the model does not find enough, which ONNX Runtime says in words only.
        """
        try:
            return self._session.run(None, {name: array for name, array in arrays.items() if name in self.inputs})
        except Exception as error:  # its exceptions have no public base class
            if _lacks_memory(error):
                raise MemoryError(str(error)) from error
            raise


def opened(path: Path, again: str, *, device: Device | None, threads: int, tensorrt: bool = False) -> OrtModel:
    """The model of a file that may be half of one: then NotInstalled says so, and `again`, what to do about it.

    Raises ImportError when ONNX Runtime is not installed, MemoryError when there is not enough.
    """
    try:
        return OrtModel(path, device=device, threads=threads, tensorrt=tensorrt)
    except (ImportError, MemoryError):
        raise
    except Exception as error:  # what it raises for half a file has no public base class
        if _lacks_memory(error):
            raise MemoryError(str(error)) from error
        raise NotInstalled(f"{path} cannot be read. {again} ({error})") from error


def _lacks_memory(error: Exception) -> bool:
    return "allocate memory" in str(error) or "bad_alloc" in str(error)


def session_options(threads: int) -> "onnxruntime.SessionOptions":
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Idle threads that spin take the processor from the other workers of this machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Inputs change in size all the time; the arena would keep the largest of each for ever.
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    return options


def device_of(session: "onnxruntime.InferenceSession") -> Device:
    """Where it really runs: a session falls back to the processor without an error."""
    first = session.get_providers()[0]
    if first == _TENSORRT:
        return "cuda"
    return next((device for device, provider in _PROVIDERS.items() if provider == first), "cpu")


def providers_for(device: Device | None, path: Path, *, tensorrt: bool) -> list[Provider]:
    """What a session of this file is to run on, best first; the library lists them, a session may have others."""
    import onnxruntime

    here = onnxruntime.get_available_providers()
    providers: list[Provider] = [_PROVIDERS[one] for one in wanted(device) if _PROVIDERS.get(one) in here]
    if tensorrt and _TENSORRT in here and _PROVIDERS["cuda"] in providers:
        kept = {"trt_engine_cache_enable": True, "trt_engine_cache_path": str(path.with_suffix(".tensorrt"))}
        providers.insert(0, (_TENSORRT, kept))
    return providers
