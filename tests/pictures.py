"""Pictures that the tests make themselves."""

import io
import random

from PIL import Image, ImageDraw, ImageFilter, ImageFont

Colour = tuple[int, int, int]


def jpeg(
    seed: int = 1, size: tuple[int, int] = (320, 240), *, quality: int = 90, exif: Image.Exif | None = None
) -> bytes:
    """A picture with shapes in it, another one for each seed."""
    stream = io.BytesIO()
    keywords = {"exif": exif} if exif else {}
    scene(seed, size).save(stream, "JPEG", quality=quality, **keywords)
    return stream.getvalue()


def scene(seed: int, size: tuple[int, int] = (320, 240)) -> Image.Image:
    dice = random.Random(seed)
    image = Image.new("RGB", size, tuple(dice.randrange(256) for _ in range(3)))
    draw = ImageDraw.Draw(image)
    for _ in range(40):
        x, y = dice.randrange(size[0]), dice.randrange(size[1])
        width, height = dice.randrange(8, size[0] // 2), dice.randrange(8, size[1] // 2)
        shape = draw.ellipse if dice.random() < 0.5 else draw.rectangle
        shape((x, y, x + width, y + height), fill=tuple(dice.randrange(256) for _ in range(3)))
    return image.filter(ImageFilter.SMOOTH)


def plain(colour: Colour, size: tuple[int, int] = (320, 240)) -> bytes:
    """One colour all over: what the fake reader is steered by."""
    stream = io.BytesIO()
    Image.new("RGB", size, colour).save(stream, "PNG")
    return stream.getvalue()


def page(lines: list[str], size: tuple[int, int] = (1000, 600)) -> bytes:
    """Black words on white."""
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(40)
    for number, line in enumerate(lines):
        draw.text((40, 40 + number * 70), line, fill="black", font=font)
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()
