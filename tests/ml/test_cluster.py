"""Who is the same person, on vectors that are drawn so that the truth is known."""

import tracemalloc
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

import ml.faces
from ml import ModelName, Vector
from ml.faces import FaceStatistics, cluster, compare, statistics
from ml.results import Numbers

Labels = npt.NDArray[np.int64]


def drawn(
    sizes: Sequence[int], *, noise: float = 0.8, family: int = 1, alike: float = 0.0, length: int = 128, seed: int = 0
) -> tuple[Numbers, Labels]:
    """Faces of people, one number for each: a direction and noise, of which a tenth of the photos has twice as much.

    `family` neighbours in the list have directions whose cosine is `alike`.
    """
    dice = np.random.default_rng(seed)
    own, common = (_unit(dice.normal(size=(len(sizes), length))) for _ in range(2))
    people = np.sqrt(1 - alike) * own + np.sqrt(alike) * common[np.arange(len(sizes)) // family * family]
    truth = np.repeat(np.arange(len(sizes)), sizes)
    strength = noise * np.where(dice.random(len(truth)) < 0.1, 2, 1) * np.exp(0.2 * dice.normal(size=len(truth)))
    scattered = dice.normal(size=(len(truth), length)) / np.sqrt(length)
    order = dice.permutation(len(truth))
    return _unit(people[truth] + strength[:, None] * scattered)[order], truth[order]


def _unit(rows: npt.NDArray[np.float64]) -> Numbers:
    unit: Numbers = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def purity(labels: Labels, truth: Labels) -> float:
    """The share of faces in groups that belong to the person whom most of their group are."""
    most = [np.bincount(truth[labels == label]).max() for label in np.unique(labels[labels >= 0])]
    return float(sum(most) / (labels >= 0).sum())


def completeness(labels: Labels, truth: Labels) -> float:
    """Of people with several faces the share that lies in the largest group of their person."""
    people = np.flatnonzero(np.bincount(truth) > 1)
    largest = [np.bincount(labels[(truth == person) & (labels >= 0)], minlength=1).max() for person in people]
    return float(sum(largest) / np.isin(truth, people).sum())


def parts(labels: Labels) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)}


def vector(*values: float, space: str = "sface") -> Vector:
    return Vector(np.array(values, np.float32), space, ModelName("yunet+sface", "1"))


def test_two_faces_match_up_to_the_tolerance() -> None:
    match, distance = compare(vector(1, 0), vector(0.6, 0.8))
    assert match
    assert distance == pytest.approx(0.4)
    assert compare(vector(1, 0), vector(1, 0)).distance == pytest.approx(0, abs=1e-6)
    assert not compare(vector(1, 0), vector(0, 1)).match
    assert compare(vector(1, 0), vector(-1, 0)).distance == pytest.approx(2)
    assert not compare(vector(1, 0), vector(0.6, 0.8), tolerance=0.3).match


def test_faces_of_two_recognisers_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match=r"of sface cannot be compared with one of w600k_r50\. Look at both again\."):
        compare(vector(1, 0), vector(1, 0, space="w600k_r50"))


def test_people_are_told_apart() -> None:
    vectors, truth = drawn([200, 150, 80, 40] + [10] * 20 + [1] * 60)
    labels = cluster(vectors)
    assert purity(labels, truth) > 0.995
    assert completeness(labels, truth) > 0.95
    assert labels.max() + 1 == 24
    assert (labels[truth >= 24] == -1).all()


def test_brothers_and_sisters_stay_apart() -> None:
    vectors, truth = drawn([40, 30, 20, 10] * 8, family=4, alike=0.45)
    labels = cluster(vectors)
    assert purity(labels, truth) > 0.99
    assert completeness(labels, truth) > 0.93


