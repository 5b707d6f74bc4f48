from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from django_q.models import OrmQ

from apps.jobs import bell

pytestmark = pytest.mark.django_db(transaction=True)

drained: list[str] = []


def drain(lane: str) -> None:
    drained.append(lane)


def test_a_bell_names_its_lane_and_goes_to_its_cluster() -> None:
    bell.ring("cpu")
    bell.ring("ml")
    assert {(row.key, row.task["func"], row.task["args"]) for row in OrmQ.objects.all()} == {
        ("default", "apps.jobs.bell.answer", ("cpu",)),
        ("ml", "apps.jobs.bell.answer", ("ml",)),
    }


def test_a_bell_rings_after_the_commit_only() -> None:
    with transaction.atomic():
        bell.ring("cpu")
        assert not OrmQ.objects.exists()
    assert bell.waiting("cpu") == 1


def test_what_is_rolled_back_rings_nothing() -> None:
    with transaction.atomic():
        bell.ring("cpu")
        transaction.set_rollback(True)
    assert not OrmQ.objects.exists()


def test_not_more_bells_wait_than_workers() -> None:
    for _ in range(100):
        bell.ring("cpu")
        bell.ring("ml")
    assert bell.waiting("cpu") == bell.workers_of("default") == 2
    assert bell.waiting("ml") == bell.workers_of("ml") == 1


def test_a_bell_that_a_killed_worker_took_along_holds_no_other_one_back() -> None:
    bell.ring("ml")
    OrmQ.objects.update(lock=timezone.now() + timedelta(hours=1))
    bell.ring("ml")
    assert bell.waiting("ml") == 1
    assert OrmQ.objects.count() == 2


def test_other_messages_do_not_count_as_bells() -> None:
    for job_id in range(5):
        bell.send("apps.jobs.services.run_job", job_id, cluster="default")
    bell.ring("cpu")
    assert bell.waiting("cpu") == 1


def test_an_answer_drains_the_lane(settings: object) -> None:
    settings.LANES = {"cpu": {"cluster": "default", "drain": "tests.jobs.test_ring.drain"}}  # type: ignore[attr-defined]
    bell.answer("cpu")
    assert drained == ["cpu"]
