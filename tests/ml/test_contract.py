"""What every backend promises, whatever it computes. A new row of the registry is tested here by being there."""

import inspect
import json
import pickle
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from ml import (
    ANSWERER,
    CAPTIONER,
    DETECTOR,
    DIARIZER,
    FACES,
    IMAGE_EMBEDDER,
    LLM,
    OCR,
    PATCH_EMBEDDER,
    QUERY_EMBEDDER,
    SENTIMENT,
    TAGGER,
    TEXT_EMBEDDER,
    TRANSCRIBER,
    Answer,
    BackendSetting,
    Description,
    Faces,
    Failure,
    Generated,
    ModelName,
    PageText,
    PatchMap,
    Picture,
    Prompt,
    Question,
    Role,
    Runtime,
    Seen,
    Sentiment,
    SettingsError,
    Tags,
    Things,
    Transcript,
    Turns,
    Vector,
)
from ml.packages import command_for, missing_packages
from ml.registry import BACKENDS, Row
from ml.settings import Choice
from tests.ml.cloud_server import CloudServer
from tests.ml.paddle import shared_environment
from tests.ml.pages import page, plain
from tests.ml.portraits import group
from tests.ml.sounds import sung
from tests.models import built
from tests.models.tags import COUNT


@dataclass(frozen=True)
class Examples:
    """Three items with three different results, one that no backend can work on, and when two results are equal."""

    role: Role[Any, Any, Any]
    good: list[Any]
    bad: Any
    same: Callable[[Any, Any], bool]


def same_page(one: PageText, other: PageText) -> bool:
    scores = [line.score for line in one.lines], [line.score for line in other.lines]
    return one.text == other.text and np.allclose(scores[0], scores[1], atol=0.01)


def same_vector(one: Vector, other: Vector) -> bool:
    return one.space == other.space and float(one.values @ other.values) > 0.9999


def same_patches(one: PatchMap, other: PatchMap) -> bool:
    alike = (one.space, one.cell, one.values.shape) == (other.space, other.cell, other.values.shape)
    return alike and float((one.values * other.values).sum(axis=-1).min()) > 0.999


def same_words(one: Description | Answer | Generated, other: Description | Answer | Generated) -> bool:
    return replace(one, model=other.model) == other


def same_things(one: Things, other: Things) -> bool:
    names = [[thing.name for thing in things.things] for things in (one, other)]
    scores = [[thing.score for thing in things.things] for things in (one, other)]
    return names[0] == names[1] and np.allclose(scores[0], scores[1], atol=0.01)


def same_faces(one: Faces, other: Faces) -> bool:
    if len(one.faces) != len(other.faces):
        return False
    return all(
        np.allclose([*mine.box, mine.score, mine.quality], [*theirs.box, theirs.score, theirs.quality], atol=0.01)
        and mine.vector is not None
        and theirs.vector is not None
        and same_vector(mine.vector, theirs.vector)
        for mine, theirs in zip(one.faces, other.faces, strict=True)
    )


def same_tags(one: Tags, other: Tags) -> bool:
    names = [[tag.name for tag in tags.tags] for tags in (one, other)]
    scores = [[tag.score for tag in tags.tags] for tags in (one, other)]
    return names[0] == names[1] and np.allclose(scores[0], scores[1], atol=0.01)


def same_sentiment(one: Sentiment, other: Sentiment) -> bool:
    return one.label == other.label and abs(one.score - other.score) < 0.01


def same_turns(one: Turns, other: Turns) -> bool:
    return one.turns == other.turns


def same_transcript(one: Transcript, other: Transcript) -> bool:
    times = [[(segment.start, segment.end) for segment in script.segments] for script in (one, other)]
    words = [(script.text, script.language, script.skipped_reason) for script in (one, other)]
    return words[0] == words[1] and np.allclose(times[0], times[1], atol=0.05)


