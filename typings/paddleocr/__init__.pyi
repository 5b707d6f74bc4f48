from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

class PaddleOCR:
    def __init__(self, **options: Any) -> None: ...
    def predict(self, input: Sequence[npt.NDArray[np.uint8]]) -> list[dict[str, Any]]: ...
