"""Claiming, working, committing, failing: the rows are the truth."""

import signal
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from PIL import ExifTags, Image

from apps.accounts.models import User
from apps.accounts.scope import Scope
from apps.ingest import counts, pipeline
from apps.ingest.models import StepRun, StepTally
from apps.ingest.services import (
    begin_again,
    new_revision,
    release_expired,
    renew_versions,
    retry,
    states_of,
    step_counts,
    sweep,
    troubles,
)
from apps.ingest.steps import BY_NAME, STEPS, Step, asset_state
from apps.library.batch import Batch, StepFailure
from apps.library.models import Asset, Change, Inspection, Rendition
from apps.library.storage import rendition_path
from apps.reading.models import TextSegment
from apps.search.query import Query
from apps.search.services import Month, months, search
from ml import Runtime
from ml.backends.fake import FAILS_ON
from tests.ingest.conftest import Upload, original, states, walk
from tests.pictures import jpeg, page, plain

pytestmark = pytest.mark.django_db


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a function of the test in the place of a step's work."""

    def put(name: str, function: Any) -> None:
        step = BY_NAME[name]
        other = Step(name, function, step.lane, step.state, step.label, step.needs, step.required, step.version)
        monkeypatch.setattr(pipeline, "STEPS", tuple(other if each.name == name else each for each in STEPS))

    return put


def fine(batch: Batch, runtime: object) -> None:
    with batch.commit():
        pass


