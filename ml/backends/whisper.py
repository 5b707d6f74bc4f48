"""Whisper: what is said in a sound, and when, in a hundred languages.

CTranslate2 computes; the rest of faster-whisper is not used: it works on one sound at a time and brings a decoder of
films that nothing here needs. Where nobody speaks nothing is written: Whisper invents words for silence.
"""

import json
import math
import unicodedata
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np

from .. import weights as weights_folder
from ..backend import Backend, BadItem, NotInstalled
from ..devices import Device
from ..engines.ct2 import HALF_FRAMES_A_SECOND, PRECISIONS, Aligned, Ct2Whisper, Written
from ..options import BatchSize, Between, Megabytes, Threads
from ..results import ModelName, Segment, Transcript, Word
from ..roles import Sound, TranscribeOptions
from ..spectrogram import FRAMES_A_SECOND, log_mel
from ..voice import RATE, Listening, Span, Voice, missing_voice

_MODEL, _CONFIG, _TOKENIZER = "model.bin", "config.json", "tokenizer.json"
_PREPROCESSOR = "preprocessor_config.json"  # the larger models have one
_TICK = 0.02  # seconds between two marks of time
_LEAST = 0.5  # seconds: so much is worth another look
_UNNOTICED = 2.0  # seconds of speech that nothing was written of: more than a breath and a marker that came early
_BREATH = 0.1  # seconds: so near to where two stretches meet nobody begins or ends
#: Whisper's own limits: above and below, what was written is not what was said.
_REPEATS, _SILENT, _UNLIKELY = 2.4, 0.6, 0.37
#: They write without spaces.
_UNSPACED = {"zh", "ja", "th", "lo", "my", "yue"}


@dataclass(frozen=True, eq=False)
class _Window:
    """Stretches of one sound, one behind the other: what the model looks at at once."""

    item: int
    sound: Sound
    spans: tuple[Span, ...]

    @property
    def heard(self) -> Sound:
        return np.concatenate([self.sound[span.start : span.end] for span in self.spans])

    @property
    def seconds(self) -> float:
        return sum(span.seconds for span in self.spans)

    def behind(self, at: float) -> "_Window":
        """What comes after that second."""
        left: list[Span] = []
        passed = 0.0
        for span in self.spans:
            start = span.start + round(max(0.0, at - passed) * RATE)
            if start < span.end:
                left.append(Span(start, span.end))
            passed += span.seconds
        return replace(self, spans=tuple(left))

    def in_sound(self, at: float, *, near: float) -> float:
        """When it is in the sound, within the stretch that `near` lies in: never in what was cut out."""
        passed = 0.0
        for span in self.spans:
            if near < passed + span.seconds or span is self.spans[-1]:
                return span.start / RATE + min(max(at - passed, 0.0), span.seconds)
            passed += span.seconds
        raise AssertionError("A window has at least one stretch.")


@dataclass(frozen=True)
class _Sounds:
    options: TranscribeOptions
    seconds: list[float]
    windows: list[_Window]


@dataclass(frozen=True)
class _Heard:
    sounds: _Sounds
    languages: dict[int, str]
    segments: list[list[Segment]]


