"""Ask the models from a shell: `python -m ml status`, `python -m ml ocr PICTURE...`. Prints JSON."""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from . import OCR, BackendSetting, Picture, Runtime, registry

_SETTINGS: dict[str, list[BackendSetting]] = {
    role: [{"BACKEND": key} for key, row in registry.backends_of(role).items() if row.proof != "designed"]
    for role in registry.role_keys()
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m ml", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("status", help="which models are installed")
    ocr = commands.add_parser("ocr", help="read the text in pictures")
    ocr.add_argument("pictures", type=Path, nargs="+", metavar="PICTURE")
    arguments = parser.parse_args()
    with Runtime(_SETTINGS) as runtime:
        if arguments.command == "status":
            _print([asdict(status) for status in runtime.status()])
        else:
            results = runtime.map(OCR, _opened(arguments.pictures))
            for path, result in zip(arguments.pictures, results, strict=True):
                _print({"picture": str(path), "result": type(result).__name__, **asdict(result)})


def _opened(paths: list[Path]) -> Iterator[Picture]:
    from PIL import Image, ImageOps, UnidentifiedImageError

    for path in paths:
        try:
            with Image.open(path) as image:
                yield np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
        except (OSError, UnidentifiedImageError) as error:
            sys.exit(f"{path} cannot be opened: {error}")


def _print(value: object) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


if __name__ == "__main__":
    main()
