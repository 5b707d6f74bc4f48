"""Products looked for in a picture: the prototypes' grid of crops, the same in batches, and one look by patches.

Both sides compare crops by a ViT-B/32; the one look has the patches of a ViT-S/16. All numbers are seeded, so that
speed and places of exact copies are true, and likeness is not.

The grid would take hours for many products. How many crops it looks at is counted with a quick embedder by hand, how
long one takes is measured on some of them; comparing them is left out, which is to the grid's advantage.
"""

import copy
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench.protocol import NotHere, seconds
from ml import Runtime
from ml.engines.torch import ensure_torchvision, inference
from ml.matching import Dense, DenseOptions, Embed, Grid, Known, Match, Product, Shelf, dense_over, descriptors
from ml.matching.results import shared
from ml.results import Box, Numbers
from ml.roles import Picture

NEEDS = ("torch", "torchvision", "timm", "safetensors")
WIDTH, HEIGHT = 640, 480
SIDE = 120  # of a product, in pixels
LEARNT = 10  # products; what is more of them has their patches in another order


@dataclass(frozen=True)
class Matchers:
    loop: Grid
    batched: Grid
    dense: Dense


def make(folder: Path, *, small: bool) -> Matchers:
    """Raises NotHere without torch."""
    if missing := [name for name in NEEDS if importlib.util.find_spec(name) is None]:
        raise NotHere(f"{', '.join(missing)} is not installed here; run it by .venv-ml/bin/python -m bench products")
    ensure_torchvision()
    import timm
    import torch
    from timm.models import save_for_hf

    folder.mkdir(parents=True)
    torch.manual_seed(7)
    torch.set_num_threads(1)
    save_for_hf(timm.create_model("test_vit" if small else "vit_small_patch16_224"), folder, safe_serialization=True)
    model = timm.create_model("test_vit" if small else "vit_base_patch32_224", num_classes=0).eval()
    half = copy.deepcopy(model).to(torch.bfloat16)
    side = model.pretrained_cfg["input_size"][1]
    slow: Embed = partial(_vectors, model, side, at_once=1)
    fast: Embed = partial(_vectors, half, side, at_once=16)
    options = DenseOptions(smallest=0.75, largest=1.25, tiles_at_most=1)  # as far as the grid's scales reach
    eye = {"weights": str(folder), "numbers": "bfloat16"}
    runtime = Runtime({"patch_embedder": {"BACKEND": "vit_torch", "OPTIONS": eye, "DEVICE": "cpu"}})
    return Matchers(Grid(slow), Grid(fast), replace(dense_over(runtime, options), embed=fast))


def _vectors(model: Any, side: int, pictures: Sequence[Picture], /, *, at_once: int) -> Numbers:
    import torch

    numbers = next(model.parameters()).dtype
    rows = []
    with inference():
        for start in range(0, len(pictures), at_once):
            cut = np.stack([cv2.resize(one, (side, side)) for one in pictures[start : start + at_once]])
            batch = (torch.from_numpy(cut).permute(0, 3, 1, 2).float() / 127.5 - 1).to(numbers)
            rows.append(model(batch).float().numpy())
    return np.concatenate(rows)


@dataclass(frozen=True)
class Looks:
    """`count` crops of the picture that the grid looks at, and `some` of them."""

    count: int
    some: tuple[Picture, ...]

    def seconds(self, embed: Embed) -> float:
        """For all, from what the some take."""
        return seconds(lambda: embed(self.some)) / len(self.some) * self.count


def looks(picture: Picture, count: int, *, some: int) -> Looks:
    """Of the grid for so many products. Each product after the first ten costs as much as one of them does."""
    seen: list[Picture] = []

    def look(pictures: Sequence[Picture]) -> Numbers:
        seen.extend(pictures)
        return descriptors.vectors(pictures)

    def looked_at(wanted: Sequence[Product]) -> int:
        grid = Grid(look)
        known = grid.learn(wanted)
        seen.clear()
        grid.find(picture, known)
        return len(seen)

    few = min(count, 10)
    total = looked_at(products(few))
    if count > few:
        alone = looked_at(products(1))
        total += round((total - alone) / (few - 1) * (count - few))
        looked_at(products(few))
    chosen = np.random.default_rng(8).choice(len(seen), min(some, len(seen)), replace=False)
    return Looks(total, tuple(seen[place] for place in chosen))


def shelf(dense: Dense, count: int) -> Shelf:
    """So many products. Learning a thousand takes as long as looking a thousand times, so only the first are learnt."""
    learnt = dense.learn(products(min(count, LEARNT)))
    if count <= LEARNT:
        return learnt
    own = [[one for one in learnt.templates if one.owner == number] for number in range(LEARNT)]
    templates = list(learnt.templates)
    for number in range(LEARNT, count):
        dice = np.random.default_rng([number, 4])
        for one in own[number % LEARNT]:
            parts, anchors = dice.permutation(one.parts), dice.permutation(one.anchors)
            templates.append(replace(one, owner=number, reference=number, parts=parts, anchors=anchors))
    known, turn = learnt.known, [number % LEARNT for number in range(count)]
    every = Known(
        tuple(str(number) for number in range(count)),
        np.stack([np.roll(known.vectors[place], number // LEARNT) for number, place in enumerate(turn)]),
        tuple(range(count)),
        tuple(known.sizes[place] for place in turn),
        known.space,
    )
    return Shelf(every, tuple(learnt.references[place] for place in turn), tuple(templates), learnt.space)


def products(count: int) -> list[Product]:
    return [Product(str(number), (_print(number),)) for number in range(count)]


def scene(product: Product) -> tuple[Picture, Box]:
    """It stands among others that nobody knows."""
    dice = np.random.default_rng(5)
    picture = np.asarray(cv2.resize(dice.integers(0, 256, (6, 8, 3), np.uint8), (WIDTH, HEIGHT)), np.uint8)
    for number, (left, top) in enumerate(((20, 30), (200, 10), (460, 60), (40, 320), (480, 330))):
        picture[top : top + SIDE, left : left + SIDE] = _print(10_000 + number)
    left, top = 271, 203
    picture[top : top + SIDE, left : left + SIDE] = product.references[0]
    return picture, (left / WIDTH, top / HEIGHT, (left + SIDE) / WIDTH, (top + SIDE) / HEIGHT)


def _print(seed: int) -> Picture:
    dice = np.random.default_rng([seed, 3])
    coarse = cv2.resize(dice.integers(0, 256, (5, 5, 3), np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)
    for _disc in range(4):
        middle, colour = [int(place) for place in dice.integers(0, SIDE, 2)], dice.integers(0, 256, 3).tolist()
        cv2.circle(coarse, middle, int(dice.integers(8, 25)), colour, -1)
    return np.asarray(coarse, np.uint8)


def overlap(matches: Sequence[Match], product: Product, box: Box) -> float:
    """Of the best match of this product; 0 without one."""
    return next((shared(match.box, box) for match in matches if match.product == product.key), 0.0)
