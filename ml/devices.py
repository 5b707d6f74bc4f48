"""Where a model runs. What a library lists as available says nothing; only a session that was opened does."""

from functools import cache
from typing import Literal, TypeAlias, get_args

from .machine import look

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
    machine = look()
    if machine.gpus:
        return "cuda"
    return "mps" if machine.unified else "cpu"


def place(device: Device) -> Place:
    return "gpu" if device == "cuda" else "ram"