def seen(picture: Picture, axis: int) -> Seen:
    """With the vector of one designed tag."""
    return Seen(
        picture, Vector(np.eye(COUNT, dtype=np.float32)[axis], "ViT-B-16-SigLIP2/fp32", ModelName("towers", "1"))
    )


PAGES = [page("Morning"), page("Noon at 12", paper="khaki"), page("Evening", paper="skyblue")]
SENTENCES = ["a dog on the beach", "two receipts from a supermarket", "snow"]
MOODS = ["What a lovely day!", "The train leaves at nine.", "I am so sorry, the dog died."]
WALLS = [plain((200, 0, 0)), plain((0, 200, 0)), plain((0, 0, 200))]
PORTRAITS = [group((1, 0, 1), (2, 2, 3)), group((3, 1, 1)), group()]
SOUNDS = [sung("ai"), sung("ouo"), sung("iia")]
PORTRAITS = [group((1, 0, 1), (2, 2, 3)), group((3, 1, 1)), group()]
NO_PICTURE = np.zeros((8, 8), np.float64)
EXAMPLES = {
    "ocr": Examples(OCR, PAGES, bad=NO_PICTURE, same=same_page),
    "image_embedder": Examples(IMAGE_EMBEDDER, PAGES, bad=NO_PICTURE, same=same_vector),
    "patch_embedder": Examples(PATCH_EMBEDDER, PAGES, bad=NO_PICTURE, same=same_patches),
    "query_embedder": Examples(QUERY_EMBEDDER, SENTENCES, bad="", same=same_vector),
    "text_embedder": Examples(TEXT_EMBEDDER, SENTENCES, bad="\u200b", same=same_vector),
    "sentiment": Examples(SENTIMENT, MOODS, bad="\u200b", same=same_sentiment),
    "tagger": Examples(TAGGER, [seen(page, axis) for axis, page in enumerate(PAGES)], bad=Seen(), same=same_tags),
    "captioner": Examples(CAPTIONER, WALLS, bad=NO_PICTURE, same=same_words),
    "answerer": Examples(ANSWERER, [Question(wall, "Which colour?") for wall in WALLS], bad="Which?", same=same_words),
    "detector": Examples(DETECTOR, WALLS, bad=NO_PICTURE, same=same_things),
    "faces": Examples(FACES, PORTRAITS, bad=NO_PICTURE, same=same_faces),
    "transcriber": Examples(TRANSCRIBER, SOUNDS, bad=np.zeros(0, np.float32), same=same_transcript),
    "diarizer": Examples(DIARIZER, SOUNDS, bad=np.zeros(0, np.float32), same=same_turns),
    "llm": Examples(LLM, [Prompt("Hello"), Prompt("Good evening"), Prompt("Bye")], bad=Prompt(" "), same=same_words),
}

#: The family of `tests.models` with weights for a row that finds none in a package.
FAMILIES = {
    ("image_embedder", "open_clip_onnx"): "open_clip_onnx",
    ("query_embedder", "open_clip_onnx"): "open_clip_onnx",
    ("image_embedder", "open_clip_torch"): "open_clip",
    ("query_embedder", "open_clip_torch"): "open_clip",
    ("patch_embedder", "vit_onnx"): "vit_onnx",
    ("patch_embedder", "vit_torch"): "vit",
    ("captioner", "blip2"): "blip2",
    ("answerer", "blip2"): "blip2",
    ("llm", "phi"): "phi",
    ("tagger", "ram_plus"): "ram_plus_onnx",
    ("tagger", "ram_plus_torch"): "ram_plus",
    ("detector", "yolox"): "yolox",
    ("faces", "insightface"): "insightface",
    ("text_embedder", "minilm"): "minilm",
    ("sentiment", "minilm_sentiment"): "minilm",
    ("detector", "rtdetr"): "detr",
    ("detector", "detr"): "detr",
}


#: Backends that ask another machine: here it is one of our own.
ELSEWHERE = {"vlm", "openai_text"}


