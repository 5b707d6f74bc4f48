"""Learn ml/sentiment.npz from labelled sentences: python tools/learn_sentiment.py FOLDER-OF-MINILM [--into FILE].

A linear head over MiniLM's vectors. tools/sentiment/learn.tsv is what it learns from, held_out.tsv what it is graded
on, other_languages.txt what it must not judge. One hand wrote them all: strangers' words will be judged less well.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from ml.results import Numbers
from ml.sentences import SentenceModel
from ml.sentiment import ANCHOR, FILE, LABELS, Head

FOLDER = Path(__file__).with_name("sentiment")
#: Against learning by heart. Between .0001 and .01 the grade by fives is the same within a sentence or two.
_MODESTY = 1e-3
_STEPS = 2000


def sentences(name: str) -> tuple[list[str], list[int]]:
    rows = [line.split("\t") for line in (FOLDER / name).read_text().splitlines()]
    return [text for _label, text in rows], [LABELS.index(label) for label, _text in rows]


def vectors(model: SentenceModel, texts: list[str]) -> Numbers:
    rows = [row for row in model.tokens(texts) if row is not None]
    found = model(rows, at_once=1024)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def learnt(known: Numbers, labels: list[int], anchor: Numbers) -> Head:
    """Downhill, with some swing. The slope ends flat in one place only, so the start does not matter."""
    wanted, rows = np.eye(len(LABELS))[labels], np.hstack([known, np.ones((len(known), 1))])
    modesty = np.full((rows.shape[1], 1), 2 * _MODESTY)
    modesty[-1] = 0
    weights = swing = np.zeros((rows.shape[1], len(LABELS)))
    for _ in range(_STEPS):
        scores = rows @ weights
        likely = np.exp(scores - scores.max(axis=1, keepdims=True))
        likely /= likely.sum(axis=1, keepdims=True)
        swing = 0.9 * swing - (rows.T @ (likely - wanted) / len(rows) + modesty * weights)
        weights = weights + swing
    found = weights.astype(np.float32)
    return Head(found[:-1], found[-1], anchor)


def by_fives(known: Numbers, labels: list[int]) -> float:
    """The grade on each fifth, learnt on the other four."""
    order = np.random.default_rng(2026).permutation(len(labels))
    right = 0
    for part in (order[start::5] for start in range(5)):
        rest = np.setdiff1d(order, part)
        head = learnt(known[rest], [labels[one] for one in rest], known[0])
        right += int((head(known[part]).argmax(axis=1) == np.array(labels)[part]).sum())
    return right / len(labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", help="of all-MiniLM-L6-v2, or its name")
    parser.add_argument("--into", type=Path, default=FILE)
    arguments = parser.parse_args()
    model = SentenceModel(arguments.folder, "fp32", device="cpu", threads=1)
    texts, labels = sentences("learn.tsv")
    held_out, right = sentences("held_out.tsv")
    known = vectors(model, texts)
    head = learnt(known, labels, vectors(model, [ANCHOR])[0])
    head.write(arguments.into)
    share = (head(vectors(model, held_out)).argmax(axis=1) == right).mean()
    sys.stdout.write(f"by fives {by_fives(known, labels):.1%} of {len(labels)}, held out {share:.1%} of {len(right)}\n")


if __name__ == "__main__":
    main()
