"""Walks the steps: claims a batch, does each step over the whole batch, writes how it went.

A row says what has to be done, a lease says who does it. Attempts are raised and committed BEFORE the work, so that a
file that kills its worker is known by its count; whatever was tried before is tried ALONE: only the guilty is counted.
"""

import logging
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, connections, transaction
from django.db.models import Exists, OuterRef, prefetch_related_objects

from apps.ingest import counts
from apps.ingest.models import StepRun
from apps.ingest.steps import ORDER, STEPS, Step, dependents_of
from apps.jobs import faults, workers
from apps.jobs.bell import ring
from apps.library.batch import Batch, Item, PictureMemory, StepFailure
from apps.library.models import Asset, Change
from apps.reading.runtime import runtime
from apps.search import indexing

log = logging.getLogger("mediahub.step")

ALONE_LIMIT = 3  # so often an item may kill, hang or bloat its process alone before it is set aside
RETRY_LIMIT = 5  # so often something is tried again that may pass by itself
REFRESH_EVERY = 0.25  # seconds; what changes within becomes findable together


@dataclass
class Claim:
    """Rows that are ours until the lease ends. `alone`: it was tried before, so nothing else is done beside it."""

    lease: uuid.UUID
    rows: list[StepRun]
    alone: bool = False
    renewed: float = field(default_factory=time.monotonic)

    def of(self, step: Step) -> list[StepRun]:
        return [row for row in self.rows if row.step == step.name]


# -- One bell ---------------------------------------------------------------------------------------------------------
def drain(lane: str) -> None:
    """Works until nothing waits in the lane, the time of one bell is over or the house closes; then it rings again."""
    workers.report(lane)
    end = time.monotonic() + settings.DRAIN_SECONDS
    while time.monotonic() < end and not workers.stopping():
        try:
            give_back()
            if not work_once(lane):
                finish_hop(last=True)
                return
        except (OperationalError, InterfaceError):
            log.warning("The database does not answer; waiting for it.", exc_info=True)
            connections.close_all()
            time.sleep(1)
    finish_hop(last=True)
    ring(lane)


def work_once(lane: str) -> bool:
    """Claims one batch and walks it through all steps of the lane. False when nothing waited."""
    claim = claim_next(lane)
    if not claim.rows:
        return False
    memory = PictureMemory()
    try:
        for step in STEPS:
            rows = claim.of(step)
            if rows:
                do_step(step, rows, claim, memory)
                faults.reached(f"step.{step.name}")
                finish_hop()
    except (OperationalError, InterfaceError):
        _interrupted.append(claim)
        raise
    return True


_interrupted: list[Claim] = []  # whose database went away


def give_back() -> None:
    """Once the database is there again: what it interrupted waits again at once and not when its lease ends, and was
    not tried, since it is not its fault."""
    while _interrupted:
        claim = _interrupted[0]
        with connection.cursor() as cursor:
            cursor.execute(GIVE_BACK, {"lease": claim.lease, "alone": int(claim.alone)})
        _interrupted.pop(0)


_refreshed = 0.0


def finish_hop(*, last: bool = False) -> None:
    """After every hop: what is new becomes findable, and everybody who may see it is told. Four times a second at most,
    since most steps of a picture end together; and for certain when it is the last hop for now."""
    global _refreshed
    if last or time.monotonic() - _refreshed > REFRESH_EVERY:
        while indexing.refresh() and last:
            pass
        _refreshed = time.monotonic()
    counts.tell(last=last)


GIVE_BACK = """
    UPDATE ingest_steprun SET state = 'waiting', lease = NULL, lease_until = NULL, started_at = NULL,
        attempts = greatest(attempts - 1, 0), attempts_alone = greatest(attempts_alone - %(alone)s, 0)
    WHERE lease = %(lease)s AND state = 'running'
"""


# -- Claiming ---------------------------------------------------------------------------------------------------------
CLAIM = """
    UPDATE ingest_steprun SET state = 'running', ready = true, lease = %(lease)s, started_at = now(),
        lease_until = now() + %(seconds)s * interval '1 second',
        attempts = attempts + 1, attempts_alone = attempts_alone + %(alone)s, failure = '', error = ''
    WHERE id IN ({chosen}) RETURNING *
"""
HEAD = """
    SELECT id, attempts FROM ingest_steprun WHERE lane = %(lane)s AND state = 'waiting' AND ready
    ORDER BY urgent DESC, attempts, id LIMIT 1 FOR UPDATE SKIP LOCKED
"""
NEXT_NEW = """
    SELECT id FROM ingest_steprun WHERE lane = %(lane)s AND state = 'waiting' AND ready AND attempts = 0
    ORDER BY urgent DESC, attempts, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
"""
FOLLOWING = """
    SELECT id FROM ingest_steprun d WHERE asset_id = ANY(%(assets)s) AND step = %(step)s AND state = 'waiting'
    AND attempts = 0 AND NOT EXISTS (SELECT 1 FROM ingest_steprun n WHERE n.asset_id = d.asset_id
    AND n.step = ANY(%(needs)s) AND n.state <> 'done') ORDER BY id FOR UPDATE SKIP LOCKED
"""


