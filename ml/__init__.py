"""What machines see, hear and read: plain Python, no Django.

from ml import OCR, Failure, Runtime

with Runtime({"ocr": {"BACKEND": "rapidocr", "OPTIONS": {"threads": 2}}}) as runtime:
    for picture, result in zip(pictures, runtime.map(OCR, pictures)):
        if isinstance(result, Failure): ...
"""

from .results import Failure, ModelName, PageText, TextLine
from .roles import OCR, OcrOptions, Picture, Role
from .runtime import BackendSetting, BackendStatus, Runtime, SettingsError

__all__ = [
    "OCR",
    "BackendSetting",
    "BackendStatus",
    "Failure",
    "ModelName",
    "OcrOptions",
    "PageText",
    "Picture",
    "Role",
    "Runtime",
    "SettingsError",
    "TextLine",
]
