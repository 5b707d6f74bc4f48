"""The only module that builds a path. Originals are linked into place, never replaced; renditions can be made again."""

import os
from pathlib import Path

from django.conf import settings


def original_path(library_id: int, sha256: bytes, suffix: str) -> str:
    """Where the bytes of an uploaded file stay, relative to the store. The same content has the same place."""
    digest = sha256.hex()
    return f"{library_id}/{digest[:2]}/{digest}{suffix}"


def rendition_folder(asset_id: int, revision: int) -> Path:
    """A folder of its own for each revision: a new revision never overwrites what somebody is reading."""
    return Path(settings.RENDITIONS_DIR) / f"{asset_id % 1000:03d}" / f"{asset_id}-{revision}"


SUFFIXES = {"thumbnail": ".webp", "preview": ".jpg", "detail": ".jpg"}


def rendition_path(asset_id: int, revision: int, kind: str) -> Path:
    return rendition_folder(asset_id, revision) / f"{kind}{SUFFIXES[kind]}"


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable: without it a crash may forget a link whose file is safe."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def rendition_draft(asset_id: int, revision: int, mark: str) -> Path:
    """Where the sandbox writes: beside the final folder, so that what is finished is renamed and never copied."""
    final = rendition_folder(asset_id, revision)
    return final.with_name(f".{final.name}.{mark}")


def publish_renditions(draft: Path, asset_id: int, revision: int) -> None:
    """Moves finished renditions to where they are served from; each appears whole or not at all."""
    final = rendition_folder(asset_id, revision)
    final.mkdir(parents=True, exist_ok=True)
    for file in draft.iterdir():
        file.replace(final / file.name)
