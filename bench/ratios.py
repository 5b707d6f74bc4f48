"""The benchmarks. Each asks its gate first and answers with ratios."""

import json
import os
import random
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.db import connection, transaction
from PIL import Image

from apps.accounts.models import User
from apps.ingest import services as ingest
from apps.ingest.models import StepRun
from apps.ingest.steps import BY_NAME
from apps.jobs import services as jobs
from apps.library import steps as library_steps
from apps.library.access import resolve
from apps.library.batch import Batch, Item
from apps.library.models import Asset, File, Library
from apps.library.paging import TIMELINE
from apps.library.services import add_folder, home_of, originals_of, place_of
from apps.reading.runtime import runtime
from apps.search import services as search
from apps.search.query import Query
from bench import baselines, embedder, matcher, speech, work
from bench.protocol import Pairs, Ratio, gate, interleave, on_one_core, ratio, seconds
from media import Inspection, Wish
from media.pictures import Opened, inspect_file
from ml import EmbedOptions

CPU_STEPS = ("inspect", "facts", "hash", "duplicates")
CORES = 2
PAGE = 50
FAR = 20_000


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    repeats: int = 7
    pictures: int = 64
    decoded: int = 2
    megapixels: int = 12
    queued: int = 256
    imported: int = 20_000
    assets: int = 1_000_100
    page_calls: int = 40
    pages: int = 12
    embedded: int = 32
    sounds: int = 8
    products: int = 10
    many_products: int = 1000
    crops: int = 16
    stored: int = 8
    small_models: bool = False


QUICK = Size(
    repeats=1,
    pictures=4,
    decoded=1,
    megapixels=1,
    queued=8,
    imported=200,
    assets=2_000,
    page_calls=5,
    pages=1,
    embedded=12,
    sounds=2,
    small_models=True,
    products=2,
    many_products=12,
    crops=4,
    stored=2,
)


