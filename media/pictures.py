"""One look at one picture: decoded once, and everything that can be told from it is told.

This runs inside a locked child (and in benchmarks). Nothing here opens a path: the file is an open descriptor.
"""

from __future__ import annotations

import encodings.latin_1
import encodings.utf_16_be
import encodings.utf_16_le
import errno
import io
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
import pillow_heif
import rawpy
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
    ImageOps,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from media import colours, pdq, quality, thumbhash
from media.formats import HEAD_BYTES, MIME, sniff
from media.metadata import read_metadata
from media.renditions import Pixels, shrink, write_rendition
from media.results import Format, Inspection, Limits, Reason, Refused, Rendition, Wish

# A locked child can open no file, so every plug-in is loaded before; named here, they are also kept by every linter.
PLUGINS = (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
ALPHABETS = (encodings.latin_1, encodings.utf_16_be, encodings.utf_16_le)

PILLOW_FORMATS: dict[Format, tuple[str, ...]] = {
    "jpeg": ("JPEG",),
    "png": ("PNG",),
    "webp": ("WEBP",),
    "gif": ("GIF",),
    "tiff": ("TIFF",),
    "bmp": ("BMP",),
    "heic": ("HEIF",),
    "avif": ("AVIF",),
}

# Whole-size copies of the picture that a decoder holds at once, its own and Pillow's.
COPIES: dict[Format, int] = {"webp": 3, "heic": 3, "avif": 3, "raw": 4}
SHARE_FOR_PIXELS = 0.75  # of the child's memory; the rest is for what is made of them

MOST_FRAMES = 10_000  # beyond this nobody counts
MOST_PAGES = 500

ALPHA_MODES = frozenset({"RGBA", "LA", "PA", "RGBa", "La"})
TURNED_BY = {0: None, 3: Image.Transpose.ROTATE_180, 5: Image.Transpose.ROTATE_90, 6: Image.Transpose.ROTATE_270}

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))

# What is refused is decided below, from the header and from the memory that the child has.
Image.MAX_IMAGE_PIXELS = None
# One thread only: a forked child has no others, and may not be allowed to start any.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
pillow_heif.options.DECODE_THREADS = 0
cv2.setNumThreads(0)
pillow_heif.register_heif_opener()


@dataclass(frozen=True)
class Opened:
    """What a child holds when its doors are shut."""

    source: BinaryIO
    sidecar: bytes | None
    folder: int


@dataclass
class Decoded:
    """A decoded picture, not yet shrunk, turned or brought to sRGB."""

    picture: Image.Image
    described_by: Image.Image | None  # where IPTC and XMP are found
    exif: Image.Exif
    width: int  # of the original, upright
    height: int
    frames: int
    has_alpha: bool


def inspect_file(wish: Wish, opened: Opened, limits: Limits | None = None) -> Inspection:
    """Decode once, write the renditions, measure everything. Raises `Refused` when the file is not to be taken."""
    limits = limits or Limits()
    found = _find_format(opened.source, wish.name)
    with _foreign_bytes():
        found, decoded = _decode(found, opened.source, wish.preview_side, limits)
        preview = to_pixels(decoded, wish.preview_side)
    metadata = read_metadata(
        decoded.described_by,
        decoded.exif,
        sidecar=opened.sidecar,
        name=wish.name,
        modified_at=wish.modified_at,
    )
    text_likeness = quality.measure_text_likeness(preview)
    renditions = [
        write_rendition(opened.folder, "thumbnail", shrink(preview, wish.thumbnail_side)),
        write_rendition(opened.folder, "preview", preview),
    ]
    if text_likeness >= quality.MUCH_WRITING and max(decoded.width, decoded.height) > wish.preview_side:
        renditions.append(_write_detail(wish, opened, found, decoded, limits))
    os.fsync(opened.folder)

    small = shrink(preview, pdq.LONGEST_SIDE)
    tiny = shrink(small, colours.LONGEST_SIDE)
    shades, is_greyscale = colours.dominant(tiny)
    red, green, blue = (round(value) for value in tiny.reshape(-1, 3).mean(axis=0).tolist())
    return Inspection(
        key=wish.key,
        format=found,
        mime=MIME[found],
        width=decoded.width,
        height=decoded.height,
        frames=decoded.frames,
        has_alpha=decoded.has_alpha,
        renditions=tuple(renditions),
        thumbhash=thumbhash.encode(tiny),
        average_colour=f"#{red:02x}{green:02x}{blue:02x}",
        metadata=metadata,
        pdq=pdq.hash_forms(small),
        quality=quality.measure(small, width=decoded.width, height=decoded.height, text_likeness=text_likeness),
        colours=shades,
        is_greyscale=is_greyscale,
    )


