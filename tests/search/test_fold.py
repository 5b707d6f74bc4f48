"""Words that a person takes for the same are the same."""

import pytest

from apps.search.folding import fold, words_of, words_of_name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Crème", "creme"),
        ("STRASSE", "straße"),
        ("\uff21\uff22\uff23", "abc"),  # wide letters
        ("Łódź", "lodz"),
        ("Ærø", "aero"),
        ("e\u0301te", "été"),
        ("\u0130stanbul", "istanbul"),
        ("ﬁne", "fine"),
        ("한국", "한국"),
    ],
)
def test_accents_case_width_and_ligatures_do_not_count(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("IMG_2024-beach.jpg", ["img", "2024", "beach"]),
        ("DSC01234.JPG", ["dsc01234", "dsc", "01234"]),
        ("no suffix at all", ["no", "suffix", "at", "all"]),
        ("a.b.c.png", ["a", "b", "c"]),
        (".hidden", ["hidden"]),
    ],
)
def test_a_file_name_is_split_into_words_and_loses_its_suffix(name: str, words: list[str]) -> None:
    assert words_of_name(name) == words


def test_scripts_without_spaces_are_split_into_characters() -> None:
    assert words_of("東京タワー 2024") == ["東", "京", "タ", "ワ", "ー", "2024"]
