"""`models list | show | pull | import | verify | remove | recommend | export | calibrate`; also behind manage.py."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import chain, groupby, islice
from operator import attrgetter
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from .. import machine, profiles, registry
from ..analysis import opened, pictures_in
from ..backend import NotInstalled
from ..packages import command_for, missing_packages
from ..probe import Trial, measure, remember
from ..roles import DETECTOR, FACES, IMAGE_EMBEDDER, OCR, Picture, Role
from ..runtime import Runtime
from ..sentences import CONFIG, TOKENIZER
from ..settings import Choice, choices
from ..weights import check, manifest, store
from ..weights.files import WeightsError, in_words
from ..weights.manifest import Weights
from ..weights.offline import import_folder
from ..weights.pull import known_row, pull
from .progress import Progress

_CHECKED_ON = 64  # pictures
_MOST_TAGS = 1000  # a photo, on average
_PROFILES = [profile.name for profile in profiles.PROFILES]
_PROOFS: dict[registry.Proof, str] = {
    "real weights": "real weights, as they are published",
    "seeded weights": "seeded weights, other numbers in the real architecture",
    "designed": "designed weights, whose answers are known beforehand",
    "not run": "not run so far",
}
_MEASURED: tuple[Role[Any, Any, Any], ...] = (OCR, IMAGE_EMBEDDER, DETECTOR, FACES)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`run` of the parsed arguments is the function that does it; it answers the exit status."""
    commands = parser.add_subparsers(dest="models_command", required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        return added

    listing = command("list", _list, "every model, whether it is installed, and what it is good at")
    listing.add_argument("--json", action="store_true", help="for programs")
    listing.add_argument("--installed", action="store_true", help="only what is on this machine")
    show = command("show", _show, "one model with its files, their addresses and checksums")
    show.add_argument("name", metavar="NAME")
    pulling = command("pull", _pull, "fetch models by name; goes on where it was cut")
    pulling.add_argument("names", metavar="NAME", nargs="+")
    importing = command("import", _import, "install models from a folder, without internet")
    importing.add_argument("folder", type=Path, metavar="FOLDER")
    importing.add_argument("--as", dest="name", metavar="NAME", help="the folder itself is this model")
    importing.add_argument("--trust", action="store_true", help="take files with other checksums than the known ones")
    verifying = command("verify", _verify, "read installed models and compare them with their checksums")
    verifying.add_argument("names", metavar="NAME", nargs="*", help="only these")
    verifying.add_argument("--json", action="store_true", help="for programs")
    exporting = command("export", _export, "turn an installed model into ONNX, for machines without torch")
    exporting.add_argument("name", metavar="NAME")
    exporting.add_argument("--pictures", type=Path, metavar="FOLDER", help="compare on these photos")
    measuring = command("measure", _measure, "find the fastest way to run each installed model here, and remember it")
    measuring.add_argument("pictures", type=Path, metavar="FOLDER", help="with photos of the usual kind")
    measuring.add_argument("--role", choices=[role.key for role in _MEASURED], help="only these models")
    calibrating = command("calibrate", _calibrate, "make tags by meaning fit your own photos")
    calibrating.add_argument("pictures", type=Path, metavar="FOLDER", help="with at least 50 photos, better a thousand")
    calibrating.add_argument("--profile", choices=_PROFILES, help="whose models to use; that of this machine")
    calibrating.add_argument(
        "--tags", type=_some_tags, default=10.0, metavar="N", help="so many a photo on average (10)"
    )
    command("remove", _remove, "delete an installed model").add_argument("name", metavar="NAME")
    advice = command("recommend", _recommend, "which models fit this machine, and how to get them")
    advice.add_argument("--json", action="store_true", help="for programs")
    advice.add_argument("--profile", choices=_PROFILES, help="as if it fitted")


def _some_tags(words: str) -> float:
    try:
        number = float(words)
    except ValueError:
        number = 0
    if not 0 < number <= _MOST_TAGS:
        raise argparse.ArgumentTypeError(f"{words} is no number between 0 and {_MOST_TAGS}")
    return number


def _list(arguments: argparse.Namespace) -> int:
    here = set(store.installed())
    strangers = sorted(here - {row.name for row in manifest.ROWS})
    facts = [_facts(row, row.name in here) for row in manifest.ROWS]
    unknown = {"installed": True, "roles": [], "proof": [], "good_at": "One of your own."}
    facts += [{"name": name} | unknown for name in strangers]
    if arguments.installed:
        facts = [one for one in facts if one["installed"]]
    if arguments.json:
        _print_json(facts)
    elif not facts:
        _say("No model is installed. `models recommend` says which ones fit this machine.")
    else:
        _say("\n".join(_listed(facts)))
        _say(f"\n* is installed. Installed models lie in {store.home()}.")
    return 0


def _facts(row: Weights, installed: bool) -> dict[str, Any]:
    rows = [one for one in registry.BACKENDS if one.key in row.backends and one.role in row.roles]
    return {
        "name": row.name,
        "roles": list(row.roles),
        "backends": list(row.backends),
        "installed": installed or check.is_in_package(row),
        "package": row.package,
        "size": row.size,
        "size_known": row.size_known,
        "memory_mb": row.memory_mb,
        "pinned": row.pinned,
        "code_licence": row.code_licence,
        "weights_licence": row.weights_licence,
        "source": row.source,
        "proof": [row.proof] if row.proof else sorted({one.proof for one in rows}),
        "good_at": row.good_at,
    }


def _listed(facts: list[dict[str, Any]]) -> Iterator[str]:
    """Grouped by what they are for; a star marks what is installed."""
    for roles, group in groupby(facts, key=lambda one: ", ".join(one["roles"]) or "other"):
        yield f"{roles}:"
        for one in group:
            mark = "*" if one["installed"] else " "
            if "weights_licence" not in one:
                yield f"  {mark} {one['name']}"
                continue
            size = f"in the package {one['package']}" if one["package"] else _size(one["size"], one["size_known"])
            yield f"  {mark} {one['name']} ({size})"
            yield f"      {one['good_at']}"
            yield f"      Weights: {one['weights_licence']}. Code: {one['code_licence']}. {_proof(one['proof'])}"


def _proof(kinds: list[registry.Proof]) -> str:
    """How far it was proved, as a sentence."""
    said = [_PROOFS[kind] for kind in kinds]
    return f"Proof: {'; or '.join(said)}." if said else "No backend runs it yet."


def _size(size: int, known: bool) -> str:
    if known:
        return in_words(size)
    return f"over {in_words(size)}" if size > 1_000_000 else "size not known"


def _show(arguments: argparse.Namespace) -> int:
    if manifest.row(arguments.name) is None and (own := store.record(arguments.name)):
        _print_json(asdict(own))
        return 0
    row = known_row(arguments.name)
    _print_json(
        _facts(row, row.name in store.installed())
        | {"archive": row.archive and asdict(row.archive)}
        | {"files": [asdict(file) for file in row.files]}
    )
    return 0


def _pull(arguments: argparse.Namespace) -> int:
    rows = [known_row(name) for name in arguments.names]
    for row in rows:
        if not row.package:
            _note(
                f"{row.name}: {_size(row.size, row.size_known)}, weights under {row.weights_licence}, from {row.source}"
            )
        progress = Progress()
        try:
            pulled = pull(row.name, progress, lambda name: _note(f"{name} is being installed already; waiting ..."))
        except KeyboardInterrupt:
            _note("\nWhat was fetched stays; the same command goes on from there.")
            raise
        finally:
            progress.done()
        if not pulled.fresh:
            _say(f"{row.name} is installed already and whole.")
            continue
        _say(f"{row.name} is installed in {pulled.folder}.")
        unknown = [file.path for file in pulled.record.files if not file.known]
        if unknown:
            _note(f"No checksum was known for {', '.join(unknown)}: what came is written down, and counts from now on.")
    return 0


def _import(arguments: argparse.Namespace) -> int:
    result = import_folder(arguments.folder, name=arguments.name, trust=arguments.trust)
    for name in result.names:
        _say(f"{name} is installed in {store.folder(name)}.")
    if not result.names:
        _say(f"No model was found in {arguments.folder}.")
    for reason, group in groupby(sorted(result.left, key=attrgetter("reason")), key=attrgetter("reason")):
        left = list(group)
        names = [str(one.path.relative_to(arguments.folder)) for one in left]
        files = names[0] if len(names) == 1 else f"{len(names):,} files ({', '.join(names[:3])}{_more(names[3:])})"
        _note(f"Left {files}: {reason}.")
        if commands := sorted({one.command for one in left if one.command}):
            _note("  If you trust it: " + "\n  or: ".join(commands))
    return 0 if result.names else 1


def _more(rest: Sequence[str]) -> str:
    return ", ..." if rest else ""


def _verify(arguments: argparse.Namespace) -> int:
    names = [_proper(name) for name in arguments.names]
    if absent := [name for name in names if name not in store.installed()]:
        raise WeightsError(store.not_installed(absent[0]))
    seen = None if arguments.json else lambda name: _note(f"Reading {name} ...")
    verdicts = check.verify(seen, names or None)
    damaged = [verdict for verdict in verdicts if verdict.state == "damaged"]
    if arguments.json:
        _print_json([asdict(verdict) for verdict in verdicts])
    elif not verdicts:
        _say("No model is installed.")
    else:
        lines = [
            [
                verdict.name,
                verdict.state,
                in_words(verdict.size),
                "published" if verdict.pinned else "written down",
                verdict.trouble or "",
            ]
            for verdict in verdicts
        ]
        _say(_table(["name", "state", "size", "checksums", ""], lines))
        for verdict in damaged:
            _say(f"Mend {verdict.name}: {verdict.mend}")
    return 1 if damaged else 0


def _export(arguments: argparse.Namespace) -> int:
    from ..export import ExportError

    name, export = _exporter(arguments.name)
    pictures = _some_of(arguments.pictures) if arguments.pictures else []
    try:
        verdicts = export(name, pictures)
    except (ExportError, NotInstalled) as error:
        raise WeightsError(str(error)) from error
    store.note_export(name, f"{name} in {store.folder(name)}")
    heads = ["precision", *verdicts[0].figures, ""]
    lines = [
        [verdict.precision, *verdict.figures.values(), "kept" if verdict.kept else "drifted too far; not kept"]
        for verdict in verdicts
    ]
    _say(_table(heads, lines))
    return 0


def _exporter(name: str) -> "tuple[str, _Exporter]":
    """With the name as it is written. Of models of one's own, those of sentences are told by their files."""
    if manifest.row(name) is None and store.record(name):
        if all((store.folder(name) / file).is_file() for file in (TOKENIZER, CONFIG)):
            return name, _export_text
        raise WeightsError(
            f"{name} is one of your own. Of those only sentence models can be exported, and it lacks {TOKENIZER} or "
            f"{CONFIG}. If it is another form of a known model, import it again by that name: --as NAME --trust."
        )
    row = known_row(name)
    export = next((_EXPORTERS[backend] for backend in row.backends if backend in _EXPORTERS), None)
    if export is None:
        raise WeightsError(_why_no_export(row))
    return row.name, export


def _some_of(place: Path) -> list[Picture]:
    """Raises WeightsError when there is none."""
    if pictures := list(islice(opened(_files_in(place)), _CHECKED_ON)):
        return pictures
    raise WeightsError(f"There is no picture in {place} that can be opened.")


def _files_in(place: Path) -> Iterator[Path]:
    """Raises WeightsError at once when there is none."""
    if not place.exists():
        raise WeightsError(f"There is no folder {place}.")
    files = pictures_in(place)
    if (first := next(files, None)) is None:
        raise WeightsError(f"There is no picture in {place}.")
    return chain([first], files)


def _why_no_export(row: Weights) -> str:
    if row.package:
        return f"There is nothing to export: {row.name} lies in the package {row.package} as it is run."
    if any(file.path.endswith(".onnx") for file in row.files):
        return f"There is nothing to export: {row.name} is ONNX already."
    able = ", ".join(one.name for one in manifest.ROWS if set(one.backends) & set(_EXPORTERS))
    return f"{row.name} has no other form: {' and '.join(row.backends)} runs it as it is. Exported can be: {able}."


class _Verdict(Protocol):
    """How near an exported model comes to the one that it was made from."""

    @property
    def precision(self) -> str: ...

    @property
    def kept(self) -> bool: ...

    @property
    def figures(self) -> Mapping[str, str]: ...


def _export_towers(name: str, pictures: Sequence[Picture]) -> Sequence[_Verdict]:
    from ..export import export

    return export(name, pictures)


def _export_tagger(name: str, pictures: Sequence[Picture]) -> Sequence[_Verdict]:
    from ..export_tagger import export

    return export(name, pictures)


def _export_detector(name: str, pictures: Sequence[Picture]) -> Sequence[_Verdict]:
    from ..export_detector import export

    return export(name, pictures)


def _export_patches(name: str, pictures: Sequence[Picture]) -> Sequence[_Verdict]:
    from ..export_patches import export

    return export(name, pictures)


def _export_text(name: str, pictures: Sequence[Picture]) -> Sequence[_Verdict]:
    from ..export_text import export

    return export(name)


def _export_voiceprints(name: str, _pictures: Sequence[Picture]) -> Sequence[_Verdict]:
    from ..export_voice import export

    return export(name)


_Exporter: TypeAlias = Callable[[str, Sequence[Picture]], Sequence[_Verdict]]

#: By the backend that runs what comes out.
_EXPORTERS: Mapping[str, _Exporter] = {
    "open_clip_onnx": _export_towers,
    "ram_plus": _export_tagger,
    "yolo_onnx": _export_detector,
    "vit_onnx": _export_patches,
    "minilm": _export_text,
    "ge2e": _export_voiceprints,
}


def _measure(arguments: argparse.Namespace) -> int:
    """Every backend of this machine that looks at pictures and is installed, one after the other."""
    pictures = _some_of(arguments.pictures)
    wishes = profiles.local_settings()
    roles = [role for role in _MEASURED if arguments.role in (None, role.key) and role.key in wishes]
    here = [(role, choice) for role in roles for choice in choices(role.key, wishes[role.key]) if _runs_here(choice)]
    if not here:
        raise WeightsError("No model that looks at pictures is installed. See: python -m ml models recommend")
    done = False
    for role, choice in here:
        _note(f"Measuring {choice.row.key} as {role.key} ...")
        try:
            trials = measure(choice, pictures, role.options())
        except NotInstalled as error:
            _note(check.damage(choice.folders()) or str(error))
            continue
        done = True
        remember(store.home(), choice, trials)
        _say(f"\n{choice.build().model()}, {role.key}:")
        _say(_table(["pictures a second", "agreement", "options", ""], [_trial(trial) for trial in trials]))
    return 0 if done else 1


def _calibrate(arguments: argparse.Namespace) -> int:
    from ..calibrate import CalibrationError, calibrate

    files = _files_in(arguments.pictures)
    wishes = profiles.settings(_profile(arguments.profile))
    embedders = {role: wishes[role] for role in ("image_embedder", "query_embedder")}
    _note("Preparing the tags, then looking at the photos; this takes some minutes ...")
    with Runtime(embedders, measured=store.home()) as runtime:
        try:
            found = calibrate(runtime, opened(files), tags_a_picture=arguments.tags)
        except (CalibrationError, NotInstalled) as error:
            raise WeightsError(str(error)) from error
    _say(
        f"Measured on {found.pictures:,} photos in {found.space}: {found.tags_a_picture:.1f} tags a photo, no tag on "
        f"more than {found.widest:.0%} of them; {found.guarded:,} tags would have been and are given more rarely."
    )
    return 0


def _runs_here(choice: Choice) -> bool:
    return missing_packages(choice.row.packages) is None and choice.build().missing_weights() is None


def _trial(trial: Trial) -> list[str]:
    options = ", ".join(f"{name}={value}" for name, value in trial.options.items()) or "as set"
    return [f"{trial.items_per_second:.2f}", f"{trial.agreement:.4f}", options, trial.problem or ""]


def _remove(arguments: argparse.Namespace) -> int:
    row = manifest.row(arguments.name)
    if row and row.package:
        raise WeightsError(f"There is nothing to remove: {row.name} lies in the Python package {row.package}.")
    store.remove(_proper(arguments.name))
    _say(f"{_proper(arguments.name)} is removed.")
    return 0


def _proper(name: str) -> str:
    """With the capital letters that the model has, when it is a known one."""
    row = manifest.row(name)
    return row.name if row else name


def _recommend(arguments: argparse.Namespace) -> int:
    seen = machine.look()
    profile = _profile(arguments.profile, seen)
    missing = [name for name in profile.weights if not _is_here(name)]
    if arguments.json:
        _print_json(
            {
                "machine": asdict(seen),
                "profile": {"name": profile.name, "needs": profile.needs, "memory_mb": profile.memory_mb},
                "choices": [asdict(choice) for choice in profile.choices],
                "missing": missing,
                "settings": profiles.settings(profile),
            }
        )
        return 0
    gpus = ", ".join(f"{gpu.name} with {gpu.memory_mb / 1024:.0f} GB" for gpu in seen.gpus) or (
        "Apple's, in the same memory" if seen.unified else "none"
    )
    _say(f"This machine: {seen.cores} cores, {seen.memory_mb / 1024:.0f} GB of memory, graphics: {gpus}.")
    _say(f"Profile: {profile.name} ({profile.needs}). {profile.words}\n")
    heads = ["for", "backend", "model", "memory", "1,000 photos take"]
    _say(_table(heads, [_row(choice) for choice in profile.choices]))
    _say(
        f"\nAll at once they would take about {profile.memory_mb:,} MB. They are loaded when needed, and leave "
        "when there is no room."
    )
    if missing:
        _say(
            f"\nStill to be fetched ({_size(*profiles.size(missing))}):\n  python -m ml models pull {' '.join(missing)}"
        )
    if extras := profiles.missing_extras(profile):
        _say(f"  {command_for(extras)}")
    for name in profile.export:
        if store.record(f"{name}/{store.EXPORT}") is None:
            _say(f"  python -m ml models export {name}   (once, where torch is: {command_for(['torch'])})")
    if _can_calibrate(profile):
        _say("\nTo make tags by meaning fit your own photos:\n  python -m ml models calibrate FOLDER-WITH-YOUR-PHOTOS")
    _say("\nThe setting ML for it:\n" + json.dumps(profiles.settings(profile), indent=2))
    return 0


def _can_calibrate(profile: profiles.Profile) -> bool:
    """Tags by meaning look at vectors: whoever makes these must be here first."""
    wishes = profiles.settings(profile)
    embedders = [choice for role in ("image_embedder", "query_embedder") for choice in choices(role, wishes[role])]
    return wishes["tagger"]["BACKEND"] == "clip_zeroshot" and all(map(_runs_here, embedders))


def _profile(name: str | None, seen: machine.Machine | None = None) -> profiles.Profile:
    """The one that is named, else the one that fits this machine."""
    return profiles.named(name) if name else profiles.fitting(seen or machine.look())


def _row(choice: profiles.Chosen) -> list[str]:
    weights = str(choice.options.get("weights", ""))
    return [choice.role, choice.backend, weights, f"{choice.memory_mb:,} MB", choice.speed()]


def _is_here(name: str) -> bool:
    row = manifest.row(name)
    return name in store.installed() or (row is not None and check.is_in_package(row))


def _table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell; the last one takes what it needs."""
    widths = [max(len(line[column]) for line in [heads, *lines]) for column in range(len(heads))]
    rows = [heads, ["-" * width if head else "" for width, head in zip(widths, heads, strict=True)], *lines]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _say(words: str) -> None:
    sys.stdout.write(words + "\n")


def _note(words: str) -> None:
    sys.stderr.write(words + "\n")


def _print_json(value: object) -> None:
    _say(json.dumps(value, ensure_ascii=False, indent=2))
