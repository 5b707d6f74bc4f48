"""What comes out of the models. Every result names the model that made it."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

FailureKind: TypeAlias = Literal[
    "bad_item", "not_installed", "unavailable", "no_budget", "out_of_memory", "timeout", "internal"
]
Point: TypeAlias = tuple[float, float]
Quad: TypeAlias = tuple[Point, Point, Point, Point]
#: Left, top, right, bottom: 0..1 of width and height.
Box: TypeAlias = tuple[float, float, float, float]
Numbers: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Failure:
    """One item that gave no result; its neighbours are not touched by it.

    `retryable`: the same item may succeed later without being changed (memory freed, a package installed).
    "unavailable": the machine that is asked cannot be asked now (no connection, its limit); "no_budget": the caller's
    budget does not allow it. `retry_after`: in how many seconds it can be, where that is known.
    """

    kind: FailureKind
    message: str
    retryable: bool
    retry_after: float | None = None


@dataclass(frozen=True)
class ModelName:
    """Results of equal names may stand side by side; another name means that the work is done again."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


@dataclass(frozen=True)
class TextLine:
    """`box`: the line's corners, clockwise from the start of the text's upper edge, 0..1 of width and height."""

    text: str
    score: float
    box: Quad
    language: str | None


@dataclass(frozen=True)
class PageText:
    """The lines of one picture in reading order.

    `language` is the script most letters are written in (see `ml.scripts`), or None: unknown.
    `skipped_reason`: why reading was not tried, or None. A page that was read and is empty has no reason.
    """

    lines: tuple[TextLine, ...]
    language: str | None
    model: ModelName
    skipped_reason: str | None = None

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.lines)


@dataclass(frozen=True, eq=False)
class Vector:
    """A direction of length 1. Only vectors of one `space` may be compared; `values` are float32."""

    values: Numbers
    space: str
    model: ModelName


@dataclass(frozen=True, eq=False)
class PatchMap:
    """What each patch of a picture looks like: rows x columns x numbers of length 1. `cell`: the side of a patch in
    pixels. Only maps of one `space` may be compared."""

    values: Numbers
    cell: int
    space: str
    model: ModelName


@dataclass(frozen=True)
class Tag:
    """`name` is English, `other_names` the same in other languages, by code ("zh").

    `calibrated`: the threshold it passed was measured on pictures, not the cautious default.
    """

    name: str
    score: float
    calibrated: bool
    other_names: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Tags:
    """Best first."""

    tags: tuple[Tag, ...]
    model: ModelName


@dataclass(frozen=True)
class Thing:
    """An object in a picture. `box` is None when the model names things without saying where."""

    name: str
    score: float
    box: Box | None


@dataclass(frozen=True)
class Things:
    """Best first."""

    things: tuple[Thing, ...]
    model: ModelName


@dataclass(frozen=True, eq=False)
class Face:
    """`landmarks`: right eye, left eye, nose, right and left corner of the mouth, as the person has them.

    `quality` 0..1 falls with smallness, blur and a turned head. `vector` is None when no recogniser is set.
    """

    box: Box
    score: float
    landmarks: tuple[Point, Point, Point, Point, Point]
    quality: float
    vector: Vector | None


@dataclass(frozen=True, eq=False)
class Faces:
    """Largest first."""

    faces: tuple[Face, ...]
    model: ModelName


@dataclass(frozen=True)
class Description:
    """A sentence about a picture and, where the model gives them, its scene, things and tags for searching."""

    caption: str
    scene: str | None
    things: tuple[Thing, ...]
    tags: tuple[Tag, ...]
    model: ModelName


@dataclass(frozen=True)
class Answer:
    text: str
    model: ModelName


@dataclass(frozen=True)
class Word:
    text: str
    start: float
    end: float
    score: float


@dataclass(frozen=True)
class Segment:
    """Seconds from the start of the sound. `score`: the mean probability of its words."""

    start: float
    end: float
    text: str
    score: float
    words: tuple[Word, ...] = ()


@dataclass(frozen=True)
class Transcript:
    """`language` is an ISO 639-1 code or None: unknown. A sound without speech has no segments and says so."""

    segments: tuple[Segment, ...]
    language: str | None
    seconds: float
    seconds_of_speech: float
    model: ModelName
    skipped_reason: str | None = None

    @property
    def text(self) -> str:
        return " ".join(segment.text.strip() for segment in self.segments)


@dataclass(frozen=True)
class Turn:
    """Somebody speaks. `speaker` counts from 0 in the order of first words; it names nobody."""

    start: float
    end: float
    speaker: int


@dataclass(frozen=True)
class Turns:
    turns: tuple[Turn, ...]
    model: ModelName


@dataclass(frozen=True)
class Sentiment:
    """`label` is "unknown" in a language that the model does not know; `score` is then 0."""

    label: Literal["positive", "neutral", "negative", "unknown"]
    score: float
    model: ModelName


@dataclass(frozen=True)
class Generated:
    """`data` is the answer read as JSON and checked against the schema that was asked for; None without one."""

    text: str
    data: object
    tokens: int
    model: ModelName