def claim_next(lane: str) -> Claim:
    """The next work of a lane: a batch of what was never tried, or one thing that was, alone."""
    lease = uuid.uuid4()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(HEAD, {"lane": lane})
        head = cursor.fetchone()
        if head is None:
            return Claim(lease, [])
        alone = head[1] > 0
        values: dict[str, Any] = _terms(lease) | {"lane": lane, "limit": settings.BATCH_SIZES[lane]}
        if alone:
            rows = StepRun.objects.raw(CLAIM.format(chosen="%(head)s"), values | {"alone": 1, "head": head[0]})
        else:
            rows = StepRun.objects.raw(CLAIM.format(chosen=NEXT_NEW), values)
        claim = Claim(lease, sorted(rows, key=lambda row: row.pk), alone)
    prefetch_related_objects(claim.rows, "asset")
    return claim


def claim_following(lease: uuid.UUID, step: Step, assets: Mapping[int, Asset]) -> list[StepRun]:
    """The rows of a step of the same assets that have all they need now: their pictures are still in memory."""
    values = _terms(lease) | {"assets": list(assets), "step": step.name, "needs": list(step.needs)}
    rows = sorted(StepRun.objects.raw(CLAIM.format(chosen=FOLLOWING), values), key=lambda row: row.pk)
    for row in rows:
        row.asset = assets[row.asset_id]
    return rows


def _terms(lease: uuid.UUID) -> dict[str, Any]:
    return {"lease": lease, "seconds": settings.LEASE_SECONDS, "alone": 0}


# -- Working ----------------------------------------------------------------------------------------------------------
def do_step(step: Step, rows: list[StepRun], claim: Claim, memory: PictureMemory) -> None:
    """Does one step over its rows. Whatever happens, each of them has an answer afterwards, or keeps its lease because
    the database is gone."""
    stale = [row for row in rows if row.revision != row.asset.revision]
    rows = [row for row in rows if row.revision == row.asset.revision]
    _release(stale)
    if not rows:
        return
    models = runtime()
    work = _Work(step, rows, claim)
    batch = Batch(
        items=[Item(row.asset) for row in rows],
        begin_commit=work.commit,
        model=(models.model(step.role) or "") if step.role else "",
        beat=work.beat,
        decoded=memory,
    )
    try:
        step.work(batch, models)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:  # the border to the steps: a bug in one must not stop all others
        log.exception("step crashed", extra={"step": step.name, "assets": [row.asset_id for row in rows]})
        reason = f"{type(error).__name__}: {error}"[:500]
        for item in batch.items:
            if item.asset.pk not in work.done:
                batch.fail(item, StepFailure("internal", reason, deadly=True))
    work.settle(batch)


# Of the revision that was worked on, and not given to somebody else meanwhile.
STILL_OURS = """
    SELECT r.id FROM ingest_steprun r JOIN library_asset a ON a.id = r.asset_id
    WHERE r.id = ANY(%(ids)s) AND r.lease = %(lease)s AND r.state = 'running' AND r.revision = a.revision
    ORDER BY r.id FOR UPDATE OF r
"""


