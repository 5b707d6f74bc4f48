"""Everything that the installed models see in a picture, as plain JSON values of a fixed shape.

The shape is `analysis.schema.json`. A part that could not be done is null and named among `problems`, one that was
half done is only named; the others are done all the same. Foreign files are opened by `media`'s sandbox only.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from media.results import Inspection, Refusal, Taken, Wish
from media.sandbox import Sandbox

from .results import Box, Description, Faces, Failure, PageText, Tags, Things, Vector
from .roles import CAPTIONER, DETECTOR, FACES, IMAGE_EMBEDDER, OCR, TAGGER, Picture, Role, Seen
from .runtime import Runtime

SCHEMA = Path(__file__).with_name("analysis.schema.json")
VERSION = 2
_AT_ONCE = 8

Plain: TypeAlias = dict[str, Any]


@dataclass
class Looked:
    """One picture on its way: what `media` found, and the pictures that the models look at."""

    path: Path
    found: Inspection | Refusal
    preview: Picture | None = None
    detail: Picture | None = None
    vector: Vector | None = None


@dataclass(frozen=True)
class Part:
    """One key of the answer. `item`: what of a picture its model looks at. `plain`: the result as JSON values.
    `half`: whether the result lacks what the backend of choice would have seen."""

    name: str
    role: Role[Any, Any, Any]
    item: Callable[[Looked], Any]
    plain: Callable[[Any], Plain]
    half: Callable[[Any], bool] = lambda _result: False


def analyze(paths: Iterable[Path], runtime: Runtime, parts: "Sequence[Part] | None" = None) -> Iterator[Plain]:
    """One answer for each file, in order, a few files at a time. Of `parts` not asked for, nothing is said."""
    for looked in _looked_at(paths):
        yield from _answers(looked, runtime, PARTS if parts is None else parts)


def compare(paths: Iterable[Path], runtimes: Sequence[Runtime], parts: "Sequence[Part]") -> Iterator[list[Plain]]:
    """For each file one answer of each runtime; loading the models does not count as time."""
    with ExitStack() as pins:
        for runtime in runtimes:
            for part in parts:
                pins.enter_context(runtime.pinned(part.role))
        for looked in _looked_at(paths):
            answers = [_answers(looked, runtime, parts) for runtime in runtimes]
            yield from (list(one) for one in zip(*answers, strict=True))


def opened(paths: Iterable[Path]) -> Iterator[Picture]:
    """The pictures among these files as models look at them; what cannot be opened is left out."""
    for looked in _looked_at(paths):
        yield from (one.preview for one in looked if one.preview is not None)


def pictures_in(place: Path, above: frozenset[Path] = frozenset()) -> Iterator[Path]:
    """The file itself, or every file in the folder and below, by name; hidden ones are left out.

    `above`: the folders that it lies in, which links below lead back to.
    """
    if not place.is_dir():
        yield place
        return
    if (real := place.resolve()) in above:
        return
    for path in sorted(place.iterdir()):
        if not path.name.startswith("."):
            yield from pictures_in(path, above | {real})


def _looked_at(paths: Iterable[Path]) -> Iterator[list[Looked]]:
    """Opened in the sandbox, a few at a time."""
    waiting = iter(paths)
    with Sandbox() as sandbox, tempfile.TemporaryDirectory(prefix="mediahub-analysis-") as folder:
        while batch := list(islice(waiting, _AT_ONCE)):
            wishes = [_wish(number, path, Path(folder)) for number, path in enumerate(batch)]
            answers = {answer.key: answer for answer in sandbox.inspect(wishes)}
            yield [_looked(path, answers[wish.key], wish) for path, wish in zip(batch, wishes, strict=True)]


def _answers(looked: list[Looked], runtime: Runtime, parts: "Sequence[Part]") -> list[Plain]:
    results = [_facts(one) for one in looked]
    good = [(one, result) for one, result in zip(looked, results, strict=True) if one.preview is not None]
    for part in parts:
        began = time.perf_counter()
        answers_of_part = _asked(runtime, part, [part.item(one) for one, _ in good])
        seconds = (time.perf_counter() - began) / max(1, len(good))
        for (one, result), answer in zip(good, answers_of_part, strict=True):
            result["seconds"][part.name] = round(seconds, 3)
            problem = answer if isinstance(answer, Failure) else _half(runtime, part, answer)
            if problem:
                result["problems"].append({"part": part.name, "kind": problem.kind, "message": problem.message})
            if isinstance(answer, Failure):
                continue
            if isinstance(answer, Vector):
                one.vector = answer
            result[part.name] = part.plain(answer)
    return results


def _asked(runtime: Runtime, part: "Part", items: list[Any]) -> list[Any]:
    if all(status.role != part.role.key for status in runtime.status()):
        return [Failure("not_installed", f"No backend is set for the {part.name}.", retryable=True)] * len(items)
    return list(runtime.map(part.role, items))


def _half(runtime: Runtime, part: "Part", answer: Any) -> Failure | None:
    if not part.half(answer):
        return None
    states = (status for status in runtime.status() if status.role == part.role.key)
    missing = next((status.last_error for status in states if not status.installed), None)
    return Failure("not_installed", missing, retryable=True) if missing else None


def _wish(number: int, path: Path, folder: Path) -> Wish:
    place = folder / str(number)
    place.mkdir(exist_ok=True)
    for old in place.iterdir():
        old.unlink()
    modified = path.stat().st_mtime if path.is_file() else 0.0
    return Wish(str(number), path.absolute(), None, place, path.name, modified)


def _looked(path: Path, found: Inspection | Refusal, wish: Wish) -> Looked:
    if isinstance(found, Refusal):
        # To `media` every file was there once; here somebody typed its name.
        return Looked(path, found if os.path.lexists(path) else replace(found, reason=f"There is no file {path}."))
    pictures = {rendition.kind: _opened(wish.folder / rendition.name) for rendition in found.renditions}
    return Looked(path, found, pictures["preview"], pictures.get("detail", pictures["preview"]))


def _opened(rendition: Path) -> Picture:
    """We wrote this file ourselves, from a decoded picture."""
    with Image.open(rendition) as image:
        return np.asarray(image.convert("RGB"))


def _facts(looked: Looked) -> Plain:
    """Every key of the answer, filled as far as no model is needed."""
    found = looked.found
    result: Plain = {"version": VERSION, "picture": str(looked.path), "refused": None}
    result |= dict.fromkeys(["file", "hash", "quality", "colours", *(part.name for part in PARTS)])
    result |= {"seconds": {}, "problems": []}
    if isinstance(found, Refusal):
        return result | {"refused": {"kind": found.kind, "reason": found.reason}}
    metadata = found.metadata
    return result | {
        "file": {
            "format": found.format,
            "mime": found.mime,
            "width": found.width,
            "height": found.height,
            "frames": found.frames,
            "taken": _taken(metadata.taken),
            "make": metadata.make,
            "model": metadata.model,
            "latitude": metadata.latitude,
            "longitude": metadata.longitude,
        },
        "hash": {"pdq": found.pdq.forms[0], "quality": found.pdq.quality},
        "quality": asdict(found.quality),
        "colours": [asdict(colour) for colour in found.colours],
    }


def _taken(taken: Taken | None) -> Plain | None:
    """When a file was last written says little: it is when it was copied."""
    return None if taken is None or taken.source == "file" else asdict(taken)


def _text(page: PageText) -> Plain:
    return {
        "model": str(page.model),
        "language": page.language,
        "text": page.text,
        "lines": [
            {
                "text": line.text,
                "score": line.score,
                "language": line.language,
                "corners": [list(at) for at in line.box],
            }
            for line in page.lines
        ],
    }


def _embedding(vector: Vector) -> Plain:
    return {"model": str(vector.model), "space": vector.space, "numbers": int(vector.values.size)}


def _tags(tags: Tags) -> Plain:
    return {
        "model": str(tags.model),
        "tags": [
            {
                "name": tag.name,
                "score": _rounded(tag.score),
                "calibrated": tag.calibrated,
                "other_names": dict(tag.other_names),
            }
            for tag in tags.tags
        ],
    }


def _things(things: Things) -> Plain:
    return {
        "model": str(things.model),
        "things": [
            {"name": thing.name, "score": _rounded(thing.score), "box": thing.box and _corners(thing.box)}
            for thing in things.things
        ],
    }


def _faces(faces: Faces) -> Plain:
    return {
        "model": str(faces.model),
        "faces": [
            {
                "box": _corners(face.box),
                "score": _rounded(face.score),
                "quality": _rounded(face.quality),
                "landmarks": [[_rounded(number) for number in point] for point in face.landmarks],
                "space": face.vector.space if face.vector else None,
            }
            for face in faces.faces
        ],
    }


def _nobody_is_told(faces: Faces) -> bool:
    """Faces were found, and nothing that tells one person from another."""
    return any(face.vector is None for face in faces.faces)


def _caption(description: Description) -> Plain:
    return {
        "model": str(description.model),
        "caption": description.caption,
        "scene": description.scene,
        "things": [{"name": thing.name, "score": _rounded(thing.score)} for thing in description.things],
        "tags": [tag.name for tag in description.tags],
    }


def _corners(box: Box) -> list[float]:
    return [_rounded(number) for number in box]


def _rounded(number: float) -> float:
    return round(float(number), 4)


#: The order of work: the tagger may look at the vector that the embedder made.
PARTS: tuple[Part, ...] = (
    Part("text", OCR, lambda looked: looked.detail, _text),
    Part("embedding", IMAGE_EMBEDDER, lambda looked: looked.preview, _embedding),
    Part("tags", TAGGER, lambda looked: Seen(looked.preview, looked.vector), _tags),
    Part("things", DETECTOR, lambda looked: looked.preview, _things),
    Part("faces", FACES, lambda looked: looked.preview, _faces, half=_nobody_is_told),
    Part("caption", CAPTIONER, lambda looked: looked.preview, _caption),
)
