import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.library.names import LONGEST_NAME, clean_name


@pytest.mark.parametrize(
    ("hostile", "clean"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\windows\\system.ini", "system.ini"),
        ("a\x00b\nc\r.jpg", "abc.jpg"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("", "unnamed"),
        ("....", "unnamed"),
        ("Überraschung für Zoë.jpg", "Überraschung für Zoë.jpg"),
    ],
)
def test_a_hostile_name_becomes_a_plain_one(hostile: str, clean: str) -> None:
    assert clean_name(hostile) == clean


def test_a_name_that_is_too_long_keeps_its_suffix() -> None:
    name = clean_name("x" * 300 + ".jpeg")
    assert len(name) == LONGEST_NAME
    assert name.endswith(".jpeg")


@given(st.text(max_size=400))
def test_no_name_leaves_its_folder_or_breaks_a_line(name: str) -> None:
    cleaned = clean_name(name)
    assert cleaned
    assert len(cleaned) <= LONGEST_NAME
    assert not set(cleaned) & set("/\\\x00\r\n")
    assert clean_name(cleaned) == cleaned
