"""Whether a sentence is glad, sorry or neither: what was learnt of MiniLM's vectors, and for which language.

`tools/learn_sentiment.py` makes the small file beside this module from labelled sentences.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np

from .results import Numbers
from .scripts import script_of

Label = Literal["negative", "neutral", "positive"]
LABELS: tuple[Label, ...] = ("negative", "neutral", "positive")
FILE = Path(__file__).with_suffix(".npz")
#: Its vector tells whether the numbers are those that the labels were learnt on.
ANCHOR = "The children are playing in the garden."

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_PARTS = re.compile(r"[^\W_]+|[^\w\s]|_")
#: Pieces a word: English ones are mostly whole in MiniLM's vocabulary, others fall apart.
_WHOLE, _BROKEN = 1.3, 1.8
_ENGLISH = set(
    re.findall(
        r"\w+",
        "the of and to it that i you he she they we my your his her their our this these with at by from not have has "
        "had were are been be will would can could should what when where who how there here very all one out up about "
        "into than then them him us me just again never always more most such so if because only is was but for on",
    )
)
_OTHERS = (
    set(
        re.findall(
            r"\w+",
            "der das und ist nicht ein eine ich wir sie mit von zu auf für sehr dem den des hat haben wie "
            "le les et est une je nous vous il elle dans pour avec sur très était pas du au aux ce cette que qui quel "
            "quelle el los las y es una yo con para muy estaba fue qué por del lo gli di che è e un sono molto non ci "
            "della o os da em um uma não muito estava na dia het een van ik niet wat aan de en wij zijn voor och är "
            "ett jag var vid som på inte det w to był jest nie się z i bir ve çok bu için",
        )
    )
    - _ENGLISH
)


@dataclass(frozen=True, eq=False)
class Head:
    """`slopes` (numbers of a vector x labels) and `offsets` give the likelihood of each label."""

    slopes: Numbers
    offsets: Numbers
    anchor: Numbers

    @classmethod
    def read(cls, path: Path = FILE) -> Self:
        with np.load(path, allow_pickle=False) as file:
            return cls(file["slopes"], file["offsets"], file["anchor"])

    def write(self, path: Path = FILE) -> None:
        np.savez(path, slopes=self.slopes, offsets=self.offsets, anchor=self.anchor)

    def __call__(self, vectors: Numbers) -> Numbers:
        """Texts x labels, each row a sum of 1. The vectors are of length 1."""
        scores = vectors @ self.slopes + self.offsets
        likely = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(likely / likely.sum(axis=1, keepdims=True), np.float32)


def is_english(text: str, pieces: int) -> bool:
    """By its small words, and by how many `pieces` MiniLM's vocabulary needs for it."""
    if script_of(text) != "latin":
        return False
    words = _WORD.findall(text.lower())
    english, others = (sum(word in known for word in words) for known in (_ENGLISH, _OTHERS))
    if english < others:
        return False
    return pieces <= (_BROKEN if english > others else _WHOLE) * len(_PARTS.findall(text))
