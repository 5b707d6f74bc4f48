"""`analyze`, `compare` and `ocr`: what the models see in pictures of this machine."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from textwrap import wrap
from typing import Any, TypeAlias

from .. import profiles
from ..analysis import PARTS, Part, analyze, compare, pictures_in
from ..roles import IMAGE_EMBEDDER, TAGGER
from ..runtime import Runtime
from ..settings import BackendSetting, SettingsError
from ..weights import home

_COLUMN = 56

Settings: TypeAlias = dict[str, BackendSetting | Sequence[BackendSetting]]
Commands = Any  # argparse does not name the type of its sub-commands


def add_commands(commands: Commands) -> None:
    looking = commands.add_parser(
        "analyze",
        help="everything the installed models see in pictures, as JSON",
        usage="python -m ml analyze PICTURE|FOLDER... [--only PART...]",  # the parts would swallow the pictures
    )
    looking.add_argument("places", type=Path, nargs="+", metavar="PICTURE|FOLDER", help="a folder: one line a picture")
    looking.add_argument("--only", choices=[part.name for part in PARTS], nargs="+", metavar="PART")
    looking.set_defaults(run=_analyze)
    comparing = commands.add_parser(
        "compare",
        help="two backends on the same pictures, side by side",
        description="A backend may have options: yolox,weights=yolox_s; what is in quotes is a word, not a number.",
    )
    comparing.add_argument("role", choices=[part.role.key for part in PARTS], metavar="ROLE")
    comparing.add_argument("backends", nargs=2, metavar="BACKEND")
    comparing.add_argument("places", type=Path, nargs="+", metavar="PICTURE|FOLDER")
    comparing.add_argument("--json", action="store_true", help="for programs: one line a picture")
    comparing.set_defaults(run=_compare)
    reading = commands.add_parser("ocr", help="read the text in pictures, as JSON")
    reading.add_argument("places", type=Path, nargs="+", metavar="PICTURE|FOLDER")
    reading.set_defaults(run=_analyze, only=["text"])


def _analyze(arguments: argparse.Namespace) -> int:
    """One picture is printed to be read; several, or a folder, one line each as soon as they are done."""
    alone = len(arguments.places) == 1 and not arguments.places[0].is_dir()
    parts = [part for part in PARTS if arguments.only is None or part.name in arguments.only]
    wishes = profiles.local_settings()
    told: set[str] = set()
    done = False
    wished = {part.role.key: wishes[part.role.key] for part in parts if part.role.key in wishes}
    with Runtime(wished, measured=home()) as runtime:
        for result in analyze(_all(arguments.places), runtime, parts):
            _print_json(result, indent=2 if alone else None)
            if alone and result["refused"]:
                sys.stderr.write(f"{result['refused']['reason']}\n")
            # Without a model there are still facts, but not what was asked for.
            done |= not result["refused"] and (not arguments.only or _has_any(result, parts))
            missing = {problem["message"] for problem in result["problems"] if problem["kind"] == "not_installed"}
            for message in sorted(missing - told):
                sys.stderr.write(message + "\n")
            told |= missing
    return 0 if done else 1


def _all(places: list[Path]) -> Iterator[Path]:
    for place in places:
        path = None
        for path in pictures_in(place):
            yield path
        if path is None:
            sys.stderr.write(f"There is no picture in {place}.\n")


def _has_any(result: dict[str, Any], parts: Sequence[Part]) -> bool:
    return any(result[part.name] is not None for part in parts)


def _compare(arguments: argparse.Namespace) -> int:
    """Side by side, or one line a picture."""
    part = next(part for part in PARTS if part.role.key == arguments.role)
    # A tagger may look at the vector that an embedder made.
    before = [one for one in PARTS if one.role is IMAGE_EMBEDDER and part.role is TAGGER]
    embedder: Settings = {one.role.key: profiles.local_settings()[one.role.key] for one in before}
    runtimes = [Runtime(embedder | {part.role.key: _backend(words)}) for words in arguments.backends]
    done = False
    with runtimes[0], runtimes[1]:
        if not arguments.json:
            _print(_side_by_side([arguments.backends[:1], arguments.backends[1:]]))
        for results in compare(_all(arguments.places), runtimes, [*before, part]):
            picture = results[0]["picture"]
            done |= any(_has_any(result, [part]) for result in results)
            if arguments.json:
                _print_json({"picture": picture, "role": part.role.key, "results": results})
            else:
                _print(f"\n{picture}\n" + _side_by_side([_in_words(part, result) for result in results]))
    return 0 if done else 1


def _in_words(part: Part, result: dict[str, Any]) -> list[str]:
    """What one backend saw, line by line."""
    if result["refused"]:
        return [str(result["refused"]["reason"])]
    found = result[part.name]
    if found is None:
        return [str(problem["message"]) for problem in result["problems"]]
    match part.name:
        case "text":
            lines = found["text"].splitlines()
        case "tags" | "things":
            lines = [f"{one['name']} {one['score']:.2f}" for one in found[part.name]]
        case "faces":
            lines = [f"face {one['score']:.2f} at {one['box']}" for one in found["faces"]]
        case "caption":
            lines = [found["caption"]]
        case _:
            lines = [f"{found['numbers']} numbers in {found['space']}"]
    return [f"{found['model']}, {result['seconds'][part.name]:.2f} s", *(lines or ["nothing"])]


def _backend(words: str) -> BackendSetting:
    """`yolox,weights=yolox_s`; numbers and true or false are read as such. Raises SettingsError."""
    key, *options = words.split(",")
    named = [option.partition("=") for option in options]
    if wrong := [option for option, (name, equals, _) in zip(options, named, strict=True) if not (name and equals)]:
        raise SettingsError(f'"{wrong[0]}" in "{words}" is no option. An option is written NAME=VALUE.')
    return {"BACKEND": key, "OPTIONS": {name: _value(value) for name, _, value in named}}


def _value(words: str) -> object:
    try:
        value = json.loads(words)
    except ValueError:
        return words
    return value if isinstance(value, bool | int | float) else words.strip('"')


def _side_by_side(columns: list[list[str]]) -> str:
    left, right = ([line for words in column for line in wrap(words, _COLUMN) or [""]] for column in columns)
    return "\n".join(f"{one:{_COLUMN}} | {other}".rstrip() for one, other in zip_longest(left, right, fillvalue=""))


def _print_json(value: object, indent: int | None = None) -> None:
    """What this output has no letters for is escaped: the name of a file may be no text at all."""
    words = json.dumps(value, ensure_ascii=False, indent=indent)
    _print(words if words == _writable(words) else json.dumps(value, indent=indent))


def _writable(words: str) -> str:
    encoding = sys.stdout.encoding or "utf-8"
    return words.encode(encoding, "backslashreplace").decode(encoding)


def _print(words: str) -> None:
    sys.stdout.write(_writable(words) + "\n")
    sys.stdout.flush()
