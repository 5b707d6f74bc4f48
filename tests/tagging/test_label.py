"""People read words of their language; addresses and rows keep the names."""

import ast
import inspect

import pytest
from django.utils import translation

from apps.tagging import facts
from apps.tagging.labels import LABELS, format_label, tag_label
from media import colours


@pytest.mark.parametrize(
    ("family", "name", "label"),
    [
        ("quality", "average_quality", "Average quality"),
        ("location", "has_gps", "GPS position"),
        ("location", "'s-Hertogenbosch", "'s-Hertogenbosch"),
        ("technical", "4k_plus", "4K or more"),
        ("technical", "apple", "Apple"),
        ("technical", "hp", "HP"),
        ("technical", "konica_minolta", "Konica Minolta"),
        ("technical", "sony", "Sony"),
        ("format", "jpeg", "JPEG"),
        ("format", "webp", "WebP"),
        ("temporal", "year_2019", "2019"),
        ("temporal", "wednesday", "Wednesday"),
        ("scene", "golden_hour", "Golden hour"),
        ("objects", "", ""),
    ],
)
def test_a_tag_is_called_as_people_write_it(family: str, name: str, label: str) -> None:
    assert tag_label(family, name) == label


def test_months_and_weekdays_are_those_of_the_reader_s_language() -> None:
    with translation.override("de"):
        assert tag_label("temporal", "march") == "März"
        assert tag_label("temporal", "wednesday") == "Mittwoch"


def test_every_name_that_stands_in_the_facts_has_a_label() -> None:
    """A new name in `facts.py` wants one here, or it cannot be translated."""
    known = {name for _family, name in LABELS}
    said = set[str]()
    for function in (facts._quality, facts._temporal, facts._technical, facts._format, facts._location):
        for node in ast.walk(ast.parse(inspect.getsource(function))):
            match node:
                case ast.Call(func=ast.Name(id="Label"), args=[_family, ast.Constant(value=str(name))]):
                    said.add(name)
                case ast.Call(func=ast.Attribute(attr="append"), args=[ast.Constant(value=str(name))]):
                    said.add(name)
    said |= {*facts.MONTHS, *facts.WEEKDAYS, *facts.SEASONS, *(name for _until, name in facts.HOURS)}
    said |= {name for _until, name in colours.HUES}

    assert len(said) > 50
    assert said <= known


def test_formats_are_written_as_they_are_called() -> None:
    assert [format_label(name) for name in ("jpeg", "webp", "raw", "jxl")] == ["JPEG", "WebP", "RAW", "JXL"]
