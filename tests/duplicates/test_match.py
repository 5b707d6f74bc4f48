"""Hashes near to one another are found: every one, and no other."""

import numpy as np
import pytest

from apps.duplicates.matching import HashIndex, Words

RANDOM = np.random.default_rng(20)


def hashes(count: int) -> Words:
    return RANDOM.integers(0, 2**64, (count, 4), dtype=np.uint64)


def flipped(word: Words, count: int) -> Words:
    """A twin that differs in exactly so many bits."""
    bits = np.unpackbits(word.view(np.uint8))
    bits[RANDOM.permutation(256)[:count]] ^= 1
    return np.packbits(bits).view(np.uint64)


@pytest.fixture(scope="module")
def house() -> tuple[HashIndex, Words]:
    words = hashes(20_000)
    index = HashIndex()
    index.put(range(1, 20_001), words)
    return index, words


@pytest.mark.parametrize("threshold", [0, 8, 15, 16, 31, 32, 63])
def test_every_twin_up_to_the_threshold_is_found_and_none_beyond(
    house: tuple[HashIndex, Words], threshold: int
) -> None:
    index, words = house
    distances = [distance for distance in range(64) for _ in range(4)]
    twins = np.stack([flipped(words[row], distance) for row, distance in enumerate(distances)])
    near = index.near(twins, threshold)
    expected = [row for row, distance in enumerate(distances) if distance <= threshold]
    assert near.questions.tolist() == expected
    assert near.keys.tolist() == [row + 1 for row in expected]
    assert near.distances.tolist() == [distances[row] for row in expected]


def test_what_was_just_added_is_found_before_it_is_sorted(house: tuple[HashIndex, Words]) -> None:
    index, words = house
    twin = flipped(words[7], 31)
    index.put([90_001], twin[None])
    assert index.near(words[7:8], 31).keys.tolist() == [8, 90_001]


def test_a_key_with_a_new_hash_is_not_found_by_its_old_one() -> None:
    index, words = HashIndex(), hashes(2)
    index.put([1], words[:1])
    index.put([1], words[1:])
    assert index.near(words, 31).questions.tolist() == [1]
    assert len(index) == 1


def test_a_dropped_key_is_not_found_even_after_sorting() -> None:
    index, words = HashIndex(), hashes(10_000)
    index.put(range(6_000), words[:6_000])
    index.drop([5])
    index.put(range(6_000, 10_000), words[6_000:])
    assert index.near(words[4:7], 31).keys.tolist() == [4, 6]


def test_a_house_full_of_the_same_picture_is_answered_completely() -> None:
    index, word = HashIndex(), hashes(1)
    index.put(range(10_000), np.repeat(word, 10_000, axis=0))
    assert len(index.near(word, 31).keys) == 10_000


def test_nothing_is_near_in_an_empty_house() -> None:
    assert HashIndex().near(hashes(3), 31).keys.tolist() == []
