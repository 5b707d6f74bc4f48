"""Where a model runs. What a library lists as available says nothing; only a session that was opened does."""

import platform
import sys
from ctypes import CDLL, Structure, byref, c_uint, c_ulonglong, c_void_p
from functools import cache
from typing import Literal, TypeAlias, get_args

Device: TypeAlias = Literal["cpu", "cuda", "mps", "coreml"]
DEVICES: tuple[Device, ...] = get_args(Device)

#: Where the memory of a device is counted. Apple's graphics share the memory of the processor.
Place: TypeAlias = Literal["ram", "gpu"]

#: Tried in this order when nobody asks for a device. Core ML only on request: our models have inputs of
#: changing size, of which it takes over a few nodes only.
PREFERRED: tuple[Device, ...] = ("cuda", "mps", "cpu")


def wanted(device: Device | None) -> tuple[Device, ...]:
    """The devices to try, best first; the processor is always the last resort."""
    if device is None:
        return PREFERRED
    return (device,) if device == "cpu" else (device, "cpu")


@cache
def best() -> Device:
    """The best device that this machine shows, asked once a process: where a model will probably run."""
    if gpu_memory_mb():
        return "cuda"
    return "mps" if (sys.platform, platform.machine()) == ("darwin", "arm64") else "cpu"


def place(device: Device) -> Place:
    return "gpu" if device == "cuda" else "ram"


class _Memory(Structure):
    _fields_ = (("total", c_ulonglong), ("free", c_ulonglong), ("used", c_ulonglong))


@cache
def gpu_memory_mb() -> int:
    """All memory of the first NVIDIA GPU, 0 without one. Asked of the driver's management library: CUDA itself, once
    begun, would be lost in a forked child."""
    try:
        library = CDLL("nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1")
    except OSError:
        return 0
    count, handle, memory = c_uint(), c_void_p(), _Memory()
    answers = library.nvmlInit_v2() or library.nvmlDeviceGetCount_v2(byref(count))
    if answers or not count.value or library.nvmlDeviceGetHandleByIndex_v2(0, byref(handle)):
        return 0
    return 0 if library.nvmlDeviceGetMemoryInfo(handle, byref(memory)) else int(memory.total // 2**20)
