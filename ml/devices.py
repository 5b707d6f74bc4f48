"""Where a model runs. What a library lists as available says nothing; only a session that was opened does."""

from typing import Literal, TypeAlias, get_args

Device: TypeAlias = Literal["cpu", "cuda", "coreml"]
DEVICES: tuple[Device, ...] = get_args(Device)

#: Tried in this order when nobody asks for a device. Core ML only on request: our models have inputs of
#: changing size, of which it takes over a few nodes only.
PREFERRED: tuple[Device, ...] = ("cuda", "cpu")


def wanted(device: Device | None) -> tuple[Device, ...]:
    """The devices to try, best first; the processor is always the last resort."""
    if device is None:
        return PREFERRED
    return (device,) if device == "cpu" else (device, "cpu")
