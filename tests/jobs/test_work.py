"""Real workers: the cluster's processes, and what a kill of one of them does."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django_q.models import OrmQ

from apps.accounts.models import User
from apps.jobs import bell, services
from apps.jobs.models import Job, Worker
from tests.jobs.conftest import ROOT
from tests.run.house import House, eventually, living

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("kinds")]


@pytest.fixture
def cluster(environment: dict[str, str]) -> Iterator[House]:
    """The workers of the default queue, with leases that end soon."""
    tree = House(Path(), 0)
    command = [sys.executable, "manage.py", "work"]
    settings = {"MEDIAHUB_LEASE_SECONDS": "1", "MEDIAHUB_WORKERS": "2"}
    tree.process = subprocess.Popen(command, cwd=ROOT, env=environment | settings, text=True, start_new_session=True)
    assert eventually(lambda: len(tree.processes()) == 5)  # sentinel, two workers, pusher, monitor
    yield tree
    if tree.process.poll() is None:
        tree.process.terminate()
        tree.process.wait(20)


def workers_of(tree: House) -> list[int]:
    """The two that take tasks: the first children of the sentinel."""
    return sorted(pid for pid, _began in tree.processes())[1:3]


def ended(job: Job) -> bool:
    job.refresh_from_db()
    return job.state in (Job.State.DONE, Job.State.FAILED)


def test_a_job_of_a_killed_worker_goes_on_and_nothing_is_done_twice(cluster: House, anna: User) -> None:
    job = services.start("die_in_the_middle", "1", anna, "Dies once")
    assert eventually(lambda: Job.objects.filter(pk=job.pk, done=2).exists())

    def swept() -> bool:
        services.sweep()
        return ended(job)

    assert eventually(swept)
    assert (job.state, job.done) == (Job.State.DONE, 5)
    assert Worker.objects.filter(lane="cpu", process=cluster.pid).exists()


def test_an_idle_worker_that_is_killed_takes_no_lock_with_it(cluster: House, anna: User) -> None:
    for pid in workers_of(cluster):
        os.kill(pid, signal.SIGKILL)
    jobs = [services.start("count", str(number), anna, "Afterwards") for number in range(4)]
    assert eventually(lambda: all(ended(job) for job in jobs))


def test_a_killed_cluster_leaves_no_process(cluster: House) -> None:
    processes = cluster.processes()
    os.kill(cluster.pid, signal.SIGKILL)
    cluster.ended()
    assert eventually(lambda: not living(processes), 5)


def test_a_stop_ends_a_long_job_after_its_piece(cluster: House, anna: User) -> None:
    bell.send("time.sleep", 1, cluster="default")
    assert eventually(lambda: not OrmQ.objects.exists() or OrmQ.objects.get().lock is not None)
    processes = cluster.processes()
    cluster.ask_to_stop(signal.SIGTERM)
    assert cluster.ended(20) == 0
    assert not living(processes)
