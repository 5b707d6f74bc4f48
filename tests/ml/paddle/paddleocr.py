"""Stands where PaddleOCR is imported: it reads the colour of a picture's middle, fails, dies, hangs and chatters."""

import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

DIES_ON, HANGS_ON, FAILS_ON = (128, 0, 255), (0, 255, 128), (255, 0, 255)


class PaddleOCR:
    def __init__(self, **options: Any) -> None:
        sys.stdout.write("Creating model: a line that is no answer\n")
        assert options["text_detection_model_name"] == "some_det", options
        assert options["text_recognition_model_name"] == "some_rec", options
        assert os.environ["PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK"]
        if Path(options["text_detection_model_dir"], "inference.pdiparams").read_bytes() == b"half a file":
            raise RuntimeError("parse error")
        Path(options["text_detection_model_dir"]).parent.joinpath("pid").write_text(str(os.getpid()))

    def predict(self, pictures: list[np.ndarray[Any, np.dtype[np.uint8]]]) -> list[dict[str, Any]]:
        return [_read(picture) for picture in pictures]


def _read(picture: np.ndarray[Any, np.dtype[np.uint8]]) -> dict[str, Any]:
    height, width = picture.shape[:2]
    blue, green, red = picture[height - 5, width - 5].tolist()
    match red, green, blue:
        case colour if colour == DIES_ON:
            os._exit(3)
        case colour if colour == HANGS_ON:
            time.sleep(600)
        case colour if colour == FAILS_ON:
            raise ValueError("magenta")
        case (0, 0, 0):
            return {"rec_texts": [], "rec_scores": [], "rec_polys": np.zeros((0, 4, 2), np.int16)}
    lower = np.array([[0, height // 2], [width, height // 2], [width, height], [0, height]], np.int16)
    upper = lower - np.array([0, height // 2], np.int16)
    return {
        "rec_texts": [f"{red} {green} {blue}", "Привет, мир", "doubtful"],
        "rec_scores": [np.float32(0.9), 0.8, 0.1],
        "rec_polys": [lower, upper, upper],
    }
