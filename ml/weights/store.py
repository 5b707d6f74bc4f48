"""The folder of installed models: one folder a name, complete or not there at all."""

import os
from pathlib import Path


def home() -> Path:
    """All installed models: MEDIAHUB_MODELS, or `models` beside the other data."""
    return Path(os.environ.get("MEDIAHUB_MODELS") or Path(os.environ.get("MEDIAHUB_DATA") or "data") / "models")


def folder(name: str) -> Path:
    """Where the weights of this name lie once installed. An absolute path stands for itself."""
    return Path(name) if Path(name).is_absolute() else home() / name


def missing(name: str, *files: str) -> str | None:
    """What to do about weights that are not on this machine, or None."""
    place = folder(name)
    absent = [file for file in files if not (place / file).is_file()]
    if place.is_dir() and not absent:
        return None
    if Path(name).is_absolute():
        return f"Not installed: {place} lacks {', '.join(absent)}." if absent else f"Not installed: no folder {place}."
    return f"Not installed: {name}. Run: python -m ml models pull {name}"