# -- Beside other hands -----------------------------------------------------------------------------------------------
def test_what_a_person_writes_while_the_file_is_read_stays(
    upload: Upload, work: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = Asset.objects.get(pk=upload(jpeg()).asset_id)
    read = BY_NAME["inspect"].work

    def read_while_somebody_writes(batch: Batch, runtime: Runtime) -> None:
        Asset.objects.get(pk=asset.pk).edit({"title": "Harbour", "rating": 3})
        read(batch, runtime)

    work("inspect", read_while_somebody_writes)
    walk()
    asset.refresh_from_db()
    assert (asset.title, asset.rating) == ("Harbour", 3)
    assert asset.width == 320


def test_writing_about_a_picture_changes_nothing_else(upload: Upload) -> None:
    asset = Asset.objects.get(pk=upload(jpeg()).asset_id)
    opened_before = Asset.objects.get(pk=asset.pk)
    walk()
    opened_before.edit({"title": "Harbour"})
    asset.refresh_from_db()
    assert (asset.title, asset.width) == ("Harbour", 320)


@pytest.mark.parametrize(
    ("zone", "taken", "offset"), [("UTC", "2024:01:01 08:00:00", "+09:00"), ("Asia/Tokyo", "2024:01:01 23:30:00", "")]
)
def test_a_picture_stands_on_the_day_that_its_camera_said(
    upload: Upload, scope: Scope, settings: Any, zone: str, taken: str, offset: str
) -> None:
    settings.TIME_ZONE = zone
    exif = Image.Exif()
    exif[ExifTags.IFD.Exif] = {ExifTags.Base.DateTimeOriginal: taken, ExifTags.Base.OffsetTimeOriginal: offset}
    asset = Asset.objects.get(pk=upload(jpeg(exif=exif)).asset_id)
    walk()
    day = date(2024, 1, 1)
    assert [hit.asset for hit in search(scope, Query(taken_from=day, taken_to=day)).items] == [asset]
    assert months(scope, Query()) == [Month(2024, 1, 1)]


# -- The whole way ----------------------------------------------------------------------------------------------------
def test_a_photo_walks_from_its_bytes_to_the_search_result(upload: Upload, scope: Scope) -> None:
    asset_id = upload(jpeg(1, (1600, 1200)), "sunny-beach.jpg").asset_id
    assert states_of([asset_id]) == {asset_id: "pending"}
    walk()
    assert set(states(asset_id).values()) == {"done"}
    assert states_of([asset_id]) == {asset_id: "completed"}
    asset = Asset.objects.get(pk=asset_id)
    assert (asset.width, asset.height, asset.format) == (1600, 1200, "jpeg")
    assert asset.thumbhash
    for rendition in Rendition.objects.filter(asset=asset):
        assert rendition_path(asset_id, 1, rendition.kind).stat().st_size == rendition.size
    assert [hit.asset.pk for hit in search(scope, Query(text="beach")).items] == [asset_id]
    assert Change.objects.count() == 0


def test_a_picture_is_findable_before_its_words_are_read(upload: Upload, scope: Scope) -> None:
    asset_id = upload(jpeg(1), "harbour.jpg").asset_id
    pipeline.drain("cpu")
    assert states(asset_id)["ocr"] == "waiting"
    assert [hit.asset.pk for hit in search(scope, Query(text="harbour")).items] == [asset_id]


def test_words_are_read_only_where_there_may_be_some(upload: Upload) -> None:
    blank, written = upload(plain((90, 120, 200)), "sky.png").asset_id, upload(page(["Hello"]), "page.png").asset_id
    walk()
    assert states(blank)["ocr"] == states(written)["ocr"] == "done"
    assert not TextSegment.objects.filter(asset=blank).exists()
    assert TextSegment.objects.filter(asset=written).exists()


# -- Claims -----------------------------------------------------------------------------------------------------------
def test_what_was_never_tried_is_claimed_together_and_what_was_alone(upload: Upload) -> None:
    tried, *fresh = (upload(jpeg(seed)).asset_id for seed in range(4))
    StepRun.objects.filter(asset=tried, step="inspect").update(attempts=1)
    first, second = pipeline.claim_next("cpu"), pipeline.claim_next("cpu")
    assert {row.asset_id for row in first.rows} == set(fresh)
    assert {row.attempts for row in first.rows} == {1}
    assert [(row.asset_id, row.attempts, row.attempts_alone) for row in second.rows] == [(tried, 2, 1)]
    assert pipeline.claim_next("cpu").rows == []


def test_what_somebody_waits_for_comes_first(upload: Upload, settings: Any) -> None:
    settings.BATCH_SIZES = {"cpu": 1, "ml": 1}
    folder, awaited = upload(jpeg(1)).asset_id, upload(jpeg(2)).asset_id
    StepRun.objects.filter(asset=folder).update(urgent=False)
    assert [row.asset_id for row in pipeline.claim_next("cpu").rows] == [awaited]


def test_nothing_is_claimed_before_what_it_needs(upload: Upload) -> None:
    upload(jpeg(1))
    assert pipeline.claim_next("ml").rows == []


# -- Commits ----------------------------------------------------------------------------------------------------------
def test_a_worker_that_lost_its_lease_writes_nothing(upload: Upload, work: Any) -> None:
    asset_id = upload(jpeg(1)).asset_id

    def slow(batch: Batch, runtime: object) -> None:
        StepRun.objects.filter(asset=asset_id, step="inspect").update(lease=None, state="waiting")
        with batch.commit() as items:
            assert items == []

    work("inspect", slow)
    pipeline.work_once("cpu")
    assert states(asset_id)["inspect"] == "waiting"
    assert Change.objects.count() == 0


def test_results_of_an_older_revision_are_not_written(upload: Upload, work: Any) -> None:
    asset_id = upload(jpeg(1)).asset_id

    def slow(batch: Batch, runtime: object) -> None:
        new_revision(Asset.objects.get(pk=asset_id))
        with batch.commit() as items:
            assert items == []

    work("inspect", slow)
    pipeline.work_once("cpu")
    row = StepRun.objects.get(asset=asset_id, step="inspect")
    assert (row.state, row.revision, row.attempts) == ("waiting", 2, 0)


# -- Failures ---------------------------------------------------------------------------------------------------------
def test_a_picture_that_cannot_be_read_fails_and_its_mates_are_done(upload: Upload, scope: Scope) -> None:
    good, bad = upload(jpeg(1)).asset_id, upload(b"this is no picture", "notes.jpg").asset_id
    walk()
    assert states_of([good, bad]) == {good: "completed", bad: "failed"}
    assert states(bad) == {
        "inspect": "failed", "facts": "skipped", "ocr": "skipped", "hash": "skipped", "duplicates": "skipped"
    }  # fmt: skip
    (trouble,) = troubles(scope, None).items
    assert (trouble.asset_id, trouble.failure) == (bad, "unsupported")
    assert "text file" in trouble.error


def test_a_step_that_is_not_required_leaves_the_rest(upload: Upload) -> None:
    asset_id = upload(plain(FAILS_ON), "magenta.png").asset_id
    Inspection.objects.all().update(quality={"text_likeness": 1.0})
    pipeline.work_once("cpu")
    Inspection.objects.filter(asset=asset_id).update(quality={"text_likeness": 1.0})
    walk()
    assert states(asset_id)["ocr"] == "failed"
    assert states_of([asset_id]) == {asset_id: "partial"}


def test_what_kills_its_process_three_times_alone_is_set_aside(upload: Upload, work: Any, scope: Scope) -> None:
    good, bad = upload(jpeg(1)).asset_id, upload(jpeg(2)).asset_id
    sizes = []

    def deadly(batch: Batch, runtime: object) -> None:
        sizes.append(len(batch.items))
        for item in batch.items:
            if item.asset.pk == bad:
                batch.fail(item, StepFailure("crashed", "Opening it crashed.", deadly=True))
        with batch.commit():
            pass

    work("inspect", deadly)
    while pipeline.work_once("cpu"):
        pass
    assert sizes == [2, 1, 1, 1]
    assert states(good)["inspect"] == "done"
    assert states(bad)["inspect"] == "quarantined"
    assert states(bad)["facts"] == "skipped"
    assert [row.error for row in troubles(scope, None).items if row.asset_id == bad] == ["Opening it crashed."]


def test_a_bug_in_a_step_stops_nothing_else(upload: Upload, work: Any) -> None:
    asset_id = upload(jpeg(1)).asset_id

    def broken(batch: Batch, runtime: object) -> None:
        raise ZeroDivisionError("a bug")

    work("facts", broken)
    walk()
    row = StepRun.objects.get(asset=asset_id, step="facts")
    assert (row.state, row.error) == ("quarantined", "ZeroDivisionError: a bug")
    assert states(asset_id)["hash"] == states(asset_id)["ocr"] == "done"


def test_a_failed_item_is_done_when_its_cause_is_repaired_and_it_is_tried_again(upload: Upload, scope: Scope) -> None:
    asset_id = upload(jpeg(1)).asset_id
    place = original(Asset.objects.get(pk=asset_id))
    hidden = place.rename(place.with_suffix(".away"))
    walk()
    assert states_of([asset_id]) == {asset_id: "failed"}
    assert [row.failure for row in troubles(scope, None).items] == ["missing"]
    hidden.rename(place)
    assert retry(scope, [asset_id]) == 1
    walk()
    assert states_of([asset_id]) == {asset_id: "completed"}
    assert troubles(scope, None).items == []


def test_a_stranger_retries_nothing(upload: Upload, bob: User) -> None:
    bad = upload(b"no picture").asset_id
    walk()
    assert retry(Scope(bob.pk), [bad]) == 0
    assert states_of([bad]) == {bad: "failed"}


def test_doing_a_step_again_does_what_depends_on_it_again(upload: Upload) -> None:
    asset_id = upload(jpeg(1)).asset_id
    walk()
    begin_again([asset_id], ["hash"])
    assert states(asset_id) == {
        "inspect": "done", "facts": "done", "ocr": "done", "hash": "waiting", "duplicates": "waiting"
    }  # fmt: skip
    walk()
    assert states_of([asset_id]) == {asset_id: "completed"}


def test_a_step_whose_needs_failed_does_not_wait_for_ever(upload: Upload, scope: Scope) -> None:
    asset_id = upload(b"no picture").asset_id
    walk()
    retry(scope, [asset_id], "duplicates")
    assert states(asset_id)["duplicates"] == "skipped"


# -- Keeping the rows true --------------------------------------------------------------------------------------------
def test_the_work_of_a_silent_worker_is_given_away(upload: Upload) -> None:
    asset_id = upload(jpeg(1)).asset_id
    pipeline.claim_next("cpu")
    assert release_expired() == 0
    StepRun.objects.filter(state="running").update(lease_until=timezone.now() - timedelta(seconds=1))
    assert release_expired() == 1
    row = StepRun.objects.get(asset=asset_id, step="inspect")
    assert (row.state, row.attempts, row.lease) == ("waiting", 1, None)


def test_what_killed_its_worker_three_times_alone_is_set_aside(upload: Upload) -> None:
    asset_id = upload(jpeg(1)).asset_id
    for _ in range(4):
        assert pipeline.claim_next("cpu").rows
        StepRun.objects.filter(state="running").update(lease_until=timezone.now() - timedelta(seconds=1))
        release_expired()
    assert states(asset_id)["inspect"] == "quarantined"
    assert states(asset_id)["ocr"] == "skipped"


def counted() -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for step, state in StepRun.objects.values_list("step", "state"):
        found[step, state] = found.get((step, state), 0) + 1
    return found


def tallied() -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for step, state, difference in StepTally.objects.values_list("step", "state", "difference"):
        found[step, state] = found.get((step, state), 0) + difference
    return {key: count for key, count in found.items() if count}


def test_the_tallies_are_what_counting_would_give_also_after_folding(upload: Upload, scope: Scope) -> None:
    ids = [upload(jpeg(seed)).asset_id for seed in range(3)] + [upload(b"no picture").asset_id]
    pipeline.work_once("cpu")
    assert tallied() == counted()
    before = StepTally.objects.count()
    sweep()
    assert StepTally.objects.count() < before
    assert tallied() == counted()
    begin_again(ids[:1], ["inspect"])
    Asset.objects.filter(pk=ids[1]).delete()
    assert tallied() == counted()
    shown = {(count.step, "waiting"): count.waiting for count in step_counts(scope) if count.waiting}
    assert shown == {key: count for key, count in counted().items() if key[1] == "waiting"}


def test_a_new_version_of_a_step_makes_its_results_stale(upload: Upload) -> None:
    asset_id = upload(jpeg(1)).asset_id
    walk()
    StepRun.objects.filter(step="hash").update(version=0)
    StepRun.objects.filter(step="facts").delete()
    renew_versions()
    assert states(asset_id) == {
        "inspect": "done", "facts": "waiting", "ocr": "done", "hash": "waiting", "duplicates": "waiting"
    }  # fmt: skip
    walk()
    assert states_of([asset_id]) == {asset_id: "completed"}


@pytest.mark.parametrize(
    ("given", "called"),
    [
        ({}, "pending"),
        ({"inspect": "running"}, "preprocessing"),
        ({"inspect": "done"}, "processing_facts"),
        ({"inspect": "done", "facts": "done"}, "processing_ocr"),
        ({"inspect": "done", "facts": "done", "ocr": "failed"}, "processing_hash"),
        ({"inspect": "done", "facts": "done", "ocr": "done", "hash": "done"}, "checking_duplicates"),
        (dict.fromkeys(BY_NAME, "done"), "completed"),
        (dict.fromkeys(BY_NAME, "done") | {"ocr": "quarantined"}, "partial"),
        (dict.fromkeys(BY_NAME, "skipped") | {"inspect": "failed"}, "failed"),
    ],
)
def test_an_asset_is_called_by_its_first_unfinished_step(given: dict[str, str], called: str) -> None:
    assert asset_state({**dict.fromkeys(BY_NAME, "waiting"), **given}.items()) == called


def test_hints_carry_ids_and_counts_to_members_only(
    upload: Upload, alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[list[int], dict[str, Any]]] = []
    monkeypatch.setattr("apps.jobs.progress.publish", lambda users, message: sent.append((list(users), message)))
    asset_id = upload(jpeg(1), "secret-name.jpg").asset_id
    walk()
    counts.tell(last=True)
    assert {user for users, _message in sent for user in users} == {alice.pk}
    assert "secret" not in str(sent)
    items = [item for _users, message in sent if message["type"] == "assets" for item in message["items"]]
    assert {"id": asset_id, "state": "completed", "done": 5, "of": 5} in items


def test_a_fault_point_kills_once_and_only_where_it_is_armed(tmp_path: Path) -> None:
    (tmp_path / "here").touch()
    program = "from apps.jobs import faults; faults.reached('other'); faults.reached('here'); print('alive')"

    def run() -> subprocess.CompletedProcess[str]:
        environment = {"MEDIAHUB_KILL_FOLDER": str(tmp_path), "PATH": "/usr/bin:/bin"}
        return subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)

    assert run().returncode == -signal.SIGKILL
    assert run().stdout == "alive\n"
