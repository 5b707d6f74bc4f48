"""Which script a text is written in. Not its language: a few words on a sign do not tell that honestly."""

import unicodedata
from collections import Counter

_SCRIPTS = {
    "LATIN": "latin",
    "GREEK": "greek",
    "CYRILLIC": "cyrillic",
    "HEBREW": "hebrew",
    "ARABIC": "arabic",
    "DEVANAGARI": "devanagari",
    "THAI": "thai",
    "HANGUL": "korean",
    "HIRAGANA": "japanese",
    "KATAKANA": "japanese",
    "CJK": "han",
}


def script_of(text: str) -> str | None:
    """The script of most letters; None when there are no letters, or none of a script known here."""
    counts: Counter[str] = Counter()
    for letter in filter(str.isalpha, unicodedata.normalize("NFKC", text)):
        script = _SCRIPTS.get(unicodedata.name(letter, "").split(" ")[0])
        if script:
            counts[script] += 1
    if counts["japanese"]:  # Han characters beside kana are Japanese too
        counts["japanese"] += counts.pop("han", 0)
    return counts.most_common(1)[0][0] if counts.total() else None
