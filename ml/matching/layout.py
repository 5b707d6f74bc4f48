"""Patch on patch: how well a product agrees with a place in a map of patches, and where exactly it lies there.

Boxes are left, top, right, bottom in cells of the map here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..results import Box, Numbers
from .results import unit

#: Parts of a product, across and down, of which one row or one column may be hidden.
PARTS = 3
ANCHORS = 6  # patches of a product that are laid on the target, across and down
_FEW = 8  # cells: what is smaller stays closer to where it was found first
_SHARPNESS = 12  # how much more the patch that agrees best says about the place than its neighbours
_HOPELESS = 0.1  # of what is found in the end, later rounds rarely add more agreement than this
_FURTHER = 0.2  # of its size, that a product may lie from the window that found it
_LARGER = 2**0.3
_FINEST_STEP = 0.1  # cells
#: To the right, down and larger, in steps.
_CHANGES = ((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1))
#: Everything, or all but a third on one side.
_VISIBLE: tuple[Box, ...] = ((0, 0, 1, 1), (1 / 3, 0, 1, 1), (0, 0, 2 / 3, 1), (0, 1 / 3, 1, 1), (0, 0, 1, 2 / 3))


@dataclass(frozen=True, eq=False)
class Template:
    """A reference at one size: `rows` x `columns` cells. `parts`: the means of its nine parts, row by row. `anchors`:
    some of its patches, at `places` (down and across, 0..1 of the product)."""

    owner: int
    reference: int
    rows: int
    columns: int
    parts: Numbers
    anchors: npt.NDArray[np.float16]
    places: Numbers

    @property
    def size(self) -> float:
        return float(np.sqrt(self.rows * self.columns))


@dataclass(frozen=True, eq=False)
class Target:
    """A map of patches as products are compared with it: what is usual in it is taken off all."""

    values: Numbers
    usual: Numbers

    @classmethod
    def of(cls, values: Numbers) -> "Target":
        usual: Numbers = values.mean(axis=(0, 1), dtype=np.float32)
        return cls(unit(values - usual), usual)

    @property
    def rows(self) -> int:
        return int(self.values.shape[0])

    @property
    def columns(self) -> int:
        return int(self.values.shape[1])


@dataclass(frozen=True, eq=False)
class Laid:
    """`agreement`: of the two thirds of the patches that agree best. `visible`: the part of the product that does, 0..1
    of its width and height."""

    box: Numbers
    agreement: float
    visible: Box


def template(owner: int, reference: int, values: Numbers) -> Template:
    """From the patches of a reference that was made rows x columns cells large."""
    rows, columns = values.shape[:2]
    down, across = _spread(rows), _spread(columns)
    height, width = _part(rows), _part(columns)
    parts = [
        values[top : top + height, left : left + width].mean(axis=(0, 1))
        for top in _offsets(rows)
        for left in _offsets(columns)
    ]
    places = [((row + 0.5) / rows, (column + 0.5) / columns) for row in down for column in across]
    return Template(
        owner,
        reference,
        rows,
        columns,
        np.stack(parts),
        values[np.ix_(down, across)].reshape(len(places), -1).astype(np.float16),
        np.array(places, np.float32),
    )


class Windows:
    """All windows of a target, of any shape, against the parts of products of this shape."""

    def __init__(self, target: Target) -> None:
        self._target = target
        sums = target.values.cumsum(axis=0).cumsum(axis=1)
        self._sums: Numbers = np.pad(sums, ((1, 0), (1, 0), (0, 0)))

    def agreement(self, templates: Sequence[Template]) -> Numbers:
        """For each template and each place of its upper left corner: the mean of the six parts that agree best. All
        templates have the same shape."""
        rows, columns = templates[0].rows, templates[0].columns
        parts = unit(np.stack([one.parts for one in templates]) - self._target.usual)
        height, width = _part(rows), _part(columns)
        sums = self._sums
        blocks = unit(sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width])
        down, across = self._target.rows - rows + 1, self._target.columns - columns + 1
        scores = np.empty((len(parts), PARTS * PARTS, down, across), np.float32)
        corners = ((top, left) for top in _offsets(rows) for left in _offsets(columns))
        for number, (top, left) in enumerate(corners):
            window = blocks[top : top + down, left : left + across].reshape(down * across, -1)
            scores[:, number] = (parts[:, number] @ window.T).reshape(-1, down, across)
        scores.partition(PARTS, axis=1)
        best: Numbers = scores[:, PARTS:].mean(axis=1)
        return best


def lay(one: Template, target: Target, top: int, left: int, *, least: float = -1) -> Laid:
    """The product laid on this window, each patch moved by a cell or two to where it agrees best; the box follows.

    `least`: of the agreement that is of use. What is far from it after the first round is given up.
    """
    anchors = unit(one.anchors.astype(np.float32) - target.usual)
    start = box = np.array([left, top, left + one.columns, top + one.rows], np.float32)
    limits = np.array([target.rows, target.columns])
    agree = np.zeros(len(anchors), np.float32)
    for reach in (1, 1, 1) if min(one.rows, one.columns) < _FEW else (2, 2, 1, 1):
        steps = range(-reach, reach + 1)
        shifts = np.array([(down, across) for down in steps for across in steps])
        cells = np.rint(_targets(box, one.places)).astype(int)[:, None] + shifts[None]
        inside = (cells >= 0).all(axis=2) & (cells < limits).all(axis=2)
        cells = cells.clip(0, limits - 1)
        every = (target.values[cells[..., 0], cells[..., 1]] @ anchors[:, :, None])[..., 0]
        every[~inside] = -1
        agree = every.max(axis=1)
        if _most(agree) < least - _HOPELESS:
            break
        pull = np.exp(_SHARPNESS * (every - agree[:, None])) * inside
        pull /= np.maximum(pull.sum(axis=1, keepdims=True), 1e-9)
        found = (cells * pull[..., None]).sum(axis=1).astype(np.float32) + np.float32(0.5)
        box = _near(_fitted(one.places, found, _weights(agree), box), start)
    return Laid(box, _most(agree), _visible(one, agree))


def settle(one: Template, target: Target, box: Numbers) -> Numbers:
    """The box moved and sized by less than a cell, to where what is visible agrees best."""
    anchors = unit(one.anchors.astype(np.float32) - target.usual)

    def agree(boxes: Sequence[Numbers]) -> Numbers:
        places = np.concatenate([_targets(tried, one.places) for tried in boxes])
        patches = unit(_between(target.values, places)).reshape(len(boxes), *anchors.shape)
        together: Numbers = np.einsum("bad,ad->ba", patches, anchors)
        return together

    return _climbed(box, agree, _weights(agree([box])[0]))


def _climbed(start: Numbers, agree: Callable[[Sequence[Numbers]], Numbers], weights: Numbers) -> Numbers:
    box, best, step = start, float(agree([start])[0] @ weights), 0.5
    while step > _FINEST_STEP:
        tried = [
            _near(_changed(box, step * right, step * down, step * larger), start) for right, down, larger in _CHANGES
        ]
        scores = agree(tried) @ weights
        if scores.max() <= best:
            step /= 2
        else:
            best, box = float(scores.max()), tried[int(scores.argmax())]
    return box


def _spread(cells: int) -> list[int]:
    """A few of so many cells. Those at the edge, which also see what is beyond it, are left out where enough remain."""
    edge = 1 if cells > ANCHORS else 0
    return sorted({round(float(cell)) for cell in np.linspace(edge, cells - 1 - edge, ANCHORS)})


def _part(cells: int) -> int:
    """The cells of a part. Three lie side by side, and overlap where the cells are too few."""
    return -(-cells // PARTS)


def _offsets(cells: int) -> list[int]:
    last = cells - _part(cells)
    return [0, round(last / 2), last]


def _most(agree: Numbers) -> float:
    """The mean of the best two thirds: the rest may be hidden."""
    count = max(len(agree) * 2 // 3, 1)
    return float(np.sort(agree)[-count:].mean())


def _weights(agree: Numbers) -> Numbers:
    """How much each patch says about the place: nothing, when it may be hidden."""
    sure: Numbers = np.maximum(agree, 0) ** 4
    hidden = -(-(len(agree) - 1) // 3)
    return np.where(agree >= np.partition(agree, hidden)[hidden], sure, np.float32(0))


def _targets(box: Numbers, places: Numbers) -> Numbers:
    """Row and column where the patches of a product in this box lie; a whole number is the middle of a cell."""
    corner, extent = box[[1, 0]], box[[3, 2]] - box[[1, 0]]
    return corner + places * extent - np.float32(0.5)


def _fitted(places: Numbers, found: Numbers, weights: Numbers, box: Numbers) -> Numbers:
    """The box in which the patches lie where they were found; its shape stays."""
    total = weights.sum()
    if total <= 1e-6:
        return box
    extent = box[[3, 2]] - box[[1, 0]]
    share = weights[:, None] / total
    expected = places * extent
    here, there = (share * expected).sum(axis=0), (share * found).sum(axis=0)
    spread = float((share * (expected - here) ** 2).sum())
    scale = float((share * (expected - here) * (found - there)).sum()) / spread if spread > 1e-6 else 1.0
    corner = there - scale * here
    return np.concatenate([corner[::-1], (corner + scale * extent)[::-1]])


def _near(box: Numbers, start: Numbers) -> Numbers:
    """No further from where it began than the next size and the next window would be."""
    extent = start[2:] - start[:2]
    scale = min(max(float(((box[2:] - box[:2]) / extent).mean()), 1 / _LARGER), _LARGER)
    middle, reach = (start[:2] + start[2:]) / 2, np.maximum(_FURTHER * extent, 1)
    middle = middle + np.minimum(np.maximum((box[:2] + box[2:]) / 2 - middle, -reach), reach)
    return np.concatenate([middle - scale * extent / 2, middle + scale * extent / 2]).astype(np.float32)


def _changed(box: Numbers, right: float, down: float, larger: float) -> Numbers:
    """`larger`: the longer side, to both sides; the shape stays."""
    extent = box[2:] - box[:2]
    growth = larger * extent / extent.max()
    shift = np.array([right, down], np.float32)
    return np.concatenate([box[:2] + shift - growth, box[2:] + shift + growth])


def _between(values: Numbers, places: Numbers) -> Numbers:
    """The patches at these rows and columns, mixed from the four around."""
    last = np.array(values.shape[:2]) - 1
    places = places.clip(0, last)
    low = np.floor(places).astype(int)
    high = np.minimum(low + 1, last)
    down, across = (places - low).T[..., None].astype(np.float32)
    upper = (1 - across) * values[low[:, 0], low[:, 1]] + across * values[low[:, 0], high[:, 1]]
    lower = (1 - across) * values[high[:, 0], low[:, 1]] + across * values[high[:, 0], high[:, 1]]
    mixed: Numbers = (1 - down) * upper + down * lower
    return mixed


def _visible(one: Template, agree: Numbers) -> Box:
    down, across = one.places.T

    def mean(part: Box) -> float:
        inside = (across >= part[0]) & (across <= part[2]) & (down >= part[1]) & (down <= part[3])
        return float(agree[inside].mean()) if inside.any() else -1.0

    return max(_VISIBLE, key=mean)
