"""File names come from strangers: what is kept of one is safe to show, to search and to send in a header."""

import re
import unicodedata

LONGEST_NAME = 255
_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}$")


def clean_name(name: str) -> str:
    """The last part of a path, without control characters and marks that turn the reading direction around. A name that
    is too long loses its middle, never its suffix. What is left empty is called "unnamed"."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    visible = "".join(
        character for character in last if unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co")
    )
    name = unicodedata.normalize("NFC", visible).strip(" .") if visible.strip(" .") else "unnamed"
    if len(name) > LONGEST_NAME:
        suffix = suffix_of(name)
        name = name[: LONGEST_NAME - len(suffix)] + suffix
    return name


def suffix_of(name: str) -> str:
    """The suffix in small letters with its dot; nothing when it is not a plain one."""
    found = _SUFFIX.search(name.lower())
    return found.group() if found else ""
