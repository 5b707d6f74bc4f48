"""All that opens a foreign file. Light to import: the decoders live in another process.

with Sandbox() as sandbox:
    for result in sandbox.inspect(wishes):
        ...
"""

from media.results import (
    Colour,
    Format,
    Inspection,
    Layer,
    Limits,
    Metadata,
    Pdq,
    Quality,
    Refusal,
    RefusalKind,
    Rendition,
    RenditionKind,
    SandboxReport,
    Taken,
    Wish,
)
from media.sandbox import Sandbox, SandboxUnavailable

__all__ = [
    "Colour",
    "Format",
    "Inspection",
    "Layer",
    "Limits",
    "Metadata",
    "Pdq",
    "Quality",
    "Refusal",
    "RefusalKind",
    "Rendition",
    "RenditionKind",
    "Sandbox",
    "SandboxReport",
    "SandboxUnavailable",
    "Taken",
    "Wish",
]
