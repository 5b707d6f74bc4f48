from typing import Any

import numpy.typing as npt

from . import models as models

class Device:
    cpu: Device
    cuda: Device

class StorageView:
    shape: list[int]
    __array_interface__: dict[str, Any]
    @staticmethod
    def from_array(array: npt.NDArray[Any]) -> StorageView: ...
    def to_device(self, device: Device) -> StorageView: ...

def get_cuda_device_count() -> int: ...
