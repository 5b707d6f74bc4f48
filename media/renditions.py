"""The pictures that we write: upright, sRGB, opaque, without metadata, never larger than their original."""

from __future__ import annotations

import errno
import io
import os

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from media.results import RENDITION_NAMES, Reason, Refused, Rendition, RenditionKind

Pixels = NDArray[np.uint8]

# Both are decoded again by the steps that follow; JPEG is what decodes fastest. Writing wants crisper edges.
JPEG_QUALITY: dict[RenditionKind, int] = {"preview": 85, "detail": 90}
WEBP_QUALITY = 80


# Down to here two neighbours are enough for each point: 3 ms for a preview where averaging areas takes 19.
LITTLE_SMALLER = 0.6


def shrink(pixels: Pixels, side: int) -> Pixels:
    """The picture with its longest side at most `side`, by averaging areas. Half by half as far as that goes: a mean of
    four takes a tenth of the time of a mean of four and a bit."""
    height, width = pixels.shape[:2]
    if max(height, width) <= side:
        return pixels
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    while max(height, width) >= 2 * side and min(height, width) >= 2:
        height, width = height // 2, width // 2
        pixels = _resized(pixels[: 2 * height, : 2 * width], (width, height), cv2.INTER_AREA)
    if (width, height) == size:
        return pixels
    return _resized(pixels, size, cv2.INTER_LINEAR if size[0] >= LITTLE_SMALLER * width else cv2.INTER_AREA)


def _resized(pixels: Pixels, size: tuple[int, int], way: int) -> Pixels:
    return cv2.resize(pixels, size, interpolation=way).astype(np.uint8, copy=False)


def write_rendition(folder: int, kind: RenditionKind, pixels: Pixels) -> Rendition:
    """Encode and write one rendition into the open folder, safe on disk when this returns."""
    picture = Image.fromarray(pixels)
    encoded = io.BytesIO()
    if kind == "thumbnail":
        mime = "image/webp"
        picture.save(encoded, "WEBP", quality=WEBP_QUALITY, method=2)
    else:
        mime = "image/jpeg"
        picture.save(encoded, "JPEG", quality=JPEG_QUALITY[kind])
    _write(folder, RENDITION_NAMES[kind], encoded.getbuffer())
    return Rendition(
        kind=kind,
        name=RENDITION_NAMES[kind],
        width=picture.width,
        height=picture.height,
        bytes=len(encoded.getbuffer()),
        mime=mime,
    )


def _write(folder: int, name: str, content: memoryview) -> None:
    try:
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640, dir_fd=folder)
        try:
            while content:
                content = content[os.write(descriptor, content) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Refused(Reason.DISK_FULL) from error
        if error.errno == errno.EFBIG:
            raise Refused(Reason.BLOATED) from error
        raise