@pytest.fixture(scope="module", params=BACKENDS, ids=lambda row: f"{row.role}-{row.key}")
def row(request: pytest.FixtureRequest) -> Row:
    row: Row = request.param
    return row


@pytest.fixture(scope="module")
def examples(row: Row) -> Examples:
    return EXAMPLES[row.role]


@pytest.fixture(scope="module")
def runtime(row: Row) -> Iterator[Runtime]:
    if missing := missing_packages(row.packages):
        pytest.skip(missing)
    with Runtime({row.role: setting(row, **weights(row))}) as runtime:
        (status,) = runtime.status()
        if not status.installed:
            pytest.skip(str(status.last_error))
        yield runtime


def setting(row: Row, **options: Any) -> BackendSetting:
    return {"BACKEND": row.key, "OPTIONS": options}


@cache
def cloud() -> CloudServer:
    return CloudServer().__enter__()


def weights(row: Row) -> dict[str, Any]:
    if row.key in ELSEWHERE:
        return {"switched_on": True, "base_url": cloud().url}
    if row.key == "clip_zeroshot":
        return {"vocabulary": str(built("tags"))}
    if row.key == "yunet_sface":
        faces = built("faces")
        return {"weights": str(faces / "yunet.onnx"), "recogniser": str(faces / "recogniser.onnx")}
    if row.key == "whisper":
        return {"weights": str(built("whisper")), "voice": str(built("whisper"))}
    if row.key == "yunet_sface":
        faces = built("faces")
        return {"weights": str(faces / "yunet.onnx"), "recogniser": str(faces / "recogniser.onnx")}
    if row.key in ("yolo", "yolo_onnx"):
        return {"weights": str(built("yolo") / "yolo11n")}
    if row.key == "paddleocr":
        return {**shared_environment()}
    if row.key == "ge2e":
        return {"voice": str(built("silero")), "weights": str(built("ge2e"))}
    if row.key == "spectral":
        return {"voice": str(built("silero"))}
    family = FAMILIES.get((row.role, row.key))
    return {"weights": str(built(family))} if family else {}


def test_results_come_in_order_and_name_their_model(runtime: Runtime, examples: Examples) -> None:
    forwards: list[Any] = list(runtime.map(examples.role, examples.good))
    backwards: list[Any] = list(runtime.map(examples.role, examples.good[::-1]))
    assert all(isinstance(result, examples.role.result) for result in forwards)
    assert all(examples.same(one, other) for one, other in zip(forwards, backwards[::-1], strict=True))
    assert not examples.same(forwards[0], forwards[1])
    assert {str(result.model) for result in forwards} == {runtime.model(examples.role)}


def test_a_batch_gives_what_each_item_gives_alone(runtime: Runtime, examples: Examples) -> None:
    together = list(runtime.map(examples.role, examples.good))
    alone = [next(runtime.map(examples.role, [item])) for item in examples.good]
    assert all(examples.same(one, other) for one, other in zip(together, alone, strict=True))


def test_a_bad_item_is_a_failure_and_its_neighbours_are_done(runtime: Runtime, examples: Examples) -> None:
    first, bad, last = runtime.map(examples.role, [examples.good[0], examples.bad, examples.good[1]])
    assert isinstance(bad, Failure)
    assert (bad.kind, bad.retryable) == ("bad_item", False)
    assert not isinstance(first, Failure)
    assert not isinstance(last, Failure)


def test_nothing_gives_nothing(runtime: Runtime, examples: Examples) -> None:
    assert list(runtime.map(examples.role, [])) == []


def test_items_are_read_a_few_batches_ahead_and_no_further(runtime: Runtime, examples: Examples) -> None:
    read: list[int] = []

    def endless() -> Iterator[Any]:
        while True:
            read.append(1)
            yield examples.good[0]

    results = runtime.map(examples.role, endless())
    assert not read
    next(results)
    ahead = len(read)
    assert 0 < ahead <= 3 * runtime.status()[0].batch_size  # one finished, one at work, one ready
    results.close()  # type: ignore[attr-defined]
    assert len(read) == ahead


