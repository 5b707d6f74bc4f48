"""The tags that pictures may get: their names, and what was prepared and measured for them in one space.

A vocabulary is a folder of weights with RAM's lists. Beside them each space has a folder of its own: one vector a tag
(`ml.calibrate.prepare_tags`) and, once measured on pictures, one threshold a tag (`ml.calibrate.calibrate`).
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np

from . import weights
from .backend import NotInstalled
from .results import Numbers

ENGLISH, CHINESE, PUBLISHED = "ram_tag_list.txt", "ram_tag_list_chinese.txt", "ram_tag_list_threshold.txt"
_VECTORS, _THRESHOLDS, _MEASURED = "vectors.npz", "thresholds.npy", "measured.json"


@dataclass(frozen=True)
class Vocabulary:
    """`chinese` is as long as `names`, or empty. `digest` changes with every name."""

    names: tuple[str, ...]
    chinese: tuple[str, ...]
    digest: str

    @classmethod
    def read(cls, name: str) -> Self:
        """Raises NotInstalled for a list that is missing or does not fit."""
        if missing := weights.missing(name, ENGLISH):
            raise NotInstalled(missing)
        folder = weights.folder(name)
        names, chinese = _lines(folder / ENGLISH), _lines(folder / CHINESE)
        if chinese and len(chinese) != len(names):
            raise NotInstalled(f"{folder} has {len(names)} tags in English and {len(chinese)} in Chinese.")
        return cls(names, chinese, hashlib.sha256("\n".join(names).encode()).hexdigest()[:8])


def published_thresholds(name: str) -> Numbers:
    """What RAM++'s publisher measured for its own scores: one a tag, 0..1. Raises NotInstalled as `Vocabulary.read`."""
    if missing := weights.missing(name, PUBLISHED):
        raise NotInstalled(missing)
    path, count = weights.folder(name) / PUBLISHED, len(Vocabulary.read(name).names)
    try:
        thresholds = np.array([float(line) for line in path.read_text().split()], np.float32)
    except ValueError as error:
        raise NotInstalled(f"{path} cannot be read: {error}. Install it again.") from error
    if len(thresholds) != count:
        raise NotInstalled(f"{path} has {len(thresholds):,} thresholds for {count:,} tags. Install it again.")
    return thresholds


@dataclass(frozen=True)
class Measured:
    """On how many pictures the thresholds were measured, with what aim; `digest` is that of the thresholds."""

    pictures: int
    tags_a_picture: float
    at_most_share: float
    digest: str


@dataclass(frozen=True, eq=False)
class TagVectors:
    """`vectors`: one of length 1 a tag. `thresholds`: a cosine a tag, or None: never measured."""

    vectors: Numbers
    thresholds: Numbers | None


def folder_of(vocabulary: str, space: str) -> Path:
    return weights.folder(vocabulary) / space.replace("/", "-")


def missing(vocabulary: str, space: str) -> str | None:
    """What to do before tags can be given in this space, or None."""
    if absent := weights.missing(vocabulary, ENGLISH):
        return absent
    kept = folder_of(vocabulary, space) / _VECTORS
    if kept.is_file():
        with np.load(kept) as archive:  # reads what is asked for, not the vectors
            if str(archive["digest"]) == Vocabulary.read(vocabulary).digest:
                return None
    return f"Not prepared: the tags of {vocabulary} for {space}. Run: python -m ml models calibrate FOLDER"


def write_vectors(vocabulary: str, space: str, vectors: Numbers) -> None:
    """Thresholds of other vectors are forgotten."""
    folder = folder_of(vocabulary, space)
    folder.mkdir(exist_ok=True)
    for name in (_THRESHOLDS, _MEASURED):
        (folder / name).unlink(missing_ok=True)
    with (folder / f"{_VECTORS}.part").open("wb") as file:
        np.savez(file, vectors=vectors, digest=np.array(Vocabulary.read(vocabulary).digest))
    (folder / f"{_VECTORS}.part").replace(folder / _VECTORS)


def write_thresholds(vocabulary: str, space: str, thresholds: Numbers, measured: Measured) -> None:
    folder = folder_of(vocabulary, space)
    np.save(folder / _THRESHOLDS, thresholds)
    (folder / _MEASURED).write_text(json.dumps(asdict(measured), indent=2))


def read_vectors(vocabulary: str, space: str) -> TagVectors:
    """Raises NotInstalled for tags that are not prepared, or were for other names."""
    if absent := missing(vocabulary, space):
        raise NotInstalled(absent)
    folder = folder_of(vocabulary, space)
    with np.load(folder / _VECTORS) as archive:
        vectors = np.asarray(archive["vectors"], np.float32)
    has_thresholds = measured(vocabulary, space) is not None
    return TagVectors(vectors, np.load(folder / _THRESHOLDS) if has_thresholds else None)


def measured(vocabulary: str, space: str) -> Measured | None:
    path = folder_of(vocabulary, space) / _MEASURED
    return Measured(**json.loads(path.read_text())) if path.is_file() else None


def _lines(path: Path) -> tuple[str, ...]:
    return tuple(line.strip() for line in path.read_text("utf-8").splitlines()) if path.is_file() else ()
