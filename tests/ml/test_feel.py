"""Glad, sorry or neither. The numbers of MiniLM are the published ones, the head is the one in the house."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ml import SENTIMENT, Failure, Runtime, Sentiment
from ml.roles import SentimentOptions
from ml.sentiment import LABELS, Head, is_english
from tests.models import built

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture(scope="module")
def folder() -> Path:
    return built("minilm")


def judged(folder: Path, texts: list[str], *, language: str | None = None) -> list[Sentiment | Failure]:
    with Runtime({"sentiment": {"BACKEND": "minilm_sentiment", "OPTIONS": {"weights": str(folder)}}}) as runtime:
        return list(runtime.map(SENTIMENT, texts, options=SentimentOptions(language=language)))


def labels(folder: Path, texts: list[str], *, language: str | None = None) -> list[str]:
    return [one.label for one in judged(folder, texts, language=language) if isinstance(one, Sentiment)]


def lines(name: str) -> list[str]:
    return (TOOLS / "sentiment" / name).read_text().splitlines()


def test_nine_of_ten_sentences_that_it_never_saw_are_judged_rightly(folder: Path) -> None:
    right, texts = zip(*(line.split("\t") for line in lines("held_out.tsv")), strict=True)
    found = labels(folder, list(texts))
    assert [right.count(label) for label in LABELS] == [20, 20, 20]
    assert np.mean([one == other for one, other in zip(found, right, strict=True)]) >= 0.9
    assert set(texts).isdisjoint(line.split("\t")[1] for line in lines("learn.tsv"))


def test_another_language_is_unknown(folder: Path) -> None:
    found = judged(folder, lines("other_languages.txt"))
    assert [(one.label, one.score) for one in found if isinstance(one, Sentiment)] == [("unknown", 0.0)] * len(found)


@pytest.mark.parametrize(
    ("language", "label"), [("en", "positive"), ("en-GB", "positive"), ("de", "unknown"), ("xx", "unknown")]
)
def test_a_language_that_is_named_needs_no_guess(folder: Path, language: str, label: str) -> None:
    assert labels(folder, ["Super!"], language=language) == [label]


@pytest.mark.parametrize(
    "text", ["Congratulations!", "So sad.", "terrible", "OK", "Happy birthday grandma", "I love it"]
)
def test_a_few_english_words_are_english(folder: Path, text: str) -> None:
    assert labels(folder, [text]) != ["unknown"]


def test_numbers_and_signs_are_of_no_language() -> None:
    assert not is_english("12:30 - 14:45 !!!", pieces=9)


def test_a_text_without_anything_to_read_is_a_failure_and_its_neighbours_are_done(folder: Path) -> None:
    first, blank, last = judged(folder, ["What a lovely day!", "\u200b", "It was awful, I cried."])
    assert isinstance(blank, Failure)
    assert blank.kind == "bad_item"
    assert [one.label for one in (first, last) if isinstance(one, Sentiment)] == ["positive", "negative"]


def test_numbers_that_it_was_not_learnt_on_are_refused() -> None:
    (failure,) = judged(built("multilingual"), ["What a lovely day!"])
    assert isinstance(failure, Failure)
    assert failure.kind == "not_installed"
    assert "set weights to all-MiniLM-L6-v2" in failure.message


def test_learning_again_gives_the_same_head(folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(TOOLS / "learn_sentiment.py"), str(folder), "--into", str(tmp_path / "head.npz")]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    assert "held out 98.3% of 60" in said
    ours, theirs = Head.read(), Head.read(tmp_path / "head.npz")
    assert np.allclose(ours.slopes, theirs.slopes, atol=0.05)