def _write_detail(wish: Wish, opened: Opened, found: Format, decoded: Decoded, limits: Limits) -> Rendition:
    wanted = min(wish.detail_side, max(decoded.width, decoded.height))
    with _foreign_bytes():
        if max(decoded.picture.size) < wanted:
            # JPEG was decoded at a fraction, which is all that most pictures need. Those with writing are few.
            _, decoded = _decode(found, opened.source, wanted, limits)
        pixels = to_pixels(decoded, wish.detail_side)
    return write_rendition(opened.folder, "detail", pixels)


def _find_format(source: BinaryIO, name: str) -> Format:
    try:
        source.seek(0)
        return sniff(source.read(HEAD_BYTES), name)
    except OSError as error:
        raise Refused(
            Reason.NOT_A_FILE if error.errno in (errno.EISDIR, errno.ESPIPE) else Reason.DISK_ERROR
        ) from error


@contextmanager
def _foreign_bytes() -> Iterator[None]:
    """The border to the decoders: what they raise on a damaged file becomes one plain reason."""
    try:
        yield
    except (Refused, MemoryError):
        raise
    except rawpy.LibRawUnsufficientMemoryError as error:
        raise MemoryError from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.EIO, errno.ESTALE, errno.ENXIO):
            raise Refused(Reason.DISK_ERROR) from error
        # Decoders raise nearly everything on odd bytes; there is no narrower name for it.
        raise Refused(Reason.CUT_OFF if "truncated" in str(error).lower() else Reason.DAMAGED) from error


def _decode(found: Format, source: BinaryIO, side: int, limits: Limits) -> tuple[Format, Decoded]:
    """Decode to at least `side` pixels, or to all there are; also says what the format turned out to be."""
    source.seek(0)
    if found == "raw":
        return _decode_raw(source, side, limits)
    if found == "webp":
        _refuse_bomb(*_webp_size(source), "webp", 4, limits)  # Pillow takes the memory as soon as it opens it
    picture = Image.open(source, formats=PILLOW_FORMATS[found])
    if found == "tiff" and _is_raw(picture):
        source.seek(0)
        return _decode_raw(source, side, limits)
    width, height = picture.size
    _refuse_bomb(width, height, found, 4 if picture.mode not in ("1", "L", "P") else 1, limits)
    exif = _exif_of(picture)
    frames = _count_frames(found, picture, source)
    if found == "jpeg":
        # The nearest of 1/2, 1/4 and 1/8 that is still large enough: most of the work is never done.
        picture.draft(None, _fitting(picture.size, side))
    picture.load()
    if exif.get(0x0112) in (5, 6, 7, 8):
        width, height = height, width
    has_alpha = picture.mode in ALPHA_MODES or "transparency" in picture.info
    return found, Decoded(picture, picture, exif, width, height, frames, has_alpha)


def _exif_of(picture: Image.Image) -> Image.Exif:
    try:
        return picture.getexif()
    except Exception:  # noqa: BLE001 - a border: metadata that cannot be read is as good as none
        return Image.Exif()


def _refuse_bomb(width: int, height: int, found: Format, bytes_each: int, limits: Limits) -> None:
    """Before any memory is taken: by the number of pixels, and by what decoding them would take."""
    needed = width * height * bytes_each * COPIES.get(found, 1)
    if width * height > limits.pixels or (
        found != "jpeg" and needed > limits.memory_mb * 1024 * 1024 * SHARE_FOR_PIXELS
    ):
        raise Refused(Reason.TOO_MANY_PIXELS)


def _webp_size(source: BinaryIO) -> tuple[int, int]:
    head = source.read(30)
    source.seek(0)
    if head[12:16] != b"VP8X":
        return 0, 0  # the simple kinds have one frame, and Pillow reads its size first
    return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")


def _count_frames(found: Format, picture: Image.Image, source: BinaryIO) -> int:
    if found == "gif":
        position = source.tell()
        frames = count_gif_frames(source)
        source.seek(position)
        return max(1, frames)
    if found == "tiff":
        pages = 1
        try:
            while pages < MOST_PAGES:
                picture.seek(pages)
                pages += 1
        except (EOFError, SyntaxError, ValueError, OSError, KeyError):
            pass  # the last page, or the first broken one
        picture.seek(0)
        return pages
    return int(getattr(picture, "n_frames", 1))


