"""From what was measured and written down about a picture to its tags. Pure: no row is read or written here.

Unknown is an answer: what cannot be told gets no tag, and of each scale (sharp | soft_focus | very_blurry) at most one.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from apps.library.clock import sun_clock
from apps.library.labels import country_name
from apps.library.models import Asset, Inspection
from apps.tagging.models import Tag
from media.results import Colour, Quality, from_plain

Family = Tag.Family


@dataclass(frozen=True, slots=True)
class Label:
    family: str
    name: str
    score: float = 1.0


@dataclass(frozen=True, slots=True)
class Facts:
    labels: tuple[Label, ...]
    quality: int | None  # 0 to 100; None: nothing in the picture to judge by
    parts: dict[str, int]  # what the score is made of, each 0 to 100


def facts_of(asset: Asset, inspection: Inspection) -> Facts:
    quality = from_plain(Quality, inspection.quality)
    parts = quality_parts(quality)
    score = quality_score(parts) if quality.sharpness is not None else None
    labels = {
        (label.family, label.name): label
        for part in (
            _quality(quality, score),
            _colour(quality, from_plain(tuple[Colour, ...], inspection.colours)),
            _temporal(asset),
            _technical(asset),
            _format(asset, inspection),
            _location(asset),
        )
        for label in part
    }
    return Facts(tuple(labels.values()), score, parts)


# -- Quality ----------------------------------------------------------------------------------------------------------
# Of 358 real pictures, all sharp, the lowest sharpness is 0.39 and the median 0.58; blurred by 0.8 % of the long side
# 86 % are below 0.35 and 45 % below 0.20.
VERY_BLURRY, SOFT, SHARP = 0.20, 0.35, 0.60
# The median noise is 0.7 grey levels, one picture in fifty has more than 3.9.
NOISY = 3.5
# One picture in fifty has less contrast than 0.07; fog and snow live around 0.10.
LOW_CONTRAST = 0.07
# Brightness alone tells nothing: a product on white is well exposed and half of it clipped. Overexposed is what has no
# dark place left, underexposed what has no light one.
OVEREXPOSED_CLIPPED, OVEREXPOSED_DARKEST = 0.20, 0.45
UNDEREXPOSED_LIGHTEST, UNDEREXPOSED_MIDDLE, UNDEREXPOSED_CLIPPED = 0.45, 0.06, 0.35

GOOD, POOR = 83, 75  # 42 % and 13 % of the same pictures; what is soft is poor even with nothing else amiss

# Sharpness tells most: the others are alike in nearly all pictures. Resolution tells little, or every phone is "good".
WEIGHTS = {"sharpness": 0.55, "exposure": 0.2, "contrast": 0.1, "noise": 0.1, "resolution": 0.05}


def quality_parts(quality: Quality) -> dict[str, int]:
    lost = max(
        _between(quality.clipped_high, 0.05, 0.4) * _between(quality.exposure_p1, 0.25, 0.6),
        _between(quality.clipped_low, 0.10, 0.5),
        1 - _between(quality.exposure_p99, 0.3, 0.75),
        1 - _between(quality.exposure_p50, 0.0, 0.12),
    )
    parts = {
        "exposure": 1 - lost,
        "contrast": _between(quality.contrast, 0.02, 0.16),
        "noise": 1 - _between(quality.noise, 1.0, 8.0),
        "resolution": _between(quality.megapixels**0.5, 0.0, 1.4),  # 2 megapixels fill a screen
    }
    if quality.sharpness is not None:
        parts["sharpness"] = _between(quality.sharpness, 0.1, 0.75)
    return {name: round(100 * part) for name, part in parts.items()}


def quality_score(parts: dict[str, int]) -> int:
    return round(sum(weight * parts[name] for name, weight in WEIGHTS.items()))


def _between(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _quality(quality: Quality, score: int | None) -> Iterator[Label]:
    if quality.sharpness is not None:
        if quality.sharpness < VERY_BLURRY:
            yield Label(Family.QUALITY, "very_blurry")
        elif quality.sharpness < SOFT:
            yield Label(Family.QUALITY, "soft_focus")
        elif quality.sharpness >= SHARP:
            yield Label(Family.QUALITY, "sharp")
    if score is not None:
        grade = "good_quality" if score >= GOOD else "poor_quality" if score < POOR else "average_quality"
        yield Label(Family.QUALITY, grade)
    if quality.clipped_high >= OVEREXPOSED_CLIPPED and quality.exposure_p1 >= OVEREXPOSED_DARKEST:
        yield Label(Family.QUALITY, "overexposed")
    elif quality.exposure_p99 < UNDEREXPOSED_LIGHTEST or (
        quality.exposure_p50 < UNDEREXPOSED_MIDDLE and quality.clipped_low >= UNDEREXPOSED_CLIPPED
    ):
        yield Label(Family.QUALITY, "underexposed")
    if quality.noise >= NOISY:
        yield Label(Family.QUALITY, "noisy")
    if quality.contrast < LOW_CONTRAST:
        yield Label(Family.QUALITY, "low_contrast")


# -- Colour -----------------------------------------------------------------------------------------------------------
MONOCHROME, MUTED, COLOURFUL = 4.0, 25.0, 70.0  # JPEG leaves up to 3 in a grey picture; the median of real ones is 47
DOMINANT_SHARE, DOMINANT_COLOURS = 0.25, 2


def _colour(quality: Quality, colours: tuple[Colour, ...]) -> Iterator[Label]:
    if quality.colourfulness < MONOCHROME:
        yield Label(Family.COLOUR, "monochrome")
    elif quality.colourfulness < MUTED:
        yield Label(Family.COLOUR, "muted")
    elif quality.colourfulness >= COLOURFUL:
        yield Label(Family.COLOUR, "colourful")
    shares: dict[str, float] = {}
    for colour in colours:
        shares[colour.name] = shares.get(colour.name, 0.0) + colour.share
    for name in sorted(shares, key=lambda name: -shares[name])[:DOMINANT_COLOURS]:
        if shares[name] >= DOMINANT_SHARE:
            yield Label(Family.COLOUR, name, round(min(1.0, shares[name]), 3))


# -- Time -------------------------------------------------------------------------------------------------------------
MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SEASONS = ("winter", "spring", "summer", "autumn")
TROPIC = 23.5  # nearer to the equator than this there are other seasons, or none
HOURS = ((5, "night"), (12, "morning"), (17, "afternoon"), (21, "evening"), (24, "night"))


def _temporal(asset: Asset) -> Iterator[Label]:
    """A file's own time says when it was copied, so it gives no tags."""
    local = _local_time(asset)
    if local is None:
        return
    names = [f"year_{local.year}", MONTHS[local.month - 1], WEEKDAYS[local.weekday()]]
    if local.weekday() >= 5:
        names.append("weekend")
    if asset.latitude is not None and abs(asset.latitude) > TROPIC:
        season = local.month % 12 // 3
        names.append(SEASONS[season if asset.latitude > 0 else (season + 2) % 4])
    # A file name or a note that knows the day and not the hour says midnight.
    day_only = asset.taken_source in ("name", "xmp") and (local.hour, local.minute, local.second) == (0, 0, 0)
    if not day_only:
        names.append(next(name for until, name in HOURS if local.hour < until))
    for name in names:
        yield Label(Family.TEMPORAL, name)


