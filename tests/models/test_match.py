"""Products found by the models that settings name: exported towers and an exported vision transformer."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from ml import BackendSetting, Runtime
from ml.matching import (
    Dense,
    DenseOptions,
    Grid,
    Match,
    NoModelError,
    OtherSpaceError,
    Product,
    dense_over,
    descriptors,
    grid_over,
)
from ml.matching.results import shared
from ml.results import Box
from tests.ml.shelves import package, planted
from tests.models import built

#: As far as the grid's scales reach.
NEAR = DenseOptions(smallest=0.75, largest=1.25)


@pytest.fixture(scope="module")
def runtime() -> Iterator[Runtime]:
    settings: dict[str, BackendSetting] = {
        "image_embedder": {"BACKEND": "open_clip_onnx", "OPTIONS": {"weights": str(built("likeness"))}},
        "patch_embedder": {"BACKEND": "vit_onnx", "OPTIONS": {"weights": str(built("vit_onnx"))}},
    }
    with Runtime(settings) as runtime:
        yield runtime


def best(matches: Sequence[Match], box: Box) -> float:
    return max((shared(match.box, box) for match in matches), default=0.0)


def test_settings_alone_find_a_product_in_one_look(runtime: Runtime) -> None:
    dense = dense_over(runtime, NEAR)
    for seed in range(2):
        put = planted(package(seed), seed)
        matches = dense.find(put.picture, dense.learn([Product("it", (package(seed),))]))
        assert best(matches, put.boxes[0]) >= 0.7
        assert all(match.verified and match.product == "it" for match in matches)


def test_settings_alone_find_a_product_by_the_grid(runtime: Runtime) -> None:
    grid = grid_over(runtime)
    put = planted(package(1), 1)
    assert best(grid.find(put.picture, grid.learn([Product("it", (package(1),))])), put.boxes[0]) >= 0.7


def test_a_picture_stored_by_the_model_is_searched_without_it(runtime: Runtime) -> None:
    dense = dense_over(runtime, NEAR)
    put = planted(package(1), 1)
    stored, shelf = dense.encode(put.picture), dense.learn([Product("it", (package(1),))])
    assert best(dense.search_stored(stored, shelf), put.boxes[0]) >= 0.7
    with pytest.raises(OtherSpaceError, match="learn the products again"):
        dense.search_stored(replace(stored, space="dinov3/patches/fp32"), shelf)


def test_products_that_other_models_learnt_are_refused(runtime: Runtime) -> None:
    put, products = planted(package(1), 1), [Product("it", (package(1),))]
    by_hand = Dense(descriptors.vectors, descriptors.Cells()).learn(products)
    with pytest.raises(OtherSpaceError, match="learnt in cells"):
        dense_over(runtime).find(put.picture, by_hand)
    with pytest.raises(OtherSpaceError):
        grid_over(runtime).find(put.picture, Grid(descriptors.vectors).learn(products))


def test_a_model_that_is_not_installed_is_named_to_whoever_looks(tmp_path: object) -> None:
    settings: dict[str, BackendSetting] = {
        "image_embedder": {"BACKEND": "open_clip_onnx", "OPTIONS": {"weights": f"{tmp_path}/nothing"}},
        "patch_embedder": {"BACKEND": "vit_onnx", "OPTIONS": {"weights": f"{tmp_path}/nothing"}},
    }
    with Runtime(settings) as runtime:
        for matcher in (dense_over(runtime), grid_over(runtime)):
            with pytest.raises(NoModelError, match="Not installed") as caught:
                matcher.learn([Product("it", (np.zeros((20, 20, 3), np.uint8),))])
            assert (caught.value.failure.kind, caught.value.failure.retryable) == ("not_installed", True)
