"""How tags are called on pages. `temporal:golden_hour` is what rows, addresses and programs say; people read words of
their own language."""

from django.utils.dates import MONTHS, WEEKDAYS
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.tagging import facts
from apps.tagging.models import Tag

Family = Tag.Family

FORMATS = {
    "jpeg": "JPEG", "png": "PNG", "webp": "WebP", "gif": "GIF", "tiff": "TIFF", "bmp": "BMP", "heic": "HEIC",
    "avif": "AVIF", "raw": "RAW",
}  # fmt: skip

# Brands that are not written as names are: with one capital letter for each word.
BRANDS = {
    "benq": "BenQ", "blackberry": "BlackBerry", "dji": "DJI", "ge": "GE", "gopro": "GoPro", "hmd": "HMD", "hp": "HP",
    "htc": "HTC", "jvc": "JVC", "lg": "LG", "lge": "LG", "oneplus": "OnePlus", "realme": "realme", "tcl": "TCL",
    "vivo": "vivo", "zte": "ZTE",
}  # fmt: skip

LABELS: dict[tuple[str, str], str | Promise] = {
    (Family.QUALITY, "sharp"): _("Sharp"),
    (Family.QUALITY, "soft_focus"): _("Soft focus"),
    (Family.QUALITY, "very_blurry"): _("Very blurry"),
    (Family.QUALITY, "good_quality"): _("Good quality"),
    (Family.QUALITY, "average_quality"): _("Average quality"),
    (Family.QUALITY, "poor_quality"): _("Poor quality"),
    (Family.QUALITY, "overexposed"): _("Overexposed"),
    (Family.QUALITY, "underexposed"): _("Underexposed"),
    (Family.QUALITY, "noisy"): _("Noisy"),
    (Family.QUALITY, "low_contrast"): _("Low contrast"),
    (Family.COLOUR, "monochrome"): _("Monochrome"),
    (Family.COLOUR, "muted"): pgettext_lazy("colours", "Muted"),
    (Family.COLOUR, "colourful"): _("Colourful"),
    (Family.COLOUR, "black"): _("Black"),
    (Family.COLOUR, "white"): _("White"),
    (Family.COLOUR, "grey"): _("Grey"),
    (Family.COLOUR, "brown"): _("Brown"),
    (Family.COLOUR, "red"): _("Red"),
    (Family.COLOUR, "orange"): pgettext_lazy("colour", "Orange"),
    (Family.COLOUR, "yellow"): _("Yellow"),
    (Family.COLOUR, "green"): _("Green"),
    (Family.COLOUR, "cyan"): _("Cyan"),
    (Family.COLOUR, "blue"): _("Blue"),
    (Family.COLOUR, "purple"): _("Purple"),
    (Family.COLOUR, "pink"): _("Pink"),
    **{(Family.TEMPORAL, name): MONTHS[place] for place, name in enumerate(facts.MONTHS, 1)},
    **{(Family.TEMPORAL, name): WEEKDAYS[place] for place, name in enumerate(facts.WEEKDAYS)},
    (Family.TEMPORAL, "weekend"): _("Weekend"),
    (Family.TEMPORAL, "winter"): _("Winter"),
    (Family.TEMPORAL, "spring"): pgettext_lazy("season", "Spring"),
    (Family.TEMPORAL, "summer"): _("Summer"),
    (Family.TEMPORAL, "autumn"): _("Autumn"),
    (Family.TEMPORAL, "morning"): _("Morning"),
    (Family.TEMPORAL, "afternoon"): _("Afternoon"),
    (Family.TEMPORAL, "evening"): _("Evening"),
    (Family.TEMPORAL, "night"): _("Night"),
    (Family.TECHNICAL, "4k_plus"): _("4K or more"),
    (Family.TECHNICAL, "high_resolution"): _("High resolution"),
    (Family.TECHNICAL, "low_resolution"): _("Low resolution"),
    (Family.TECHNICAL, "raw"): FORMATS["raw"],
    (Family.TECHNICAL, "high_iso"): _("High ISO"),
    (Family.TECHNICAL, "long_exposure"): _("Long exposure"),
    (Family.TECHNICAL, "telephoto"): _("Telephoto"),
    (Family.TECHNICAL, "wide_angle"): _("Wide angle"),
    (Family.TECHNICAL, "macro_lens"): _("Macro lens"),
    (Family.FORMAT, "square"): pgettext_lazy("format", "Square"),
    (Family.FORMAT, "panorama"): pgettext_lazy("format", "Panorama"),
    (Family.FORMAT, "landscape"): pgettext_lazy("format", "Landscape"),
    (Family.FORMAT, "portrait"): pgettext_lazy("format", "Portrait"),
    (Family.FORMAT, "animated"): _("Animated"),
    (Family.FORMAT, "transparent"): _("Transparent"),
    **{(Family.FORMAT, name): label for name, label in FORMATS.items()},
    (Family.LOCATION, "has_gps"): _("GPS position"),
}


def tag_label(family: str, name: str) -> str:
    """In the reader's language where the name is one of ours; else the name itself, as a person would write it."""
    if label := LABELS.get((family, name)):
        return str(label)
    if family == Family.LOCATION:  # towns and countries are written as they are
        return name
    if family == Family.TEMPORAL and name.startswith("year_"):
        return name.removeprefix("year_")
    words = name.replace("_", " ").strip()
    if family == Family.TECHNICAL:  # what is left here are the brands of cameras
        return " ".join(BRANDS.get(word, word[:1].upper() + word[1:]) for word in words.split(" "))
    return words[:1].upper() + words[1:]


def format_label(name: str) -> str:
    """`WebP`; an unknown one in capitals."""
    return FORMATS.get(name, name.upper())
