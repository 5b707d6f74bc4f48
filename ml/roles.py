"""What can be asked for. A role ties the type of an item and of its options to the type of the result."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from .results import PageText

Item = TypeVar("Item", contravariant=True)
Options = TypeVar("Options")
Result = TypeVar("Result", covariant=True)

#: RGB, height x width x 3, upright.
Picture: TypeAlias = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Role(Generic[Item, Options, Result]):
    """`problem` says what is wrong with an item, in words for its owner, or None; no backend sees a bad one."""

    key: str
    options: type[Options]
    result: type[Result]
    problem: Callable[[Item], str | None]


@dataclass(frozen=True)
class OcrOptions:
    """`min_score`: lines that the reader is less sure of are dropped."""

    min_score: float = 0.5


def _picture_problem(picture: Picture) -> str | None:
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8:
        return "This is not a picture of 8-bit numbers."
    if picture.ndim != 3 or picture.shape[2] != 3:
        return "This is not a picture of red, green and blue."
    if 0 in picture.shape:
        return "This picture has no pixels."
    return None


OCR: Role[Picture, OcrOptions, PageText] = Role("ocr", OcrOptions, PageText, _picture_problem)
