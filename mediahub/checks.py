"""What can be wrong with the settings and is not seen by reading one of them: found at the start, not at first use."""

from collections.abc import Iterator
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.utils.module_loading import import_string

from ml.devices import DEVICES

FORMATS = frozenset({"jpeg", "png", "webp", "gif", "tiff", "bmp", "heic", "avif", "raw"})


class ChecksConfig(AppConfig):
    name = "mediahub"
    label = "mediahub"

    def ready(self) -> None:
        register(check_dotted_paths)
        register(check_choices)
        register(check_folders)


def check_dotted_paths(**_: Any) -> list[CheckMessage]:
    """Lower floors call upper ones by these tables; a typing error in one would show itself in a worker, much later."""
    return [
        Error(f"{table} names {path}, which cannot be imported: {reason}", id="mediahub.E001")
        for table, path in _dotted_paths()
        if (reason := _reason(path))
    ]


def _dotted_paths() -> Iterator[tuple[str, str]]:
    yield from (("LANES", lane[part]) for lane in settings.LANES.values() for part in ("drain", "facts"))
    yield from (("JOB_KINDS", path) for path in settings.JOB_KINDS.values())
    yield from (("SCHEDULES", path) for path in settings.SCHEDULES)
    yield from (("BOOT_TASKS", path) for path in settings.BOOT_TASKS)
    yield "CLOSE_SOCKETS", settings.CLOSE_SOCKETS


def _reason(path: str) -> str:
    try:
        import_string(path)
    except ImportError as error:
        return str(error)
    return ""


def check_choices(**_: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if unknown := set(settings.SUPPORTED_FORMATS) - FORMATS:
        found.append(
            Error(
                f"SUPPORTED_FORMATS names {', '.join(sorted(unknown))}.",
                hint=f"Choose from {', '.join(sorted(FORMATS))}.",
                id="mediahub.E002",
            )
        )
    if settings.DEVICE not in ("auto", *DEVICES):
        hint = f"Choose from auto, {', '.join(DEVICES)}."
        found.append(Error(f"DEVICE is {settings.DEVICE}.", hint=hint, id="mediahub.E003"))
    return found


def check_folders(**_: Any) -> list[CheckMessage]:
    """An upload is linked to its final place: both have to be on one file system."""
    if settings.INCOMING_DIR.stat().st_dev != settings.ORIGINALS_DIR.stat().st_dev:
        hint = "Let PHOTOS_DIR be one file system, or take the mount below it away."
        return [Error(f"{settings.INCOMING_DIR} lies on another disk.", hint=hint, id="mediahub.E004")]
    return []
