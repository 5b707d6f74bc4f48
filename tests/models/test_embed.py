"""Pictures and sentences as vectors: exported towers against torch and against OpenCLIP itself."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ml import IMAGE_EMBEDDER, QUERY_EMBEDDER, BackendSetting, Failure, Picture, Role, Runtime, Vector
from ml.backend import NotInstalled
from ml.cuts import Cut
from ml.engines.torch import ensure_torchvision
from ml.export import SENTENCES, ExportError, drawn_pictures, export, verify
from ml.tokens import Tokenizer
from ml.towers import Towers, folder_of, missing
from tests.models import built

pytest.importorskip("torch", reason="torch is not installed here: make test-ml")

PICTURES = drawn_pictures(12)
QUERIES = (
    *SENTENCES,
    "It's the child\u2019s \u201cbirthday\u201d &amp; party!!",
    "\ufb01ne \uff21\uff22\uff23  with\ttabs\nand lines",
    "naïve café Ünïcödé ÉCOLE straße",
    "3.14159 + 2 = 5, 100% of $1,000",
    "emoji 🐶🎂 and 你好 and кошка and كلب and ひらがな",
    "we'll they've I'd don't snake_case_words",
    "a very long sentence " * 40,
    "x",
)


@pytest.fixture(scope="module", params=["open_clip", "siglip", "coca"])
def weights(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as after `models pull` and `models export`."""
    folder = tmp_path_factory.mktemp("weights") / str(request.param)
    shutil.copytree(built(request.param), folder)
    export(str(folder))
    return folder


def vectors(role: Role[Any, Any, Vector], backend: str, items: Sequence[Any], **options: Any) -> np.ndarray:
    setting: BackendSetting = {"BACKEND": backend, "OPTIONS": options, "DEVICE": "cpu"}
    with Runtime({role.key: setting}) as runtime:
        results = list(runtime.map(role, items))
    assert not [result for result in results if isinstance(result, Failure)]
    return np.stack([result.values for result in results if isinstance(result, Vector)])


def test_the_towers_give_the_vectors_of_torch(weights: Path) -> None:
    for role, items in ((IMAGE_EMBEDDER, PICTURES), (QUERY_EMBEDDER, QUERIES)):
        exported = vectors(role, "open_clip_onnx", items, weights=str(weights))
        torch = vectors(role, "open_clip_torch", items, weights=str(weights))
        assert (exported * torch).sum(axis=1).min() > 0.9999


def test_sentences_are_read_as_openclip_reads_them(weights: Path) -> None:
    ensure_torchvision()
    import open_clip

    theirs = open_clip.get_tokenizer(f"local-dir:{weights}")(list(QUERIES)).numpy()
    towers = Towers.read(folder_of(str(weights)))
    ours = Tokenizer(folder_of(str(weights)) / "tokenizer.json", towers.cleaning)(QUERIES)
    assert ours.tolist() == theirs.tolist()


def test_pictures_are_cut_as_openclip_cuts_them(weights: Path) -> None:
    ensure_torchvision()
    import open_clip

    _model, transform = open_clip.create_model_from_pretrained(f"local-dir:{weights}")
    cut: Cut = Towers.read(folder_of(str(weights))).cut
    for height, width in ((480, 640), (641, 480), (1, 1), (10, 3000), (2000, 10), (77, 100)):
        picture = np.asarray(Image.fromarray(PICTURES[0]).resize((width, height)), np.uint8)
        ours, theirs = cut([picture])[0], transform(Image.fromarray(picture)).numpy()
        assert np.abs(ours - theirs).max() < 0.035  # two steps of 255
        assert (ours * theirs).sum() / np.linalg.norm(ours) / np.linalg.norm(theirs) > 0.999


def test_half_as_long_numbers_stay_in_the_space(weights: Path) -> None:
    full = vectors(IMAGE_EMBEDDER, "open_clip_torch", PICTURES, weights=str(weights))
    for numbers, least in (("float16", 0.999), ("bfloat16", 0.99)):
        half = vectors(IMAGE_EMBEDDER, "open_clip_torch", PICTURES, weights=str(weights), numbers=numbers)
        assert (full * half).sum(axis=1).min() > least


