# torch is not installed where types are checked: what it computes stays open, what is inherited from has a class.
from typing import Any, TypeAlias

from . import nn as nn

Tensor: TypeAlias = Any

def __getattr__(name: str) -> Any: ...
