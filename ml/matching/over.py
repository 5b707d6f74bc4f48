"""The matchers over the models of a Runtime: settings alone say who looks."""

import logging
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from ..results import Box, Failure, Numbers, PatchMap, Things, Vector
from ..roles import DETECTOR, IMAGE_EMBEDDER, PATCH_EMBEDDER, DetectOptions, Picture
from ..runtime import Runtime
from .dense import Dense, DenseOptions
from .grid import Grid, GridOptions
from .results import OtherSpaceError

Answer = TypeVar("Answer", Vector, PatchMap)
logger = logging.getLogger(__name__)

#: What a detector may be unsure of: the embedder has the last word.
_DETECTED = DetectOptions(min_score=0.10)
_SMALL: Picture = np.zeros((16, 16, 3), np.uint8)


class NoModelError(Exception):
    """A model gave no answer. `failure` says why, and whether it may give one later."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def dense_over(runtime: Runtime, options: DenseOptions | None = None) -> Dense:
    """With the patch embedder and, to verify, the image embedder. The matcher raises NoModelError when they give no
    answer, and OtherSpaceError when another model takes over meanwhile."""
    return Dense(_Vectors(runtime), _Patches(runtime), options or DenseOptions())


def grid_over(runtime: Runtime, options: GridOptions | None = None) -> Grid:
    """With the image embedder, and the boxes of the detector where one is installed. Errors as in `dense_over`."""
    here = any(row.role == DETECTOR.key and row.installed for row in runtime.status())
    return Grid(_Vectors(runtime), _Boxes(runtime) if here else None, options or GridOptions())


class _Vectors:
    """The first vector names the space of all."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._space: str | None = None

    @property
    def space(self) -> str:
        return self._space or self._seen([_SMALL])[0].space

    def __call__(self, pictures: Sequence[Picture], /) -> Numbers:
        return np.stack([vector.values for vector in self._seen(pictures)])

    def _seen(self, pictures: Sequence[Picture]) -> list[Vector]:
        found = [_answer(one) for one in self._runtime.map(IMAGE_EMBEDDER, pictures)]
        self._space = _only(self._space, found)
        return found


class _Patches:
    """The first map names the space of all, and the size of a patch."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._space: str | None = None
        self._cell = 0

    @property
    def space(self) -> str:
        return self._space or self._seen([_SMALL])[0].space

    @property
    def cell(self) -> int:
        return self._cell or self._seen([_SMALL])[0].cell

    def __call__(self, pictures: Sequence[Picture], /) -> list[Numbers]:
        return [one.values for one in self._seen(pictures)]

    def _seen(self, pictures: Sequence[Picture]) -> list[PatchMap]:
        found = [_answer(one) for one in self._runtime.map(PATCH_EMBEDDER, pictures)]
        self._space = _only(self._space, found)
        self._cell = found[0].cell
        return found


class _Boxes:
    """Without an answer there are no boxes: the windows of the grid remain."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def __call__(self, pictures: Sequence[Picture], /) -> list[list[Box]]:
        return [self._boxes(one) for one in self._runtime.map(DETECTOR, pictures, _DETECTED)]

    def _boxes(self, found: Things | Failure) -> list[Box]:
        if isinstance(found, Failure):
            logger.warning("Products are looked for without a detector: %s", found.message)
            return []
        return [thing.box for thing in found.things if thing.box]


def _answer(found: Answer | Failure) -> Answer:
    if isinstance(found, Failure):
        raise NoModelError(found)
    return found


def _only(known: str | None, found: Sequence[Vector | PatchMap]) -> str:
    """The one space of all."""
    spaces = {one.space for one in found} | ({known} if known else set())
    if len(spaces) > 1:
        raise OtherSpaceError(*sorted(spaces))
    return spaces.pop()
