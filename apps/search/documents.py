"""An asset's own words, put together. Pure: what is known goes in, a document comes out.

Names that people edit (persons, albums, categories) are not here: they are looked up when somebody searches.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from apps.library.labels import camera_name, country_name
from apps.library.models import Asset
from apps.search.folding import phrase_of, words_of, words_of_name
from apps.search.query import quoted, token_of

LAST_POSITION = 16_383  # PostgreSQL counts no further
MOST_PLACES = 255  # of one word
MOST_WORDS = 5_000
MOST_TERMS = 100  # words of one text that autocomplete learns
LONGEST_LABEL = 90
WHOLE = "\x1f"  # stands before the whole label in a term that begins in its middle

Term = tuple[str, str]  # kind, folded


@dataclass
class Document:
    """`vector` is written in PostgreSQL's own spelling. `terms` maps what autocomplete offers to how it is shown."""

    places: dict[str, list[str]] = field(default_factory=dict)
    terms: dict[Term, str] = field(default_factory=dict)
    _next: int = 1

    @property
    def vector(self) -> str:
        return " ".join(
            quoted(word) + (":" + ",".join(places[:MOST_PLACES]) if places else "")
            for word, places in self.places.items()
        )

    def add_words(self, words: Sequence[str], weight: str) -> None:
        """Words of one text. Two texts are never one phrase."""
        for word in words[:MOST_WORDS]:
            place = f"{min(self._next, LAST_POSITION)}{weight}"
            places = self.places.setdefault(word, [])
            if not places or places[-1] != place:
                places.append(place)
            self._next += 1
        self._next += 1

    def add_token(self, kind: str, label: str) -> None:
        if phrase_of(label):
            self.places.setdefault(token_of(kind, label), [])

    def add_label(self, kind: str, label: str) -> None:
        """Something with a name of one or more words, offered from the beginning of each of them."""
        words = words_of(label[:LONGEST_LABEL])
        self._offer(kind, words, " ".join(words), label[:LONGEST_LABEL])

    def add_tag(self, family: str, name: str) -> None:
        """A tag is shown with its family: the format `portrait` is not the subject `portrait`."""
        self._offer("tag", words_of(name[:LONGEST_LABEL]), f"{family}:{name}", f"{family}:{name}")

    def _offer(self, kind: str, words: Sequence[str], identity: str, label: str) -> None:
        for start in range(len(words)):
            self.terms[kind, f"{' '.join(words[start:])}{WHOLE}{identity}"[:200]] = label

    def add_plain_terms(self, kind: str, words: Iterable[str]) -> None:
        """Single words worth offering: not numbers, and not the bits of two letters that reading pictures gives."""
        worth = dict.fromkeys(word for word in words if len(word) > 2 and word.isalpha())
        for word in list(worth)[:MOST_TERMS]:
            self.terms[kind, word] = word


def document_of(asset: Asset, tags: Sequence[tuple[str, str]], texts: Sequence[str]) -> Document:
    """`tags` as (family, name); `texts` are the lines that were read in the picture."""
    document = Document()
    document.add_words(words_of(asset.title), "A")
    document.add_plain_terms("word", words_of(asset.title))
    document.add_words(words_of_name(asset.name), "A")
    document.add_plain_terms("name", words_of_name(asset.name))
    for keyword in asset.keywords:
        document.add_words(words_of(keyword), "A")
        document.add_label("keyword", keyword)
    for family, name in tags:
        document.add_words(words_of(name), "B")
        document.add_tag(family, name)
    for place in places_of(asset):
        document.add_words(words_of(place), "B")
        document.add_token("place", place)
        document.add_label("place", place)
    camera = camera_name(asset.camera_make, asset.camera_model)
    if camera:
        document.add_words(words_of(camera), "B")
        document.add_label("camera", camera)
        for name in (camera, asset.camera_model, asset.camera_make, asset.camera_make.partition(" ")[0]):
            document.add_token("camera", name)
    lines = [words_of(text) for text in texts]
    for line in lines:
        document.add_words(line, "C")
    document.add_words(words_of(asset.description), "D")
    document.add_plain_terms("word", [word for line in lines for word in line] + words_of(asset.description))
    return document


def places_of(asset: Asset) -> list[str]:
    """Town, region and country, each once: Luxembourg is all three."""
    found: dict[str, str] = {}
    for name in (asset.city, asset.region, country_name(asset.country)):
        if name:
            found.setdefault(phrase_of(name), name)
    return list(found.values())
