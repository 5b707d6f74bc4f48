"""PaddleOCR itself, in a process and an environment of its own: its packages exclude some of ours."""

import logging
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..backend import Backend, NotInstalled
from ..devices import Device
from ..engines import paddle_worker
from ..options import BatchSize, Megabytes, Pixels, Seconds, Threads
from ..results import ModelName, PageText
from ..roles import OcrOptions, Picture
from ..weights import folder
from .reading import Region, page

logger = logging.getLogger(__name__)

_ROOT = Path(__file__).parents[2]
_DETECTOR, _RECOGNISER = "detector", "recogniser"
_FILES = ("inference.yml", "inference.pdiparams")


class WorkerDied(Exception):
    """The process ended while it was asked."""


@dataclass(frozen=True)
class _Pages:
    pictures: list[Picture]
    options: OcrOptions


@dataclass(frozen=True)
class _Read:
    pages: _Pages
    regions: list[list[Region]]


@dataclass
class PaddleOcr(Backend[Picture, OcrOptions, _Pages, _Read, PageText]):
    """`python`: the interpreter that has paddleocr; relative to the checkout. `weights`: the folder with the models as
    PaddleOCR publishes them, `detector` and `recogniser`. `version` is raised when other models are put there.

    `seconds`: how long loading, or a batch, may take before the process is ended. `detector_side`: the long side at
    which lines are looked for. `onednn` is Intel's library, which not every version of Paddle runs with every model.

    `memory_mb` is an estimate, and of the other process.
    """

    python: str = ".venv-paddle/bin/python"
    weights: str = "paddleocr"
    version: str = "1"
    threads: Threads = 1
    detector_side: Pixels = 1600
    onednn: bool = False
    seconds: Seconds = 120.0
    batch_size: BatchSize = 4
    memory_mb: Megabytes = 1500
    _worker: "_Worker | None" = field(default=None, init=False, repr=False)

    def model(self) -> ModelName:
        return ModelName(Path(self.weights).name, self.version)

    def missing_weights(self) -> str | None:
        if not (_ROOT / self.python).is_file():
            return f"Not installed: PaddleOCR's environment ({self.python}). Run: make paddle"
        place = folder(self.weights)
        missing = [part for part in (_DETECTOR, _RECOGNISER) if not _is_model(place / part)]
        if not missing:
            return None
        return (
            f"Not installed: the models of PaddleOCR ({', '.join(missing)}). Put the folders of the detection and the "
            f"recognition model into {place}, as {_DETECTOR} and {_RECOGNISER}."
        )

    def load(self, device: Device | None) -> Device:
        self._worker = self._started()
        return "cpu"  # the build of Paddle that `make paddle` installs

    def unload(self) -> None:
        if self._worker:
            self._worker.end()
            self._worker = None

    def prepare(self, items: Sequence[Picture], options: OcrOptions) -> _Pages:
        return _Pages([np.ascontiguousarray(picture) for picture in items], options)

    def infer(self, batch: _Pages) -> _Read:
        if self._worker is None:
            raise RuntimeError("The models are not loaded.")
        if not self._worker.is_alive:
            self._worker.end()
            self._worker = self._started()
        header = {"shapes": [picture.shape for picture in batch.pictures]}
        answer = self._worker.ask(header, *(picture.data.cast("B") for picture in batch.pictures))
        return _Read(
            batch,
            [
                [Region(np.array(line["quad"], np.float32), line["text"], line["score"]) for line in lines]
                for lines in answer["pages"]
            ],
        )

    def finish(self, raw: _Read) -> list[PageText]:
        return [
            page(picture, regions, raw.pages.options, self.model())
            for picture, regions in zip(raw.pages.pictures, raw.regions, strict=True)
        ]

    def _started(self) -> "_Worker":
        place = folder(self.weights).absolute()
        worker = _Worker(str(_ROOT / self.python), self.seconds)
        try:
            worker.ask(
                {
                    "detector": str(place / _DETECTOR),
                    "recogniser": str(place / _RECOGNISER),
                    "threads": self.threads,
                    "detector_side": self.detector_side,
                    "onednn": self.onednn,
                }
            )
        except BaseException as error:
            worker.end()
            if isinstance(error, RuntimeError):
                raise NotInstalled(f"The models in {place} cannot be loaded. Put them there again. {error}") from error
            raise
        return worker


class _Worker:
    """The process, which is ended for good when it answers too late or not at all."""

    def __init__(self, python: str, seconds: float) -> None:
        self._seconds = seconds
        # -I: our own environment's variables must not lead it back to our packages.
        self._process = subprocess.Popen(
            [python, "-I", paddle_worker.__file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, header: dict[str, Any], *arrays: memoryview) -> dict[str, Any]:
        """Raises TimeoutError, WorkerDied, NotInstalled, or RuntimeError with what PaddleOCR says."""
        asked, answers = self._process.stdin, self._process.stdout
        assert asked is not None and answers is not None  # noqa: S101, PT018 - both are pipes
        late = threading.Event()

        def stop() -> None:
            late.set()
            self._process.kill()

        timer = threading.Timer(self._seconds, stop)
        timer.daemon = True
        timer.start()
        try:
            paddle_worker.send(asked, header, *arrays)
            answer, _ = paddle_worker.receive(answers)
        except (EOFError, OSError) as error:
            self.end()
            if late.is_set():
                raise TimeoutError(f"PaddleOCR took longer than {self._seconds:g} seconds.") from error
            raise WorkerDied(f"PaddleOCR's process ended with code {self._process.returncode}.") from error
        finally:
            timer.cancel()
        if (kind := answer.get("kind")) in ("ImportError", "ModuleNotFoundError"):
            raise NotInstalled(f"PaddleOCR cannot be imported: {answer['error']}. Run: make paddle")
        if kind == "MemoryError":
            raise MemoryError(answer["error"])
        if kind:
            raise RuntimeError(f"PaddleOCR: {kind}: {answer['error']}")
        return answer

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                try:
                    pipe.close()
                except OSError:  # what it was never told is still in the pipe
                    logger.debug("PaddleOCR's process ended before it was told everything")


def _is_model(place: Path) -> bool:
    return all((place / file).is_file() for file in _FILES)
