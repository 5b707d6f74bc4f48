"""What we are measured against. Each is written as well as its shape allows: a slow rival proves nothing."""

import io
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray
from PIL import Image

from media import colours, pdq, quality, thumbhash
from media.renditions import shrink
from media.results import Pdq


def decode_whole(path: Path) -> Image.Image:
    return Image.open(path).convert("RGB")


def _reduced(picture: Image.Image, side: int) -> NDArray[np.uint8]:
    """As our own renditions are made: cheaper than Lanczos and no worse."""
    return shrink(np.asarray(picture), side)


def stage_by_stage(path: Path, folder: Path) -> Pdq:
    """One task for each result, and each opens the file for itself: six full decodes. Files are made safe on disk, as
    ours are."""
    _write(folder / "thumbnail.webp", decode_whole(path), 400, "WEBP", quality=80, method=2)
    _write(folder / "preview.jpg", decode_whole(path), 1440, "JPEG", quality=85)
    hashed = pdq.hash_forms(_reduced(decode_whole(path), pdq.LONGEST_SIDE))
    picture = decode_whole(path)
    small = _reduced(picture, pdq.LONGEST_SIDE)
    likeness = quality.measure_text_likeness(small)
    quality.measure(small, width=picture.width, height=picture.height, text_likeness=likeness)
    colours.dominant(_reduced(decode_whole(path), colours.LONGEST_SIDE))
    thumbhash.encode(_reduced(decode_whole(path), colours.LONGEST_SIDE))
    return hashed


def _write(target: Path, picture: Image.Image, side: int, kind: str, **options: Any) -> None:
    encoded = io.BytesIO()
    Image.fromarray(_reduced(picture, side)).save(encoded, kind, **options)
    with target.open("wb") as stream:
        stream.write(encoded.getbuffer())
        os.fsync(stream.fileno())


def keyset_page(library_id: int, size: int, after: tuple[datetime, int] | None) -> list[int]:
    """A page of the timeline by hand-written SQL, every column read: one row more says whether there is a next page."""
    beyond = "AND (sort_at, id) < (%s, %s)" if after else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, a.* FROM library_asset a WHERE library_id = %s {beyond} ORDER BY sort_at DESC, id DESC LIMIT %s",  # noqa: S608, E501  # no word of it comes from outside
            [library_id, *(after or ()), size + 1],
        )
        return [row[0] for row in cursor.fetchall()[:size]]


COPIED = ("library_asset", "library_file", "ingest_steprun")


def take_rows(library_id: int) -> dict[str, bytes]:
    """The rows of a library as COPY writes them."""
    taken = {}
    with connection.cursor() as cursor:
        for table in COPIED:
            question = f"COPY (SELECT * FROM {table} WHERE library_id = {int(library_id)}) TO STDOUT"  # noqa: S608
            with cursor.copy(question) as copy:
                taken[table] = b"".join(bytes(block) for block in copy)
    return taken


def copy_rows(rows: dict[str, bytes]) -> int:
    """Writes the rows back by COPY: the same tables, with their indexes, foreign keys and triggers, and nothing read or
    decided. Returns how many were written."""
    count = 0
    with transaction.atomic(), connection.cursor() as cursor:
        for table, content in rows.items():
            with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                copy.write(content)
            count += cursor.rowcount
    return count


def walk(root: str) -> int:
    """Every file below a folder with its size and time; nothing is compared with anything."""
    count = 0
    with os.scandir(root) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                count += walk(entry.path)
            else:
                entry.stat(follow_symlinks=False)
                count += 1
    return count


def in_process(batches: Sequence[Any], steps: Sequence[Any]) -> None:
    """The naked steps, called one after another: no claim, no lease, no bell."""
    for batch in batches:
        for step in steps:
            step.work(batch, None)
