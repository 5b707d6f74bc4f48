"""Reads text by PaddleOCR; runs in PaddleOCR's own environment and is spoken to through its input and output.

A message is two lengths (4 and 8 bytes, the large end first), then so many bytes of JSON and so many of arrays. First
comes where the models lie, answered by {"ready": true}; then pictures, as {"shapes": [...]} and their pixels one after
the other, answered by {"pages": [[{"text", "score", "quad"}, ...], ...]}. What goes wrong is {"error", "kind"}.

It knows nothing of the package around it, which is not installed here. It ends when its input does.
"""

import json
import os
import queue
import re
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

_LENGTHS = struct.Struct(">IQ")

#: Nothing is looked for in the network: neither which shop of models answers, nor a model.
_OFFLINE = {"PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK": "True", "HF_HUB_OFFLINE": "1"}


def send(stream: IO[bytes], header: dict[str, Any], *arrays: bytes | memoryview) -> None:
    told = json.dumps(header).encode()
    stream.write(_LENGTHS.pack(len(told), sum(len(array) for array in arrays)) + told)
    for array in arrays:
        stream.write(array)
    stream.flush()


def receive(stream: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    """Raises EOFError when the other side is gone."""
    told, arrays = _LENGTHS.unpack(_exactly(stream, _LENGTHS.size))
    header: dict[str, Any] = json.loads(_exactly(stream, told))
    return header, _exactly(stream, arrays)


def _exactly(stream: IO[bytes], count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise EOFError
    return data


def main() -> None:
    os.environ.update(_OFFLINE)
    # Libraries print what they like: our answers go another way than theirs.
    asked, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    messages = _messages(asked)
    reader = None
    for header, arrays in messages:
        try:
            if reader is None:
                reader = _reader(**header)
                send(answers, {"ready": True})
            else:
                send(answers, {"pages": _pages(reader, header["shapes"], arrays)})
        except Exception as error:  # noqa: BLE001 - the border to foreign code: it is told, and the next one may go well
            send(answers, {"error": str(error), "kind": type(error).__name__})


def _messages(stream: IO[bytes]) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Heard by a thread of its own, so that the parent's end is noticed also while a picture is read."""
    heard: queue.SimpleQueue[tuple[dict[str, Any], bytes]] = queue.SimpleQueue()

    def listen() -> None:
        try:
            while True:
                heard.put(receive(stream))
        except (EOFError, OSError):
            os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        yield heard.get()


def _reader(detector: str, recogniser: str, threads: int, detector_side: int, onednn: bool) -> Any:
    from paddleocr import PaddleOCR

    return PaddleOCR(
        text_detection_model_name=_name(detector),
        text_detection_model_dir=detector,
        text_recognition_model_name=_name(recogniser),
        text_recognition_model_dir=recogniser,
        text_det_limit_side_len=detector_side,
        text_det_limit_type="max",
        # Each of these would be one more model, and fetched.
        use_doc_orientation_classify=False,
        use_doc_unwarping=False,
        use_textline_orientation=False,
        device="cpu",
        cpu_threads=threads,
        enable_mkldnn=onednn,
    )


def _name(folder: str) -> str:
    """Without it PaddleOCR expects its default model in the folder, and refuses another one."""
    found = re.search(r"^\s*model_name:\s*['\"]?([\w.-]+)", (Path(folder) / "inference.yml").read_text(), re.M)
    if found is None:
        raise ValueError(f"{folder}/inference.yml does not say model_name.")
    return found[1]


def _pages(reader: Any, shapes: list[list[int]], arrays: bytes) -> list[list[dict[str, Any]]]:
    import numpy as np

    pictures, start = [], 0
    for height, width, depth in shapes:
        pixels = np.frombuffer(arrays, np.uint8, height * width * depth, start).reshape(height, width, depth)
        pictures.append(np.ascontiguousarray(pixels[:, :, ::-1]))  # blue comes first there
        start += pixels.size
    return [
        [
            {"text": text, "score": float(score), "quad": np.asarray(quad, float).tolist()}
            for text, score, quad in zip(page["rec_texts"], page["rec_scores"], page["rec_polys"], strict=True)
        ]
        for page in reader.predict(pictures)
    ]


if __name__ == "__main__":
    main()
