"""What goes into the sandbox and what comes out of it: values, and the way they travel as JSON.

The process that sends the JSON has opened a foreign file and is not trusted, so reading it back is strict: unknown
fields, wrong types, numbers that are not finite and texts beyond any sensible length are all a `ValueError`.
"""

from __future__ import annotations

import dataclasses
import enum
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

T = TypeVar("T")

LONGEST_TEXT = 20_000
LONGEST_LIST = 2_000

Format = Literal["jpeg", "png", "webp", "gif", "tiff", "bmp", "heic", "avif", "raw"]
RefusalKind = Literal[
    "unreadable", "unsupported", "empty", "too_big", "missing", "disk_full", "crashed", "hung", "bloated"
]
RenditionKind = Literal["thumbnail", "preview", "detail"]
DateSource = Literal["exif", "gps", "xmp", "name", "file"]

# The only names that a child may give to what it writes.
RENDITION_NAMES: dict[RenditionKind, str] = {
    "thumbnail": "thumbnail.webp",
    "preview": "preview.jpg",
    "detail": "detail.jpg",
}

DEADLY_KINDS: frozenset[RefusalKind] = frozenset({"crashed", "hung", "bloated"})


def gettext_noop(sentence: str) -> str:
    """Mark a sentence for translation; whoever shows it to a person translates it."""
    return sentence


@dataclass(frozen=True)
class Limits:
    """What one child may use up."""

    memory_mb: int = 2048  # address space on top of what the server already maps
    cpu_seconds: int = 60
    wall_seconds: int = 90
    file_mb: int = 256  # each file it writes
    open_files: int = 64
    pixels: int = 300_000_000


@dataclass(frozen=True)
class Wish:
    """What to make of one file."""

    key: str
    source: Path
    sidecar: Path | None
    folder: Path
    name: str
    modified_at: float
    thumbnail_side: int = 400
    preview_side: int = 1440
    detail_side: int = 2560


@dataclass(frozen=True)
class Rendition:
    """One picture that we wrote: upright, sRGB, without metadata. `name` is a file in the wish's folder."""

    kind: RenditionKind
    name: str
    width: int
    height: int
    bytes: int
    mime: str


@dataclass(frozen=True)
class Taken:
    """When a picture was taken: the clock on the wall there, and its distance from UTC where that is known."""

    local: str  # ISO without offset, "2024-01-31T23:59:59"
    offset_minutes: int | None
    source: DateSource


@dataclass(frozen=True)
class Metadata:
    """What the file and its sidecar say about the picture. Absent or senseless values are None."""

    taken: Taken | None = None
    dates: tuple[Taken, ...] = ()  # every candidate, best first; `taken` is the first
    make: str | None = None
    model: str | None = None
    lens: str | None = None
    exposure_time: float | None = None  # seconds
    f_number: float | None = None
    iso: int | None = None
    focal_length: float | None = None  # millimetres
    latitude: float | None = None
    longitude: float | None = None
    altitude: float | None = None
    rating: int | None = None  # 0 to 5
    title: str | None = None
    description: str | None = None
    keywords: tuple[str, ...] = ()
    orientation: int | None = None  # the EXIF tag as found, 1 to 8; it is already applied


@dataclass(frozen=True)
class Pdq:
    """The perceptual hash of all eight ways to turn and mirror the picture, 64 hex digits each.

    Order: as it is, turned by 90, 180 and 270 degrees, flipped top to bottom, flipped left to right, mirrored along
    the main diagonal, along the other one. Quality below 50 means: too plain to be compared.
    """

    forms: tuple[str, ...]
    quality: int


@dataclass(frozen=True)
class Quality:
    """Measurements, not labels."""

    sharpness: float | None  # 0 to 1; None: nothing in the picture tells
    noise: float  # standard deviation of the grain, in grey levels of 0 to 255
    exposure_p1: float  # luminance percentiles, 0 to 1
    exposure_p50: float
    exposure_p99: float
    clipped_low: float  # share of pixels that are black, 0 to 1
    clipped_high: float
    contrast: float  # standard deviation of luminance, 0 to 1
    colourfulness: float  # after Hasler and Suesstrunk; 0 is grey, above 100 is extreme
    megapixels: float
    text_likeness: float  # 0 to 1; high does not mean that there is text, low means that there is none


@dataclass(frozen=True)
class Colour:
    hex: str
    share: float
    name: str


@dataclass(frozen=True)
class Inspection:
    """Everything that one look at one file gives."""

    key: str
    format: Format
    mime: str
    width: int  # upright
    height: int
    frames: int
    has_alpha: bool
    renditions: tuple[Rendition, ...]
    thumbhash: bytes
    average_colour: str
    metadata: Metadata
    pdq: Pdq
    quality: Quality
    colours: tuple[Colour, ...]
    is_greyscale: bool

    def to_dict(self) -> dict[str, Any]:
        """The same as plain JSON values; bytes become hex digits."""
        return typing.cast(dict[str, Any], to_plain(self))


