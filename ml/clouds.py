"""Voices told apart by their colour alone: no model, no names.

Speech is cut into pieces of a second; each is a cloud of cepstra. Clouds are joined, the likest first, until one more
would cost more than it saves (the Bayesian information criterion); then every moment goes to the likeliest voice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Self

import numpy as np

from .results import Numbers
from .roles import Sound
from .speakers import Spoken, in_blocks, in_turns, joined
from .spectrogram import FRAMES_A_SECOND, STEP, mel
from .voice import Span

_BANDS, _CEPSTRA = 40, 12
_QUIET = 1e-8
#: The quietest quarter of each piece is the room rather than the voice.
_ROOM = 25
#: Frames that every cloud has in common with all speech: a short one alone would be flat in some direction.
_SHARED = 20
#: More frames of a voice than this are no more evidence: what somebody says changes, too.
_ENOUGH = 400
#: From so many pieces on voices are compared once more, each by so few frames: with much evidence words differ, too.
_LONG, _ENOUGH_AT_LAST = 40, 150
#: Seconds within which a voice does not change.
_STEADY = 0.9


def told_apart(sound: Sound, spans: Sequence[Span], *, speakers: int | None, strictness: float) -> list[Spoken]:
    """The spans, cut where the speaker changes. `speakers`: how many there are, or None: to be found out, the fewer the
    greater the `strictness`. What is shorter than a second in all may go to somebody else."""
    heard = [_Heard.of(sound, span) for span in spans if span.end - span.start >= STEP]
    if not heard:
        return []
    ground = np.concatenate([one.cepstra for one in heard]).var(axis=0) + _QUIET
    clouds = [_Cloud.of(piece, ground) for one in heard for piece in one.pieces()]
    prices = partial(_prices, strictness=strictness)
    firm = in_blocks(clouds, prices, at_least=speakers or 1)
    if len(clouds) >= _LONG:
        firm = [cloud.weighing(_ENOUGH_AT_LAST) for cloud in firm]
    voices = joined(firm, prices, at_least=speakers or 1, at_most=speakers)
    return in_turns([one.span for one in heard], _assigned(heard, voices, ground))


@dataclass(frozen=True, eq=False)
class _Heard:
    """A span, a hundred times a second: the shape of its spectrum, and how loud it is."""

    span: Span
    cepstra: Numbers
    loud: Numbers

    @classmethod
    def of(cls, sound: Sound, span: Span) -> Self:
        loud = np.log(mel(sound[span.start : span.end], bands=_BANDS) + _QUIET)
        return cls(span, loud @ _cosines().T, loud.mean(axis=1))

    def pieces(self) -> Iterator[Numbers]:
        """Of about a second each, without the room."""
        count = max(1, round(len(self.loud) / FRAMES_A_SECOND))
        for cepstra, loud in zip(np.array_split(self.cepstra, count), np.array_split(self.loud, count), strict=True):
            yield cepstra[loud >= np.percentile(loud, _ROOM)]


@dataclass(frozen=True, eq=False)
class _Cloud:
    """Of so many frames: the sum, the sum of the products, and what they cost to be told (the code's length).

    More than `enough` count as so many."""

    count: float
    total: Numbers
    products: Numbers
    ground: Numbers
    cost: float
    enough: int

    @classmethod
    def of(cls, frames: Numbers, ground: Numbers) -> Self:
        frames = frames.astype(np.float64)
        return cls._with(float(len(frames)), frames.sum(axis=0), frames.T @ frames, ground, _ENOUGH)

    @classmethod
    def _with(cls, count: float, total: Numbers, products: Numbers, ground: Numbers, enough: int) -> Self:
        if count > enough:
            total, products, count = total * (enough / count), products * (enough / count), float(enough)
        cost = _costs(np.array([count]), total[None], products[None], ground)[0]
        return cls(count, total, products, ground, float(cost), enough)

    def joined(self, other: Self) -> Self:
        return self._with(
            self.count + other.count, self.total + other.total, self.products + other.products, self.ground, self.enough
        )

    def weighing(self, enough: int) -> Self:
        return self._with(self.count, self.total, self.products, self.ground, enough)

    def spread(self) -> tuple[Numbers, Numbers]:
        """Middle and covariance."""
        covariances = _covariances(np.array([self.count]), self.total[None], self.products[None], self.ground)
        return self.total / self.count, covariances[0]


def _prices(cloud: _Cloud, others: Sequence[_Cloud], *, strictness: float) -> Numbers:
    """What it costs to take this cloud and each of the others for one voice; less than nothing where it saves."""
    counts = np.array([cloud.count + other.count for other in others])
    totals = np.stack([cloud.total + other.total for other in others])
    products = np.stack([cloud.products + other.products for other in others])
    apart = np.array([cloud.cost + other.cost for other in others])
    numbers = _CEPSTRA + _CEPSTRA * (_CEPSTRA + 1) / 2
    together = _costs(counts, totals, products, cloud.ground)
    return np.asarray(together - apart - strictness * numbers / 2 * np.log(counts))


def _costs(counts: Numbers, totals: Numbers, products: Numbers, ground: Numbers) -> Numbers:
    return np.asarray(counts / 2 * np.linalg.slogdet(_covariances(counts, totals, products, ground))[1])


def _covariances(counts: Numbers, totals: Numbers, products: Numbers, ground: Numbers) -> Numbers:
    middles = totals / counts[:, None]
    scatter = products - counts[:, None, None] * middles[:, :, None] * middles[:, None, :]
    return np.asarray((scatter + _SHARED * np.diag(ground)) / (counts + _SHARED)[:, None, None])


def _assigned(heard: Sequence[_Heard], voices: Sequence[_Cloud], ground: Numbers) -> list[Numbers]:
    """Of each span the voice of each frame. Twice, because the first time moves the borders of the pieces."""
    for _ in range(2):
        found = [_likeliest(one.cepstra, voices) for one in heard]
        frames = np.concatenate([one.cepstra for one in heard])
        whose = np.concatenate(found)
        kept = [number for number in range(len(voices)) if (whose == number).sum() >= _SHARED]
        if not kept:
            break
        voices = [_Cloud.of(frames[whose == number], ground) for number in kept]
    return [_likeliest(one.cepstra, voices) for one in heard]


def _likeliest(cepstra: Numbers, voices: Sequence[_Cloud]) -> Numbers:
    likely = np.empty((len(cepstra), len(voices)))
    for number, voice in enumerate(voices):
        middle, covariance = voice.spread()
        away = cepstra - middle
        likely[:, number] = (away @ np.linalg.inv(covariance) * away).sum(axis=1) + np.linalg.slogdet(covariance)[1]
    # The mean over the time in which a voice does not change; at both ends over what there is of it.
    half = min(round(_STEADY * FRAMES_A_SECOND / 2), len(likely) // 2)
    sums = np.vstack([np.zeros((1, len(voices))), likely.cumsum(axis=0)])
    places = np.arange(len(likely))
    first, last = np.maximum(places - half, 0), np.minimum(places + half + 1, len(likely))
    return np.asarray(((sums[last] - sums[first]) / (last - first)[:, None]).argmin(axis=1))


@cache
def _cosines() -> Numbers:
    """From the loudness of bands to the shape of the spectrum; the loudness itself is left out."""
    bands = np.arange(_BANDS)
    shapes = np.arange(1, _CEPSTRA + 1)[:, None]
    return np.asarray(np.sqrt(2 / _BANDS) * np.cos(np.pi * shapes * (bands + 0.5) / _BANDS), np.float32)