def test_a_chain_of_faces_does_not_join_two_people() -> None:
    """Each is near to the next; the ends have nothing in common."""
    angles = np.linspace(0, np.pi / 2, 60)
    chain = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert all(one @ other > 0.99 for one, other in pairwise(chain))
    labels = cluster(chain, tolerance=0.2)
    assert labels.max() >= 1
    assert all(chain[labels == label].mean(axis=0) @ chain[labels == label].mean(axis=0) > 0.8 for label in set(labels))


def test_blurred_faces_find_their_person() -> None:
    """They are nearer to what many faces have in common than to any one of them."""
    dice = np.random.default_rng(3)
    person = _unit(dice.normal(size=(1, 128)))
    clear = person + dice.normal(size=(40, 128)) * 0.8 / np.sqrt(128)
    blurred = person + dice.normal(size=(10, 128)) * 1.9 / np.sqrt(128)
    vectors = _unit(np.concatenate([clear, blurred]))
    assert (vectors[40:] @ vectors[:40].T).mean() < 0.4
    assert (cluster(vectors) == 0).all()


def test_the_order_of_the_faces_does_not_matter() -> None:
    vectors, _ = drawn([60, 40, 20, 5, 5] + [1] * 20, noise=1.0)
    labels = cluster(vectors)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(vectors))
        shuffled = np.empty_like(labels)
        shuffled[order] = cluster(vectors[order])
        assert parts(shuffled) == parts(labels)


def test_groups_are_those_of_plain_mean_linkage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Joined one pair after the other, nearest first, from all distances."""
    monkeypatch.setattr(ml.faces, "_FEW", 0)
    vectors, _ = drawn([12, 9, 6] * 2 + [1] * 10, noise=1.0, family=3, alike=0.3)
    likeness = vectors @ vectors.T
    groups = [[face] for face in range(len(vectors))]
    while True:
        means = np.array([[likeness[np.ix_(one, other)].mean() for other in groups] for one in groups])
        np.fill_diagonal(means, -1)
        one, other = sorted(np.unravel_index(means.argmax(), means.shape))
        if means[one, other] < 0.4:
            break
        groups[one] += groups.pop(other)
    assert parts(cluster(vectors, at_least=1)) == {frozenset(group) for group in groups}


def test_labels_count_from_the_largest_and_small_groups_have_none() -> None:
    people = np.eye(4, dtype=np.float32)[[2, 0, 1, 0, 1, 0, 3]]
    assert cluster(people).tolist() == [-1, 0, 1, 0, 1, 0, -1]
    assert cluster(people, at_least=1).tolist() == [2, 0, 1, 0, 1, 0, 3]
    assert cluster(people, at_least=3).tolist() == [-1, 0, -1, 0, -1, 0, -1]


def test_hundreds_of_copies_of_one_face_are_one_person() -> None:
    faces, _ = drawn([1, 1])
    assert cluster(np.repeat(faces, 150, axis=0)).tolist() == [0] * 150 + [1] * 150


def test_no_faces_have_no_people_and_one_is_alone() -> None:
    assert cluster(np.zeros((0, 128), np.float32)).tolist() == []
    assert cluster(np.ones((1, 128), np.float32)).tolist() == [-1]


@pytest.mark.parametrize("number", [0.0, np.nan, np.inf])
def test_a_vector_without_direction_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match=r"no direction\. Look at its picture again\."):
        cluster(np.full((3, 8), number, np.float32))


def test_memory_does_not_grow_with_the_square_of_the_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, _ = drawn([200] * 10, length=32)
    expected = cluster(vectors)
    monkeypatch.setattr(ml.faces, "_AT_ONCE", 1 << 17)
    tracemalloc.start()
    labels = cluster(vectors)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4e6  # all distances at once are 16 MB
    assert (labels == expected).all()


def test_faces_are_counted() -> None:
    assert statistics([0, 2, 1, 0, 2, 5]) == FaceStatistics(6, 4, 10, 4 / 6, (2, 1, 2, 0, 0, 1))
    assert statistics([0, 0]) == FaceStatistics(2, 0, 0, 0.0, (2,))
    assert statistics([]) == FaceStatistics(0, 0, 0, 0.0, ())