@dataclass
class Whisper(Backend[Sound, TranscribeOptions, _Sounds, _Heard, Transcript]):
    """`windows_at_once`: stretches of up to 30 seconds, of whichever sounds, that are worked on together. `beam`: ways
    to go on that are kept in mind; 1 is quicker and a little worse. `precision`: "int8" or "fp32".

    `language`: what is spoken where nobody says it and nobody is to guess; empty: found out for each sound. `voice`:
    the weights that hear whether anybody speaks.

    `memory_mb` of 0: as the size of the weights says.
    """

    weights: str = "faster-whisper-base"
    precision: str = "int8"
    voice: str = "silero-vad-v6"
    language: str = ""
    threads: Threads = 1
    beam: Annotated[int, Between(1, 100)] = 5
    windows_at_once: Annotated[int, Between(1, 256)] = 4
    batch_size: BatchSize = 8
    memory_mb: Megabytes = 0
    _model: Ct2Whisper | None = field(default=None, init=False, repr=False)
    _voice: Voice | None = field(default=None, init=False, repr=False)
    _script: "_Script | None" = field(default=None, init=False, repr=False)
    _window_seconds: int = field(default=30, init=False, repr=False)

    def __post_init__(self) -> None:
        self.memory_mb = self.memory_mb or _memory_mb(
            weights_folder.folder(self.weights) / _MODEL, self.windows_at_once
        )

    def model(self) -> ModelName:
        return ModelName(Path(self.weights).name, self.precision)

    def dtype(self) -> str:
        return self._model.dtype if self._model else self.precision

    def missing_weights(self) -> str | None:
        if self.precision not in PRECISIONS:
            return f'There is no precision "{self.precision}". Known are: {", ".join(PRECISIONS)}.'
        return weights_folder.missing(self.weights, _MODEL, _CONFIG, _TOKENIZER) or missing_voice(self.voice)

    def load(self, device: Device | None) -> Device:
        folder = weights_folder.folder(self.weights)
        try:
            self._model = Ct2Whisper(folder, device=device, precision=self.precision, threads=self.threads)
            self._script = _Script(folder / _TOKENIZER, multilingual=self._model.is_multilingual)
            self._window_seconds = _window_seconds(folder)
            if self._model.is_multilingual and not json.loads((folder / _CONFIG).read_text()).get("lang_ids"):
                raise ValueError(f"its {_CONFIG} names no languages")
        except ImportError:
            raise
        except Exception as error:  # what CTranslate2 and tokenizers raise for half a file has no class of its own
            raise NotInstalled(
                f"{folder} is no whole Whisper model. Run: python -m ml models verify ({error})"
            ) from error
        self._voice = Voice(self.voice, threads=self.threads)
        return self._model.device

    def unload(self) -> None:
        self._model = self._voice = self._script = None

    def prepare(self, items: Sequence[Sound], options: TranscribeOptions) -> _Sounds:
        if self._voice is None or self._script is None:
            raise RuntimeError("The model is not loaded.")
        options = replace(options, language=options.language or self.language or None)
        if options.language is not None and options.language not in self._script.languages:
            known = ", ".join(sorted(self._script.languages))
            raise BadItem(f'This model does not know the language "{options.language}". Known are: {known}.')
        listening = Listening(longest=self._window_seconds)
        windows = [
            _Window(number, sound, tuple(spans))
            for number, sound in enumerate(items)
            for spans in _packed(self._voice.spans(sound, listening), self._window_seconds)
        ]
        return _Sounds(options, [len(sound) / RATE for sound in items], windows)

    def infer(self, batch: _Sounds) -> _Heard:
        """Windows of all the items side by side. What the model looks at is made for a few of them at a time, and for
        fewer where a single item takes too much memory."""
        languages: dict[int, str] = {}
        if batch.options.language is not None:
            languages = {window.item: batch.options.language for window in batch.windows}
        waiting = deque(_fullest_first(batch.windows))
        segments: list[list[Segment]] = [[] for _ in batch.windows]
        at_once = self.windows_at_once
        while waiting:
            some = [waiting.popleft() for _ in range(min(at_once, len(waiting)))]
            try:
                written = self._written([window for _place, window in some], languages, words=batch.options.words)
            except MemoryError:
                if len(some) == 1 or len(batch.seconds) > 1:  # fewer items are the runtime's first answer
                    raise
                waiting.extendleft(reversed(some))
                at_once = len(some) // 2
                continue
            for (place, _window), (found, rest) in zip(some, written, strict=True):
                segments[place] += found
                if rest is not None:
                    waiting.append((place, rest))
        return _Heard(batch, languages, segments)

    def finish(self, raw: _Heard) -> list[Transcript]:
        found: list[list[Segment]] = [[] for _ in raw.sounds.seconds]
        speech = [0.0] * len(found)
        for window, segments in zip(raw.sounds.windows, raw.segments, strict=True):
            found[window.item] += segments
            speech[window.item] += window.seconds
        return [
            Transcript(
                segments=tuple(found[number]),
                language=raw.languages.get(number),
                seconds=seconds,
                seconds_of_speech=speech[number],
                model=self.model(),
                skipped_reason=None if speech[number] else "Nobody speaks in this sound.",
            )
            for number, seconds in enumerate(raw.sounds.seconds)
        ]

    def _written(
        self, windows: list[_Window], languages: dict[int, str], *, words: bool
    ) -> list[tuple[list[Segment], _Window | None]]:
        """The segments of each window, and the rest of the window where Whisper had no room to write on.

        The languages that were not known yet are put into `languages`, each by the first window of its sound.
        """
        if self._model is None or self._script is None:
            raise RuntimeError("The model is not loaded.")
        model, script = self._model, self._script
        # With all the filling of silence: a decoder that does not see it is quicker, and runs in circles.
        encoded = model.encode(
            np.stack([log_mel(one.heard, bands=model.bands, seconds=self._window_seconds) for one in windows])
        )
        places: dict[int, int] = {}
        for place, window in enumerate(windows):
            if window.item not in languages:
                places.setdefault(window.item, place)
        if places:
            heard = model.languages(model.some(encoded, list(places.values())))
            languages |= {item: max(likely, key=likely.__getitem__) for item, likely in zip(places, heard, strict=True)}
        prompts = [script.prompt(languages[window.item]) for window in windows]
        at_most = _at_most(max(window.seconds for window in windows))
        write = partial(model.write, beam=self.beam, at_most=at_most, never=script.never)
        written = write(encoded, prompts, no_repeats=False)
        if again := [place for place, one in enumerate(written) if script.runs_in_circles(one.tokens)]:
            mended = write(model.some(encoded, again), [prompts[place] for place in again], no_repeats=True)
            for place, one in zip(again, mended, strict=True):
                written[place] = one
        texts: list[list[_Phrase]] = []
        rests: list[_Window | None] = []
        for one, window in zip(written, windows, strict=True):
            text = script.phrases(one, window.seconds)
            told = _told(text, window.seconds, cut_off=len(one.tokens) >= at_most)
            texts.append([phrase for phrase in text if told is None or phrase.end <= told])
            rests.append(None if told is None else window.behind(told))
        aligned: list[Aligned | None] = [None] * len(windows)
        if words:
            tokens = [[token for phrase in text for token in phrase.tokens] for text in texts]
            frames = [math.ceil(window.seconds * FRAMES_A_SECOND) for window in windows]
            aligned = [*model.align(encoded, prompts, tokens, frames)]
        return [
            (list(script.segments(text, window, one.likely, times, languages[window.item])), rest)
            for text, window, one, times, rest in zip(texts, windows, written, aligned, rests, strict=True)
        ]


