"""What comes in: uploads, and the rows that say what is to be done with them."""

import contextlib
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.scope import Scope
from apps.ingest import counts
from apps.ingest.models import StepRun
from apps.ingest.pipeline import ALONE_LIMIT, in_order, set_ready, skip_dependents, skip_hopeless
from apps.ingest.steps import BY_NAME, STEPS, dependents_of
from apps.ingest.uploads import Incoming
from apps.jobs import faults
from apps.jobs import services as jobs
from apps.jobs.bell import ring
from apps.jobs.models import Job
from apps.library import storage
from apps.library.models import Asset, Change, File, Library
from apps.library.paging import Keyset, Page, page_of
from apps.library.rows import insert_like
from apps.library.services import NewFile, add_file, find_content, home_of

log = logging.getLogger("mediahub.ingest")


class EmptyFile(ValueError):
    """Nothing was sent."""


@dataclass(frozen=True, slots=True)
class Accepted:
    asset_id: int
    created: bool


@dataclass(frozen=True, slots=True)
class Intent:
    """What an upload was meant for, kept beside its bytes until its row is written. After a crash it is enough to
    finish the upload without the one who sent it."""

    library_id: int
    user_id: int
    name: str
    size: int
    sha256: str
    modified_at: str | None


# -- Uploads ----------------------------------------------------------------------------------------------------------
def writable_library(scope: Scope, library_id: int | None) -> Library:
    """The library that an upload goes to: the named one, or the asker's own. Raises Library.DoesNotExist."""
    if scope.user_id is None:
        raise Library.DoesNotExist
    if library_id is None:
        return home_of(User.objects.get(pk=scope.user_id))
    library: Library = Library.objects.editable_by(scope).exclude(kind=Library.Kind.FOLDER).get(pk=library_id)
    return library


def accept_upload(
    scope: Scope, file: Incoming, library_id: int | None = None, modified_at: datetime | None = None
) -> Accepted:
    """Keeps an uploaded file and answers only when its bytes and its rows are safe.

    Raises Library.DoesNotExist for a library that the asker may not add to, EmptyFile for nothing.
    """
    library = writable_library(scope, library_id)
    if not file.size:
        file.drop()
        raise EmptyFile(_("The file is empty. Choose it again; it may not have been copied completely."))
    assert scope.user_id is not None  # noqa: S101  # writable_library asked
    intent = Intent(
        library.pk,
        scope.user_id,
        file.name or "",
        file.size,
        file.sha256.hex(),
        modified_at.isoformat() if modified_at else None,
    )
    note = _seal(file.path, intent)
    faults.reached("upload.sealed")
    return _finish(file.path, note, intent)


def _seal(part: Path, intent: Intent) -> Path:
    """Writes the intent beside the bytes, durably. From here on the upload survives a crash."""
    note = part.with_suffix(".json")
    draft = part.with_suffix(".note")
    with draft.open("w") as stream:
        json.dump(asdict(intent), stream)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(note)
    storage.sync_folder(note.parent)
    return note


def _finish(part: Path, note: Path, intent: Intent) -> Accepted:
    """Link, rows, then the temporary names go. Doing it twice is the same as doing it once."""
    library = Library.objects.get(pk=intent.library_id)
    new = NewFile(
        path=part,
        name=intent.name,
        size=intent.size,
        sha256=bytes.fromhex(intent.sha256),
        modified_at=datetime.fromisoformat(intent.modified_at) if intent.modified_at else None,
    )
    with transaction.atomic():
        asset, created = add_file(library, new, added_by_id=intent.user_id)
        if created:
            plan(library.pk, [asset.pk], urgent=True)
        faults.reached("upload.commit")
    faults.reached("upload.committed")
    for name in (part, note):
        with contextlib.suppress(FileNotFoundError):
            name.unlink()
    if created:
        counts.note({library.pk}, [asset.pk])
    return Accepted(asset.pk, created)


def known(scope: Scope, library_id: int | None, digests: list[bytes]) -> dict[bytes, int]:
    """Which of these contents the library has already, with the asset's id. Asks one library that the asker may add to:
    nobody learns what others have."""
    library = writable_library(scope, library_id)
    found = ((digest, find_content(library.pk, digest)) for digest in digests)
    return {digest: asset.pk for digest, asset in found if asset is not None}


# -- What is to be done -----------------------------------------------------------------------------------------------
def plan(library_id: int, asset_ids: Sequence[int], *, urgent: bool) -> None:
    """One waiting row for each step of each new asset, and a bell."""
    for step in STEPS:
        row = StepRun(
            library_id=library_id,
            step=step.name,
            lane=step.lane,
            version=step.version,
            ready=not step.needs,
            urgent=urgent,
        )
        insert_like(row, asset_id=asset_ids)
    for lane in {step.lane for step in STEPS if not step.needs}:
        ring(lane)


