"""RAM++: the publisher's file, our model, its export and its tags."""

import json
import math
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from ml import TAGGER, BackendSetting, Failure, ModelName, Runtime, Seen, TagOptions, Tags, Vector
from ml.cli import main
from ml.engines.torch import ensure_torchvision
from ml.export import ExportError, drawn_pictures
from ml.export_tagger import export, verify
from ml.taggers import CHECKPOINT, Tagger, cut_of, file_of
from ml.towers import folder_of
from ml.weights import manifest
from ml.weights.files import sha256_of
from tests.models import built
from tests.models.ram_plus import FULL, TINY, shapes

torch = pytest.importorskip("torch", reason="torch is not installed here: make test-ml")

PICTURES = drawn_pictures(5)
SIDE = 32
NAME = "ram_plus_swin_large_14m"
Arrays = Mapping[str, npt.NDArray[np.float64]]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as after `models pull` and `models export`."""
    folder = tmp_path_factory.mktemp("weights") / "ram_plus"
    shutil.copytree(built("ram_plus"), folder)
    export(str(folder))
    return folder


@pytest.fixture
def copy(weights: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(weights, tmp_path / "ram_plus"))


@pytest.fixture(scope="module")
def published(weights: Path) -> Arrays:
    numbers = torch.load(weights / CHECKPOINT, weights_only=True)["model"]
    return {key: one.numpy().astype(np.float64) for key, one in numbers.items()}


def tags(backend: str, weights: Path, *items: Seen, ask: TagOptions | None = None, **options: Any) -> list[Any]:
    setting: BackendSetting = {
        "BACKEND": backend,
        "OPTIONS": {"weights": str(weights), **options},
        "DEVICE": "cpu",
    }
    with Runtime({"tagger": setting}) as runtime:
        return list(runtime.map(TAGGER, items, ask))


def seen() -> list[Seen]:
    return [Seen(picture) for picture in PICTURES]


def trouble(backend: str, weights: Path, **options: Any) -> str:
    """What the runtime says about this folder after one picture."""
    (result,) = tags(backend, weights, seen()[0], **options)
    assert isinstance(result, Failure)
    assert (result.kind, result.retryable) == ("not_installed", True)
    return result.message


# -- The model --------------------------------------------------------------------------------------------------------
def upstream_shapes() -> Iterator[tuple[str, tuple[int, ...]]]:
    for line in Path(__file__).with_name("ram_plus_keys.txt").read_text().splitlines():
        if line.startswith("#"):
            continue
        key, shape = line.split()
        sides = () if shape == "scalar" else tuple(int(side) for side in shape.split("x"))
        if several := re.search(r"\{(\d+)\.\.(\d+)(?:\.\.(\d+))?\}", key):
            first, last, step = int(several[1]), int(several[2]), int(several[3] or 1)
            yield from ((key.replace(several[0], str(number)), sides) for number in range(first, last + 1, step))
        else:
            yield key, sides


def test_keys_and_shapes_are_those_of_the_publishers_model() -> None:
    assert shapes(FULL) == dict(upstream_shapes())


def test_the_full_model_has_a_place_for_each_published_number() -> None:
    from ml.ram_plus import RamPlus, Sizes, renamed

    with torch.device("meta"):
        numbers = renamed({key: torch.empty(shape) for key, shape in upstream_shapes()})
        model = RamPlus(sizes := Sizes.of(numbers, FULL.tags))
    assert (sizes.side, sizes.depths, sizes.heads, sizes.window) == (384, (2, 2, 18, 2), (6, 12, 24, 48), 12)
    computed = {key for key in numbers if key.endswith(("relative_position_index", "attn_mask"))}
    wanted = {key: tuple(one.shape) for key, one in model.state_dict().items()}
    assert wanted.pop("label_embed") == (4585, 51, 512)
    assert wanted == {k: tuple(one.shape) for k, one in numbers.items() if k not in {*computed, "label_embed"}}


def test_the_model_computes_what_an_independent_one_computes(weights: Path, published: Arrays) -> None:
    from ml.ram_plus import load

    cuts = cut_of(SIDE)(PICTURES)
    with torch.inference_mode():
        ours = load(str(weights))(torch.from_numpy(cuts)).numpy()
    plain = np.stack([plain_logits(published, cut) for cut in cuts.astype(np.float64)])
    assert plain.std() > 0.5
    assert np.abs(ours - plain).max() < 1e-4


def test_keys_of_older_files_and_what_training_left_behind_are_no_trouble(copy: Path) -> None:
    before = tags("ram_plus_torch", copy, *seen())
    told = torch.load(copy / CHECKPOINT, weights_only=True)
    told["model"] = {key.replace("tagging_head.", "vision_multi."): one for key, one in told["model"].items()}
    torch.save(told | {"optimizer": {"state": {}}}, copy / CHECKPOINT)
    assert tags("ram_plus_torch", copy, *seen()) == before


def test_pictures_are_cut_as_the_publisher_cuts_them() -> None:
    ensure_torchvision()
    from torchvision import transforms

    steps = [transforms.Resize((384, 384)), transforms.ToTensor()]
    theirs = transforms.Compose([*steps, transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])
    for height, width in ((480, 640), (641, 480), (1, 1), (10, 3000), (384, 384)):
        picture = Image.fromarray(PICTURES[0]).resize((width, height))
        ours = cut_of(384)([np.asarray(picture, np.uint8)])[0]
        assert np.abs(ours - theirs(picture).numpy()).max() < 0.035  # two steps of 255


# -- Tags -------------------------------------------------------------------------------------------------------------
def test_the_published_file_becomes_tags(weights: Path, published: Arrays) -> None:
    results = tags("ram_plus_torch", weights, *seen())
    for cut, result in zip(cut_of(SIDE)(PICTURES).astype(np.float64), results, strict=True):
        scores = 1 / (1 + np.exp(-plain_logits(published, cut)))
        given = [0, *(number for number in range(2, TINY.tags) if scores[number] > 0.5)]
        expected = [f"tag {number}" for number in sorted(given, key=lambda number: -scores[number])]
        assert [tag.name for tag in result.tags] == expected
    assert len({tuple(tag.name for tag in result.tags) for result in results}) > 1


def test_each_tag_has_a_chinese_name_and_a_measured_threshold(weights: Path) -> None:
    (result,) = tags("ram_plus", weights, seen()[0])
    assert result.tags
    for tag in result.tags:
        assert tag.other_names == (("zh", tag.name.replace("tag ", "标签")),)
        assert tag.calibrated
    assert result.tags[0].score == max(tag.score for tag in result.tags)


def test_thresholds_are_read_from_the_folder(copy: Path) -> None:
    path = copy / "ram_tag_list_threshold.txt"
    path.write_text("\n".join(["1.0"] * (TINY.tags - 1) + ["0.0"]))
    assert [[tag.name for tag in result.tags] for result in tags("ram_plus", copy, *seen())] == [["tag 39"]] * 5


def test_fewer_and_stricter_tags_can_be_asked_for(weights: Path) -> None:
    (all_,) = tags("ram_plus", weights, seen()[0])
    (two,) = tags("ram_plus", weights, seen()[0], ask=TagOptions(at_most=2))
    (strict,) = tags("ram_plus", weights, seen()[0], ask=TagOptions(stricter=0.3))
    assert two.tags == all_.tags[:2]
    assert {tag.name for tag in strict.tags if tag.score > 0.8} == {tag.name for tag in all_.tags if tag.score > 0.8}
    assert len(strict.tags) < len(all_.tags)


def test_a_vector_alone_is_a_bad_item(weights: Path) -> None:
    vector = Vector(np.full(4, 0.5, np.float32), "ViT-B-32/fp32", ModelName("towers", "1"))
    blind, good = tags("ram_plus", weights, Seen(vector=vector), seen()[0])
    assert blind == Failure("bad_item", "This tagger looks at pictures; here is only a vector.", retryable=False)
    assert isinstance(good, Tags)


def test_the_widest_and_the_smallest_picture_have_tags(weights: Path) -> None:
    odd = [Seen(np.zeros((1, 1, 3), np.uint8)), Seen(np.full((10, 20_000, 3), 200, np.uint8))]
    assert all(isinstance(result, Tags) for result in tags("ram_plus", weights, *odd))


def test_half_as_long_numbers_give_the_same_tags(weights: Path) -> None:
    full = tags("ram_plus_torch", weights, *seen())
    for one, other in zip(full, tags("ram_plus_torch", weights, *seen(), numbers="bfloat16"), strict=True):
        names, others = ({tag.name for tag in result.tags if tag.score > 0.6} for result in (one, other))
        assert len(names & others) >= 0.8 * len(names)


# -- The export -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_export_gives_the_logits_of_torch_in_every_batch(weights: Path, count: int) -> None:
    from ml.ram_plus import load

    cuts = cut_of(SIDE)(PICTURES[:count])
    tagger = Tagger(folder_of(str(weights)) / file_of("fp32"), device="cpu", threads=1)
    with torch.inference_mode():
        theirs = load(str(weights))(torch.from_numpy(cuts)).numpy()
    assert tagger.cut == cut_of(SIDE)
    assert np.abs(tagger(cuts) - theirs).max() < 1e-3


def test_the_exported_file_and_the_published_one_give_the_same_tags(weights: Path) -> None:
    exported, published = (tags(backend, weights, *seen()) for backend in ("ram_plus", "ram_plus_torch"))
    for one, other in zip(exported, published, strict=True):
        assert [tag.name for tag in one.tags] == [tag.name for tag in other.tags]
        assert [tag.score for tag in one.tags] == pytest.approx([tag.score for tag in other.tags], abs=2e-4)
        assert one.model == other.model


def test_an_export_that_is_another_model_is_refused(copy: Path, tmp_path: Path) -> None:
    other = torch.load(copy / CHECKPOINT, weights_only=True)
    other["model"]["fc.weight"] = -other["model"]["fc.weight"]
    torch.save(other, copy / CHECKPOINT)
    with pytest.raises(ExportError, match="not the one of torch"):
        verify(str(copy), PICTURES)


def test_verifying_says_how_near_the_export_is(weights: Path) -> None:
    whole, *_small = verify(str(weights), PICTURES)
    assert (whole.precision, whole.kept, whole.shared) == ("fp32", True, 1.0)
    assert whole.correlation > 0.9999
    assert whole.difference < 0.001


def test_the_published_file_becomes_tags_by_commands_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MODEL_CACHE_DIR", str(tmp_path / "models"))
    Image.fromarray(PICTURES[0]).save(tmp_path / "photo.png")
    shutil.copytree(built("ram_plus"), tmp_path / "models" / NAME)
    assert main(["models", "export", NAME]) == 1
    assert "is not the published file" in capsys.readouterr().err

    publish(monkeypatch, tmp_path / "models" / NAME / CHECKPOINT)
    assert main(["models", "export", NAME, "--pictures", str(tmp_path / "photo.png")]) == 0
    assert "same ten best tags" in capsys.readouterr().out
    assert main(["models", "verify"]) == 0
    assert f"{NAME}/onnx" in capsys.readouterr().out
    assert main(["analyze", str(tmp_path / "photo.png"), "--only", "tags"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["tags"]["model"] == f"{NAME}@fp32"
    assert answer["tags"]["tags"][0]["other_names"]["zh"].startswith("标签")


def publish(monkeypatch: pytest.MonkeyPatch, checkpoint: Path) -> None:
    """From here on this is the file whose checksum is known."""
    known = manifest.row(NAME)
    assert known
    files = tuple(
        replace(file, sha256=sha256_of(checkpoint)) if file.path == CHECKPOINT else file for file in known.files
    )
    monkeypatch.setattr(manifest, "ROWS", (replace(known, files=files),))


# -- What is not there, or another thing ------------------------------------------------------------------------------
def test_what_is_not_exported_names_the_command(copy: Path) -> None:
    shutil.rmtree(folder_of(str(copy)))
    assert trouble("ram_plus", copy) == f"Not exported: {copy}. Run: python -m ml models export {copy}"


def test_a_missing_list_is_named(copy: Path) -> None:
    (copy / "ram_tag_list_threshold.txt").unlink()
    assert "lacks ram_tag_list_threshold.txt" in trouble("ram_plus", copy)


@pytest.mark.parametrize("lines", ["0.5\n0.5", "half\n" * 40])
def test_thresholds_that_do_not_fit_are_refused(copy: Path, lines: str) -> None:
    (copy / "ram_tag_list_threshold.txt").write_text(lines)
    assert "Install it again" in trouble("ram_plus", copy)


def test_a_list_of_other_tags_is_refused(copy: Path) -> None:
    for name, line in (("", "tag"), ("_chinese", "标签"), ("_threshold", "0.5")):
        (copy / f"ram_tag_list{name}.txt").write_text("\n".join([line] * 20))
    assert "knows 40 tags, its list has 20" in trouble("ram_plus", copy)


@pytest.mark.parametrize("backend", ["ram_plus", "ram_plus_torch"])
def test_half_a_file_is_a_state_that_says_what_to_do(copy: Path, backend: str) -> None:
    path = folder_of(str(copy)) / file_of("fp32") if backend == "ram_plus" else copy / CHECKPOINT
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "again" in trouble(backend, copy)


def test_a_file_that_would_run_a_program_is_refused(copy: Path) -> None:
    class Program:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (copy / "it ran",)

    torch.save({"model": Program()}, copy / CHECKPOINT)
    assert "no RAM++ that can be read" in trouble("ram_plus_torch", copy)
    assert not (copy / "it ran").exists()


def test_the_older_ram_is_told_from_ram_plus(copy: Path) -> None:
    told = torch.load(copy / CHECKPOINT, weights_only=True)
    del told["model"]["reweight_scale"]
    torch.save(told, copy / CHECKPOINT)
    assert "reweight_scale" in trouble("ram_plus_torch", copy)


# -- An independent model, one picture at a time, in the publisher's keys ---------------------------------------------
def plain_logits(numbers: Arrays, picture: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """RAM++ step by step as its paper and source describe it, in double precision."""
    patches = plain_swin(numbers, picture)
    tokens = np.concatenate([patches.mean(axis=0)[None], patches])
    seen = plain_linear(numbers, "image_proj", tokens)
    whole = seen[0] / np.linalg.norm(seen[0])
    asked = np.empty((TINY.tags, TINY.joint))
    for tag in range(TINY.tags):
        descriptions = numbers["label_embed"][tag * TINY.descriptions : (tag + 1) * TINY.descriptions]
        asked[tag] = plain_softmax(np.exp(numbers["reweight_scale"]) * descriptions @ whole) @ descriptions
    asked = plain_linear(numbers, "wordvec_proj", asked).clip(0)
    for number in range(TINY.layers):
        layer = f"tagging_head.encoder.layer.{number}"
        query = plain_linear(numbers, f"{layer}.crossattention.self.query", asked)
        key = plain_linear(numbers, f"{layer}.crossattention.self.key", seen)
        value = plain_linear(numbers, f"{layer}.crossattention.self.value", seen)
        width = TINY.hidden // 4
        found = []
        for head in range(4):
            own = slice(head * width, (head + 1) * width)
            found.append(plain_softmax(query[:, own] @ key[:, own].T / width**0.5) @ value[:, own])
        gathered = plain_linear(numbers, f"{layer}.crossattention.output.dense", np.concatenate(found, axis=1)) + asked
        gathered = plain_norm(numbers, f"{layer}.crossattention.output.LayerNorm", gathered, 1e-12)
        inner = plain_gelu(plain_linear(numbers, f"{layer}.intermediate.dense", gathered))
        asked = plain_linear(numbers, f"{layer}.output.dense", inner) + gathered
        asked = plain_norm(numbers, f"{layer}.output.LayerNorm", asked, 1e-12)
    return plain_linear(numbers, "fc", asked)[:, 0]


def plain_swin(numbers: Arrays, picture: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Patches x numbers."""
    start = "visual_encoder"
    side = picture.shape[1] // 4
    patches = picture.reshape(3, side, 4, side, 4).transpose(1, 3, 0, 2, 4).reshape(side, side, 48)
    grid = patches @ numbers[f"{start}.patch_embed.proj.weight"].reshape(-1, 48).T
    grid = plain_norm(numbers, f"{start}.patch_embed.norm", grid + numbers[f"{start}.patch_embed.proj.bias"])
    for stage, depth in enumerate(TINY.depths):
        for number in range(depth):
            block = f"{start}.layers.{stage}.blocks.{number}"
            shift = TINY.window // 2 if number % 2 and len(grid) > TINY.window else 0
            grid = grid + plain_windows(numbers, block, grid, TINY.heads[stage], shift)
            inner = plain_linear(numbers, f"{block}.mlp.fc1", plain_norm(numbers, f"{block}.norm2", grid))
            grid = grid + plain_linear(numbers, f"{block}.mlp.fc2", plain_gelu(inner))
        if stage < len(TINY.depths) - 1:
            down = f"{start}.layers.{stage}.downsample"
            quarters = [grid[top::2, left::2] for left in (0, 1) for top in (0, 1)]
            grid = plain_norm(numbers, f"{down}.norm", np.concatenate(quarters, axis=2))
            grid = grid @ numbers[f"{down}.reduction.weight"].T
    return plain_norm(numbers, f"{start}.norm", grid).reshape(-1, grid.shape[2])


