"""Two workers reach for the same work in the same instant, each over its own connection."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from apps.ingest import pipeline
from apps.ingest.models import StepRun
from apps.ingest.pipeline import Claim
from tests.ingest.conftest import Upload
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
