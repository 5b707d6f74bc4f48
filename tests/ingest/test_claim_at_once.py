"""Two workers reach for the same work in the same instant, each over its own connection."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from apps.ingest import pipeline
from apps.ingest.models import StepRun
from apps.ingest.pipeline import Claim
from apps.ingest.services import release_expired
from apps.ingest.steps import BY_NAME, STEPS
from apps.library.batch import Batch, StepFailure
from apps.library.models import Inspection, Rendition
from apps.library.storage import rendition_path
from tests.ingest.conftest import Upload, states, walk
from tests.pictures import jpeg

pytestmark = pytest.mark.django_db(transaction=True)

WORKERS = 4


def claim_at_once(lane: str) -> list[Claim]:
    """What each of several workers gets, until nothing is left for any of them."""
    start = threading.Barrier(WORKERS)

    def worker(_number: int) -> list[Claim]:
        try:
            start.wait(10)
            claims = []
            while (claim := pipeline.claim_next(lane)).rows:
                claims.append(claim)
            return claims
        finally:
            connection.close()

    with ThreadPoolExecutor(WORKERS) as pool:
        return [claim for claims in pool.map(worker, range(WORKERS)) for claim in claims]


def test_nothing_is_claimed_twice_and_nothing_is_left(upload: Upload, settings: Any) -> None:
    settings.BATCH_SIZES = {"cpu": 3, "ml": 3}
    assets = [upload(jpeg(seed)).asset_id for seed in range(20)]
    tried = assets[:4]
    StepRun.objects.filter(asset__in=tried, step="inspect").update(attempts=1)
    claims = claim_at_once("cpu")
    assert Counter(row.asset_id for claim in claims for row in claim.rows) == Counter(assets)
    assert sorted(claim.rows[0].asset_id for claim in claims if claim.alone) == tried
    assert all(len(claim.rows) == 1 for claim in claims if claim.alone)
    leases = StepRun.objects.filter(step="inspect").values_list("lease", flat=True).distinct()
    assert {claim.lease for claim in claims} == set(leases)


@pytest.mark.parametrize("ends", ["well", "badly"])
def test_a_worker_whose_lease_ran_out_changes_nothing_of_what_the_next_one_wrote(
    upload: Upload, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    asset_id = upload(jpeg(1)).asset_id
    inspect = BY_NAME["inspect"]

    def slow(batch: Batch, runtime: Any) -> None:
        StepRun.objects.filter(asset=asset_id, step="inspect").update(lease_until=timezone.now() - timedelta(seconds=1))
        monkeypatch.setattr(pipeline, "STEPS", STEPS)
        with ThreadPoolExecutor(1) as next_one:
            next_one.submit(take_over).result()
        if ends == "well":
            inspect.work(batch, runtime)
        else:
            batch.fail(batch.items[0], StepFailure("unreadable", "This is written by nobody."))

    monkeypatch.setattr(pipeline, "STEPS", (replace(inspect, work=slow), *STEPS[1:]))
    pipeline.work_once("cpu")
    run = StepRun.objects.get(asset=asset_id, step="inspect")
    assert (run.state, run.attempts, run.failure) == ("done", 2, "")
    assert set(states(asset_id).values()) == {"done"}
    assert Inspection.objects.filter(asset=asset_id).count() == 1
    assert all(rendition_path(asset_id, 1, each.kind).exists() for each in Rendition.objects.filter(asset=asset_id))


def take_over() -> None:
    """What another worker does, over its own connection, when a lease has ended."""
    try:
        release_expired()
        walk()
    finally:
        connection.close()