def _local_time(asset: Asset) -> datetime | None:
    if asset.taken_local is None or asset.taken_source not in ("exif", "gps", "xmp", "name"):
        return None
    if asset.taken_source == "gps":
        # Satellites say UTC. The sun's own time is near enough for a day and a part of it.
        return None if asset.longitude is None else sun_clock(asset.taken_local, asset.longitude)
    return asset.taken_local


# -- Technique --------------------------------------------------------------------------------------------------------
HIGH_ISO = 1600
LONG_EXPOSURE = 1.0  # seconds
TELE_LENGTH = 135.0  # long on every sensor there is
# Phones and compacts have less than 10 mm; with a lens that has a name of its own, 20 mm is wide on the usual sensors.
WIDE_LENGTHS = (10.0, 20.0)
HIGH_RESOLUTION, LOW_RESOLUTION = 6_000_000, 500_000
_COMPANY = re.compile(
    r"\b(corporation|corp|company|co|ltd|inc|gmbh|ag|electronics|imaging|optical|photo film|camera|cameras|techwin|"
    r"digital|mobile|communications|computer|electric|eastman)\b|[.,]",
    re.IGNORECASE,
)
_ALIASES = {"fuji": "fujifilm", "asahi": "pentax", "hewlett_packard": "hp"}