def retry(scope: Scope, asset_ids: list[int], step: str | None = None) -> int:
    """Does a step of these assets again, or whatever of them did not end well; what depends on it waits again too.
    Returns the number of assets; those the asker may not change are passed over."""
    mine = dict(Asset.objects.editable_by(scope).filter(pk__in=asset_ids).values_list("pk", "library_id"))
    if step is not None:
        begin_again(list(mine), [step])
    else:
        for name, ids in _not_well(StepRun.objects.filter(asset__in=list(mine))).items():
            begin_again(ids, [name])
    counts.note(set(mine.values()), list(mine))
    counts.tell(last=True)
    return len(mine)


def retry_all(scope: Scope) -> int:
    """Tries everything again that did not end well and that the asker may change. Returns the number of assets."""
    rows = StepRun.objects.editable_by(scope)
    troubled: set[int] = set()
    for name, ids in _not_well(rows).items():
        begin_again(ids, [name])
        troubled.update(ids)
    counts.note(scope.editable, troubled)
    counts.tell(last=True)
    return len(troubled)


def retry_found(library_id: int) -> None:
    """Tries again what could not be read because its file was away, where the file is there again."""
    lost = StepRun.objects.filter(library=library_id, state=StepRun.State.FAILED, failure="missing")
    there = File.objects.filter(library=library_id, missing_since=None).exclude(role=File.Role.SIDECAR)
    found = lost.filter(asset__in=there.values("asset"))
    if names := set(found.values_list("step", flat=True)):
        ids = list(found.values_list("asset_id", flat=True).distinct())
        begin_again(ids, sorted(names))
        counts.note({library_id}, ids)


def _not_well(rows: QuerySet[StepRun]) -> dict[str, list[int]]:
    """The assets of which each step did not end well, in the order of the steps."""
    found: dict[str, list[int]] = {step.name: [] for step in STEPS}
    for name, asset_id in rows.filter(state__in=counts.FAILED, step__in=BY_NAME).values_list("step", "asset_id"):
        found[name].append(asset_id)
    return {name: ids for name, ids in found.items() if ids}


@transaction.atomic
def begin_again(asset_ids: list[int], names: list[str]) -> None:
    """Marks steps and all that depends on them as waiting, for the current revision of each asset."""
    again = set(names)
    for name in names:
        again.update(step.name for step in dependents_of(name))
    rows = StepRun.objects.filter(asset__in=asset_ids, step__in=again)
    ids = list(rows.select_for_update().order_by("id").values_list("id", flat=True))  # as workers lock them: in order
    for name in again:
        StepRun.objects.filter(pk__in=ids, step=name).update(
            state=StepRun.State.WAITING,
            ready=False,
            urgent=True,
            revision=Subquery(Asset.objects.filter(pk=OuterRef("asset_id")).values("revision")),
            version=BY_NAME[name].version,
            attempts=0,
            attempts_alone=0,
            lease=None,
            lease_until=None,
            started_at=None,
            finished_at=None,
            duration_ms=None,
            failure="",
            error="",
        )
    for step in STEPS:
        if step.name in again:
            skip_hopeless(asset_ids, step)
            if set_ready(asset_ids, step):
                ring(step.lane)


def new_revision(asset: Asset) -> None:
    """The content of an asset changed: everything about it is stale."""
    asset.revision += 1
    asset.save(update_fields=["revision"])
    begin_again([asset.pk], [step.name for step in STEPS])


# -- What is said about it --------------------------------------------------------------------------------------------
TROUBLES = Keyset(("finished_at", "id"))


def troubles(scope: Scope, cursor: str | None, size: int = 50) -> Page[StepRun]:
    """What did not end well, newest first, with its asset."""
    rows = StepRun.objects.visible_to(scope).filter(state__in=counts.FAILED).select_related("asset")
    return page_of(rows, cursor, size, TROUBLES)


def steps_of(asset: Asset) -> list[StepRun]:
    return in_order(list(StepRun.objects.filter(asset=asset)))


step_counts = counts.step_counts
states_of = counts.states_of
mean_times = counts.mean_times


# -- Folders ----------------------------------------------------------------------------------------------------------
def scan(scope: Scope, library_id: int) -> Job:
    """Looks through a folder library for what is new. Raises Library.DoesNotExist when it is not the asker's."""
    library = Library.objects.owned_by(scope).filter(kind=Library.Kind.FOLDER).get(pk=library_id)
    assert scope.user_id is not None  # noqa: S101  # nobody owns nothing
    user = User.objects.get(pk=scope.user_id)
    return jobs.start("scan", str(library.pk), user, _("Scan of %(name)s") % {"name": library.name})


