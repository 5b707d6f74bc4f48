"""Which models fit which machine: three profiles, and what each of them costs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from . import registry
from .machine import Machine
from .packages import missing_packages
from .settings import BackendSetting, choices
from .weights import manifest


@dataclass(frozen=True)
class Chosen:
    """One backend for one role, with its options.

    `seconds` for 1,000 photos (for sound: 1,000 seconds of it; for text: 1,000 sentences) on the smallest machine of
    the profile, one thing after the other; `grounds` says whether that was measured on such a machine.
    """

    role: str
    backend: str
    memory_mb: int
    seconds: float
    grounds: Literal["measured", "estimate"]
    options: Mapping[str, Any] = field(default_factory=dict)

    def speed(self) -> str:
        minutes = self.seconds / 60
        if minutes < 2:
            amount = f"{self.seconds:.0f} s"
        else:
            amount = f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
        return amount if self.grounds == "measured" else f"{amount} (estimate)"


@dataclass(frozen=True)
class Profile:
    """`wishes`: in each role what serves best; `weights`: the names to install, `export` those of them that are turned
    into ONNX. What no backend of the registry does is not asked for.
    """

    name: str
    needs: str
    words: str
    wishes: tuple[Chosen, ...]
    wished_weights: tuple[str, ...]
    export: tuple[str, ...] = ()

    @property
    def choices(self) -> tuple[Chosen, ...]:
        return tuple(wish for wish in self.wishes if wish.backend in registry.backends_of(wish.role))

    @property
    def weights(self) -> tuple[str, ...]:
        known = {row.key for row in registry.BACKENDS}
        rows = (manifest.row(name) for name in self.wished_weights)
        return tuple(row.name for row in rows if row and known & set(row.backends))

    @property
    def memory_mb(self) -> int:
        return sum(choice.memory_mb for choice in self.choices)


_SMALL_TOWERS = {"weights": "ViT-B-32-laion2b_s34b_b79k", "precision": "int8"}
_TOWERS = {"weights": "ViT-B-16-SigLIP2"}
_MANY_LANGUAGES = {"weights": "paraphrase-multilingual-MiniLM-L12-v2"}

PROFILES: tuple[Profile, ...] = (
    Profile(
        name="lite",
        needs="2 cores, 4 GB of memory",
        words="Search by meaning, tags, things, faces, text, speech and who speaks. No captions.",
        wishes=(
            Chosen("ocr", "rapidocr", 560, 290, "measured"),
            Chosen("image_embedder", "open_clip_onnx", 400, 90, "measured", _SMALL_TOWERS),
            Chosen("query_embedder", "open_clip_onnx", 300, 20, "estimate", _SMALL_TOWERS),
            Chosen("tagger", "clip_zeroshot", 60, 2, "estimate", _SMALL_TOWERS),
            Chosen("text_embedder", "minilm", 220, 11, "measured"),
            Chosen("detector", "yolox", 80, 30, "measured"),
            Chosen("faces", "yunet_sface", 250, 200, "estimate"),
            Chosen("transcriber", "whisper", 400, 180, "measured"),
            Chosen("diarizer", "ge2e", 200, 20, "measured"),
            Chosen("sentiment", "minilm_sentiment", 220, 11, "measured"),
        ),
        wished_weights=(
            "ViT-B-32-laion2b_s34b_b79k",
            "ram_tags",
            "yolox_nano",
            "yunet",
            "sface",
            "faster-whisper-base",
            "silero-vad-v6",
            "ge2e-resemblyzer",
            "all-MiniLM-L6-v2",
        ),
        export=("ViT-B-32-laion2b_s34b_b79k", "ge2e-resemblyzer"),
    ),
    Profile(
        name="standard",
        needs="4 cores, 8 GB of memory, a graphics processor with 6 GB",
        words="Search in many languages, finer tags and things.",
        wishes=(
            Chosen("ocr", "rapidocr", 560, 400, "estimate"),
            Chosen("image_embedder", "open_clip_onnx", 800, 30, "estimate", _TOWERS),
            Chosen("query_embedder", "open_clip_onnx", 800, 20, "estimate", _TOWERS),
            Chosen("tagger", "clip_zeroshot", 60, 2, "estimate", _TOWERS),
            Chosen("text_embedder", "minilm", 700, 20, "estimate", _MANY_LANGUAGES),
            Chosen("detector", "yolox", 200, 60, "estimate", {"weights": "yolox_s"}),
            Chosen("faces", "yunet_sface", 250, 100, "estimate"),
            Chosen("transcriber", "whisper", 900, 100, "estimate", {"weights": "faster-whisper-small"}),
            Chosen("diarizer", "ge2e", 200, 15, "estimate"),
            Chosen("sentiment", "minilm_sentiment", 220, 10, "estimate"),
        ),
        wished_weights=(
            "ViT-B-16-SigLIP2",
            "ram_tags",
            "paraphrase-multilingual-MiniLM-L12-v2",
            "yolox_s",
            "yunet",
            "sface",
            "faster-whisper-small",
            "silero-vad-v6",
            "ge2e-resemblyzer",
            "all-MiniLM-L6-v2",
        ),
        export=("ViT-B-16-SigLIP2", "ge2e-resemblyzer"),
    ),
    Profile(
        name="quality",
        needs="8 cores, 16 GB of memory, a graphics processor with 16 GB",
        words="All of that, captions, answers to questions, and names for clusters.",
        wishes=(
            Chosen("ocr", "rapidocr", 560, 200, "estimate"),
            Chosen("image_embedder", "open_clip_onnx", 800, 10, "estimate", _TOWERS),
            Chosen("query_embedder", "open_clip_onnx", 800, 20, "estimate", _TOWERS),
            Chosen("tagger", "ram_plus", 2200, 30, "estimate"),
            Chosen("text_embedder", "minilm", 700, 20, "estimate", _MANY_LANGUAGES),
            Chosen("detector", "yolox", 200, 30, "estimate", {"weights": "yolox_s"}),
            Chosen("faces", "yunet_sface", 250, 60, "estimate"),
            Chosen("transcriber", "whisper", 2500, 60, "estimate", {"weights": "faster-whisper-large-v3-turbo"}),
            Chosen("diarizer", "ge2e", 200, 15, "estimate"),
            Chosen("sentiment", "minilm_sentiment", 220, 10, "estimate"),
            Chosen("captioner", "blip2", 8000, 400, "estimate"),
            Chosen("answerer", "blip2", 8000, 400, "estimate"),
            Chosen("llm", "phi", 8000, 3000, "estimate"),
        ),
        wished_weights=(
            "ViT-B-16-SigLIP2",
            "paraphrase-multilingual-MiniLM-L12-v2",
            "ram_plus_swin_large_14m",
            "yolox_s",
            "yunet",
            "sface",
            "faster-whisper-large-v3-turbo",
            "silero-vad-v6",
            "ge2e-resemblyzer",
            "all-MiniLM-L6-v2",
            "blip2-opt-2.7b",
            "Phi-3.5-mini-instruct",
        ),
        export=("ViT-B-16-SigLIP2", "ram_plus_swin_large_14m", "ge2e-resemblyzer"),
    ),
)


def named(name: str) -> Profile:
    return next(profile for profile in PROFILES if profile.name == name)


def fitting(machine: Machine) -> Profile:
    """The best one that this machine carries; `lite` is for all the others."""
    graphics_mb = machine.memory_mb * 2 // 3 if machine.unified else machine.gpu_memory_mb
    if graphics_mb >= 15_000 and machine.memory_mb >= 15_000:  # "16 GB" are rarely whole
        return named("quality")
    if graphics_mb >= 5_500 and machine.memory_mb >= 7_500:
        return named("standard")
    return named("lite")


def settings(profile: Profile) -> dict[str, BackendSetting]:
    """The setting ML for this profile."""
    return {choice.role: _setting(choice) for choice in profile.choices}


def local_settings() -> dict[str, list[BackendSetting]]:
    """For every role what the profiles choose, the smallest first, and then every other backend of this machine.

    Nothing here leaves the house, and nothing here answers by design: such a backend works when settings name it.
    """
    wishes: dict[str, list[BackendSetting]] = {}
    for profile in PROFILES:
        for chosen in profile.choices:
            wishes.setdefault(chosen.role, []).append(_setting(chosen))
    for row in registry.BACKENDS:
        if row.proof != "designed" and not row.leaves_house:
            wishes.setdefault(row.role, []).append({"BACKEND": row.key})
    # Faces are found without a recogniser, too; who it is stays open.
    wishes["faces"].append({"BACKEND": "yunet_sface", "OPTIONS": {"recogniser": ""}})
    return {role: _once(role, wished) for role, wished in wishes.items()}


def size(names: Iterable[str]) -> tuple[int, bool]:
    """Bytes to fetch for these models as far as they are known, and whether all are."""
    rows = [row for name in names if (row := manifest.row(name))]
    return sum(row.size for row in rows), all(row.size_known for row in rows)


def missing_extras(profile: Profile) -> list[str]:
    """The extras of packages that are not here, and that this profile's backends need."""
    chosen = {(choice.role, choice.backend) for choice in profile.choices}
    rows = [row for row in registry.BACKENDS if (row.role, row.key) in chosen]
    return sorted({extra for row in rows if missing_packages(row.packages) for extra in row.extras})


def _setting(choice: Chosen) -> BackendSetting:
    if choice.options:
        return {"BACKEND": choice.backend, "OPTIONS": dict(choice.options)}
    return {"BACKEND": choice.backend}


def _once(role: str, wished: list[BackendSetting]) -> list[BackendSetting]:
    """Each backend once, whether its options are named or are so anyway."""
    built = [choice.build() for choice in choices(role, wished)]
    return [wish for number, wish in enumerate(wished) if built[number] not in built[:number]]
