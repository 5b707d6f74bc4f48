import pytest

from ml.scripts import script_of


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Grüße 42", "latin"),
        ("Ελλάδα", "greek"),
        ("Привет, world of ours", "latin"),
        ("東京", "han"),
        ("東京タワー", "japanese"),
        ("\uff21\uff22\uff23", "latin"),
        ("12.50", None),
        ("", None),
        ("ᚠᚢᚦ", None),
    ],
)
def test_the_script_of_most_letters_is_named_and_none_is_an_answer(text: str, script: str | None) -> None:
    assert script_of(text) == script
