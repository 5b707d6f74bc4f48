"""OpenCLIP from a folder that somebody brought to vectors and tags in the answer, by commands only."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from ml.cli import main
from ml.export import drawn_pictures
from tests.models import built

pytest.importorskip("torch", reason="exporting needs torch: make test-ml")

NAME = "ViT-B-32-laion2b_s34b_b79k"


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MODEL_CACHE_DIR", str(tmp_path / "models"))
    (tmp_path / "photos").mkdir()
    for number, picture in enumerate(drawn_pictures(50)):
        Image.fromarray(picture).save(tmp_path / "photos" / f"{number:02}.png")
    return tmp_path / "photos"


@pytest.fixture
def words(tmp_path: Path) -> Path:
    """A short list of tags: the real one takes minutes."""
    (tmp_path / "words").mkdir()
    for name, lines in (
        ("", "dog beach receipt car snow cup tree sea"),
        ("_chinese", "狗 海滩 收据 车 雪 杯 树 海"),
        ("_threshold", "0.7 " * 8),
    ):
        (tmp_path / "words" / f"ram_tag_list{name}.txt").write_text("\n".join(lines.split()))
    return tmp_path / "words"


def test_weights_become_vectors_and_tags_by_commands_alone(
    photos: Path, words: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "export", NAME]) == 1
    assert f"models pull {NAME}" in capsys.readouterr().err

    stick = shutil.copytree(built("open_clip"), tmp_path / "stick")
    assert main(["models", "import", str(stick), "--as", NAME, "--trust"]) == 0
    assert main(["models", "export", NAME, "--pictures", str(photos)]) == 0
    assert "fp32" in capsys.readouterr().out
    assert main(["models", "verify"]) == 0
    assert f"{NAME}/onnx" in capsys.readouterr().out

    assert main(["analyze", str(photos / "00.png"), "--only", "embedding"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["embedding"]["space"].startswith(NAME)
    assert answer["embedding"]["numbers"] == 32

    assert main(["models", "import", str(words), "--as", "ram_tags", "--trust"]) == 0
    assert main(["models", "calibrate", str(photos), "--profile", "lite", "--tags", "2"]) == 0
    assert "Measured on 50 photos" in capsys.readouterr().out
    assert main(["analyze", str(photos / "00.png"), "--only", "embedding", "tags"]) == 0
    assert json.loads(capsys.readouterr().out)["tags"]["model"].startswith("clip_zeroshot")
