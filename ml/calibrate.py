"""Tags by meaning, made ready: a vector for every tag, and thresholds that fit a household's own pictures."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from .results import Failure, Numbers, Vector
from .roles import IMAGE_EMBEDDER, QUERY_EMBEDDER, Picture
from .runtime import Runtime
from .vocabulary import Measured, Vocabulary, missing, read_vectors, write_thresholds, write_vectors

#: Every tag is said in each of these ways; the mean of the vectors stands for it.
PROMPTS = ("{}", "a photo of {}.", "a photo with {} in it.")
FEWEST = 50


class CalibrationError(Exception):
    """The message says what is needed."""


@dataclass(frozen=True)
class Calibration:
    """`widest`: the greatest share of the pictures that one tag got. `guarded`: tags that would have had more."""

    space: str
    pictures: int
    tags_a_picture: float
    widest: float
    guarded: int


def prepare_tags(runtime: Runtime, vocabulary: str = "ram_tags") -> str:
    """Have the query embedder of these settings make a vector for each tag; answers the space. Takes minutes.

    Raises NotInstalled and CalibrationError. What is prepared already is kept.
    """
    names = Vocabulary.read(vocabulary).names
    space = _vector(next(iter(runtime.map(QUERY_EMBEDDER, ["a photo"])))).space
    if missing(vocabulary, space) is None:
        return space
    rows = _rows(runtime.map(QUERY_EMBEDDER, (prompt.format(name) for name in names for prompt in PROMPTS)))
    mean = np.stack(list(rows)).reshape(len(names), len(PROMPTS), -1).mean(axis=1)
    write_vectors(vocabulary, space, _of_length_one(mean))
    return space


def calibrate(
    runtime: Runtime,
    pictures: Iterable[Picture],
    *,
    vocabulary: str = "ram_tags",
    tags_a_picture: float = 10.0,
    at_most_share: float = 0.2,
) -> Calibration:
    """Measure each tag's threshold on unlabelled pictures, the more like the library the better.

    A tag is given where it lies further above its own mean than one distance for all tags, chosen so that a picture
    gets `tags_a_picture` on average. No tag is given to more than `at_most_share` of the pictures: what fits everything
    says nothing. Pictures that fail are left out. Raises CalibrationError for fewer than 50.
    """
    space = prepare_tags(runtime, vocabulary)
    tags = read_vectors(vocabulary, space)
    seen = [result for result in runtime.map(IMAGE_EMBEDDER, pictures) if isinstance(result, Vector)]
    if strangers := {vector.space for vector in seen} - {space}:
        raise CalibrationError(f"The pictures are embedded in {strangers.pop()}, the tags in {space}.")
    if len(seen) < FEWEST:
        raise CalibrationError(f"{len(seen)} pictures could be embedded; at least {FEWEST} are needed.")
    scores = np.stack([vector.values for vector in seen]) @ tags.vectors.T
    thresholds, guarded = measured_thresholds(scores, tags_a_picture, at_most_share)
    digest = hashlib.sha256(thresholds.tobytes()).hexdigest()[:8]
    write_thresholds(vocabulary, space, thresholds, Measured(len(seen), tags_a_picture, at_most_share, digest))
    given = scores > thresholds
    return Calibration(space, len(seen), float(given.sum(axis=1).mean()), float(given.mean(axis=0).max()), guarded)


def measured_thresholds(scores: Numbers, tags_a_picture: float, at_most_share: float) -> tuple[Numbers, int]:
    """Thresholds from the cosines of pictures x tags, and how many tags the guard held back."""
    pictures, tags = scores.shape
    means = scores.mean(axis=0)
    wanted = min(round(pictures * tags_a_picture), pictures * tags - 1)
    distance = float(np.partition((scores - means).ravel(), -wanted - 1)[-wanted - 1])
    free = means + max(distance, 0.0)
    # The best `most` pictures lie above the next one's score.
    most = int(pictures * at_most_share)
    guard = np.partition(scores, -most - 1, axis=0)[-most - 1] if most < pictures else np.full(tags, -np.inf)
    return np.maximum(free, guard).astype(np.float32), int((guard > free).sum())


def _rows(results: Iterator[Vector | Failure]) -> Iterator[Numbers]:
    for result in results:
        yield _vector(result).values


def _vector(result: Vector | Failure) -> Vector:
    if isinstance(result, Failure):
        raise CalibrationError(result.message)
    return result


def _of_length_one(rows: Numbers) -> Numbers:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-12), np.float32)
