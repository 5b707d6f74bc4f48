"""Long work: begun once, gone on with, ended."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone
from django_q.models import OrmQ

from apps.accounts.models import User
from apps.accounts.scope import NOBODY, Scope
from apps.jobs import services
from apps.jobs.models import Job, Message, Worker
from tests.jobs.kinds import PIECES

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kinds")]
commits = pytest.mark.django_db(transaction=True)

State = Job.State


def begun(anna: User, kind: str) -> Job:
    return services.start(kind, "12", anna, "A job of the tests")


def run(job: Job) -> Job:
    services.run_job(job.pk)
    job.refresh_from_db()
    return job


def test_a_job_is_done_piece_by_piece(anna: User) -> None:
    job = run(begun(anna, "count"))
    assert (job.state, job.done, job.total, job.cursor) == (State.DONE, PIECES, PIECES, {"next": PIECES})
    assert job.lease is None
    assert job.started_at is not None
    assert job.finished_at is not None


@commits
def test_a_start_puts_one_message_into_the_queue(anna: User) -> None:
    job = begun(anna, "count")
    (message,) = OrmQ.objects.all()
    assert (message.key, message.task["func"], message.task["args"]) == ("default", services.RUN, (job.pk,))


def test_a_second_start_joins_the_first(anna: User, ben: User) -> None:
    job = begun(anna, "count")
    assert services.start("count", "12", ben, "The same") == job
    assert services.start("count", "13", ben, "Another target") != job
    run(job)
    assert services.start("count", "12", ben, "After its end") != job


def test_a_message_that_comes_twice_does_nothing_twice(anna: User) -> None:
    job = run(begun(anna, "count"))
    assert run(job).done == PIECES


def test_a_job_at_work_is_not_taken_by_another_worker(anna: User) -> None:
    job = begun(anna, "count")
    assert services._claim(job.pk)
    assert run(job).done == 0


def test_a_silent_workers_job_goes_on_behind_its_cursor(anna: User) -> None:
    job = begun(anna, "count")
    services._claim(job.pk)
    Job.objects.filter(pk=job.pk).update(cursor={"next": 3}, done=3, lease_until=Now() - timedelta(seconds=1))
    assert run(job).done == PIECES
    assert job.state == State.DONE


def test_three_deaths_at_the_same_piece_end_the_job(anna: User) -> None:
    job = begun(anna, "count")
    for _ in range(services.ATTEMPTS):
        assert services._claim(job.pk)
        Job.objects.filter(pk=job.pk).update(lease_until=Now() - timedelta(seconds=1))
    assert services._claim(job.pk) is None
    services.sweep()
    job.refresh_from_db()
    assert job.state == State.FAILED
    assert "ended unexpectedly 3 times" in job.error


def test_a_piece_that_was_written_counts_the_attempts_anew(anna: User) -> None:
    job = begun(anna, "outlast_its_turn")
    Job.objects.filter(pk=job.pk).update(attempts=2)
    assert run(job).attempts == 0


def test_a_named_error_ends_the_job_with_its_words(anna: User) -> None:
    job = run(begun(anna, "refuse"))
    assert (job.state, job.error) == (State.FAILED, "The folder is not there. Connect its disk.")


def test_a_bug_is_tried_three_times_and_then_said(anna: User) -> None:
    job = begun(anna, "crash")
    states = [run(job).state for _ in range(3)]
    assert states == [State.WAITING, State.WAITING, State.FAILED]
    assert job.error == "ZeroDivisionError: a bug"


@commits
def test_a_turn_that_is_over_goes_back_into_the_queue(anna: User) -> None:
    job = run(begun(anna, "outlast_its_turn"))
    assert (job.state, job.done, job.lease) == (State.WAITING, 1, None)
    assert OrmQ.objects.count() == 2


def test_who_lost_the_job_writes_nothing_more(anna: User) -> None:
    job = run(begun(anna, "lose"))
    assert (job.state, job.done) == (State.RUNNING, 40)


def test_a_waiting_job_is_cancelled_at_once(anna: User) -> None:
    job = begun(anna, "count")
    assert services.cancel(Scope(user_id=anna.pk), job.pk).state == State.CANCELLED
    assert run(job).done == 0


def test_a_running_job_is_cancelled_after_its_piece(anna: User) -> None:
    job = run(begun(anna, "cancel_oneself"))
    assert (job.state, job.done) == (State.CANCELLED, 1)


def test_a_job_ends_when_its_starter_is_shut_out(anna: User) -> None:
    job = begun(anna, "count")
    User.objects.filter(pk=anna.pk).update(is_active=False)
    assert (run(job).state, job.done) == (State.CANCELLED, 0)


def test_nobody_sees_or_cancels_the_job_of_another(anna: User, ben: User) -> None:
    job = begun(anna, "count")
    assert list(Job.objects.visible_to(Scope(user_id=anna.pk))) == [job]
    for stranger in (Scope(user_id=ben.pk, is_administrator=True), NOBODY):
        assert not Job.objects.visible_to(stranger).exists()
        with pytest.raises(Job.DoesNotExist):
            services.cancel(stranger, job.pk)


@commits
def test_the_sweeper_rings_again_for_what_was_forgotten(anna: User) -> None:
    job = begun(anna, "count")
    OrmQ.objects.all().delete()
    services.sweep()
    assert not OrmQ.objects.exists()  # it has just begun to wait
    Job.objects.filter(pk=job.pk).update(created_at=Now() - timedelta(minutes=1))
    services.sweep()
    assert OrmQ.objects.count() == 1


@commits
def test_what_ran_when_everything_was_killed_goes_on_at_the_start(anna: User) -> None:
    job = begun(anna, "count")
    services._claim(job.pk)
    OrmQ.objects.all().delete()
    services.sweep_at_start()
    assert OrmQ.objects.count() == 1
    assert run(job).state == State.DONE


def test_delivered_messages_are_swept() -> None:
    Message.objects.create(body=b"old", at=timezone.now() - timedelta(minutes=2))
    Message.objects.create(body=b"new")
    services.sweep()
    assert [bytes(message.body) for message in Message.objects.all()] == [b"new"]


def test_silent_workers_are_forgotten() -> None:
    old = timezone.now() - timedelta(days=3)
    Worker.objects.create(host="gone", process=1, lane="cpu", seen_at=old)
    Worker.objects.create(host="here", process=1, lane="cpu")
    services.prune()
    assert [worker.host for worker in Worker.objects.all()] == ["here"]
