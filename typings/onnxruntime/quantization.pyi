from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path

class QuantType(Enum):
    QInt8 = ...
    QUInt8 = ...

def quantize_dynamic(
    model_input: Path,
    model_output: Path,
    op_types_to_quantize: Sequence[str] | None = None,
    per_channel: bool = False,
    weight_type: QuantType = ...,
    nodes_to_exclude: Sequence[str] | None = None,
    extra_options: Mapping[str, object] | None = None,
) -> None: ...