def count_gif_frames(source: BinaryIO) -> int:
    """Count frames by jumping from block to block, without decoding any and not beyond `MOST_FRAMES`."""
    source.seek(0)
    head = source.read(13)
    if len(head) < 13:
        return 0
    source.seek(_palette_bytes(head[10]), os.SEEK_CUR)
    frames = 0
    while frames < MOST_FRAMES:
        kind = source.read(1)
        if kind == b",":
            frames += 1
            place = source.read(9)
            source.seek(_palette_bytes(place[8]) + 1 if len(place) == 9 else 0, os.SEEK_CUR)
        elif kind == b"!":
            source.read(1)
        else:
            break
        while size := source.read(1):
            if size == b"\0":
                break
            source.seek(size[0], os.SEEK_CUR)
    return frames


def _palette_bytes(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _is_raw(picture: Image.Image) -> bool:
    """A TIFF that only wraps what a sensor saw: DNG says so, others show it by how their pixels are stored."""
    tags = getattr(picture, "tag_v2", {})
    return 50706 in tags or tags.get(262) in (32803, 34892)


def _decode_raw(source: BinaryIO, side: int, limits: Limits) -> tuple[Format, Decoded]:
    raw = rawpy.RawPy()  # not rawpy.imread, which imports more modules when it is called
    try:
        raw.open_buffer(source)
    except rawpy.LibRawFileUnsupportedError:
        return _decode_unknown_raw(source, side, limits)
    with raw:
        sizes = raw.sizes
        width, height = sizes.width, sizes.height
        _refuse_bomb(width, height, "raw", 2, limits)
        turn = TURNED_BY.get(sizes.flip)
        sideways = sizes.flip in (5, 6)
        exif = _raw_exif(source)
        preview = _embedded_preview(raw)
        if preview is not None and max(preview.size) >= min(side, 0.9 * max(width, height)):
            preview.draft(None, _fitting(preview.size, side))
            preview.load()
            own = _exif_of(preview)
            exif = exif if len(exif) else own
            already_upright = sideways and (preview.width < preview.height) != (width < height)
            if own.get(0x0112, 1) != 1:
                preview = ImageOps.exif_transpose(preview)
            elif turn is not None and not already_upright:
                preview = preview.transpose(turn)
        else:
            # LibRaw turns what it develops by itself.
            preview = Image.fromarray(raw.postprocess(half_size=True, use_camera_wb=True, output_bps=8))
    if sideways:
        width, height = height, width
    described = Image.new("RGB", (1, 1))
    if isinstance(exif.get(700), bytes):
        described.info["xmp"] = exif[700]
    return "raw", Decoded(preview, described, exif, width, height, 1, has_alpha=False)


def _decode_unknown_raw(source: BinaryIO, side: int, limits: Limits) -> tuple[Format, Decoded]:
    """Its name says RAW and LibRaw does not know it: it may be a plain TIFF."""
    source.seek(0)
    if source.read(4) not in (b"II*\0", b"MM\0*"):
        raise Refused(Reason.RAW_UNKNOWN)
    source.seek(0)
    picture = Image.open(source, formats=("TIFF",))
    if _is_raw(picture):
        raise Refused(Reason.RAW_UNKNOWN)
    return _decode("tiff", source, side, limits)


def _embedded_preview(raw: rawpy.RawPy) -> Image.Image | None:
    try:
        thumbnail = raw.extract_thumb()
    except (rawpy.LibRawNoThumbnailError, rawpy.LibRawUnsupportedThumbnailError):
        return None
    if thumbnail.format != rawpy.ThumbFormat.JPEG or not isinstance(thumbnail.data, bytes):
        return None
    try:
        return Image.open(io.BytesIO(thumbnail.data), formats=("JPEG",))
    except (OSError, SyntaxError):
        return None


def _raw_exif(source: BinaryIO) -> Image.Exif:
    """Most RAW files are TIFF at heart, some under a header of their own; the rest has EXIF in its preview only."""
    source.seek(0)
    content = source.read()
    exif = Image.Exif()
    if content[:4] in (b"IIU\0", b"IIRO", b"IIRS"):
        content = b"II*\0" + content[4:]
    if content[:4] in (b"II*\0", b"MM\0*"):
        try:
            exif.load(content)
        except Exception:  # noqa: BLE001 - a border: metadata that cannot be read is as good as none
            return Image.Exif()
    return exif


def _fitting(size: tuple[int, int], side: int) -> tuple[int, int]:
    scale = min(1.0, side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def to_pixels(decoded: Decoded, side: int) -> Pixels:
    """The picture as it is to be seen: at most `side` long, upright, on white, in sRGB."""
    picture = _shrunk(_to_common_mode(decoded.picture), side)
    if picture.mode == "RGBA":
        ground = Image.new("RGB", picture.size, "white")
        ground.paste(picture, mask=picture.getchannel("A"))
        picture = ground
    picture = _to_srgb(picture, decoded.picture.info.get("icc_profile"))
    orientation = decoded.exif.get(0x0112)
    if decoded.described_by is decoded.picture and orientation in TURNS:
        picture = picture.transpose(TURNS[orientation])
    return np.asarray(picture)


TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _shrunk(picture: Image.Image, side: int) -> Image.Image:
    longest = max(picture.size)
    if longest <= side:
        return picture
    if picture.mode == "RGBA":
        # Pillow weighs colours by how opaque they are; OpenCV would let the invisible ones bleed in.
        return picture.resize(_fitting(picture.size, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    if longest >= 4 * side:
        picture = picture.reduce(longest // (2 * side))  # without a second copy of a huge picture
    # A preview of 12 megapixels takes 3 ms so, and 120 with Pillow's Lanczos.
    return Image.fromarray(shrink(np.asarray(picture), side), picture.mode)


def _to_common_mode(picture: Image.Image) -> Image.Image:
    """Any of Pillow's modes as L, RGB, RGBA, CMYK or LAB, which can be shrunk as they are."""
    if picture.mode in ("L", "RGB", "RGBA", "CMYK", "LAB") and "transparency" not in picture.info:
        return picture
    if picture.mode == "1":
        return picture.convert("L")
    if picture.mode in ALPHA_MODES or "transparency" in picture.info:
        return picture.convert("RGBA")
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        return Image.fromarray(_to_eight_bits(np.asarray(picture)))
    return picture.convert("RGB")


def _to_eight_bits(values: NDArray[Any]) -> Pixels:
    """Grey of any depth, without losing the dark half of a 12-bit picture in a 16-bit file."""
    if values.dtype == np.uint16:
        eight: Pixels = np.right_shift(values, 8, dtype=np.uint16).astype(np.uint8)
        return eight
    numbers = np.nan_to_num(values.astype(np.float32))
    lowest, highest = float(numbers.min()), float(numbers.max())
    if lowest >= 0 and highest <= 255:
        scale, lowest = (255.0, 0.0) if highest <= 1 else (1.0, 0.0)
    elif lowest >= 0 and highest <= 65535:
        scale, lowest = 1 / 257, 0.0
    else:
        scale = 255 / max(highest - lowest, 1e-6)
    scaled: Pixels = np.clip((numbers - lowest) * scale, 0, 255).astype(np.uint8)
    return scaled


def _to_srgb(picture: Image.Image, profile: object) -> Image.Image:
    """Colours as the profile means them; a profile that is broken or for another mode is as good as none."""
    if picture.mode == "LAB":
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    elif isinstance(profile, bytes) and profile:
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        except (OSError, ImageCms.PyCMSError):
            profile = None
    else:
        profile = None
    if isinstance(profile, ImageCms.ImageCmsProfile):
        description = profile.profile.profile_description or ""
        if not (picture.mode == "RGB" and description.startswith("sRGB")):
            try:
                turned = ImageCms.profileToProfile(picture, profile, SRGB, outputMode="RGB")
            except (ImageCms.PyCMSError, ValueError):
                turned = None
            if turned is not None:
                return turned
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def warm_up() -> None:
    """Do everything once, so that what is loaded lazily is loaded, and is shared by all forked children."""
    warnings.simplefilter("ignore")  # nobody reads a locked child's words, and wording them would read files
    Image.init()
    picture = Image.fromarray(np.arange(64 * 96 * 3, dtype=np.uint32).reshape(64, 96, 3).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0110] = "warm"
    with tempfile.TemporaryDirectory() as name:
        folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for kind, mode in (
                ("JPEG", "RGB"),
                ("PNG", "RGBA"),
                ("WEBP", "RGB"),
                ("GIF", "P"),
                ("TIFF", "L"),
                ("BMP", "RGB"),
            ):
                content = io.BytesIO()
                details = {"exif": exif, "icc_profile": SRGB.tobytes()} if kind == "JPEG" else {}
                picture.convert(mode).save(content, kind, **details)
                content.seek(0)
                wish = Wish("warm", Path(name), None, Path(name), "IMG_20200101_101010", 0.0)
                inspect_file(wish, Opened(content, b"<x/>", folder))
                for written in Path(name).iterdir():
                    written.unlink()
        finally:
            os.close(folder)