def brand_of(make: str) -> str:
    """`NIKON CORPORATION` is nikon; empty when nothing is left of a name."""
    plain = _COMPANY.sub(" ", unicodedata.normalize("NFKC", make)).casefold()
    name = "_".join(re.findall(r"\w+", plain))
    return _ALIASES.get(name, name)[:100]


def _technical(asset: Asset) -> Iterator[Label]:
    long_side, short_side = max(asset.width, asset.height), min(asset.width, asset.height)
    names = []
    if short_side:
        if long_side >= 3840 and short_side >= 2160:
            names.append("4k_plus")
        elif long_side * short_side >= HIGH_RESOLUTION:
            names.append("high_resolution")
        elif long_side * short_side < LOW_RESOLUTION:
            names.append("low_resolution")
    if asset.format == "raw":
        names.append("raw")
    if asset.camera_make and (brand := brand_of(asset.camera_make)):
        names.append(brand)
    if asset.iso is not None and asset.iso >= HIGH_ISO:
        names.append("high_iso")
    if asset.exposure_time is not None and asset.exposure_time >= LONG_EXPOSURE:
        names.append("long_exposure")
    if asset.focal_length is not None:
        if asset.focal_length >= TELE_LENGTH:
            names.append("telephoto")
        elif asset.lens and WIDE_LENGTHS[0] <= asset.focal_length <= WIDE_LENGTHS[1]:
            names.append("wide_angle")
    if re.search(r"\bmacro\b", asset.lens, re.IGNORECASE):
        names.append("macro_lens")
    for name in names:
        yield Label(Family.TECHNICAL, name)


# -- Format -----------------------------------------------------------------------------------------------------------
SQUARE_RATIO, PANORAMA_RATIO = 1.03, 2.1
ANIMATED_FORMATS = ("gif", "webp", "png", "avif")  # the frames of others are pages or small previews


def _format(asset: Asset, inspection: Inspection) -> Iterator[Label]:
    names = []
    if asset.width and asset.height:
        ratio = max(asset.width, asset.height) / min(asset.width, asset.height)
        if ratio <= SQUARE_RATIO:
            names.append("square")
        elif ratio >= PANORAMA_RATIO and asset.width > asset.height:
            names.append("panorama")
        else:
            names.append("landscape" if asset.width > asset.height else "portrait")
    if asset.format:
        names.append(asset.format)
    if inspection.frames > 1 and asset.format in ANIMATED_FORMATS:
        names.append("animated")
    if inspection.has_alpha:
        names.append("transparent")
    for name in names:
        yield Label(Family.FORMAT, name)


# -- Place ------------------------------------------------------------------------------------------------------------
def _location(asset: Asset) -> Iterator[Label]:
    if asset.latitude is not None and asset.longitude is not None:
        yield Label(Family.LOCATION, "has_gps")
    for name in (asset.city, country_name(asset.country)):
        if name:
            yield Label(Family.LOCATION, name)
