"""Sharpness, exposure, colours and the little preview: measured on pictures whose truth is made here."""

import math
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from media import Inspection, colours, quality, thumbhash
from media.renditions import Pixels, shrink
from tests.media.conftest import Look
from tests.media.samples import encoded
from tests.pictures import page, scene

SOFT = 0.35


def sharpness(image: Image.Image) -> float | None:
    pixels = shrink(np.asarray(image.convert("RGB")), quality.LONGEST_SIDE)
    return quality.measure(pixels, width=1, height=1, text_likeness=0).sharpness


@pytest.fixture(scope="module")
def photos(material: Path) -> list[Image.Image]:
    found = []
    for path in sorted([*(material / "photos" / "objects").iterdir(), *(material / "photos" / "faces").glob("*.jpg")]):
        with Image.open(path) as image:
            image.thumbnail((1024, 1024))
            found.append(image.convert("RGB"))
    return found


def test_blurs_are_found_and_sharp_pictures_are_not(photos: list[Image.Image]) -> None:
    assert all((sharpness(photo) or 0) >= SOFT for photo in photos)
    for share in (0.008, 0.015):
        blurred = [photo.filter(ImageFilter.GaussianBlur(share * max(photo.size))) for photo in photos]
        soft = [photo for photo in blurred if (sharpness(photo) or 1) < SOFT]
        assert len(soft) >= 0.7 * len(photos)


@pytest.mark.parametrize("angle", [0, 45, 90])
def test_most_shaken_pictures_are_found(photos: list[Image.Image], angle: int) -> None:
    soft = [photo for photo in photos if (sharpness(_shaken(photo, 0.03, angle)) or 1) < SOFT]
    assert len(soft) >= 0.6 * len(photos)


def _shaken(photo: Image.Image, share: float, angle: int) -> Image.Image:
    length = round(share * max(photo.size))
    path = Image.new("L", (length, length))
    across, down = (length // 2 * math.cos(math.radians(angle)), length // 2 * math.sin(math.radians(angle)))
    middle = length // 2
    ImageDraw.Draw(path).line((middle - across, middle - down, middle + across, middle + down), 255)
    kernel = np.asarray(path, np.float32)
    return Image.fromarray(cv2.filter2D(np.asarray(photo), -1, kernel / kernel.sum()).astype(np.uint8))


CHANGES: dict[str, Callable[[NDArray[np.float32]], NDArray[np.floating]]] = {
    "the number of pixels": lambda pixels: np.repeat(np.repeat(pixels, 2, axis=0), 2, axis=1),
    "light": lambda pixels: pixels * np.float32(0.4),
    "contrast": lambda pixels: pixels * np.float32(0.5) + np.float32(64),
    "grain": lambda pixels: pixels + np.random.default_rng(1).normal(0, 8, pixels.shape),
}


@pytest.mark.parametrize("what", CHANGES)
def test_sharpness_does_not_depend_on(photos: list[Image.Image], what: str) -> None:
    for photo in photos[:8]:
        changed = np.clip(CHANGES[what](np.asarray(photo, np.float32)), 0, 255).astype(np.uint8)
        assert (sharpness(Image.fromarray(changed)) or 0) >= SOFT


@pytest.mark.parametrize(
    "image", [Image.new("RGB", (600, 400), "#446688"), Image.linear_gradient("L").resize((600, 400))]
)
def test_a_picture_without_edges_is_unknown_and_not_soft(image: Image.Image) -> None:
    assert sharpness(image) is None


def test_exposure_is_told_by_its_ends() -> None:
    pixels: Pixels = np.zeros((100, 100, 3), np.uint8)
    pixels[:, 50:] = 255
    found = quality.measure(pixels, width=4000, height=3000, text_likeness=0)
    assert (found.clipped_low, found.clipped_high) == (0.5, 0.5)
    assert (found.exposure_p1, found.exposure_p99, found.megapixels) == (0, 1, 12)
    assert found.contrast == pytest.approx(0.5, abs=0.01)
    assert found.colourfulness == 0


def test_grain_is_measured_in_grey_levels() -> None:
    noisy = np.clip(np.random.default_rng(1).normal(128, 10, (400, 400)), 0, 255).astype(np.float32)
    assert quality.estimate_noise(noisy) == pytest.approx(10, rel=0.15)


@pytest.mark.parametrize("size", [12, 20, 40, 120])
@pytest.mark.parametrize(("ink", "paper"), [("black", "white"), ("white", "navy"), ("#777777", "#bbbbbb")])
def test_written_words_are_never_overlooked(size: int, ink: str, paper: str) -> None:
    image = Image.new("RGB", (1240, 900), paper)
    ImageDraw.Draw(image).text((80, 200), "Please ring"[: 1000 // size], ink, ImageFont.load_default(size))
    assert quality.measure_text_likeness(np.asarray(image)) >= quality.NO_WRITING


@pytest.mark.parametrize(
    ("colour", "name"),
    [
        ("#e60000", "red"),
        ("#ff8c00", "orange"),
        ("#ffe000", "yellow"),
        ("#008000", "green"),
        ("#00d0e0", "cyan"),
        ("#1040d0", "blue"),
        ("#7a1fa2", "purple"),
        ("#ff80b0", "pink"),
        ("#7b4a20", "brown"),
        ("#050505", "black"),
        ("#fafafa", "white"),
        ("#808080", "grey"),
    ],
)
def test_a_colour_has_the_name_that_people_give_it(colour: str, name: str) -> None:
    found, greyscale = colours.dominant(np.asarray(Image.new("RGB", (64, 48), colour)))
    assert [(each.name, each.hex, each.share) for each in found] == [(name, colour, 1.0)]
    assert greyscale == (name in ("black", "white", "grey"))


def test_two_colours_are_told_apart_by_share_and_the_same_each_time() -> None:
    image = Image.new("RGB", (96, 64), "#1040d0")
    image.paste("#fafafa", (0, 0, 96, 16))
    found, _ = colours.dominant(np.asarray(image))
    assert [(each.name, round(each.share, 2)) for each in found] == [("blue", 0.75), ("white", 0.25)]
    assert colours.dominant(np.asarray(image))[0] == found


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 900), (3000, 1)])
def test_the_smallest_pictures_have_everything(look: Look, size: tuple[int, int]) -> None:
    answer = look(encoded("PNG", Image.new("RGB", size, "#e60000")))
    assert isinstance(answer, Inspection)
    assert answer.average_colour == "#e60000"
    assert answer.pdq.quality < 50