@dataclass(frozen=True)
class _Phrase:
    """Seconds from the start of the window. `ended`: Whisper said when it was over."""

    start: float
    end: float
    tokens: list[int]
    ended: bool = True


class _Script:
    """How Whisper writes: text, and marks for languages, tasks and times."""

    def __init__(self, path: Path, *, multilingual: bool) -> None:
        """Raises ValueError when it is not Whisper's."""
        import tokenizers

        self._tokenizer = tokenizers.Tokenizer.from_file(str(path))
        self._start, self._end, translate, self._transcribe, first_time = (
            self._number(mark)
            for mark in (
                "<|startoftranscript|>",
                "<|endoftext|>",
                "<|translate|>",
                "<|transcribe|>",
                "<|notimestamps|>",
            )
        )
        self._first_time = first_time + 1
        between = range(self._start + 1, translate) if multilingual else ()
        self._languages = {self._tokenizer.id_to_token(number).strip("<|>"): number for number in between}
        #: What the configuration says, and every mark that is not a time.
        self.never = [-1, *range(self._start, self._first_time)]

    @property
    def languages(self) -> list[str]:
        return sorted(self._languages) or ["en"]

    def prompt(self, language: str) -> list[int]:
        return [self._start, self._languages[language], self._transcribe] if self._languages else [self._start]

    def runs_in_circles(self, tokens: list[int]) -> bool:
        """It repeats itself and does not say when that is over. People repeat themselves too, and come to an end."""
        said = self._text(tokens).encode()
        return len(said) > _REPEATS * len(zlib.compress(said)) and tokens[-1] < self._first_time

    def phrases(self, written: Written, seconds: float) -> list[_Phrase]:
        """What stands between two times. None where Whisper thinks that nobody speaks and is not sure of its words."""
        if written.silent > _SILENT and written.likely < _UNLIKELY:
            return []
        found: list[_Phrase] = []
        start, tokens = 0.0, list[int]()
        for token in written.tokens:
            if token < self._end:
                tokens.append(token)
            elif token >= self._first_time:
                at = min((token - self._first_time) * _TICK, seconds)
                if tokens:
                    found.append(_Phrase(start, max(start, at), tokens))
                start, tokens = at, []
        if tokens:
            found.append(_Phrase(start, max(start, seconds), tokens, ended=False))
        return [phrase for phrase in found if self._text(phrase.tokens).strip()]

    def segments(
        self, phrases: list[_Phrase], window: _Window, likely: float, aligned: Aligned | None, language: str
    ) -> Iterator[Segment]:
        """In the times of the sound; with words where they were aligned."""
        passed = 0
        for phrase in phrases:
            middle = (phrase.start + phrase.end) / 2
            start = window.in_sound(phrase.start, near=min(phrase.start + _BREATH, middle))
            end = window.in_sound(phrase.end, near=max(phrase.end - _BREATH, middle))
            words: list[Word] = []
            if aligned is not None:
                words = list(self._words(phrase.tokens, window, aligned, passed, language))
                passed += len(phrase.tokens)
            if words:
                start, end = min(start, words[0].start), max(end, words[-1].end)
                likely = sum(word.score for word in words) / len(words)
            yield Segment(round(start, 2), round(end, 2), self._text(phrase.tokens).strip(), likely, tuple(words))

    def _words(
        self, tokens: list[int], window: _Window, aligned: Aligned, passed: int, language: str
    ) -> Iterator[Word]:
        """`passed`: tokens of the window before these."""
        for text, count in self._cut(tokens, spaced=language not in _UNSPACED):
            start, end = (
                min(aligned.begins[place] / HALF_FRAMES_A_SECOND, window.seconds) for place in (passed, passed + count)
            )
            start, end = (window.in_sound(at, near=(start + end) / 2) for at in (start, end))
            likely = aligned.likely[passed : passed + count]
            yield Word(text.strip(), round(start, 2), round(end, 2), sum(likely) / count)
            passed += count

    def _cut(self, tokens: list[int], *, spaced: bool) -> list[tuple[str, int]]:
        """Words and the number of their tokens. A letter may take several tokens, a mark belongs to the word before."""
        found: list[tuple[str, int]] = []
        waiting: list[int] = []
        for place, token in enumerate(tokens):
            waiting.append(token)
            text = self._text(waiting)
            if text.endswith("�") and place < len(tokens) - 1:
                continue
            goes_on = not text.startswith(" ") if spaced else all(unicodedata.category(one)[0] == "P" for one in text)
            if found and goes_on:
                before, count = found.pop()
                found.append((before + text, count + len(waiting)))
            else:
                found.append((text, len(waiting)))
            waiting = []
        return found

    def _text(self, tokens: list[int]) -> str:
        return self._tokenizer.decode([token for token in tokens if token < self._end])

    def _number(self, mark: str) -> int:
        number = self._tokenizer.token_to_id(mark)
        if number is None:
            raise ValueError(f"its {_TOKENIZER} does not know {mark}")
        return number