# -- Keeping the rows true --------------------------------------------------------------------------------------------
def sweep() -> None:
    """Once a minute: gives away the work of workers that went silent, folds the tallies, rings for what waits."""
    release_expired()
    with connection.cursor() as cursor:
        cursor.execute(FOLD)
    for lane in {step.lane for step in STEPS}:
        if StepRun.objects.filter(lane=lane, state=StepRun.State.WAITING, ready=True).exists():
            ring(lane)
    if Change.objects.exists():
        ring("cpu")


FOLD = """
    WITH gone AS (DELETE FROM ingest_steptally WHERE pg_try_advisory_xact_lock(7446001) RETURNING *)
    INSERT INTO ingest_steptally (library_id, step, state, difference)
    SELECT library_id, step, state, sum(difference) FROM gone GROUP BY 1, 2, 3 HAVING sum(difference) <> 0
"""


def release_expired() -> int:
    """Rows whose lease has ended, by the clock of the database: their worker died. What died alone too often is set
    aside, the rest waits again."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM ingest_steprun WHERE state = 'running' AND lease_until < now()"
            " ORDER BY id FOR UPDATE SKIP LOCKED"
        )
        rows = list(StepRun.objects.filter(pk__in=[row[0] for row in cursor.fetchall()]).select_related("asset"))
        for row in rows:
            row.lease = row.lease_until = None
            row.finished_at = timezone.now()
            if row.attempts_alone >= ALONE_LIMIT:
                row.state = StepRun.State.QUARANTINED
                row.failure = "crashed"
                row.error = _("The process that worked on it died %(count)d times.") % {"count": row.attempts}
            else:
                row.state = StepRun.State.WAITING
            row.save()
            if row.state == StepRun.State.QUARANTINED:
                skip_dependents(row)
    counts.note({row.library_id for row in rows}, [row.asset_id for row in rows])
    return len(rows)


def sweep_at_start() -> None:
    """Before anything runs: finishes or drops what a killed process left behind, and makes stale what an older version
    of a step made. Originals are never touched."""
    finish_uploads()
    StepRun.objects.filter(state=StepRun.State.RUNNING).update(lease_until=timezone.now() - timedelta(seconds=1))
    release_expired()
    renew_versions()
    sweep()


def finish_uploads() -> tuple[int, int]:
    """Returns how many uploads were finished and how many unsealed pieces were dropped."""
    incoming = Path(settings.INCOMING_DIR)
    finished = dropped = 0
    for note in sorted(incoming.glob("*.json")):
        part = note.with_suffix(".part")
        if part.exists():
            intent = Intent(**json.loads(note.read_text()))
            if not Library.objects.filter(pk=intent.library_id).exists():
                log.warning("an upload was left whose library is gone", extra={"file": part.name})
                continue
            _finish(part, note, intent)
            finished += 1
        else:
            note.unlink()  # its row is written: the bytes are let go of before the note is
    for piece in incoming.iterdir():
        if piece.suffix != ".json" and not piece.with_suffix(".json").exists() and piece.is_file():
            piece.unlink()
            dropped += 1
    return finished, dropped


def renew_versions() -> None:
    """A step's higher version makes its older results stale; a step that is new gets its rows."""
    for step in STEPS:
        old = StepRun.objects.filter(step=step.name, version__lt=step.version).exclude(state=StepRun.State.WAITING)
        begin_again(list(old.values_list("asset_id", flat=True)), [step.name])
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO ingest_steprun (asset_id, library_id, step, lane, state, ready, urgent, version, model,"
                " revision, attempts, attempts_alone, failure, error, created_at)"
                " SELECT a.id, a.library_id, %(step)s, %(lane)s, 'waiting', NOT EXISTS (SELECT 1 FROM"
                " unnest(%(needs)s::text[]) AS need LEFT JOIN ingest_steprun n ON n.asset_id = a.id AND n.step = need"
                " WHERE n.state IS DISTINCT FROM 'done'), false, %(version)s, '', a.revision, 0, 0, '', '', now()"
                " FROM library_asset a WHERE NOT EXISTS"
                " (SELECT 1 FROM ingest_steprun s WHERE s.asset_id = a.id AND s.step = %(step)s)"
                " ON CONFLICT DO NOTHING",
                {"step": step.name, "lane": step.lane, "needs": list(step.needs), "version": step.version},
            )