def test_a_page_gets_a_large_rendition(look: Look) -> None:
    lines = [f"line {number} of the agreement" for number in range(20)]
    answer = look(page(lines, (2000, 1600)))
    assert isinstance(answer, Inspection)
    assert [(each.kind, each.width, each.height) for each in answer.renditions] == [
        ("thumbnail", 400, 320),
        ("preview", 1440, 1152),
        ("detail", 2000, 1600),
    ]


def test_the_little_preview_shows_the_picture() -> None:
    pixels = shrink(np.asarray(scene(5, (96, 64))), 96)
    hashed = thumbhash.encode(pixels)
    assert len(hashed) <= 25
    shown = _decode_thumbhash(hashed, 96, 64)
    assert np.abs(shown - _smooth(pixels)).mean() < 0.1


def _smooth(pixels: Pixels) -> NDArray[np.float64]:
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(8)), np.float64) / 255


def _decode_thumbhash(hashed: bytes, width: int, height: int) -> NDArray[np.float64]:
    """The public decoder, for opaque pictures."""
    first, second = int.from_bytes(hashed[:3], "little"), int.from_bytes(hashed[3:5], "little")
    means = (first & 63) / 63, (first >> 6 & 63) / 31.5 - 1, (first >> 12 & 63) / 31.5 - 1
    scales = (first >> 18 & 31) / 31, (second >> 3 & 63) / 63 * 1.25, (second >> 9 & 63) / 63 * 1.25
    landscape = second >> 15
    sizes = ((7, second & 7) if landscape else (second & 7, 7), (3, 3), (3, 3))
    digits = iter([digit for byte in hashed[5:] for digit in (byte & 15, byte >> 4)])
    channels = []
    for mean, scale, (across, down) in zip(means, scales, sizes, strict=True):
        across, down = max(3, across), max(3, down)
        channel = np.full((height, width), mean)
        for y in range(down):
            for x in range(0 if y else 1, across):
                if x * down < across * (down - y):
                    wave = (next(digits) / 7.5 - 1) * scale
                    column = np.cos(np.pi / width * (np.arange(width) + 0.5) * x)
                    row = np.cos(np.pi / height * (np.arange(height) + 0.5) * y)
                    channel += wave * 2 * np.outer(row, column)
        channels.append(channel)
    light, yellow, scarlet = channels
    blue = light - 2 / 3 * yellow
    red = (3 * light - blue + scarlet) / 2
    shown: NDArray[np.float64] = np.clip(np.stack([red, red - scarlet, blue], axis=2), 0, 1)
    return shown


def test_transparent_pictures_stand_on_white_and_wide_colours_become_srgb(look: Look) -> None:
    clear = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    answer = look(encoded("PNG", clear))
    assert isinstance(answer, Inspection)
    assert (answer.has_alpha, answer.average_colour) == (True, "#ffffff")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F", "LAB"])
def test_every_mode_gives_the_same_picture(look: Look, mode: str) -> None:
    grey = Image.linear_gradient("L")
    if mode == "I;16":
        image = Image.fromarray(np.asarray(grey, np.uint16) * 257)
    elif mode == "LAB":
        image = Image.merge("LAB", [grey, Image.new("L", grey.size, 128), Image.new("L", grey.size, 128)])
    else:
        image = (grey.convert("RGB") if mode == "CMYK" else grey).convert(mode)
    answer = look(encoded("TIFF", image))
    assert isinstance(answer, Inspection)
    assert int(answer.average_colour[1:3], 16) == pytest.approx(127, abs=12)
    assert answer.is_greyscale