def _packed(spans: Iterable[Span], seconds: float) -> Iterator[tuple[Span, ...]]:
    """As many spans as fit into a window, in order."""
    packed: list[Span] = []
    for span in spans:
        if packed and sum(one.seconds for one in packed) + span.seconds > seconds:
            yield tuple(packed)
            packed = []
        packed.append(span)
    if packed:
        yield tuple(packed)


def _fullest_first(windows: Sequence[_Window]) -> list[tuple[int, _Window]]:
    """With their places: of each sound the window with the most speech, which tells its language, then all others."""
    fullest: dict[int, _Window] = {}
    for window in windows:
        if window.item not in fullest or window.seconds > fullest[window.item].seconds:
            fullest[window.item] = window
    return sorted(enumerate(windows), key=lambda pair: fullest[pair[1].item] is not pair[1])


def _told(phrases: Sequence[_Phrase], seconds: float, *, cut_off: bool) -> float | None:
    """The second up to which these phrases tell all, if somebody speaks behind it and there was no room to tell it
    (`cut_off`) or Whisper took no notice. None where nothing ended: there is nowhere to go on from."""
    ends = [phrase.end for phrase in phrases if phrase.ended]
    if not ends or not _LEAST <= ends[-1] <= seconds - _LEAST:
        return None
    return ends[-1] if cut_off or (phrases[-1].ended and ends[-1] < seconds - _UNNOTICED) else None


def _at_most(seconds: float) -> int:
    """Tokens: nobody speaks faster than twenty a second, and Whisper ends at 224."""
    return min(224, 30 + round(20 * seconds))


def _window_seconds(folder: Path) -> int:
    """30, if nothing else is said."""
    path = folder / _PREPROCESSOR
    return int(json.loads(path.read_text()).get("chunk_length", 30)) if path.is_file() else 30


def _memory_mb(path: Path, windows: int) -> int:
    """By the size of the published file, which is in half precision. Measured on one of base's size: 100 MB loaded in
    8 bits, 540 MB with eight windows at work."""
    if not path.is_file():
        return 400
    size = path.stat().st_size / 2**20
    return round(150 + 0.7 * size + windows * min(120, size / 4))
