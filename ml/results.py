"""What comes out of the models. Every result names the model that made it."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

FailureKind: TypeAlias = Literal["bad_item", "not_installed", "out_of_memory", "timeout", "internal"]
Point: TypeAlias = tuple[float, float]
Quad: TypeAlias = tuple[Point, Point, Point, Point]


@dataclass(frozen=True)
class Failure:
    """One item that gave no result; its neighbours are not touched by it.

    `retryable`: the same item may succeed later without being changed (memory freed, a package installed).
    """

    kind: FailureKind
    message: str
    retryable: bool


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
