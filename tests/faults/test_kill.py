"""Processes die at every named point, in a whole running house. Afterwards every file that was acknowledged is there,
byte for byte and once, and everything has ended."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from apps.ingest.steps import STEPS
from tests.pictures import jpeg, page
from tests.run.house import ROOT, House, eventually, running

pytestmark = pytest.mark.processes

WEB_POINTS = [
    "upload.temporary", "upload.synced", "upload.sealed", "upload.link", "upload.folder", "upload.row",
    "upload.commit", "upload.committed",
]  # fmt: skip
SCAN_POINTS = ["scan.rows", "scan.chunk"]
FOLDER = 12  # pictures of a folder that is scanned
WORKER_POINTS = [f"{place}.{step.name}" for step in STEPS for place in ("commit", "step")]

# The sweepers come once a minute; here they come often, so that the tests need not wait for them.
SWEEP = """
import sys, threading, time
from django.db import connections, Error
from apps.ingest import services as ingest
from apps.jobs import services as jobs
threading.Thread(target=lambda: (sys.stdin.read(), __import__("os")._exit(0)), daemon=True).start()
while True:
    try:
        ingest.sweep()
        jobs.sweep()
    except Error:
        connections.close_all()
    time.sleep(0.5)
"""
COUNT = """
import json
from django.db.models import Count
from apps.ingest.models import StepRun
from apps.library.models import Asset, File, Inspection, Rendition
from apps.duplicates.models import DuplicatePair, PictureHash
from apps.reading.models import TextSegment
from apps.tagging.models import AssetTag
from apps.search.models import SearchDocument
print(json.dumps({
    "assets": Asset.objects.count(),
    "files": sorted(bytes(digest).hex() for digest in File.objects.values_list("sha256_uploaded", flat=True)),
    "states": sorted(StepRun.objects.values_list("state").annotate(n=Count("id"))),
    "inspections": Inspection.objects.count(), "documents": SearchDocument.objects.count(),
    "thumbnails": Rendition.objects.filter(kind="thumbnail").count(),
    "hashes": PictureHash.objects.count(),
    "pairs": list(DuplicatePair.objects.values_list("first", "second")),
    "read": sorted(TextSegment.objects.filter(asset__format="png").values_list("asset").annotate(n=Count("id"))),
    "untagged": Asset.objects.exclude(pk__in=AssetTag.objects.values("asset")).count(),
    "doubles": AssetTag.objects.values("asset", "tag").annotate(n=Count("id")).filter(n__gt=1).count()
        + TextSegment.objects.values("asset", "position").annotate(n=Count("id")).filter(n__gt=1).count(),
}))
"""


PAIR = jpeg(200), jpeg(200, quality=40)  # other bytes, the same picture
PAGE = page(["Invoice", "Total 12.50"])


@dataclass
class Client:
    """A program that keeps sending until its file is acknowledged, as every good client does."""

    house: House
    secret: str
    acknowledged: dict[str, int] = field(default_factory=dict)  # SHA-256 to the asset's id
    broken: int = 0

    def send(self, content: bytes) -> None:
        digest = digest_of(content)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                answer = self.ask("POST", "uploads/", files={"file": (f"{digest[:8]}.jpg", content)})
            except httpx.TransportError:
                self.broken += 1
                continue
            if answer.status_code in (200, 201):
                self.acknowledged[digest] = answer.json()["id"]
                return
            assert answer.status_code in (429, 503), answer.text
            time.sleep(0.2)
        raise AssertionError("the upload was never acknowledged")

    def ask(self, method: str, path: str, **more: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.secret}"}
        address = path if path.startswith("/") else f"/api/{path}"
        return httpx.request(method, self.house.address + address, headers=headers, timeout=20, **more)  # type: ignore[arg-type]

    def at_rest(self) -> bool:
        try:
            steps = self.ask("GET", "processing/").json()["steps"]
        except (httpx.TransportError, KeyError, ValueError):
            return False
        return not any(step["waiting"] + step["running"] for step in steps)


@pytest.fixture(scope="module")
def armed() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="mediahub-kill-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def house(armed: Path) -> Iterator[House]:
    with running(
        MEDIAHUB_OCR="fake",
        MEDIAHUB_LEASE_SECONDS="2",
        MEDIAHUB_KILL_FOLDER=str(armed),
        MEDIAHUB_WORKERS="1",
        MEDIAHUB_LONGEST_PAUSE="0",
    ) as house:
        house.ready()
        yield house


@pytest.fixture(scope="module")
def client(house: House) -> Client:
    made = house.manage("create_user", "anna", "--administrator", "--password-stdin", typed="a-long-enough-password\n")
    assert made.returncode == 0, made.stderr
    actions = ["asset.upload", "asset.read", "job.read"]
    key = house.manage(
        "make_api_key", "anna", "--name", "test", *(part for each in actions for part in ("--scope", each))
    )
    return Client(house, key.stdout.split()[-1])


@pytest.fixture(scope="module")
def _sweeper(house: House, client: Client) -> Iterator[None]:
    command = [sys.executable, "manage.py", "shell", "-v0", "-c", SWEEP]
    environment = {name: value for name, value in house.environment.items() if name != "MEDIAHUB_KILL_FOLDER"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE) as process:
        yield
        assert process.stdin
        process.stdin.close()


@pytest.mark.parametrize("point", WEB_POINTS)
def test_an_upload_survives_the_death_of_the_web_process(client: Client, armed: Path, point: str) -> None:
    before = client.broken
    (armed / point).touch()
    client.send(jpeg(100 + WEB_POINTS.index(point)))
    assert not (armed / point).exists(), "nobody got to this point"
    assert client.broken > before


@pytest.mark.usefixtures("_sweeper")
def test_the_work_goes_on_after_a_worker_died_at_every_point(client: Client, armed: Path) -> None:
    for point in WORKER_POINTS:
        (armed / point).touch()
    for content in (PAIR[0], jpeg(201), PAIR[1], PAGE):
        client.send(content)
    assert eventually(lambda: not list(armed.iterdir()), 90), sorted(path.name for path in armed.iterdir())
    assert eventually(client.at_rest)


@pytest.mark.usefixtures("_sweeper")
def test_the_work_goes_on_after_the_database_died(house: House, client: Client) -> None:
    for seed in range(6):
        client.send(jpeg(300 + seed))
        if seed == 3:
            (postmaster,) = house.children_named("bin/postgres -D")
            os.kill(postmaster, signal.SIGKILL)
    assert eventually(client.at_rest)


@pytest.mark.usefixtures("_sweeper")
def test_a_scan_goes_on_after_the_command_and_then_a_worker_died(
    house: House, client: Client, armed: Path, tmp_path: Path
) -> None:
    pictures = {f"2020/{seed}.jpg": jpeg(400 + seed) for seed in range(FOLDER)}
    folder = tmp_path / "pictures"
    (folder / "2020").mkdir(parents=True)
    for name, content in pictures.items():
        (folder / name).write_bytes(content)
    before = snapshot(folder)
    for point in SCAN_POINTS:
        (armed / point).touch()
    done = house.manage("scan", str(folder), "--user", "anna")
    assert done.returncode == -signal.SIGKILL
    assert eventually(lambda: not list(armed.iterdir()), 60)
    assert eventually(lambda: counted(house)["assets"] == len(client.acknowledged) + FOLDER)
    assert eventually(client.at_rest)
    assert snapshot(folder) == before


def snapshot(folder: Path) -> list[tuple[str, int, int, bytes]]:
    return [
        (str(path), path.stat().st_mtime_ns, path.stat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in sorted(folder.rglob("*"))
    ]


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def counted(house: House) -> dict[str, object]:
    done = house.manage("shell", "-v0", "-c", COUNT)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_nothing_is_lost_nothing_is_double_and_everything_has_ended(house: House, client: Client) -> None:
    assert len(client.acknowledged) == len(WEB_POINTS) + 4 + 6
    house.ask_to_stop()
    assert house.ended() == 0
    house.start().ready()  # finishes or drops what the killed ones left
    assert eventually(client.at_rest)
    for digest, asset_id in client.acknowledged.items():
        sent = client.ask("GET", f"/m/{asset_id}/1/original")
        assert hashlib.sha256(sent.content).hexdigest() == digest
    found, kinds = counted(house), len(client.acknowledged) + FOLDER
    scanned = [digest_of(jpeg(400 + seed)) for seed in range(FOLDER)]
    asset_of = client.acknowledged
    assert found == {
        "assets": kinds, "files": sorted([*asset_of, *scanned]), "states": [["done", kinds * len(STEPS)]],
        "inspections": kinds, "documents": kinds, "thumbnails": kinds, "hashes": kinds, "untagged": 0, "doubles": 0,
        "pairs": [[asset_of[digest_of(one)] for one in PAIR]], "read": [[asset_of[digest_of(PAGE)], 1]],
    }  # fmt: skip
    originals = house.data / "originals"
    assert list((originals / ".incoming").iterdir()) == []
    kept = [path for path in originals.rglob("*") if path.is_file()]
    assert sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in kept) == sorted(client.acknowledged)
