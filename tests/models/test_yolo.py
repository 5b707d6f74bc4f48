"""Ultralytics' YOLO: seeded numbers, the real loading path, and the library's own reading of what comes out."""

import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml import DETECTOR, DetectOptions, Failure, Picture, Runtime, Things
from ml.cli import main
from ml.engines import ort
from ml.results import Thing
from tests.ml.pages import page, plain
from tests.models import built
from tests.models.yolo import SIDE, VERSIONS

pytest.importorskip("torch", reason="torch is not installed here: make test-ml")
pytest.importorskip("onnxruntime", reason="the extra ml is not installed")

PICTURES = [
    page("Morning", paper="khaki"),
    plain((200, 0, 0)),
    np.random.default_rng(1).integers(0, 256, (300, 400, 3), np.uint8),
]


def asked(key: str, weights: Path, pictures: Sequence[Picture], options: DetectOptions | None = None) -> list[Any]:
    own: dict[str, Any] = {"side": SIDE} if key == "yolo" else {}
    setting: Any = {"BACKEND": key, "OPTIONS": {"weights": str(weights), **own}}
    with Runtime({"detector": setting}) as runtime:
        return list(runtime.map(DETECTOR, pictures, options))


def found(key: str, weights: Path, pictures: Sequence[Picture], options: DetectOptions | None = None) -> list[Things]:
    results = asked(key, weights, pictures, options)
    assert all(isinstance(result, Things) for result in results), results
    return results


def problem(key: str, weights: Path) -> str:
    (failure,) = asked(key, weights, PICTURES[:1])
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.retryable) == ("not_installed", True)
    return failure.message


def of_ultralytics(checkpoint: Path, picture: Picture) -> list[Thing]:
    from ml.engines.ultralytics import held

    held()
    from ultralytics import YOLO

    blue_first = np.ascontiguousarray(picture[..., ::-1])
    (result,) = YOLO(checkpoint).predict(blue_first, imgsz=SIDE, conf=0.3, iou=0.5, max_det=500, rect=False)
    rows = zip(result.boxes.cls.int().tolist(), result.boxes.conf.tolist(), result.boxes.xyxyn.tolist(), strict=True)
    things = [Thing(result.names[kind], score, (box[0], box[1], box[2], box[3])) for kind, score, box in rows]
    # It also names what lies beside the picture altogether.
    return [thing for thing in things if thing.box and thing.box[0] < thing.box[2] and thing.box[1] < thing.box[3]]


def assert_same(one: Sequence[Thing], other: Sequence[Thing]) -> None:
    assert len(one) == len(other) > 0
    for thing, same in zip(one, other, strict=True):
        assert thing.score == pytest.approx(same.score, abs=0.005)
        near = [like for like in other if like.name == thing.name and abs(like.score - thing.score) < 0.005]
        assert any(np.allclose(like.box or (), thing.box or (), atol=0.01) for like in near), (thing, near)


@pytest.mark.parametrize("key", ["yolo", "yolo_onnx"])
@pytest.mark.parametrize("version", VERSIONS)
def test_things_are_what_ultralytics_says_they_are(key: str, version: str) -> None:
    folder = built("yolo") / version
    options = DetectOptions(at_most=500)
    for picture, result in zip(PICTURES, found(key, folder, PICTURES, options), strict=True):
        assert_same(result.things, of_ultralytics(folder / f"{version}.pt", picture))


def test_a_model_that_cleans_up_by_itself_is_read_too() -> None:
    """Its file takes two pictures at a time and no others; there are three."""
    results = found("yolo_onnx", built("yolo") / "nms_free", PICTURES)
    for picture, result in zip(PICTURES, results, strict=True):
        (alone,) = found("yolo_onnx", built("yolo") / "nms_free", [picture])
        assert_same(result.things, alone.things)
        boxes = [thing.box for thing in result.things if thing.box]
        assert all(0 <= box[0] < box[2] <= 1 and 0 <= box[1] < box[3] <= 1 for box in boxes)


@pytest.mark.parametrize("key", ["yolo", "yolo_onnx"])
def test_pictures_of_any_shape_are_looked_at(key: str) -> None:
    shapes = [plain((9, 200, 9))[:1, :1], np.zeros((10, 20_000, 3), np.uint8), np.zeros((20_000, 10, 3), np.uint8)]
    assert len(found(key, built("yolo") / "yolo11n", shapes, DetectOptions(min_score=0.0))) == 3


