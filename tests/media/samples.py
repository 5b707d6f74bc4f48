"""Files that the tests make themselves: pictures, bombs, broken ones and things that only pretend."""

import io
import struct
import zlib

from PIL import Image

from tests.pictures import jpeg, scene


def encoded(kind: str, image: Image.Image | None = None, **options: object) -> bytes:
    stream = io.BytesIO()
    (image or scene(1)).save(stream, kind, **options)
    return stream.getvalue()


def cut_off(share: float = 0.6) -> bytes:
    whole = jpeg(3, (1600, 1200))
    return whole[: int(len(whole) * share)]


def png_bomb(side: int = 60_000) -> bytes:
    """A small file that claims, truly, to be side x side pixels of one colour."""
    packer = zlib.compressobj(9)
    rows = packer.compress(b"\0" * (side // 8 + 1) * 200) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def gif_of_frames(frames: int) -> bytes:
    """Many one-pixel frames behind a real first one."""
    first = encoded("GIF", Image.new("P", (40, 30), 1))
    frame = b"\x21\xf9\x04\0\1\0\0\0" + b"\x2c\0\0\0\0\1\0\1\0\0" + b"\x02\x02\x44\x01\0"
    return first[:-1] + frame * (frames - 1) + b"\x3b"


PRETENDERS: dict[str, bytes] = {
    "playlist": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/passwd\n",
    "concat list": b"ffconcat version 1.0\nfile '/etc/passwd'\n",
    "archive": b"PK\x03\x04" + bytes(60),
    "document": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "drawing": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "web page": b"<!doctype html><script>alert(1)</script>",
    "text": "Dear diary, \u00e4hm".encode(),
    "program": b"\x7fELF" + bytes(range(200)),
    "video": b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(64),
}

HOSTILE_NAMES = (
    "../../etc/passwd",
    "a\0b.jpg",
    "line\nbreak\r.jpg",
    "x" * 300 + ".jpg",
    "\u202egpj.exe",
    "-rf",
    "\udcff\udcfe.jpg",
    "CON",
    "",
    "' or 1=1; --.jpg",
)