def write_pictures(folder: Path, count: int, megapixels: int) -> list[Path]:
    """JPEGs with coarse and fine detail, about as large as a camera's. The same ones every time."""
    folder.mkdir(parents=True)
    width, height = round((megapixels * 4 / 3) ** 0.5 * 1000), round((megapixels * 3 / 4) ** 0.5 * 1000)
    paths = []
    for number in range(count):
        dice = np.random.default_rng(number)
        coarse = Image.fromarray(dice.integers(0, 256, (12, 16, 3), np.uint8)).resize((width, height))
        grain = Image.fromarray(dice.integers(0, 256, (height // 4, width // 4, 3), np.uint8)).resize((width, height))
        path = folder / f"{number:05}.jpg"
        Image.blend(coarse, grain, 0.15).save(path, "JPEG", quality=88)
        paths.append(path)
    return paths


def somebody() -> User:
    return User.objects.create_user(f"bench-{uuid.uuid4().hex[:8]}", "a-long-enough-password")


# -- R1: the pipeline against its naked stages ------------------------------------------------------------------------
def pipeline_against_stages(size: Size, folder: Path) -> list[Ratio]:
    write_pictures(folder / "r1", size.pictures, size.megapixels)
    user = somebody()
    library = add_folder(user.pk, folder / "r1")
    jobs.run_job(ingest.scan(resolve(user), library.pk).pk)
    assets = list(Asset.objects.filter(library=library).order_by("id"))
    ids = [asset.pk for asset in assets]
    with drains(CORES) as drain:

        def piped() -> float:
            ingest.begin_again(ids, ["inspect"])
            taken = seconds(drain)
            done = StepRun.objects.filter(asset__in=ids, step__in=CPU_STEPS, state="done").count()
            gate(holds=done == len(ids) * len(CPU_STEPS), why=f"{done} steps are done")
            return taken

        def naked() -> float:
            taken = _naked_cpu_seconds(assets, folder / "naked")
            gate(holds=_results(ids) == expected, why="the naked stages found something else")
            return taken

        piped()
        expected = _results(ids)
        pairs = interleave(piped, naked, size.repeats)
    gate(holds=_results(ids) == expected, why="the pipeline found something else")
    values = [own / (wall * CORES) for wall, own in zip(pairs.ours, pairs.theirs, strict=True)]
    note = f"{min(pairs.ours) / len(ids) * 1000:.0f} ms a picture at best"
    return [ratio("R1", "stages / (pipeline x 2 cores)", values, ">= 0.90", "same results", pairs, note)]


def _results(ids: list[int]) -> list[tuple[object, ...]]:
    """What the steps found out about each picture."""
    found: list[tuple[object, ...]] = []
    with connection.cursor() as cursor:
        for question in (
            "SELECT asset_id, pdq, pdq_quality, quality::text, colours::text FROM library_inspection",
            "SELECT asset_id, kind, width, height, size FROM library_rendition",
            "SELECT asset_id, tag_id FROM tagging_assettag",
            "SELECT asset_id, bits::text, quality FROM duplicates_picturehash",
        ):
            cursor.execute(f"{question} WHERE asset_id = ANY(%s) ORDER BY 1, 2", [ids])
            found += cursor.fetchall()
    return found


def _naked_cpu_seconds(assets: Sequence[Asset], folder: Path) -> float:
    """The processor time of this process for the same results: no sandbox, no claims, no progress, no search. What the
    database itself computes is not in it."""
    originals = originals_of([asset.pk for asset in assets])
    started = time.process_time()
    found = {}
    for asset in assets:
        found[asset.pk] = inspect_naked(place_of(originals[asset.pk]), folder / uuid.uuid4().hex)
    items = [Item(asset) for asset in assets]
    with transaction.atomic():
        library_steps._write(items, found, {}, originals)
    for name in CPU_STEPS[1:]:
        BY_NAME[name].work(Batch(items, _commit), runtime())
    return time.process_time() - started


def inspect_naked(source: Path, target: Path) -> Inspection:
    target.mkdir(parents=True)
    descriptor = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with source.open("rb") as stream:
            wish = Wish(source.name, source, None, target, source.name, 0.0)
            return inspect_file(wish, Opened(stream, None, descriptor))
    finally:
        os.close(descriptor)


@contextmanager
def _commit(batch: Batch) -> Iterator[Sequence[Item]]:
    with transaction.atomic():
        yield batch.remaining


@contextmanager
def drains(count: int) -> Iterator[Callable[[], None]]:
    """Workers that are ready; the call lets each drain once."""
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", "bench.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(count)
    ]

    def drain() -> None:
        for worker in workers:
            assert worker.stdin
            worker.stdin.write("go\n")
            worker.stdin.flush()
        for worker in workers:
            assert worker.stdout
            while (line := worker.stdout.readline()) != "drained\n":
                gate(holds=bool(line), why="a worker ended")

    try:
        yield drain
    finally:
        for worker in workers:
            worker.communicate()


# -- R4: one decode against six ---------------------------------------------------------------------------------------
def one_decode(size: Size, folder: Path) -> list[Ratio]:
    paths = write_pictures(folder / "r4", size.decoded, size.megapixels)
    ours, theirs = folder / "once", folder / "six"
    ours.mkdir()
    theirs.mkdir()
    for path in paths:
        inspection, hashed = inspect_naked(path, ours / path.stem), baselines.stage_by_stage(path, theirs)
        bits = (int(inspection.pdq.forms[0], 16) ^ int(hashed.forms[0], 16)).bit_count()
        gate(holds=bits <= settings.DUPLICATE_THRESHOLD, why=f"the hashes differ in {bits} bits")
        with Image.open(ours / path.stem / "thumbnail.webp") as one, Image.open(theirs / "thumbnail.webp") as other:
            gate(holds=one.size == other.size, why="the thumbnails differ")

    with on_one_core():
        pairs = interleave(
            lambda: seconds(lambda: [inspect_naked(path, ours / uuid.uuid4().hex) for path in paths]),
            lambda: seconds(lambda: [baselines.stage_by_stage(path, theirs) for path in paths]),
            size.repeats,
        )
    note = f"{min(pairs.ours) / len(paths) * 1000:.0f} ms a picture at best"
    values = _quotients(pairs.theirs, pairs.ours)
    return [ratio("R4", "six decodes / ours, encoding included", values, ">= 12", "twin hash, same size", pairs, note)]


# -- R7: pages of a library of a million ------------------------------------------------------------------------------
MILLION = """
    INSERT INTO library_asset (library_id, kind, revision, name, added_at, sort_at, format, width, height, thumbhash,
        taken_source, city, region, country, camera_make, camera_model, lens, title, description, keywords, edited)
    SELECT %s, 'photo', 1, 'IMG_' || n || '.jpg', now(), timestamptz '2000-01-01' + n * interval '11 minutes', 'jpeg',
        4000, 3000, '\\x0102030405060708090a0b0c0d0e0f1011121314'::bytea, 'exif', 'Lisbon', 'Lisbon', 'PT', 'Canon',
        'EOS R6', '', '', '', '{}', '{}' FROM generate_series(1, %s) n
"""


def gallery_pages(size: Size, _folder: Path) -> list[Ratio]:
    user = somebody()
    library = home_of(user)
    with connection.cursor() as cursor:
        cursor.execute(MILLION, [library.pk, size.assets])
        cursor.execute("VACUUM ANALYZE library_asset")
    scope, query = resolve(user), Query()
    pages = min(FAR, size.assets // PAGE)
    last = Asset.objects.filter(library=library).order_by("-sort_at", "-id")[(pages - 1) * PAGE - 1]
    after, cursor_text = (last.sort_at, last.pk), TIMELINE.encode(last, forward=True)

    for place, text in ((None, None), (after, cursor_text)):
        ids = [hit.asset.pk for hit in search.search(scope, query, text, PAGE).items]
        gate(holds=len(ids) == PAGE and ids == baselines.keyset_page(library.pk, PAGE, place), why="other ids")

    def timed(work: Callable[[], object]) -> Callable[[], float]:
        def call() -> float:
            return sorted(seconds(work) for _ in range(size.page_calls))[size.page_calls // 2]

        return call

    page = timed(lambda: search.search(scope, query, None, PAGE))
    far = timed(lambda: search.search(scope, query, cursor_text, PAGE))
    raw = timed(lambda: baselines.keyset_page(library.pk, PAGE, None))
    with on_one_core():
        pages_and_rows = interleave(page, raw, size.repeats)
        far_and_near = interleave(far, page, size.repeats)
    note = f"p50 {min(pages_and_rows.ours) * 1000:.2f} ms, {size.assets:,} rows"
    return [
        _ratio("R7a", "gallery page / raw keyset", "<= 3", "same ids", pages_and_rows, note),
        _ratio("R7b", f"page {pages:,} / page 1", "<= 1.2", "same ids", far_and_near),
    ]


def _ratio(name: str, what: str, target: str, gate: str, pairs: Pairs, note: str = "") -> Ratio:
    return ratio(name, what, _quotients(pairs.ours, pairs.theirs), target, gate, pairs, note)


def _quotients(above: Sequence[float], below: Sequence[float]) -> list[float]:
    return [a / b for a, b in zip(above, below, strict=True)]


# -- R10: what the queue costs ----------------------------------------------------------------------------------------
def queue_overhead(size: Size, _folder: Path) -> list[Ratio]:
    library = home_of(somebody())
    assets = Asset.objects.bulk_create(Asset(library=library, name=f"{n}.jpg") for n in range(size.queued))
    with transaction.atomic():
        ingest.plan(library.pk, [asset.pk for asset in assets], urgent=False)
    ids, steps = [asset.pk for asset in assets], work.of_known_cost()
    rows = StepRun.objects.filter(asset__in=ids, lane="cpu")
    batch_size = settings.BATCH_SIZES["cpu"]
    chunks = [assets[start : start + batch_size] for start in range(0, len(assets), batch_size)]

    def queued() -> float:
        started = time.perf_counter()
        ingest.begin_again(ids, ["inspect"])
        wait(lambda: not rows.exclude(state="done").exists())
        return time.perf_counter() - started

    def naked() -> float:
        before = len(work.answers)
        taken = seconds(
            lambda: baselines.in_process([Batch([Item(asset) for asset in chunk], _commit) for chunk in chunks], steps)
        )
        gate(holds=len(work.answers) - before == len(ids), why="pictures were left out")
        return taken

    with cluster():
        queued()
        gate(holds=rows.filter(state="done", attempts=1).count() == len(ids) * len(steps), why="steps are missing")
        pairs = interleave(queued, naked, size.repeats)
    gate(holds=rows.filter(state="done", attempts=1).count() == len(ids) * len(steps), why="steps are missing")
    values = [(a - b) / b for a, b in zip(pairs.ours, pairs.theirs, strict=True)]
    added = (min(pairs.ours) - min(pairs.theirs)) / len(ids) * 1000
    each = min(pairs.theirs) / len(ids) * 1000
    return [
        ratio(
            "R10",
            "(queue - in process) / in process",
            values,
            "<= 0.02",
            "every step once",
            pairs,
            f"{added:+.2f} ms a picture of {each:.0f} ms",
        )
    ]


@contextmanager
def cluster() -> Iterator[None]:
    """A real cluster of django-q2 with one worker."""
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "bench.cluster_settings", "MEDIAHUB_WORKERS": "1"}
    process = subprocess.Popen(
        [sys.executable, "manage.py", "qcluster"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


def wait(until: Callable[[], bool], limit: float = 300) -> None:
    end = time.monotonic() + limit
    while not until():
        gate(holds=time.monotonic() < end, why="the work does not end")
        time.sleep(0.02)


# -- R11: a folder against COPY and against a walk --------------------------------------------------------------------
def import_and_rescan(size: Size, folder: Path) -> list[Ratio]:
    root = folder / "r11"
    dice = random.Random(1)
    for number in range(size.imported):
        place = root / f"{number // 500:03}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number:06}.jpg").write_bytes(dice.randbytes(2048))
    user = somebody()
    library = add_folder(user.pk, root)
    scope = resolve(user)

    def scan() -> float:
        job = ingest.scan(scope, library.pk)
        taken = seconds(lambda: jobs.run_job(job.pk))
        files = File.objects.filter(library=library, missing_since=None).count()
        gate(holds=files == size.imported, why=f"{files} files are known")
        return taken

    def first_scan() -> float:
        _forget(library)
        return scan()

    first_scan()
    rows = baselines.take_rows(library.pk)
    expected = sum(content.count(b"\n") for content in rows.values())

    def bare() -> float:
        _forget(library)
        started = time.perf_counter()
        written = baselines.copy_rows(rows)
        taken = time.perf_counter() - started
        gate(holds=written == expected, why=f"{written} of {expected} rows")
        return taken

    def walked() -> float:
        return seconds(lambda: gate(holds=baselines.walk(str(root)) == size.imported, why="files are missing"))

    imports = interleave(first_scan, bare, size.repeats)
    first_scan()
    before = _touched(library)
    scans = interleave(scan, walked, size.repeats)
    gate(holds=_touched(library) == before, why="the second scan wrote")
    rate = f"{size.imported / min(imports.ours):,.0f} files/s"
    speed = _quotients(imports.theirs, imports.ours)
    return [
        ratio("R11a", "import / COPY, rows per second", speed, ">= 0.5", "same number of rows", imports, rate),
        _ratio("R11b", "re-scan / bare walk", "<= 2", "nothing written", scans),
    ]


def _forget(library: Library) -> None:
    with connection.cursor() as cursor:
        for table in ("ingest_steprun", "library_file", "library_asset"):
            cursor.execute(f"DELETE FROM {table} WHERE library_id = %s", [library.pk])  # noqa: S608


def _touched(library: Library) -> list[tuple[object, ...]]:
    """Changes with every write to a row of the library."""
    found: list[tuple[object, ...]] = []
    with connection.cursor() as cursor:
        for table in baselines.COPIED:
            cursor.execute(
                f"SELECT count(*), sum(xmin::text::bigint) FROM {table} WHERE library_id = %s",  # noqa: S608
                [library.pk],
            )
            found += cursor.fetchall()
    return found


# -- R15: what a model takes, and how long its first answer ------------------------------------------------------------
def memory_and_first_answer(size: Size, _folder: Path) -> list[Ratio]:
    """In processes of their own. "bare" is one batch after the other; a second batch of pictures is added to it."""

    def told(*words: str) -> dict[str, Any]:
        command = [sys.executable, "-m", "bench.reader", *words]
        answer: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        return answer

    through = [told("runtime", str(size.pages)) for _ in range(size.repeats)]
    bare = [told("bare", str(size.pages)) for _ in range(size.repeats)]
    texts = through[0]["texts"]
    gate(holds=len(texts) == size.pages, why=f"{len(texts)} pages were read")
    gate(holds=all(one["texts"] == texts for one in through + bare), why="other texts were read")
    # Memory does not depend on what else the machine does: no canary.
    peaks = Pairs(
        [one["peak_mb"] for one in through],
        [one["peak_mb"] + one["batch_mb"] for one in bare],
        size.repeats,
        steady=True,
    )

    def until_it_speaks(*command: str) -> float:
        """Not until it has ended: giving memory back comes after the answer."""
        started = time.perf_counter()
        with subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.PIPE) as process:
            line = process.stdout.readline() if process.stdout else b""
            taken = time.perf_counter() - started
        gate(holds=line.strip() == (b"3" if command == bare_load else b'["Page 0"]'), why=f"it said {line!r}")
        return taken

    bare_load = ("bench.bare_load",)
    starts = interleave(
        lambda: until_it_speaks("bench.reader", "first", "1"), lambda: until_it_speaks(*bare_load), size.repeats
    )
    peak = f"{min(peaks.ours):,.0f} MB at least, OCR of 5 megapixels"
    first = f"{min(starts.ours) * 1000:.0f} ms at best, Python included"
    return [
        _ratio("R15a", "peak memory / (model + 2 batches)", "<= 1.5", "same texts", peaks, peak),
        _ratio("R15b", "first answer / bare model load", "<= 1.3", "same models", starts, first),
    ]


# -- R2, R3: pictures as vectors, against the prototypes' loop and against the machine ---------------------------------
def embedding(size: Size, folder: Path) -> Iterator[Ratio]:
    """On one core, with one thread on each side."""
    tower = embedder.make(folder / "ViT-B-32", small=size.small_models)
    pictures, loop = embedder.pictures(size.embedded), embedder.one_by_one(tower)
    with on_one_core():
        expected = loop(pictures)
        for letter, way, least in (("a", "int8", 0.995), ("b", "bf16", 0.995), ("c", "fp32", 0.999)):
            with embedder.loaded(tower, way) as backend:
                cosine = float((embedder.in_batches(backend, pictures) * expected).sum(axis=1).min())
                gate(holds=cosine >= least, why=f"{way}: the least cosine with the loop's vectors is {cosine:.5f}")
                agrees = f"seeded weights, cosine {cosine:.4f}"
                pairs = interleave(
                    partial(seconds, partial(embedder.in_batches, backend, pictures)),
                    partial(seconds, partial(loop, pictures)),
                    size.repeats,
                )
                rates = [f"{size.embedded / min(taken):.1f}" for taken in (pairs.ours, pairs.theirs)]
                faster, note = _quotients(pairs.theirs, pairs.ours), f"{rates[0]} and {rates[1]} pictures/s at best"
                yield ratio(f"R2{letter}", f"{way} in batches / one by one", faster, ">= 8", agrees, pairs, note)
                batch = backend.prepare(pictures[: embedder.BATCH], EmbedOptions())
                one_batch = partial(backend.infer, batch)
                pairs, note = _share_of_peak(way, one_batch, tower.flop * len(batch), size, folder)
                share = _quotients(pairs.theirs, pairs.ours)
                yield ratio(f"R3{letter}", f"{way} model / matrix product", share, ">= 0.70", agrees, pairs, note)


def _share_of_peak(
    way: str, one_batch: Callable[[], object], flop: float, size: Size, folder: Path
) -> tuple[Pairs, str]:
    """Seconds a FLOP, of the model alone on a batch that is cut already and of the machine's best product."""
    engine, product = embedder.product(way, folder)
    times = max(1, round(seconds(one_batch) / seconds(product)))
    pairs = interleave(
        lambda: seconds(one_batch) / flop,
        lambda: seconds(lambda: [product() for _ in range(times)]) / (times * 2 * embedder.GEMM**3),
        size.repeats,
    )
    return pairs, f"{1e-9 / min(pairs.ours):,.0f} of {1e-9 / min(pairs.theirs):,.0f} GFLOP/s ({engine})"


# -- R12: many sounds at once, against the prototypes' loop and against each alone -------------------------------------
def transcription(size: Size, folder: Path) -> Iterator[Ratio]:
    """On one core, with one thread on each side."""
    weights, sounds = speech.make(folder / "whisper", small=size.small_models), speech.sounds(size.sounds)
    backend = speech.loaded(weights)
    together, alone = partial(speech.in_batches, backend, sounds), partial(speech.one_at_a_time, backend, sounds)
    listening, deaf = (partial(speech.loop(weights, listening=way), sounds) for way in (True, False))
    with on_one_core():
        ours = together()
        gate(holds=all(text for _language, text in ours), why="a sound has no words")
        gate(holds=alone() == ours, why="alone other words are written")
        for loop in (listening, deaf):
            gate(holds=all(loop()), why="a sound has no words")
        for name, what, other, target, agree in (
            ("R12a", "faster-whisper's loop / together", listening, ">= 2", "sounds have words"),
            ("R12b", "the loop without VAD / together", deaf, ">= 4", "sounds have words"),
            ("R12c", "each alone / together", alone, ">= 1", "same texts"),
        ):
            pairs = interleave(partial(seconds, together), partial(seconds, other), size.repeats)
            rates = [f"{size.sounds * speech.SECONDS / min(taken):.0f}" for taken in (pairs.ours, pairs.theirs)]
            note = f"{rates[0]} and {rates[1]} times as fast as it is heard, at best"
            faster = _quotients(pairs.theirs, pairs.ours)
            yield ratio(name, what, faster, target, f"seeded weights, {agree}", pairs, note)


# -- R5: products in a picture, by one look against a grid of crops ----------------------------------------------------
def products(size: Size, folder: Path) -> Iterator[Ratio]:
    """On one core, with one thread on each side. What takes minutes is repeated less often."""
    matchers, repeats = matcher.make(folder / "vit", small=size.small_models), min(size.repeats, 3)
    dense, loop, batched = matchers.dense, matchers.loop, matchers.batched
    few, many = size.products, size.many_products
    (first,) = matcher.products(1)
    picture, box = matcher.scene(first)

    @cache
    def sides(count: int) -> tuple[Callable[[], object], matcher.Looks, float]:
        """One look for so many, the crops of the grid, and how well the first is found."""
        looked = partial(dense.find, picture, matcher.shelf(dense, count))
        ours = matcher.overlap(looked(), first, box)
        gate(holds=ours >= max(theirs, 0.7), why=f"the overlap is {ours:.2f}, the grid's {theirs:.2f}")
        return looked, matcher.looks(picture, count, some=size.crops), ours

    with on_one_core():
        theirs = matcher.overlap(batched.find(picture, batched.learn([first])), first, box)
        for name, way, grid, count, target, times in (
            ("R5a", "one by one", loop, 1, ">= 100", repeats),
            ("R5b", "one by one", loop, few, ">= 500", repeats),
            ("R5b", "in batches", batched, few, ">= 60", repeats),
            ("R5b", "one by one", loop, many, ">= 500", 1),
            ("R5b", "in batches", batched, many, ">= 60", 1),
        ):
            looked, looks, ours = sides(count)
            pairs = interleave(partial(seconds, looked), partial(looks.seconds, grid.embed), times)
            taken = f"{min(pairs.ours):.2f} and {min(pairs.theirs):,.0f} s at best"
            note = f"{taken}; of {looks.count:,} crops {len(looks.some)} were timed"
            what, agrees = f"grid {way} / one look, {count:,} sought", f"seeded weights, IoU {ours:.2f}"
            yield ratio(name, what, _quotients(pairs.theirs, pairs.ours), target, agrees, pairs, note)
        yield from _new_product(size, matchers, matcher.looks(picture, 1, some=size.crops))


def _new_product(size: Size, matchers: matcher.Matchers, looks: matcher.Looks) -> Iterator[Ratio]:
    """R5c: pictures that were seen before are searched for a product that nobody knew then."""
    dense, (new,) = matchers.dense, matcher.products(1)
    picture, box = matcher.scene(new)
    shelf, stored = dense.learn([new]), dense.encode(picture)
    found = matcher.overlap(dense.search_stored(stored, shelf), new, box)
    gate(holds=found >= 0.7, why=f"the overlap is {found:.2f}")
    searched = partial(seconds, lambda: [dense.search_stored(stored, shelf) for _picture in range(size.stored)])
    for what, again in (
        ("grid one by one again / stored maps", partial(looks.seconds, matchers.loop.embed)),
        ("one look again / stored maps", partial(seconds, lambda: dense.encode(picture))),
    ):
        pairs = interleave(searched, again, min(size.repeats, 3))
        each = [taken / size.stored for taken in pairs.ours]
        note = f"{min(each) * 1000:.0f} ms and {min(pairs.theirs):.1f} s a picture at best"
        agrees = f"seeded weights, IoU {found:.2f}"
        yield ratio("R5c", what, _quotients(pairs.theirs, each), ">= 1000", agrees, pairs, note)


BENCHMARKS: tuple[Callable[[Size, Path], Iterable[Ratio]], ...] = (
    one_decode,
    queue_overhead,
    pipeline_against_stages,
    import_and_rescan,
    gallery_pages,
    memory_and_first_answer,
    embedding,
    transcription,
    products,
)
