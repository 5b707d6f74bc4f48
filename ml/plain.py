"""Words that a model said, made harmless: what it read in a picture may have been written to do harm.

Nothing here judges what words mean. It makes sure that they are words: bounded, visible and of one line, so that
they can be stored, shown and searched as what they are.
"""

import re
import unicodedata

#: Controls, halves of characters, line separators, and marks that turn the direction of what follows.
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
#: These two join letters in several scripts.
_JOINERS = "\u200c\u200d"
#: The marks by which models tell pictures, thoughts and speakers apart.
_MARKS = re.compile(r"<\|[^<>|]{1,40}\|>|</?(?:s|image|img|think|start_of_turn|end_of_turn)\b[^<>]{0,300}>|\[/?INST\]")
_BRACKETS = re.compile(r"[<>\[\]]")
#: Marks within marks, so many deep, are nobody's honest words; taking them out one by one would take hours.
_NESTED = 5
_TAG_WORDS = 4
_TAG_LETTERS = 40


def visible(text: str) -> str:
    """The same without what cannot be seen; lines and tabs stay."""
    return "".join(letter for letter in text.replace("\r\n", "\n") if letter in "\n\t" or _is_seen(letter))


def without_marks(text: str) -> str:
    """The same without the marks of models: data that goes into a prompt may not speak as somebody else."""
    for _time in range(_NESTED):
        text, found = _MARKS.subn(" ", text)
        if not found:
            return text
    return _BRACKETS.sub(" ", text)


def sentence(text: str, *, words: int = 60, letters: int = 400) -> str:
    """One line of at most so many words."""
    line = " ".join(_spaced(text)[:words])
    return line if len(line) <= letters else line[: letters - 1].rstrip() + "…"


def tag_name(text: str) -> str | None:
    """In small letters, or None when this is no name of a thing: one to four words of letters and digits, which may
    be joined by ' & or -. An address, a sentence, markup or an order does not pass."""
    words = _spaced(unicodedata.normalize("NFKC", text).lower().replace("\u2019", "'"))
    name = " ".join(words)
    if len(words) > _TAG_WORDS or len(name) > _TAG_LETTERS or not any(letter.isalpha() for letter in name):
        return None
    return name if all(letter in f" '&-{_JOINERS}" or _is_of_a_word(letter) for letter in name) else None


def _is_seen(letter: str) -> bool:
    return letter in _JOINERS or unicodedata.category(letter) not in _UNSEEN


def _is_of_a_word(letter: str) -> bool:
    return letter.isalnum() or unicodedata.category(letter) in ("Mn", "Mc")


def _spaced(text: str) -> list[str]:
    return "".join(letter if _is_seen(letter) else " " for letter in text).split()
