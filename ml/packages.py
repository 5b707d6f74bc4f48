"""Packages that MediaHub works without, and the extra that brings each of them."""

import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Package:
    module: str
    extra: str


OPTIONAL: dict[str, Package] = {
    package.module: package
    for package in (
        Package("onnxruntime", extra="ml"),
        Package("rapidocr", extra="ml"),
        Package("tokenizers", extra="ml"),
        Package("ctranslate2", extra="ml"),
        *(Package(module, extra="torch") for module in ("torch", "torchvision", "open_clip", "timm", "transformers")),
        *(Package(module, extra="torch") for module in ("onnx", "onnxscript", "safetensors")),
        Package("ultralytics", extra="detect"),
        Package("insightface", extra="faces"),
    )
}


def missing_packages(modules: Iterable[str]) -> str | None:
    """What to install for these modules, or None when all are here. Imports nothing."""
    missing = [module for module in modules if not _is_here(module)]
    if not missing:
        return None
    extras = sorted({OPTIONAL[module].extra for module in missing})
    return f"Not installed: {', '.join(missing)}. Install it with: {command_for(extras)}"


def command_for(extras: Iterable[str]) -> str:
    return f'make extras EXTRAS="{" ".join(extras)}"'


def _is_here(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:
        return False
