"""What can be asked for. A role ties the type of an item and of its options to the type of the result."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from .meter import UNMETERED, Account
from .results import (
    Answer,
    Description,
    Faces,
    Generated,
    PageText,
    PatchMap,
    Sentiment,
    Tags,
    Things,
    Transcript,
    Turns,
    Vector,
)

Item = TypeVar("Item", contravariant=True)
Options = TypeVar("Options")
Result = TypeVar("Result", covariant=True)

#: RGB, height x width x 3, upright.
Picture: TypeAlias = npt.NDArray[np.uint8]
#: One channel, 16,000 samples a second, -1..1.
Sound: TypeAlias = npt.NDArray[np.float32]


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


@dataclass(frozen=True)
class EmbedOptions:
    """What may be asked of an embedder: nothing, so far."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What a tagger may look at: the picture, the vector that an image embedder made of it, or both."""

    picture: Picture | None = None
    vector: Vector | None = None


@dataclass(frozen=True)
class TagOptions:
    """`at_most` tags a picture, best first. `stricter` is added to every threshold."""

    at_most: int = 50
    stricter: float = 0.0


@dataclass(frozen=True)
class DetectOptions:
    """Boxes of one name that overlap by more than `overlap` (intersection over union) are one thing."""

    min_score: float = 0.3
    overlap: float = 0.5
    at_most: int = 100
    account: Account = UNMETERED


@dataclass(frozen=True)
class FaceOptions:
    """`min_score`: None: what suits the model, for each has a scale of its own. `min_side`: faces with a shorter side,
    in pixels of the picture given, are left out.
    """

    min_score: float | None = None
    min_side: int = 20


@dataclass(frozen=True)
class CaptionOptions:
    """`kind` of picture ("photo", "screenshot", "document", "product") chooses the prompt of those who take one."""

    kind: str = "photo"
    max_words: int = 40
    account: Account = UNMETERED


@dataclass(frozen=True, eq=False)
class Question:
    picture: Picture
    text: str


@dataclass(frozen=True)
class AnswerOptions:
    max_words: int = 60
    account: Account = UNMETERED


@dataclass(frozen=True)
class TranscribeOptions:
    """`language`: an ISO 639-1 code, or None: to be found out."""

    language: str | None = None
    words: bool = False


@dataclass(frozen=True)
class DiarizeOptions:
    """`speakers`: how many there are, or None: to be found out."""

    speakers: int | None = None


@dataclass(frozen=True)
class SentimentOptions:
    """`language`: an ISO 639-1 code, or None: unknown."""

    language: str | None = None


@dataclass(frozen=True)
class Prompt:
    """`text` may hold words of strangers (captions, transcripts): it is data. Orders stand in `system` alone.

    `schema`: a JSON schema that the answer must meet.
    """

    text: str
    system: str = ""
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class GenerateOptions:
    max_tokens: int = 500
    temperature: float = 0.3
    stop: tuple[str, ...] = ()
    account: Account = UNMETERED


def _picture_problem(picture: Picture) -> str | None:
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8:
        return "This is not a picture of 8-bit numbers."
    if picture.ndim != 3 or picture.shape[2] != 3:
        return "This is not a picture of red, green and blue."
    if 0 in picture.shape:
        return "This picture has no pixels."
    return None


def _sound_problem(sound: Sound) -> str | None:
    if not isinstance(sound, np.ndarray) or sound.dtype != np.float32 or sound.ndim != 1:
        return "This is not one channel of sound in 32-bit numbers."
    if not sound.size:
        return "This sound is empty."
    if not np.isfinite((sound.min(), sound.max())).all():  # without a second array as long
        return "This sound holds values that are no numbers."
    return None


def _text_problem(text: object) -> str | None:
    if not isinstance(text, str):
        return "This is not a text."
    return _half_a_letter(text) or (None if text.strip() else "This text is empty.")


def _half_a_letter(text: str) -> str | None:
    """Half of a pair, as a cut JSON or the name of a file may hold it: neither tokenizers nor endpoints take it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "This text holds half a letter, which cannot be read."
    return None


def _seen_problem(seen: object) -> str | None:
    if not isinstance(seen, Seen) or (seen.picture is None and seen.vector is None):
        return "There is neither a picture nor a vector to look at."
    return None if seen.picture is None else _picture_problem(seen.picture)


def _question_problem(question: object) -> str | None:
    if not isinstance(question, Question):
        return "This is not a question about a picture."
    return _picture_problem(question.picture) or _text_problem(question.text)


def _prompt_problem(prompt: object) -> str | None:
    if not isinstance(prompt, Prompt):
        return "This is not a prompt."
    return _text_problem(prompt.text) or _half_a_letter(prompt.system)


OCR: Role[Picture, OcrOptions, PageText] = Role("ocr", OcrOptions, PageText, _picture_problem)
IMAGE_EMBEDDER: Role[Picture, EmbedOptions, Vector] = Role("image_embedder", EmbedOptions, Vector, _picture_problem)
PATCH_EMBEDDER: Role[Picture, EmbedOptions, PatchMap] = Role("patch_embedder", EmbedOptions, PatchMap, _picture_problem)
QUERY_EMBEDDER: Role[str, EmbedOptions, Vector] = Role("query_embedder", EmbedOptions, Vector, _text_problem)
TEXT_EMBEDDER: Role[str, EmbedOptions, Vector] = Role("text_embedder", EmbedOptions, Vector, _text_problem)
TAGGER: Role[Seen, TagOptions, Tags] = Role("tagger", TagOptions, Tags, _seen_problem)
DETECTOR: Role[Picture, DetectOptions, Things] = Role("detector", DetectOptions, Things, _picture_problem)
FACES: Role[Picture, FaceOptions, Faces] = Role("faces", FaceOptions, Faces, _picture_problem)
CAPTIONER: Role[Picture, CaptionOptions, Description] = Role("captioner", CaptionOptions, Description, _picture_problem)
ANSWERER: Role[Question, AnswerOptions, Answer] = Role("answerer", AnswerOptions, Answer, _question_problem)
TRANSCRIBER: Role[Sound, TranscribeOptions, Transcript] = Role(
    "transcriber", TranscribeOptions, Transcript, _sound_problem
)
DIARIZER: Role[Sound, DiarizeOptions, Turns] = Role("diarizer", DiarizeOptions, Turns, _sound_problem)
SENTIMENT: Role[str, SentimentOptions, Sentiment] = Role("sentiment", SentimentOptions, Sentiment, _text_problem)
LLM: Role[Prompt, GenerateOptions, Generated] = Role("llm", GenerateOptions, Generated, _prompt_problem)

ROLES: dict[str, Role[Any, Any, Any]] = {
    role.key: role
    for role in (
        OCR,
        IMAGE_EMBEDDER,
        PATCH_EMBEDDER,
        QUERY_EMBEDDER,
        TEXT_EMBEDDER,
        TAGGER,
        DETECTOR,
        FACES,
        CAPTIONER,
        ANSWERER,
        TRANSCRIBER,
        DIARIZER,
        SENTIMENT,
        LLM,
    )
}
