"""Sentences as rows of numbers, by the `tokenizer.json` that lies with the weights; without torch or transformers."""

import html
import string
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from .results import Numbers

if TYPE_CHECKING:
    import tokenizers

Tokens: TypeAlias = npt.NDArray[np.int64]
#: What is done to a sentence first; "none" where the tokenizer itself does all.
Cleaning: TypeAlias = Literal["none", "whitespace", "lower", "canonicalize"]

_LIGATURES = ("ﬀ", "ﬁ", "ﬂ", "ﬃ", "ﬄ", "ﬅ", "ﬆ")
_PLAIN = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201a\u201b", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u201f", '"')
    | {ligature: unicodedata.normalize("NFKC", ligature) for ligature in _LIGATURES}
    # Letters as wide as Chinese ones.
    | {chr(wide): unicodedata.normalize("NFKC", chr(wide)) for wide in (0x3000, *range(0xFF01, 0xFFEF))}
    | dict.fromkeys([chr(code) for code in (*range(9), 11, *range(14, 32), 127, 0xFEFF)])
)
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


class Tokenizer:
    """Pads and cuts as the file says, or, with `longest`, cuts after so many tokens and pads nothing.

    Raises ImportError without the package, ValueError for an unknown cleaning.
    """

    def __init__(self, path: Path, cleaning: str, *, longest: int | None = None) -> None:
        import tokenizers

        if cleaning not in get_args(Cleaning):
            raise ValueError(f'No such cleaning: "{cleaning}". Known: {", ".join(get_args(Cleaning))}.')
        self._tokenizer = tokenizers.Tokenizer.from_file(str(path))
        self._cleaning = cleaning
        if longest is not None:
            self._tokenizer.enable_truncation(longest)
            self._tokenizer.no_padding()

    @property
    def size(self) -> int:
        """How many tokens it knows."""
        return self._tokenizer.get_vocab_size()

    def __call__(self, texts: Sequence[str]) -> Tokens:
        """One row a text, all of one length."""
        return np.array([encoding.ids for encoding in self._encoded(texts)], np.int64)

    def rows(self, texts: Sequence[str]) -> list[list[int]]:
        """Each text's tokens, as many as it has."""
        return [encoding.ids for encoding in self._encoded(texts)]

    def with_mask(self, texts: Sequence[str]) -> tuple[Tokens, Tokens]:
        """The rows, and 1 where a row says something, 0 where it is padded."""
        encoded = self._encoded(texts)
        return (
            np.array([encoding.ids for encoding in encoded], np.int64),
            np.array([encoding.attention_mask for encoding in encoded], np.int64),
        )

    def _encoded(self, texts: Sequence[str]) -> "list[tokenizers.Encoding]":
        return self._tokenizer.encode_batch([cleaned(text, self._cleaning) for text in texts])


def cleaned(text: str, cleaning: str) -> str:
    """As OpenCLIP cleans before it reads, but for broken encodings, which nobody types into a search box."""
    if cleaning == "none":
        return text
    text = html.unescape(html.unescape(unicodedata.normalize("NFC", html.unescape(text).translate(_PLAIN))))
    if cleaning == "canonicalize":
        text = text.replace("_", " ").translate(_NO_PUNCTUATION)
    text = " ".join(text.split())
    return text if cleaning == "whitespace" else text.lower()


class TokenTable:
    """The vectors of tokens, which stay on the disk: of 256,000 rows a sentence needs a few.

    They are read, not mapped: of a map the system keeps up to half a megabyte around each row that is touched.
    Raises OSError and ValueError for a file that is not such a table, or not all of it.
    """

    def __init__(self, path: Path) -> None:
        table = np.load(path, mmap_mode="r")
        if not isinstance(table, np.memmap) or table.ndim != 2:
            raise ValueError(f"{path} is not a table of tokens.")
        self._path = path
        self._offset = table.offset
        self._count, self._width = table.shape
        self._type = table.dtype

    def __call__(self, tokens: Tokens) -> Numbers:
        """One row a token. Raises IndexError for a token that it does not have."""
        numbers, places = np.unique(tokens, return_inverse=True)
        if numbers[0] < 0 or numbers[-1] >= self._count:
            raise IndexError(f"{self._path} has no token {numbers[-1]}: it does not belong to this tokenizer.")
        rows = np.empty((len(numbers), self._width), self._type)
        with self._path.open("rb", buffering=0) as file:
            for row, number in zip(rows, numbers.tolist(), strict=True):
                file.seek(self._offset + number * row.nbytes)
                file.readinto(row)
        return rows[places.reshape(tokens.shape)].astype(np.float32)
