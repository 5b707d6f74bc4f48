"""Which format a file has, by what is in it and never by what it is called."""

from __future__ import annotations

from media.results import Format, Reason, Refused

HEAD_BYTES = 4096  # enough of a file for `sniff`

MIME: dict[Format, str] = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
    "tiff": "image/tiff",
    "bmp": "image/bmp",
    "heic": "image/heic",
    "avif": "image/avif",
    "raw": "image/x-raw",
}

STARTS: tuple[tuple[bytes, Format | Reason], ...] = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"BM", "bmp"),
    (b"IIU\0", "raw"),  # Panasonic
    (b"IIRO", "raw"),  # Olympus
    (b"IIRS", "raw"),
    (b"MMOR", "raw"),
    (b"FUJIFILMCCD-RAW", "raw"),
    (b"FOVb", "raw"),  # Sigma
    (b"\0MRM", "raw"),  # Minolta
    (b"II\x1a\0\0\0HEAPCCDR", "raw"),  # early Canon
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
    (b"%PDF", Reason.PDF),
    (b"PK\x03\x04", Reason.ARCHIVE),
    (b"PK\x05\x06", Reason.ARCHIVE),
    (b"\x1f\x8b", Reason.ARCHIVE),
    (b"7z\xbc\xaf\x27\x1c", Reason.ARCHIVE),
    (b"Rar!", Reason.ARCHIVE),
    (b"BZh", Reason.ARCHIVE),
    (b"\xfd7zXZ\0", Reason.ARCHIVE),
    (b"\x28\xb5\x2f\xfd", Reason.ARCHIVE),
    (b"8BPS", Reason.PHOTOSHOP),
    (b"\xff\x0a", Reason.JPEG_XL),
    (b"\0\0\0\x0cJXL ", Reason.JPEG_XL),
    (b"\x1a\x45\xdf\xa3", Reason.VIDEO),  # Matroska and WebM
    (b"FLV", Reason.VIDEO),
    (b"\0\0\x01\xba", Reason.VIDEO),
    (b"OggS", Reason.SOUND),
    (b"fLaC", Reason.SOUND),
    (b"ID3", Reason.SOUND),
    (b"#EXTM3U", Reason.PLAYLIST),
    (b"ffconcat", Reason.PLAYLIST),
    (b"[playlist]", Reason.PLAYLIST),
)

# Brands of the ISO container, which pictures share with films.
PICTURE_BRANDS: dict[bytes, Format] = {
    b"avif": "avif",
    b"avis": "avif",
    b"heic": "heic",
    b"heix": "heic",
    b"heim": "heic",
    b"heis": "heic",
    b"hevc": "heic",
    b"hevx": "heic",
    b"mif1": "heic",
    b"msf1": "heic",
    b"crx ": "raw",  # Canon CR3
}

# Cameras whose RAW begins like any TIFF; only a hint, the content decides whether it is one.
RAW_ENDINGS = (
    *(".dng", ".nef", ".nrw", ".cr2", ".arw", ".sr2", ".srf", ".pef", ".srw", ".3fr"),
    *(".fff", ".iiq", ".erf", ".mef", ".mos", ".kdc", ".dcr", ".rwl", ".gpr"),
)


def sniff(head: bytes, name: str) -> Format:
    """The format of the file that starts with `head`; raises `Refused` for everything that is not a picture."""
    if not head:
        raise Refused(Reason.EMPTY)
    if head[:4] == b"RIFF":
        if head[8:12] == b"WEBP":
            return "webp"
        raise Refused({b"AVI ": Reason.VIDEO, b"WAVE": Reason.SOUND}.get(head[8:12], Reason.OTHER_FORMAT))
    if head[4:8] == b"ftyp":
        return _container(head)
    if head[4:8] in (b"moov", b"mdat", b"wide", b"free"):
        raise Refused(Reason.VIDEO)
    for start, found in STARTS:
        if head.startswith(start):
            if isinstance(found, Reason):
                raise Refused(found)
            if found == "tiff" and (head[8:10] == b"CR" or name.lower().endswith(RAW_ENDINGS)):
                return "raw"
            return found
    raise Refused(_kind_of_text(head))


def _container(head: bytes) -> Format:
    size = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, size - 3, 4))]
    # The special brands say more than the general `mif1`, wherever they stand.
    found = [PICTURE_BRANDS[brand] for brand in brands if brand in PICTURE_BRANDS]
    if "avif" in found:
        return "avif"
    if not found or brands[0] in (b"qt  ", b"isom", b"mp42"):
        raise Refused(Reason.SOUND if head[8:11] == b"M4A" else Reason.VIDEO)
    return found[0]


def _kind_of_text(head: bytes) -> Reason:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if b"<svg" in text[:1024]:
        return Reason.DRAWING
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<")):
        return Reason.WEB_PAGE
    if text.startswith(b"#extm3u"):
        return Reason.PLAYLIST
    try:
        head[: len(head) - 3 if len(head) == HEAD_BYTES else None].decode("utf-8")
    except UnicodeDecodeError:
        return Reason.OTHER_FORMAT
    return Reason.OTHER_FORMAT if b"\0" in head else Reason.TEXT