def test_another_precision_is_another_space(weights: Path) -> None:
    if missing(str(weights), "int8", "image.int8.onnx"):
        pytest.skip("So small a model drifts in 8 bits and is not kept.")
    for role, item in ((IMAGE_EMBEDDER, PICTURES[0]), (QUERY_EMBEDDER, "a dog")):
        spaces = set()
        for precision in ("fp32", "int8"):
            options = {"weights": str(weights), "precision": precision}
            with Runtime({role.key: {"BACKEND": "open_clip_onnx", "OPTIONS": options}}) as runtime:
                (vector,) = runtime.map(role, [item])  # type: ignore[misc]
            assert isinstance(vector, Vector)
            spaces.add(vector.space)
        assert spaces == {f"{weights.name}/fp32", f"{weights.name}/int8"}


def test_the_widest_and_the_smallest_picture_have_vectors(weights: Path) -> None:
    odd: list[Picture] = [np.zeros((1, 1, 3), np.uint8), np.full((10, 20_000, 3), 200, np.uint8)]
    assert vectors(IMAGE_EMBEDDER, "open_clip_onnx", odd, weights=str(weights)).shape[0] == 2


@pytest.fixture
def copy(weights: Path, tmp_path: Path) -> Path:
    folder = tmp_path / weights.name
    shutil.copytree(weights, folder)
    return folder


def state(folder: Path, precision: str = "fp32") -> str | None:
    """What the runtime says about this folder after one picture."""
    options = {"weights": str(folder), "precision": precision}
    with Runtime({"image_embedder": {"BACKEND": "open_clip_onnx", "OPTIONS": options}}) as runtime:
        (result,) = runtime.map(IMAGE_EMBEDDER, [PICTURES[0]])
        assert isinstance(result, Failure)
        assert (result.kind, result.retryable) == ("not_installed", True)
        return runtime.status()[0].last_error


def test_what_is_not_exported_names_the_command(copy: Path) -> None:
    shutil.rmtree(folder_of(str(copy)))
    assert f"Run: python -m ml models export {copy}" in str(state(copy))


def test_half_a_file_is_a_state_that_says_what_to_do(copy: Path) -> None:
    path = folder_of(str(copy)) / "image.onnx"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "Export the model again" in str(state(copy))


def test_towers_of_another_shape_are_refused(copy: Path) -> None:
    path = folder_of(str(copy)) / "towers.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"dimensions": 7}))
    assert "does not fit towers.json" in str(state(copy))


def test_an_unknown_precision_names_the_known_ones(copy: Path) -> None:
    assert "Known are: fp32, int8" in str(state(copy, "int4"))


def test_an_export_that_is_another_model_is_refused(copy: Path) -> None:
    whole = folder_of(str(copy))
    table = np.load(whole / "tokens.npy")
    np.save(whole / "tokens.npy", table[::-1])
    with pytest.raises(ExportError, match="not the one of torch"):
        verify(str(copy), PICTURES)


def test_sentences_that_drift_in_8_bits_leave_the_pictures_theirs(copy: Path) -> None:
    import onnx

    towers = folder_of(str(copy))
    shutil.copy(towers / "image.onnx", towers / "image.int8.onnx")
    drifting = onnx.load(str(towers / "text.onnx"))
    largest = max(drifting.graph.initializer, key=lambda numbers: len(numbers.raw_data))
    largest.raw_data = largest.raw_data[::-1]
    onnx.save(drifting, str(towers / "text.int8.onnx"))

    _whole, small = verify(str(copy), PICTURES)

    assert (small.kept, small.sentences_kept) == (True, False)
    assert (towers / "text.int8.onnx").read_bytes() == (towers / "text.onnx").read_bytes()
    asked = {"weights": str(copy), "precision": "int8"}
    assert vectors(QUERY_EMBEDDER, "open_clip_onnx", QUERIES, **asked) == pytest.approx(
        vectors(QUERY_EMBEDDER, "open_clip_onnx", QUERIES, weights=str(copy))
    )


def test_verifying_needs_enough_pictures_and_weights(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="At least 11 pictures"):
        verify(str(copy), PICTURES[:10])
    with pytest.raises(NotInstalled, match="Not installed"):
        export(str(tmp_path / "nothing"))


def test_half_of_the_weights_are_named_and_nothing_is_left(copy: Path) -> None:
    path = copy / "open_clip_model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    shutil.rmtree(folder_of(str(copy)))
    with pytest.raises(ExportError, match="Install them again"):
        export(str(copy))
    assert not list(copy.glob("onnx*"))