class Reason(enum.Enum):
    """Why a file was not taken: the kind, and the sentence for its owner. The child only ever names a row of this."""

    EMPTY = "empty", gettext_noop("The file is empty. Copy it again from where it came from.")
    CUT_OFF = (
        "unreadable",
        gettext_noop("The file is cut off: its end is missing. Copy it again from where it came from."),
    )
    DAMAGED = "unreadable", gettext_noop("The picture is damaged and cannot be opened. Try another copy of it.")
    PDF = "unsupported", gettext_noop("This is a PDF document, not a picture.")
    ARCHIVE = "unsupported", gettext_noop("This is an archive, not a picture. Unpack it and add what is inside.")
    VIDEO = "unsupported", gettext_noop("This is a video, not a picture.")
    SOUND = "unsupported", gettext_noop("This is a sound recording, not a picture.")
    PLAYLIST = "unsupported", gettext_noop("This is a playlist, not a picture.")
    DRAWING = "unsupported", gettext_noop("This is a drawing in SVG. Save it as PNG or JPEG to add it.")
    WEB_PAGE = "unsupported", gettext_noop("This is a web page or XML file, not a picture.")
    TEXT = "unsupported", gettext_noop("This is a text file, not a picture.")
    JPEG_XL = "unsupported", gettext_noop("JPEG XL pictures cannot be opened yet. Save it as JPEG or PNG to add it.")
    PHOTOSHOP = "unsupported", gettext_noop("Photoshop files cannot be opened. Save it as JPEG or PNG to add it.")
    OTHER_FORMAT = "unsupported", gettext_noop("This kind of file is not known. Save it as JPEG or PNG to add it.")
    RAW_UNKNOWN = (
        "unsupported",
        gettext_noop("This camera's RAW format is not known. Save it as DNG or JPEG to add it."),
    )
    NOT_A_FILE = "unsupported", gettext_noop("This is not a regular file.")
    TOO_MANY_PIXELS = (
        "too_big",
        gettext_noop("The picture has more pixels than can be opened safely. Save a smaller copy to add it."),
    )
    MISSING = "missing", gettext_noop("The file is not there any more. Put it back, then try again.")
    FORBIDDEN = "missing", gettext_noop("The file may not be read. Change its permissions, then try again.")
    DISK_ERROR = "missing", gettext_noop("The disk could not read the file. Check the disk, then try again.")
    DISK_FULL = "disk_full", gettext_noop("The disk is full. Free some space, then try again.")
    CRASHED = "crashed", gettext_noop("Opening the picture crashed. The file may be damaged; try another copy of it.")
    HUNG = "hung", gettext_noop("Opening the picture took too long and was stopped. Try again or save a smaller copy.")
    BLOATED = "bloated", gettext_noop("Opening the picture needed too much memory. Save a smaller copy to add it.")

    @property
    def kind(self) -> RefusalKind:
        return self.value[0]

    @property
    def sentence(self) -> str:
        return self.value[1]


@dataclass(frozen=True)
class Refusal:
    """The file was not taken. Nothing is left in the wish's folder."""

    key: str
    kind: RefusalKind
    reason: str  # one plain sentence for the owner

    @property
    def deadly(self) -> bool:
        """Whether the file killed the process that opened it, so that it must be tried alone."""
        return self.kind in DEADLY_KINDS

    @classmethod
    def because(cls, key: str, reason: Reason) -> Refusal:
        return cls(key=key, kind=reason.kind, reason=reason.sentence)


class Refused(Exception):
    """Raised inside the child when the file is not to be taken."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.name)
        self.reason = reason


@dataclass(frozen=True)
class Layer:
    """One layer of the sandbox: whether it was seen to hold on this machine, and how that was seen."""

    holds: bool
    why: str


@dataclass(frozen=True)
class SandboxReport:
    layers: Mapping[str, Layer]

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(name for name, layer in self.layers.items() if not layer.holds)


def to_plain(value: Any) -> Any:
    """Dataclasses, tuples, bytes and paths as values that JSON has."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Path):
        return str(value)
    return value


def from_plain(kind: type[T], value: object) -> T:
    """The reverse of `to_plain`, for a sender that is not trusted. Raises ValueError on anything unexpected."""
    return typing.cast(T, _read(kind, value))


def _read(kind: Any, value: Any) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        if not isinstance(value, dict) or value.keys() != hints.keys():
            raise ValueError(f"not a {getattr(kind, '__name__', kind)}")
        return typing.cast(Any, kind)(**{name: _read(hints[name], item) for name, item in value.items()})
    if origin in (typing.Union, types.UnionType):
        if value is None and types.NoneType in arguments:
            return None
        return _read(next(each for each in arguments if each is not types.NoneType), value)
    if origin is Literal:
        if value in arguments:
            return value
    elif origin is tuple:
        if isinstance(value, list) and len(value) <= LONGEST_LIST:
            return tuple(_read(arguments[0], item) for item in value)
    elif origin is Mapping:
        if isinstance(value, dict) and len(value) <= LONGEST_LIST:
            return {_read(str, name): _read(arguments[1], item) for name, item in value.items()}
    elif kind is bool:
        if isinstance(value, bool):
            return value
    elif kind is int:
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53:
            return value
    elif kind is float:
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    elif kind is str:
        if isinstance(value, str) and len(value) <= LONGEST_TEXT:
            return value
    elif kind is bytes:
        if isinstance(value, str) and len(value) <= LONGEST_TEXT:
            return bytes.fromhex(value)
    elif kind is Path and isinstance(value, str):
        return Path(value)
    raise ValueError(f"not a {kind}")
