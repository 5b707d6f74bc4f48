"""Sends private files in pieces, whole or the part that is asked for.

A synchronous file iterator under ASGI would be read whole into memory; this one is asynchronous and stays flat.
"""

import asyncio
import errno
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header

PIECE = 256 * 1024
_RANGE = re.compile(r"bytes=(\d*)-(\d*)$")


def send_file(
    request: HttpRequest, path: Path, *, content_type: str, etag: str, cache: str, name: str = "", inline: bool = True
) -> HttpResponseBase:
    """Answers 200, 206 for one range, 304 for a known ETag, 416 for a range behind the end. A range that makes no
    sense, or several at once, gets the whole file, as the standard allows. Raises OSError for what cannot be read."""
    if request.headers.get("If-None-Match") == etag:
        return _with_headers(HttpResponse(status=304), etag, cache)
    if not path.is_file():
        raise FileNotFoundError(errno.ENOENT, "not a file", path)  # a named pipe would hold us for ever
    file = path.open("rb")
    size = path.stat().st_size
    start, end, status = 0, size - 1, 200
    wanted = request.headers.get("Range")
    if wanted and request.headers.get("If-Range", etag) == etag:
        span = _span(wanted, size)
        if isinstance(span, str):
            file.close()
            response = HttpResponse(status=416)
            response["Content-Range"] = f"bytes */{size}"
            return _with_headers(response, etag, cache)
        if span is not None:
            (start, end), status = span, 206
    length = end - start + 1
    if request.method == "HEAD":
        file.close()
        answer: HttpResponseBase = HttpResponse(status=status)
    else:
        answer = StreamingHttpResponse(_pieces(file, start, length), status=status)
    answer["Content-Type"] = content_type
    answer["Content-Length"] = str(length)
    if status == 206:
        answer["Content-Range"] = f"bytes {start}-{end}/{size}"
    if not inline or name:
        answer["Content-Disposition"] = content_disposition_header(not inline, name) or "inline"
    return _with_headers(answer, etag, cache)


def _with_headers(response: HttpResponseBase, etag: str, cache: str) -> HttpResponseBase:
    response["ETag"], response["Cache-Control"] = etag, cache
    response["Accept-Ranges"] = "bytes"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


def _span(header: str, size: int) -> tuple[int, int] | str | None:
    """(first, last), "behind" the end, or None for what is to be ignored."""
    found = _RANGE.fullmatch(header.strip())
    if not found or found.groups() == ("", "") or size == 0:
        return None
    first, last = found.groups()
    if not first:  # the last so many bytes
        return (max(0, size - int(last)), size - 1) if int(last) else "behind"
    start, end = int(first), min(int(last), size - 1) if last else size - 1
    if start >= size:
        return "behind"
    return (start, end) if start <= end else None


async def _pieces(file: BinaryIO, start: int, length: int) -> AsyncIterator[bytes]:
    try:
        file.seek(start)
        while length > 0:
            piece = await asyncio.to_thread(file.read, min(PIECE, length))
            if not piece:
                return
            length -= len(piece)
            yield piece
    finally:
        file.close()