def test_half_a_file_says_what_to_do(tmp_path: Path) -> None:
    for key, suffix, again in (("yolo", "pt", "Install"), ("yolo_onnx", "onnx", "Export")):
        whole = (built("yolo") / "yolo11n" / f"yolo11n.{suffix}").read_bytes()
        (tmp_path / f"half.{suffix}").write_bytes(whole[: len(whole) // 2])
        message = problem(key, tmp_path)
        assert "cannot be read" in message
        assert again in message


class Harmful:
    def __reduce__(self) -> Any:
        return os.system, ("touch harm",)


def test_a_checkpoint_that_would_run_a_program_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.chdir(tmp_path)
    torch.save({"model": Harmful()}, tmp_path / "harmful.pt")
    assert "cannot be read" in problem("yolo", tmp_path)
    (tmp_path / "harmful.pt").write_bytes(pickle.dumps(Harmful()))
    assert "cannot be read" in problem("yolo", tmp_path)
    assert not (tmp_path / "harm").exists()


def test_a_model_of_another_kind_says_what_to_do(tmp_path: Path) -> None:
    shutil.copy(built("yolox") / "yolox.onnx", tmp_path)
    assert "is no model of Ultralytics YOLO: it does not say its" in problem("yolo_onnx", tmp_path)


def test_a_checkpoint_without_its_onnx_form_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_CACHE_DIR", str(tmp_path))
    with Runtime({"detector": {"BACKEND": "yolo_onnx", "OPTIONS": {"weights": "yolo11n"}}}) as runtime:
        assert runtime.status()[0].last_error == "Not installed: yolo11n. Run: python -m ml models pull yolo11n"
        (tmp_path / "yolo11n").mkdir()
        shutil.copy(built("yolo") / "yolo11n" / "yolo11n.pt", tmp_path / "yolo11n")
        assert runtime.status()[0].last_error == "Not exported: yolo11n. Run: python -m ml models export yolo11n"


def test_a_checkpoint_becomes_an_onnx_file_by_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MODEL_CACHE_DIR", str(tmp_path))
    assert main(["models", "export", "yolo26n"]) == 1
    assert "models pull yolo26n" in capsys.readouterr().err
    (tmp_path / "yolo26n").mkdir()
    shutil.copy(built("yolo") / "yolo26n" / "yolo26n.pt", tmp_path / "yolo26n")
    assert main(["models", "export", "yolo26n"]) == 0
    assert "kept" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "yolo26n" / "onnx").iterdir()) == ["weights.json", "yolo26n.onnx"]
    (result,) = asked("yolo_onnx", tmp_path / "yolo26n", PICTURES[:1])
    assert isinstance(result, Things)
    (tmp_path / "yolo26n" / "yolo26n.pt").write_bytes(b"PK half a file")
    assert main(["models", "export", "yolo26n"]) == 1
    assert "cannot be read" in capsys.readouterr().err
    assert (tmp_path / "yolo26n" / "onnx" / "yolo26n.onnx").is_file()


ALONE = """
import socket, sys
def refused(*args, **kwargs):
    raise AssertionError("it asked the network")
socket.getaddrinfo = socket.socket.connect = refused
from pathlib import Path
from ml.engines.ultralytics import load
load(Path(sys.argv[1]))
from ultralytics import settings
from ultralytics.utils import ONLINE, AUTOINSTALL, events
print(ONLINE, AUTOINSTALL, settings["sync"], events.Events().enabled)
"""


def test_the_library_asks_no_network_and_writes_nothing_into_the_home_folder(tmp_path: Path) -> None:
    checkpoint = built("yolo") / "yolo11n" / "yolo11n.pt"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("YOLO", "ULTRALYTICS"))}
    command = [sys.executable, "-c", ALONE, str(checkpoint)]
    answer = subprocess.run(
        command, env=environment | {"HOME": str(tmp_path)}, capture_output=True, text=True, timeout=120
    )
    assert answer.stdout.split() == ["False", "False", "False", "False"], answer.stderr
    assert not list(tmp_path.rglob("*ltralytics*"))


def test_tensorrt_is_asked_for_only_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """No machine of the tests has it: that a session on it computes the same was not seen."""
    import onnxruntime

    path = built("yolo") / "yolo11n" / "yolo11n.onnx"
    assert ort.OrtModel(path, device=None, threads=1, tensorrt=True).device in ("cpu", "cuda")
    everything = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: everything)
    first, *others = ort.providers_for(None, path, tensorrt=True)
    assert first[0] == "TensorrtExecutionProvider"
    assert others == everything[1:]
    assert ort.providers_for("cpu", path, tensorrt=True) == everything[2:]
    assert ort.providers_for(None, path, tensorrt=False) == everything[1:]
