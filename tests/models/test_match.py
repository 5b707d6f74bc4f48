"""Products found through the patches of a vision transformer of real size, with seeded numbers."""

from pathlib import Path

import numpy as np
import pytest

from ml.backend import NotInstalled
from ml.matching import Dense, DenseOptions, Product, descriptors
from ml.matching.results import shared
from ml.matching.vit import VitPatches
from tests.ml.shelves import package, planted
from tests.models import built

pytest.importorskip("torch", reason="torch is not installed here: make test-ml")


@pytest.fixture(scope="module")
def patches() -> VitPatches:
    return VitPatches.load(built("vit"), device="cpu")


def test_a_picture_of_whole_cells_gives_a_patch_for_each(patches: VitPatches) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (96, 160, 3), np.uint8)
    (one,) = patches([picture])
    assert one.shape == (6, 10, 384)
    together = patches([picture, picture[::-1].copy()])
    assert np.allclose(together[0], one, atol=1e-3)
    assert not np.allclose(together[1], one, atol=1e-3)


def test_even_seeded_numbers_find_exact_copies(patches: VitPatches) -> None:
    dense = Dense(descriptors.vectors, patches, DenseOptions(smallest=0.75, largest=1.25))
    overlaps = []
    for seed in range(2):
        put = planted(package(seed), seed)
        matches = dense.find(put.picture, dense.learn([Product("it", (package(seed),))]))
        overlaps.append(max((shared(match.box, put.boxes[0]) for match in matches), default=0.0))
    assert min(overlaps) >= 0.7, overlaps


def test_missing_and_broken_weights_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotInstalled, match=r"Not in .*config\.json"):
        VitPatches.load(tmp_path)
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((built("vit") / name).read_bytes()[:500])
    with pytest.raises(NotInstalled, match="Install it again"):
        VitPatches.load(tmp_path)
