"""Sounds for the tests: recordings of the material, and voices made of tones."""

import wave
from pathlib import Path

import numpy as np

from ml.roles import Sound
from ml.voice import RATE

#: Pitches of two voices: Hz.
LOW, HIGH = 110, 220
#: Where the four vowels resonate, and how widely: Hz.
VOWELS = {
    "a": ((800, 80), (1200, 90), (2500, 120)),
    "i": ((300, 60), (2300, 100), (3000, 150)),
    "o": ((500, 70), (900, 80), (2500, 120)),
    "u": ((320, 60), (800, 80), (2300, 120)),
}


def recording(path: Path) -> Sound:
    """WAV or bare 16-bit samples, 16 kHz, one channel."""
    if path.suffix == ".raw":
        samples = np.fromfile(path, "<i2")
    else:
        with wave.open(str(path)) as file:
            assert file.getparams()[:3] == (1, 2, RATE)
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return np.asarray(samples / 32768, np.float32)


def silence(seconds: float) -> Sound:
    return np.zeros(round(seconds * RATE), np.float32)


def noise(seconds: float, loud: float = 0.05) -> Sound:
    return np.random.default_rng(1).normal(0, loud, round(seconds * RATE)).astype(np.float32)


def tone(seconds: float, pitch: float) -> Sound:
    time = np.arange(round(seconds * RATE)) / RATE
    return np.asarray(0.3 * np.sin(2 * np.pi * pitch * time), np.float32)


def voice(vowels: str, *, pitch: float = LOW, seconds: float = 0.3, gap: float = 0.1) -> Sound:
    """Somebody says these vowels, each so many seconds long."""
    return np.concatenate([part for vowel in vowels for part in (_said(vowel, pitch, seconds), silence(gap))])


def sung(vowels: str, pitch: float = LOW) -> Sound:
    """The same in a room: with a breath before and behind, and a little noise."""
    sound = np.concatenate([silence(0.5), voice(vowels, pitch=pitch), silence(0.5)])
    return sound + noise(len(sound) / RATE, 0.001)


def _said(vowel: str, pitch: float, seconds: float) -> Sound:
    time = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.03 * np.sin(2 * np.pi * 3 * time))) / RATE
    sound = np.zeros(len(time))
    for harmonic in range(1, int(7500 / pitch)):
        loud = sum(1 / (1 + ((harmonic * pitch - middle) / width) ** 2) for middle, width in VOWELS[vowel])
        sound += loud * harmonic**-0.7 * np.sin(harmonic * phase)
    sound *= np.clip(np.minimum(time, seconds - time) / 0.04, 0, 1)
    return np.asarray(0.3 * sound / np.abs(sound).max(), np.float32)
