"""How far a download is: a bar at a terminal, a line at every tenth elsewhere."""

import sys
import time
from typing import TextIO

from ..weights.files import in_words

_WIDTH = 24
_EVERY = 0.1  # seconds


class Progress:
    """Given to `pull`; `done` ends the line."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._file = ""
        self._shown = 0.0
        self._tenth = -1
        self._began = (0.0, 0)

    def __call__(self, file: str, here: int, total: int | None) -> None:
        if file != self._file:
            self.done()
            self._file, self._began, self._tenth = file, (time.monotonic(), here), -1
        if self._stream.isatty():
            self._bar(file, here, total)
        else:
            self._line(file, here, total)

    def done(self) -> None:
        if self._file and self._stream.isatty():
            self._stream.write("\n")
        self._file = ""

    def _bar(self, file: str, here: int, total: int | None) -> None:
        now = time.monotonic()
        if now - self._shown < _EVERY and here != total:
            return
        self._shown = now
        speed = (here - self._began[1]) / max(now - self._began[0], 0.001)
        if total:
            full = _WIDTH * here // total
            left = f", {(total - here) / speed:.0f} s left" if speed > 0 and here < total else ""
            amount = f"[{'#' * full}{'.' * (_WIDTH - full)}] {100 * here // total:3d} % of {in_words(total)}"
        else:
            amount, left = in_words(here), ""
        self._stream.write(f"\r{file[-40:]:40} {amount}, {in_words(round(speed))}/s{left}\033[K")
        self._stream.flush()

    def _line(self, file: str, here: int, total: int | None) -> None:
        tenth = 10 * here // total if total else here // 100_000_000
        if tenth != self._tenth:
            self._tenth = tenth
            self._stream.write(
                f"{file}: {in_words(here)} of {in_words(total)}\n" if total else f"{file}: {in_words(here)}\n"
            )
            self._stream.flush()
