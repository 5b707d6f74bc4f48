"""What is looked for: a value that travels as an address, without knowing the database."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal
from urllib.parse import urlencode

from django.utils.translation import gettext as _

from apps.search.folding import phrase_of, words_of

LONGEST_TEXT = 500
MOST_VALUES = 20

Duplicates = Literal["show", "hide"]
Order = Literal["newest", "best"]


class BadQuery(ValueError):
    """A parameter that cannot be understood: which one, and what to do."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


@dataclass(frozen=True, slots=True)
class Query:
    """Each field narrows the result; an empty one does not. `tags` are "family:name" and all of them must be there;
    "family:*" is any tag of the family."""

    text: str = ""
    taken_from: date | None = None
    taken_to: date | None = None  # that day included
    kind: str = ""
    libraries: tuple[int, ...] = ()
    tags: tuple[str, ...] = ()
    place: str = ""  # a town, region or country, as it is written
    camera: str = ""  # a brand, a model, or both
    duplicates: Duplicates = "show"
    order: Order = "newest"

    @classmethod
    def from_params(cls, params: Mapping[str, object]) -> Query:
        """Reads a QueryDict, or a mapping to a text or a list of texts. Parameters it does not know are passed over.
        Raises BadQuery."""
        text = _one(params, "q")
        if len(text) > LONGEST_TEXT:
            raise BadQuery("q", _("The search is too long. Use fewer words."))
        taken_from, taken_to = _date(params, "from"), _date(params, "to")
        if taken_from and taken_to and taken_from > taken_to:
            raise BadQuery("to", _("The last day lies before the first day. Swap them."))
        tags = _many(params, "tag")
        if any(not all(tag.partition(":")[::2]) for tag in tags):
            raise BadQuery("tag", _("A tag is written as family:name, for example temporal:year_2025."))
        return cls(
            text=text,
            taken_from=taken_from,
            taken_to=taken_to,
            kind=_choice(params, "kind", ("photo", "")),
            libraries=tuple(_library(number) for number in _many(params, "library")),
            tags=tags,
            place=_one(params, "place"),
            camera=_one(params, "camera"),
            duplicates="hide" if _choice(params, "duplicates", ("show", "hide", "")) == "hide" else "show",
            order="best" if _choice(params, "order", ("newest", "best", "")) == "best" else "newest",
        )

    def to_params(self) -> str:
        """The query part of an address, with only what is set; `from_params` reads it back."""
        pairs: list[tuple[str, object]] = [
            ("q", self.text),
            ("from", self.taken_from or ""),
            ("to", self.taken_to or ""),
            ("kind", self.kind),
            *(("library", library) for library in self.libraries),
            *(("tag", tag) for tag in self.tags),
            ("place", self.place),
            ("camera", self.camera),
            ("duplicates", self.duplicates if self.duplicates != "show" else ""),
            ("order", self.order if self.order != "newest" else ""),
        ]
        return urlencode([(name, str(value)) for name, value in pairs if value != ""])


def _texts(params: Mapping[str, object], name: str) -> list[str]:
    getlist = getattr(params, "getlist", None)
    found = getlist(name) if getlist else params.get(name, [])
    values = found if isinstance(found, Sequence) and not isinstance(found, str) else [found]
    # A NUL cannot be stored, so nothing that is found contains one.
    return [text for value in values if (text := str(value).replace("\0", "").strip())]


def _one(params: Mapping[str, object], name: str) -> str:
    return next(reversed(_texts(params, name)), "")


def _many(params: Mapping[str, object], name: str) -> tuple[str, ...]:
    values = tuple(dict.fromkeys(_texts(params, name)))
    if len(values) > MOST_VALUES:
        raise BadQuery(name, _("Too many values at once. Choose fewer."))
    return values


def _date(params: Mapping[str, object], name: str) -> date | None:
    text = _one(params, name)
    try:
        found = date.fromisoformat(text) if text else None
    except ValueError as error:
        raise BadQuery(name, _("A day is written as 2025-12-31.")) from error
    if found and not 1000 <= found.year < 9999:
        raise BadQuery(name, _("A day is written as 2025-12-31."))
    return found


def _choice(params: Mapping[str, object], name: str, choices: tuple[str, ...]) -> str:
    text = _one(params, name)
    if text not in choices:
        allowed = ", ".join(choice for choice in choices if choice)
        raise BadQuery(name, _("Choose one of: %(choices)s.") % {"choices": allowed})
    return text


def _library(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise BadQuery("library", _("A library is given by its number."))
    return int(text)


# -- Words ------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Clause:
    """Words that must follow one another; the last one may go on when `prefix` is true."""

    words: tuple[str, ...]
    prefix: bool = False
    negated: bool = False


Alternatives = tuple[tuple[Clause, ...], ...]

_PART = re.compile(r'(-?)(?:"([^"]*)"?|([^\s"]+))')


def clauses_of(text: str) -> Alternatives:
    """The words as people type them on the web: all must be there, "or" between alternatives, quotes around a phrase, a
    minus before what must not be there. The last word may be unfinished. Empty when there is no word in the text."""
    alternatives: list[list[Clause]] = [[]]
    for minus, phrase, bare in _PART.findall(text):
        if not minus and bare.casefold() == "or" and alternatives[-1]:
            alternatives.append([])
        elif words := words_of(phrase or bare):
            alternatives[-1].append(Clause(tuple(words), negated=bool(minus)))
    last = alternatives[-1][-1] if alternatives[-1] else None
    finished = text.rstrip().endswith('"') or text.endswith(" ")
    if last and not last.negated and not finished and _may_go_on(last.words[-1]):
        alternatives[-1][-1] = Clause(last.words, prefix=True)
    return tuple(tuple(clauses) for clauses in alternatives if clauses)


def _may_go_on(word: str) -> bool:
    """One letter begins too many words to be of help."""
    return len(word) > 1 or not word.isascii()


def positive_clauses(text: str) -> tuple[Clause, ...]:
    return tuple(clause for clauses in clauses_of(text) for clause in clauses if not clause.negated)


# -- PostgreSQL's language of words -----------------------------------------------------------------------------------
def tsquery_of(alternatives: Alternatives, weights: str = "") -> str:
    return " | ".join(
        "(" + " & ".join(_clause(clause, weights) for clause in clauses) + ")" for clauses in alternatives
    )


def _clause(clause: Clause, weights: str) -> str:
    last = len(clause.words) - 1
    parts = []
    for place, word in enumerate(clause.words):
        suffix = ("*" if clause.prefix and place == last else "") + weights
        parts.append(quoted(word) + (f":{suffix}" if suffix else ""))
    return ("!" if clause.negated else "") + "(" + " <-> ".join(parts) + ")"


def token_of(kind: str, label: str) -> str:
    """What stands in a document for exactly this place or camera. No word begins with its sign, so no word finds it."""
    return f"={kind} {phrase_of(label)}"[:200]


def quoted(lexeme: str) -> str:
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"