def test_unloading_frees_and_the_next_use_loads_again(runtime: Runtime, examples: Examples) -> None:
    before = next(runtime.map(examples.role, examples.good))
    (loaded,) = runtime.status()
    assert loaded.loaded
    assert loaded.device
    assert 0 < loaded.memory_mb == runtime.memory_mb
    runtime.unload(examples.role)
    (unloaded,) = runtime.status()
    assert (unloaded.loaded, unloaded.device, runtime.memory_mb) == (False, None, 0)
    assert examples.same(next(runtime.map(examples.role, examples.good)), before)


def test_the_model_is_known_without_loading(row: Row, examples: Examples) -> None:
    if missing := missing_packages(row.packages):
        pytest.skip(missing)
    with Runtime({row.role: setting(row, **weights(row))}) as runtime:
        assert runtime.model(examples.role)
        assert not runtime.status()[0].loaded


def test_an_unknown_option_is_refused_by_naming_the_known_ones(row: Row) -> None:
    with pytest.raises(SettingsError, match=r"no option colour\. Known options: .*batch_size"):
        Runtime({row.role: setting(row, colour="red")})


def test_an_option_of_another_type_is_refused(row: Row) -> None:
    with pytest.raises(SettingsError, match=r"batch_size .* must be of type int, not '4'"):
        Runtime({row.role: setting(row, batch_size="4")})


def test_a_number_out_of_its_bounds_is_refused_by_naming_them(row: Row) -> None:
    for name, option in inspect.signature(type(Choice(row).build())).parameters.items():
        if type(option.default) not in (int, float):
            continue
        (bounds,) = option.annotation.__metadata__
        assert bounds.has(option.default), name
        for wrong in (bounds.least - 1, bounds.most + 1):
            value = type(option.default)(wrong)
            words = f'The option {name} of "{row.key}" must be {bounds}, not {value!r}.'
            with pytest.raises(SettingsError, match=re.escape(words)):
                Runtime({row.role: {"BACKEND": row.key, "OPTIONS": {name: value}}})


def test_licences_and_proof_are_stated(row: Row) -> None:
    assert all((row.code_licence, row.weights_licence, row.source, row.proof))


WITHOUT_PACKAGES = """
import json, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in BLOCKED:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Blocker())
import pickle
from ml import ROLES, Runtime
from ml.registry import BACKENDS

row = next(row for row in BACKENDS if (row.role, row.key) == ROW)
runtime = Runtime({row.role: {"BACKEND": row.key}})
(status,) = runtime.status()
role = ROLES[row.role]
items = [pickle.load(sys.stdin.buffer)] * 2
failures = [vars(failure) for failure in runtime.map(role, items)]
print(json.dumps([status.installed, status.loaded, status.last_error, runtime.model(role), failures]))
"""


def test_every_backend_stands_in_the_registry_once() -> None:
    names = [(row.role, row.key) for row in BACKENDS]
    assert len(set(names)) == len(names)


def test_a_missing_package_is_a_state_that_names_the_extra(row: Row, examples: Examples) -> None:
    if not row.packages:
        pytest.skip("It needs no optional package.")
    code = f"BLOCKED = {row.packages!r}\nROW = {(row.role, row.key)!r}\n{WITHOUT_PACKAGES}"
    command, item = [sys.executable, "-c", code], pickle.dumps(examples.good[0])
    answer = subprocess.run(command, input=item, capture_output=True, check=True, timeout=60)
    installed, loaded, last_error, model, failures = json.loads(answer.stdout)
    assert (installed, loaded, model) == (False, False, None)
    assert command_for(row.extras) in last_error
    assert [(failure["kind"], failure["retryable"]) for failure in failures] == [("not_installed", True)] * 2
    assert {failure["message"] for failure in failures} == {last_error}