@dataclass
class _Work:
    """One step over a batch: its commit, and the answers for what was not committed."""

    step: Step
    rows: list[StepRun]
    claim: Claim
    started: float = field(default_factory=time.monotonic)
    done: set[int] = field(default_factory=set)  # assets that have their answer

    @property
    def milliseconds(self) -> int:
        return round((time.monotonic() - self.started) * 1000 / max(1, len(self.rows)))

    def beat(self) -> None:
        """Renews the lease of everything that was claimed together, once in a third of its time."""
        if time.monotonic() - self.claim.renewed > settings.LEASE_SECONDS / 3:
            self.claim.renewed = time.monotonic()
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE ingest_steprun SET lease_until = now() + %s * interval '1 second'"
                    " WHERE id = ANY(%s) AND lease = %s AND state = 'running'",
                    [settings.LEASE_SECONDS, [row.pk for row in self.claim.rows], self.claim.lease],
                )

    @contextmanager
    def commit(self, batch: Batch) -> Iterator[Sequence[Item]]:
        """Locks the rows that are still ours and of the revision that was worked on; the step writes; they are done."""
        with transaction.atomic():
            held = self._lock()
            items = [item for item in batch.remaining if item.asset.pk in held]
            faults.reached(f"commit.{self.step.name}")
            yield items
            finished = [item.asset.pk for item in items if item.asset.pk not in batch.failures]
            self._mark_done([held[asset_id] for asset_id in finished], batch.model)
            following = make_ready({asset_id: held[asset_id].asset for asset_id in finished}, self.step, self.claim)
            if self.step.findable:
                Change.objects.bulk_create(Change(asset_id=asset_id) for asset_id in finished)
        self.claim.rows += following
        self.done.update(finished)
        for asset_id in finished:
            self._log(asset_id, "done")
        counts.note({row.library_id for row in held.values()}, finished)

    def settle(self, batch: Batch) -> None:
        """Writes the failures, and one for what the step forgot."""
        for item in batch.items:
            if item.asset.pk not in self.done and item.asset.pk not in batch.failures:
                batch.fail(item, StepFailure("internal", "The step ended without an answer.", transient=True))
        missed = {asset_id: failure for asset_id, failure in batch.failures.items() if asset_id not in self.done}
        if not missed:
            return
        with transaction.atomic():
            held = self._lock()
            for asset_id, failure in missed.items():
                if asset_id in held:
                    self._mark_failed(held[asset_id], failure)
        counts.note({row.library_id for row in held.values()}, missed)

    def _lock(self) -> dict[int, StepRun]:
        open_rows = {row.pk: row for row in self.rows if row.asset_id not in self.done}
        with connection.cursor() as cursor:
            cursor.execute(STILL_OURS, {"ids": list(open_rows), "lease": self.claim.lease})
            return {open_rows[pk].asset_id: open_rows[pk] for (pk,) in cursor.fetchall()}

    def _mark_done(self, rows: list[StepRun], model: str) -> None:
        ids = [row.pk for row in rows]
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE ingest_steprun SET state = 'done', finished_at = now(), duration_ms = %s, model = %s,"
                " version = %s, lease = NULL, lease_until = NULL, failure = '', error = '' WHERE id = ANY(%s)",
                [self.milliseconds, model, self.step.version, ids],
            )

    def _mark_failed(self, row: StepRun, failure: StepFailure) -> None:
        again = (failure.deadly and row.attempts_alone < ALONE_LIMIT) or (
            failure.transient and row.attempts < RETRY_LIMIT
        )
        if again:
            row.state = StepRun.State.WAITING
        else:
            row.state = StepRun.State.QUARANTINED if failure.deadly else StepRun.State.FAILED
        row.failure, row.error = failure.kind, failure.reason
        row.lease, row.lease_until = None, None
        row.duration_ms = self.milliseconds
        with connection.cursor() as cursor:
            cursor.execute("SELECT now()")
            row.finished_at = cursor.fetchone()[0]
        row.save(update_fields=["state", "failure", "error", "lease", "lease_until", "duration_ms", "finished_at"])
        if not again:
            skip_dependents(row)
        self._log(row.asset_id, row.state, failure)

    def _log(self, asset_id: int, state: str, failure: StepFailure | None = None) -> None:
        extra = {"asset": asset_id, "step": self.step.name, "state": state, "duration_ms": self.milliseconds}
        if failure:
            extra |= {"failure": failure.kind, "reason": failure.reason}
        log.info("step", extra=extra)


# -- Consequences -----------------------------------------------------------------------------------------------------
def make_ready(assets: Mapping[int, Asset], done: Step, claim: Claim) -> list[StepRun]:
    """Lets those steps begin that only waited for this one. Those of the same lane join the claim: returned are their
    rows. For the other lanes it rings."""
    following: list[StepRun] = []
    for step in STEPS:
        if done.name not in step.needs:
            continue
        if step.lane == done.lane and not claim.alone:
            taken = claim_following(claim.lease, step, assets)
            following += taken
            if len(taken) == len(assets):
                continue
        if set_ready(list(assets), step) and step.lane != done.lane:
            ring(step.lane)
    return following


def set_ready(asset_ids: Sequence[int], step: Step) -> int:
    """Marks the rows of a step that have all they need. Returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE ingest_steprun d SET ready = true WHERE asset_id = ANY(%s) AND step = %s AND NOT ready"
            " AND NOT EXISTS (SELECT 1 FROM ingest_steprun n WHERE n.asset_id = d.asset_id"
            " AND n.step = ANY(%s) AND n.state <> 'done')",
            [list(asset_ids), step.name, list(step.needs)],
        )
        return int(cursor.rowcount)


def skip_hopeless(asset_ids: Sequence[int], step: Step) -> None:
    """Marks the waiting rows of a step whose needs did not end well: they would wait for ever."""
    hopeless = [StepRun.State.FAILED, StepRun.State.QUARANTINED, StepRun.State.SKIPPED]
    needs = StepRun.objects.filter(asset=OuterRef("asset"), step__in=step.needs, state__in=hopeless)
    rows = StepRun.objects.filter(Exists(needs), asset__in=asset_ids, step=step.name, state=StepRun.State.WAITING)
    rows.update(state=StepRun.State.SKIPPED, ready=False)


def skip_dependents(row: StepRun) -> None:
    """What needs a step that did not end well cannot be done; it says so instead of waiting for ever."""
    StepRun.objects.filter(
        asset_id=row.asset_id, step__in=[step.name for step in dependents_of(row.step)], state=StepRun.State.WAITING
    ).update(state=StepRun.State.SKIPPED, ready=False)


def _release(rows: list[StepRun]) -> None:
    """Gives rows back that were claimed for an older revision: the attempt does not count."""
    for row in rows:
        StepRun.objects.filter(pk=row.pk, lease=row.lease, state=StepRun.State.RUNNING).update(
            state=StepRun.State.WAITING, revision=row.asset.revision, lease=None, lease_until=None, attempts=0
        )


def in_order(rows: Sequence[StepRun]) -> list[StepRun]:
    return sorted(rows, key=lambda row: ORDER.get(row.step, len(ORDER)))
