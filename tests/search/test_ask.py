"""A query travels as an address, and the words in it as people type them."""

from datetime import date

import pytest
from django.http import QueryDict

from apps.search.query import BadQuery, Clause, Query, clauses_of, tsquery_of

FULL = Query(
    text='beach "red car" -rain',
    taken_from=date(2024, 1, 2),
    taken_to=date(2024, 3, 4),
    kind="photo",
    libraries=(3, 4),
    tags=("temporal:summer", "format:portrait"),
    place="New York",
    camera="Canon EOS 5D",
    duplicates="hide",
    order="best",
)


def test_a_query_survives_its_address() -> None:
    assert Query.from_params(QueryDict(FULL.to_params())) == FULL


def test_an_address_holds_only_what_is_set() -> None:
    assert Query().to_params() == ""
    assert Query(text="a b", tags=("format:portrait",)).to_params() == "q=a+b&tag=format%3Aportrait"


def test_a_plain_mapping_is_read_too() -> None:
    assert Query.from_params({"q": " beach ", "tag": ["mood:calm"], "page": "3"}) == Query("beach", tags=("mood:calm",))


@pytest.mark.parametrize(
    ("address", "field"),
    [
        ("from=2024-13-01", "from"),
        ("to=yesterday", "to"),
        ("from=2024-02-02&to=2024-01-01", "to"),
        ("kind=pizza", "kind"),
        ("library=x", "library"),
        ("library=-1", "library"),
        ("tag=portrait", "tag"),
        ("tag=%3Aportrait", "tag"),
        ("duplicates=maybe", "duplicates"),
        ("order=worst", "order"),
        ("q=" + "x" * 501, "q"),
        ("&".join(f"tag=a:{n}" for n in range(21)), "tag"),
    ],
)
def test_what_cannot_be_understood_names_its_field(address: str, field: str) -> None:
    with pytest.raises(BadQuery) as caught:
        Query.from_params(QueryDict(address))
    assert caught.value.field == field
    assert str(caught.value)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Beach", "(('beach':*))"),
        ("beach ", "(('beach'))"),
        ("sun Bea", "(('sun') & ('bea':*))"),
        ('"red car"', "(('red' <-> 'car'))"),
        ('"red car', "(('red' <-> 'car':*))"),
        ("beach -rain", "(('beach') & !('rain'))"),
        ("cat or dog", "(('cat')) | (('dog':*))"),
        ("IMG_2024", "(('img' <-> '2024':*))"),
        ("a", "(('a'))"),
        ("or", "(('or':*))"),
        ("!!! & | ' \\", ""),
        ("-", ""),
    ],
)
def test_words_quotes_minus_and_or(text: str, asked: str) -> None:
    assert tsquery_of(clauses_of(text)) == asked


def test_only_the_last_word_may_be_unfinished() -> None:
    assert clauses_of("sun bea") == ((Clause(("sun",)), Clause(("bea",), prefix=True)),)
