"""What all that tell who speaks when share: Silero hears that somebody speaks, and the result is turns."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..backend import Backend, BadItem
from ..devices import Device
from ..options import BatchSize, Megabytes, Threads
from ..results import Turn, Turns
from ..roles import DiarizeOptions, Sound
from ..speakers import Spoken
from ..voice import RATE, Listening, Span, Voice, missing_voice

_LISTENING = Listening(padding=0.05)


@dataclass(frozen=True, eq=False)
class Sounds:
    sounds: list[Sound]
    spans: list[list[Span]]
    options: DiarizeOptions


@dataclass
class Diarizer(Backend[Sound, DiarizeOptions, Sounds, list[list[Spoken]], Turns]):
    """`voice`: the weights that hear whether anybody speaks."""

    voice: str = "silero-vad-v6"
    threads: Threads = 1
    batch_size: BatchSize = 4
    memory_mb: Megabytes = 150
    _voice: Voice | None = field(default=None, init=False, repr=False)

    @abstractmethod
    def told_apart(self, sound: Sound, spans: Sequence[Span], speakers: int | None) -> list[Spoken]:
        """`spans`: where somebody speaks."""

    def missing_weights(self) -> str | None:
        return missing_voice(self.voice)

    def load(self, device: Device | None) -> Device:
        self._voice = Voice(self.voice, threads=self.threads)
        return "cpu"

    def unload(self) -> None:
        self._voice = None

    def prepare(self, items: Sequence[Sound], options: DiarizeOptions) -> Sounds:
        if self._voice is None:
            raise RuntimeError("The model is not loaded.")
        if options.speakers is not None and options.speakers < 1:
            raise BadItem(f"There cannot be {options.speakers} speakers. Say 1 or more, or nothing.")
        return Sounds(list(items), [self._voice.spans(sound, _LISTENING) for sound in items], options)

    def infer(self, batch: Sounds) -> list[list[Spoken]]:
        return [
            self.told_apart(sound, spans, batch.options.speakers)
            for sound, spans in zip(batch.sounds, batch.spans, strict=True)
        ]

    def finish(self, raw: list[list[Spoken]]) -> list[Turns]:
        return [
            Turns(
                tuple(Turn(round(one.start / RATE, 2), round(one.end / RATE, 2), one.speaker) for one in spoken),
                self.model(),
            )
            for spoken in raw
        ]
