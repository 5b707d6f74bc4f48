"""Sentences by meaning. The numbers are the published ones, the ONNX file is made of them here."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from ml import TEXT_EMBEDDER, Failure, Runtime, Vector
from ml.cli import main
from ml.export_text import export, verify
from ml.sentences import CONFIG, LIMIT, NUMBERS, TOKENIZER, SentenceModel
from ml.weights import manifest
from ml.weights.files import sha256_of
from tests.models import built, minilm

NAMES = [
    ("puppy", "dog", "car"),
    ("The invoice of the electrician", "a bill to be paid", "holidays at the sea"),
    ("How do I get back my password?", "I cannot log in any more", "The soup wants more salt"),
]


@pytest.fixture(scope="module")
def folder() -> Path:
    return built("minilm")


def vectors(folder: Path, texts: list[str], **options: object) -> list[Vector | Failure]:
    with Runtime({"text_embedder": {"BACKEND": "minilm", "OPTIONS": {"weights": str(folder), **options}}}) as runtime:
        return list(runtime.map(TEXT_EMBEDDER, texts))


def rows(folder: Path, texts: list[str], **options: object) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    found = vectors(folder, texts, **options)
    return np.stack([vector.values for vector in found if isinstance(vector, Vector)])


def copied(folder: Path, into: Path, *names: str) -> Path:
    for name in names:
        shutil.copy(folder / name, into)
    return into


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("names", NAMES, ids=lambda names: names[0])
def test_what_means_the_same_is_nearer_than_what_does_not(
    folder: Path, names: tuple[str, str, str], precision: str
) -> None:
    one, same, other = rows(folder, list(names), precision=precision)
    assert one @ same > one @ other + 0.2


def test_the_numbers_are_the_published_ones(folder: Path) -> None:
    row = manifest.row("all-MiniLM-L6-v2")
    assert row is not None
    known = {file.path: file.sha256 for file in row.files}
    for name in (TOKENIZER, CONFIG, LIMIT):
        assert sha256_of(folder / name) == known[name]


def test_a_vector_is_of_length_one_and_names_its_space(folder: Path) -> None:
    (vector,) = vectors(folder, ["snow"])
    assert isinstance(vector, Vector)
    assert vector.values.shape == (384,)
    assert float(np.linalg.norm(vector.values)) == pytest.approx(1, abs=1e-5)
    assert vector.space == f"{folder.name}/fp32"


def test_the_same_with_8_bits_has_a_space_of_its_own_and_means_nearly_the_same(folder: Path) -> None:
    (whole,), (small,) = vectors(folder, ["snow in May"]), vectors(folder, ["snow in May"], precision="int8")
    assert isinstance(whole, Vector)
    assert isinstance(small, Vector)
    assert whole.space != small.space
    assert float(whole.values @ small.values) > 0.98
    verdict = verify(str(folder))[1]
    assert (verdict.precision, verdict.kept) == ("int8", True)


def test_of_a_long_text_the_beginning_is_read(folder: Path) -> None:
    words = " ".join(["The dog sleeps."] * 200)
    whole, other, short = rows(folder, [f"{words} The invoice is due.", words, "The dog sleeps."])
    assert float(whole @ other) == pytest.approx(1, abs=1e-5)
    assert float(whole @ short) < 0.999


def test_a_book_takes_no_longer_than_a_page(folder: Path) -> None:
    model = SentenceModel(str(folder), "fp32", device="cpu", threads=1)
    (row,) = model.tokens(["word " * 2_000_000])
    assert row is not None
    assert len(row) == 256


@pytest.mark.parametrize("at_once", [1, 40, 100_000])
def test_how_many_are_worked_on_together_changes_nothing(folder: Path, at_once: int) -> None:
    texts = ["snow", "a long letter to the landlord about the heating", "dogs", "two cats on a roof in the rain"]
    assert np.allclose(rows(folder, texts, tokens_at_once=at_once), rows(folder, texts), atol=1e-5)


def test_a_text_without_anything_to_read_is_a_failure_and_its_neighbours_are_done(folder: Path) -> None:
    first, blank, other = vectors(folder, ["snow", "\u200b\u200b", "一只猫"])
    assert isinstance(first, Vector)
    assert isinstance(blank, Failure)
    assert blank.message == "There is nothing to read in this text."
    assert isinstance(other, Vector)


def test_what_is_not_here_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_CACHE_DIR", str(tmp_path))
    with Runtime({"text_embedder": {"BACKEND": "minilm"}}) as runtime:
        assert "models pull all-MiniLM-L6-v2" in str(runtime.status()[0].last_error)
    with Runtime({"text_embedder": {"BACKEND": "minilm", "OPTIONS": {"precision": "int4"}}}) as runtime:
        assert "Known are: fp32, int8" in str(runtime.status()[0].last_error)


def test_bare_numbers_name_the_export(folder: Path, tmp_path: Path) -> None:
    place = copied(folder, tmp_path, CONFIG, LIMIT, TOKENIZER, NUMBERS)
    (failure,) = vectors(place, ["snow"])
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.retryable) == ("not_installed", True)
    assert "models export" in failure.message


def test_bare_numbers_under_a_name_of_ones_own_become_a_model_by_commands_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MODEL_CACHE_DIR", str(tmp_path))
    assert main(["models", "import", str(minilm.published()), "--as", "our-own"]) == 0
    assert main(["models", "export", "our-own"]) == 0
    assert main(["models", "verify", "our-own"]) == 0
    assert "our-own/onnx  whole" in capsys.readouterr().out
    (vector,) = vectors(Path("our-own"), ["dog"])
    assert isinstance(vector, Vector)
    assert vector.space == "our-own/fp32"


def test_what_its_publisher_exported_is_made_smaller_without_the_bare_numbers(tmp_path: Path) -> None:
    multilingual = built("multilingual")
    place = copied(multilingual, tmp_path, CONFIG, LIMIT, TOKENIZER)
    shutil.copy(multilingual / "onnx" / "model.onnx", place)
    pytest.importorskip("onnx", reason="models are exported with onnx")
    assert [verdict.kept for verdict in export(str(place))] == [True, True]
    assert {path.name for path in (place / "onnx").iterdir()} == {"model.int8.onnx"}
    assert np.allclose(rows(place, ["Hund"]), rows(multilingual, ["Hund"]), atol=1e-5)


@pytest.mark.parametrize("break_it", ["half a file", "another model", "another tokenizer", "no shape"])
def test_a_folder_that_does_not_fit_together_is_not_loaded(tmp_path: Path, break_it: str) -> None:
    multilingual = built("multilingual")
    place = copied(multilingual, tmp_path, CONFIG, LIMIT, TOKENIZER)
    shutil.copy(multilingual / "onnx" / "model.onnx", place)
    config = json.loads((place / CONFIG).read_text())
    if break_it == "half a file":
        (place / "model.onnx").write_bytes((place / "model.onnx").read_bytes()[:50_000])
    elif break_it == "another model":
        (place / CONFIG).write_text(json.dumps(config | {"hidden_size": 384}))
    elif break_it == "another tokenizer":
        (place / CONFIG).write_text(json.dumps(config | {"vocab_size": 20}))
    else:
        (place / CONFIG).write_text("{}")
    (failure,) = vectors(place, ["snow"])
    assert isinstance(failure, Failure)
    assert failure.kind == "not_installed"
    assert "Install it again." in failure.message


def test_a_model_that_is_built_otherwise_is_not_exported(tmp_path: Path) -> None:
    from ml.export import ExportError

    pytest.importorskip("onnx", reason="models are exported with onnx")
    place = copied(minilm.published(), tmp_path, LIMIT, TOKENIZER)
    config = json.loads((minilm.published() / CONFIG).read_text())
    (place / CONFIG).write_text(json.dumps(config | {"model_type": "mpnet"}))
    (place / NUMBERS).write_bytes(b"")
    with pytest.raises(ExportError, match="built in a way that MediaHub does not know: mpnet"):
        export(str(place))
    (place / CONFIG).write_text(json.dumps(config))
    with pytest.raises(ExportError, match="cannot be read"):
        export(str(place))
    assert not (place / "onnx").exists()
