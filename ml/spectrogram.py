"""The loudness of a sound in bands that an ear tells apart, a hundred times a second: what models of speech look at."""

from functools import cache

import numpy as np

from .results import Numbers
from .roles import Sound
from .voice import RATE

FRAMES_A_SECOND = 100
STEP = RATE // FRAMES_A_SECOND
_WINDOW = 400
_AT_ONCE = 4000  # frames whose spectra are held together
_QUIETEST = 1e-10
_DEPTH = 8.0  # powers of ten below the loudest: what is quieter is all the same


def log_mel(sound: Sound, *, bands: int, seconds: int) -> Numbers:
    """As Whisper looks at it: bands x frames of a sound that is filled up with silence to so many seconds.

    Nothing is computed for the filling."""
    frames = seconds * FRAMES_A_SECOND
    sound = sound[: frames * STEP]
    # Mirrored in front and silent behind, as the model was trained.
    padded = np.pad(np.pad(sound, (0, _WINDOW)), (_WINDOW // 2, 0), mode="reflect")
    heard = min(frames, -(-(len(sound) + _WINDOW // 2) // STEP))
    pieces = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[: heard * STEP : STEP]
    power = np.abs(np.fft.rfft(pieces * _bell())) ** 2
    loud = np.full((bands, frames), _QUIETEST, np.float32)
    loud[:, : len(power)] = np.maximum(mel_filters(bands) @ power.T, _QUIETEST)
    levels = np.log10(loud)
    return np.asarray((np.maximum(levels, levels.max() - _DEPTH) + 4) / 4, np.float32)


def mel(sound: Sound, *, bands: int) -> Numbers:
    """Frames x bands, the power itself. Beyond both ends is silence; the last frame begins within the sound."""
    padded = np.pad(sound, _WINDOW // 2)
    parts = []
    for start in range(0, len(sound), _AT_ONCE * STEP):
        block = padded[start : start + (_AT_ONCE - 1) * STEP + _WINDOW]
        pieces = np.lib.stride_tricks.sliding_window_view(block, _WINDOW)[::STEP]
        parts.append(np.abs(np.fft.rfft(pieces * _bell())) ** 2 @ mel_filters(bands).T)
    return np.concatenate(parts).astype(np.float32) if parts else np.zeros((0, bands), np.float32)


@cache
def mel_filters(bands: int) -> Numbers:
    """Triangles of equal area, equally wide on Slaney's scale: linear below 1,000 Hz, logarithmic above."""
    scale = np.linspace(0, _slaney(RATE / 2), bands + 2)
    corners = np.where(scale < 15, scale * 200 / 3, 1000 * np.exp((scale - 15) * np.log(6.4) / 27))
    away = corners[:, None] - np.fft.rfftfreq(_WINDOW, 1 / RATE)
    widths = np.diff(corners)[:, None]
    triangles = np.maximum(0, np.minimum(-away[:-2] / widths[:-1], away[2:] / widths[1:]))
    return np.asarray(triangles * 2 / (corners[2:] - corners[:-2])[:, None], np.float32)


@cache
def _bell() -> Numbers:
    return np.hanning(_WINDOW + 1)[:-1].astype(np.float32)


def _slaney(hertz: float) -> float:
    return 15 + float(np.log(hertz / 1000)) * 27 / float(np.log(6.4))