def plain_windows(
    numbers: Arrays, block: str, grid: npt.NDArray[np.float64], heads: int, shift: int
) -> npt.NDArray[np.float64]:
    """Each patch looks at those of its window; with a shift, only at those that were beside it before."""
    side, window = len(grid), TINY.window
    qkv = plain_linear(numbers, f"{block}.attn.qkv", plain_norm(numbers, f"{block}.norm1", grid))
    qkv = qkv.reshape(side, side, 3, heads, -1)
    table = numbers[f"{block}.attn.relative_position_bias_table"]
    found = np.zeros_like(grid)
    for row in range(side):
        for column in range(side):
            at = ((row - shift) % side, (column - shift) % side)
            corner = (at[0] // window * window, at[1] // window * window)
            inside = [
                (y, x) for y in range(corner[0], corner[0] + window) for x in range(corner[1], corner[1] + window)
            ]
            places = [((y + shift) % side, (x + shift) % side) for y, x in inside]
            rows, columns = [place[0] for place in places], [place[1] for place in places]
            steps = [(at[0] - y + window - 1) * (2 * window - 1) + at[1] - x + window - 1 for y, x in inside]
            # What the shift brought from the other edge is no neighbour.
            near = [(y >= shift) == (row >= shift) and (x >= shift) == (column >= shift) for y, x in places]
            out = []
            for head in range(heads):
                query, keys, values = qkv[row, column, 0, head], *(qkv[rows, columns, part, head] for part in (1, 2))
                logits = keys @ query / len(query) ** 0.5 + table[steps, head] - 100.0 * ~np.array(near)
                out.append(plain_softmax(logits) @ values)
            found[row, column] = np.concatenate(out)
    return plain_linear(numbers, f"{block}.attn.proj", found)


def plain_linear(numbers: Arrays, name: str, rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return rows @ numbers[f"{name}.weight"].T + numbers[f"{name}.bias"]


def plain_norm(
    numbers: Arrays, name: str, rows: npt.NDArray[np.float64], least: float = 1e-5
) -> npt.NDArray[np.float64]:
    rows = rows - rows.mean(axis=-1, keepdims=True)
    rows = rows / np.sqrt((rows**2).mean(axis=-1, keepdims=True) + least)
    return rows * numbers[f"{name}.weight"] + numbers[f"{name}.bias"]


def plain_softmax(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    powers = np.exp(rows - rows.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def plain_gelu(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(rows * (1 + np.vectorize(math.erf)(rows / 2**0.5)) / 2)
