"""The hashes of the whole house in this process's memory, so that nobody asks the database for every pair."""

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
from django.conf import settings
from django.db import connection

from apps.duplicates.matching import BITS, HashIndex, Words
from apps.duplicates.models import PictureHash

CHUNK = 20_000

Row = tuple[int, str, int]


class KnownHashes:
    """An index that is brought up to date before it is asked. It may still hold what was deleted in the meantime: what
    is found in it must be verified where it is written."""

    def __init__(self) -> None:
        self.index = HashIndex()
        self._read_from = 0

    def refresh(self) -> HashIndex:
        with connection.cursor() as cursor:
            # Asked before the rows are read: what is not over now is read again the next time.
            cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
            read_from = int(cursor.fetchone()[0])
        news = PictureHash.objects.filter(written_in__gte=self._read_from).values_list("asset_id", "bits", "quality")
        for rows in _chunks(news.iterator(CHUNK)):
            plain = [row for row in rows if row[2] < settings.DUPLICATE_MIN_QUALITY]
            self.index.drop([asset_id for asset_id, _bits, _quality in plain])
            telling = [row for row in rows if row[2] >= settings.DUPLICATE_MIN_QUALITY]
            self.index.put([asset_id for asset_id, _bits, _quality in telling], words_of_texts(telling))
        self._read_from = read_from
        return self.index


def words_of_texts(rows: list[Row]) -> Words:
    """PostgreSQL writes bits as zeros and ones."""
    digits = np.frombuffer("".join(bits for _id, bits, _quality in rows).encode(), np.uint8) - ord("0")
    return np.packbits(digits.reshape(-1, BITS), axis=1).view(np.uint64)


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    rows = iter(rows)
    while chunk := list(islice(rows, CHUNK)):
        yield chunk


known_hashes = KnownHashes()
