"""The patches of pictures: an exported vision transformer against torch, at any size."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml import PATCH_EMBEDDER, Failure, PatchMap, Picture, Runtime
from ml.backend import NotInstalled
from ml.cli import main
from ml.export import ExportError, drawn_pictures
from ml.export_patches import export, load_vit, verify
from ml.patches import resampled
from ml.results import Numbers
from tests.models import built

pytest.importorskip("torch", reason="torch is not installed here: make test-ml")

NAME = "vit_small_patch14_reg4_dinov2"
PICTURES = drawn_pictures(8)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A folder as after `models pull` and `models export`."""
    return Path(shutil.copytree(built("vit_onnx"), tmp_path / "vit"))


def maps(backend: str, pictures: Sequence[Picture], weights: Path, **options: str | int) -> list[PatchMap | Failure]:
    setting = {"BACKEND": backend, "OPTIONS": {"weights": str(weights), **options}, "DEVICE": "cpu"}
    with Runtime({"patch_embedder": setting}) as runtime:  # type: ignore[dict-item]
        return list(runtime.map(PATCH_EMBEDDER, pictures))


def values(found: PatchMap | Failure) -> Numbers:
    assert isinstance(found, PatchMap), found
    return found.values


def problem(weights: Path, **options: str) -> str:
    """What a picture gets from weights that do not work."""
    (found,) = maps("vit_onnx", PICTURES[:1], weights, **options)
    assert isinstance(found, Failure)
    assert (found.kind, found.retryable) == ("not_installed", True)
    return found.message


@pytest.mark.parametrize(
    ("height", "width", "cells"),
    [(224, 224, (16, 16)), (448, 448, (32, 32)), (240, 320, (17, 23)), (1, 1, (1, 1)), (10, 4000, (1, 286))],
)
def test_patches_are_those_of_torch_at_any_size(height: int, width: int, cells: tuple[int, int], weights: Path) -> None:
    picture = np.asarray(Image.fromarray(PICTURES[1]).resize((width, height)), np.uint8)
    (ours,), (theirs,) = (maps(backend, [picture], weights) for backend in ("vit_onnx", "vit_torch"))
    assert values(ours).shape[:2] == cells
    assert (values(ours) * values(theirs)).sum(axis=-1).min() > 0.999


def test_places_are_resampled_as_timm_does_it() -> None:
    import torch
    from timm.layers import resample_abs_pos_embed

    table = np.random.default_rng(1).normal(size=(37, 37, 8)).astype(np.float32)
    for rows, columns in ((37, 37), (32, 32), (12, 50), (1, 3)):
        flat = torch.from_numpy(table.reshape(1, -1, 8))
        theirs = resample_abs_pos_embed(flat, [rows, columns], [37, 37], num_prefix_tokens=0).numpy()
        assert np.allclose(resampled(table, rows, columns).reshape(1, -1, 8), theirs, atol=1e-5)


def test_a_thing_is_where_it_stands(weights: Path) -> None:
    red = np.full((28, 28, 3), (200, 0, 0), np.uint8)
    picture = np.full((140, 224, 3), 90, np.uint8)
    picture[84:112, 28:56] = red
    sought, seen = (values(found) for found in maps("vit_onnx", [red, picture], weights))
    likeness = seen @ sought.mean(axis=(0, 1))
    assert {divmod(int(place), 16) for place in likeness.ravel().argsort()[-4:]} == {(6, 2), (6, 3), (7, 2), (7, 3)}


def test_a_picture_that_is_too_large_names_the_way_out_and_its_neighbour_is_done(weights: Path) -> None:
    large = np.zeros((1400, 1400, 3), np.uint8)
    first, failed = maps("vit_onnx", [PICTURES[0], large], weights)
    assert isinstance(first, PatchMap)
    assert isinstance(failed, Failure)
    assert failed.kind == "bad_item"
    assert "10000 patches" in failed.message
    assert "cut it into tiles" in failed.message


def test_another_precision_is_another_space(weights: Path) -> None:
    full, small = (maps("vit_onnx", PICTURES[:1], weights, precision=one)[0] for one in ("fp32", "int8"))
    assert isinstance(full, PatchMap)
    assert isinstance(small, PatchMap)
    assert (full.space, small.space) == ("vit/patches/fp32", "vit/patches/int8")
    assert (full.values * small.values).sum(axis=-1).mean() > 0.98


def test_weights_that_do_not_work_say_what_to_do(weights: Path, tmp_path: Path) -> None:
    assert "Not installed" in problem(tmp_path / "nothing")
    assert "Known are: fp32, int8" in problem(weights, precision="int4")
    whole = (weights / "onnx" / "patches.onnx").read_bytes()
    (weights / "onnx" / "patches.onnx").write_bytes(whole[: len(whole) // 2])
    assert "patches.onnx cannot be read. Export the model again" in problem(weights)
    (weights / "onnx" / "patches.onnx").write_bytes(whole)
    description = json.loads((weights / "onnx" / "patches.json").read_text())
    (weights / "onnx" / "patches.json").write_text(json.dumps(description | {"numbers": 7}))
    assert "do not fit patches.json" in problem(weights)
    (weights / "onnx" / "patches.json").write_text("{}")
    assert "Export the model again" in problem(weights)
    shutil.rmtree(weights / "onnx")
    assert f"Run: python -m ml models export {weights}" in problem(weights)


def test_half_of_the_published_file_is_named_and_nothing_is_left(weights: Path) -> None:
    path = weights / "model.safetensors"
    path.write_bytes(path.read_bytes()[:500])
    shutil.rmtree(weights / "onnx")
    with pytest.raises(ExportError, match="Install them again"):
        export(str(weights))
    assert not list(weights.glob("onnx*"))
    (found,) = maps("vit_torch", PICTURES[:1], weights)
    assert isinstance(found, Failure)
    assert "Install them again" in found.message


def test_what_is_no_plain_vision_transformer_is_refused(tmp_path: Path) -> None:
    import timm
    from timm.models import save_for_hf

    save_for_hf(timm.create_model("test_convnext"), tmp_path / "other", safe_serialization=True)
    with pytest.raises(ExportError, match="no plain vision transformer"):
        load_vit(tmp_path / "other")


def test_an_export_that_is_another_model_is_refused(weights: Path) -> None:
    assert [verdict.kept for verdict in verify(str(weights), PICTURES)] == [True, True]
    places = weights / "onnx" / "positions.npy"
    np.save(places, np.load(places)[::-1])
    with pytest.raises(ExportError, match="not the one of torch"):
        verify(str(weights), PICTURES)
    with pytest.raises(NotInstalled, match="Not installed"):
        export(str(weights / "nothing"))


def test_published_weights_become_patches_by_commands_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MODEL_CACHE_DIR", str(tmp_path / "models"))
    assert main(["models", "import", str(built("vit")), "--as", NAME, "--trust"]) == 0
    assert main(["models", "export", NAME]) == 0
    assert "least cosine of a patch" in capsys.readouterr().out
    assert main(["models", "list", "--installed"]) == 0
    printed = capsys.readouterr().out
    assert f"patch_embedder:\n  * {NAME}" in printed
    assert "Weights: Apache-2.0. Code: Apache-2.0 (timm). Proof: seeded weights" in printed
    with Runtime({"patch_embedder": {"BACKEND": "vit_onnx"}}) as runtime:
        (found,) = runtime.map(PATCH_EMBEDDER, PICTURES[:1])
    assert values(found).shape == (17, 23, 64)
