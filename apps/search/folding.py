"""How words are made equal before they are compared: accents, case, width and ligatures do not count.

Pure, and the same for what is kept and for what is asked; whoever changes it rebuilds all documents.
"""

import re
import unicodedata

LONGEST_WORD = 64

_PLAIN = str.maketrans({"ø": "o", "đ": "d", "ð": "d", "ł": "l", "æ": "ae", "œ": "oe", "\u0131": "i", "þ": "th"})
# Letters and digits with the vowel signs of Indian and South-East Asian scripts. Each Chinese or Japanese character is
# a word, because there are no spaces between words there: a longer one is found as a phrase.
_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"
    r"|(?:[^\W_\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|[\u0900-\u0dff\u0e00-\u0eff])+"
)
_LETTERS_OR_DIGITS = re.compile(r"\d+|[^\W\d_]+")


def fold(text: str) -> str:
    """`Crème Straße` becomes `creme strasse`."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(character for character in apart if not unicodedata.combining(character))
    return unicodedata.normalize("NFKC", plain.casefold().translate(_PLAIN))


def words_of(text: str) -> list[str]:
    """The folded words of a text, in order."""
    return [word[:LONGEST_WORD] for word in _WORD.findall(fold(text))]


def words_of_name(name: str) -> list[str]:
    """The words of a file name without its suffix. `DSC01234-Beach.jpg` is found as dsc01234, dsc, 01234 and beach."""
    stem, dot, suffix = name.rpartition(".")
    found = []
    for word in words_of(stem if dot and stem and len(suffix) <= 8 else name):
        parts = _LETTERS_OR_DIGITS.findall(word)
        found += [word, *parts] if len(parts) > 1 else [word]
    return found


def phrase_of(text: str) -> str:
    """A label as one folded line: what equals it, equals it whatever its punctuation."""
    return " ".join(words_of(text))
