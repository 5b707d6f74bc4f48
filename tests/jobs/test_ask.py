"""Jobs over HTTP: each person's own."""

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.accounts.services import make_key
from apps.jobs.models import Job

pytestmark = pytest.mark.django_db


def job_of(user: User, **values: object) -> Job:
    return Job.objects.create(kind="count", title="Scan of Holidays", started_by=user, **values)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_the_list_shows_ones_own_jobs_newest_first(anna: User, ben: User) -> None:
    jobs = [job_of(anna) for _ in range(3)]
    job_of(ben)
    answer = signed_in(anna).get("/api/jobs/").json()
    assert [item["id"] for item in answer["items"]] == [job.pk for job in reversed(jobs)]
    assert answer["items"][0]["title"] == "Scan of Holidays"
    assert (answer["next"], answer["previous"]) == (None, None)


def test_pages_lead_forth_and_back(anna: User) -> None:
    jobs = [job_of(anna).pk for _ in range(5)][::-1]
    client, seen = signed_in(anna), []
    page = client.get("/api/jobs/?size=2").json()
    while True:
        seen.append([item["id"] for item in page["items"]])
        if page["next"] is None:
            break
        page = client.get(page["next"]).json()
    assert seen == [jobs[:2], jobs[2:4], jobs[4:]]
    page = client.get(client.get(page["previous"]).json()["previous"]).json()
    assert ([item["id"] for item in page["items"]], page["previous"]) == (jobs[:2], None)


@pytest.mark.parametrize("cursor", ["x", "before-", "before-x", "around-3", "before-99999999999999999999"])
def test_a_cursor_that_is_none_is_refused(anna: User, cursor: str) -> None:
    answer = signed_in(anna).get("/api/jobs/", {"cursor": cursor})
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")


def test_a_job_is_looked_at_and_cancelled(anna: User) -> None:
    client, job = signed_in(anna), job_of(anna)
    assert client.get(f"/api/jobs/{job.pk}/").json()["state"] == "waiting"
    assert client.post(f"/api/jobs/{job.pk}/cancel/").json()["state"] == "cancelled"


def test_the_job_of_another_is_not_there(anna: User, ben: User) -> None:
    client, job = signed_in(ben), job_of(anna)
    assert client.get(f"/api/jobs/{job.pk}/").status_code == 404
    assert client.post(f"/api/jobs/{job.pk}/cancel/").status_code == 404
    job.refresh_from_db()
    assert (job.state, job.cancel_requested) == (Job.State.WAITING, False)


def test_nobody_sees_jobs_without_signing_in(anna: User) -> None:
    job = job_of(anna)
    assert Client().get("/api/jobs/").status_code == 401
    assert Client().post(f"/api/jobs/{job.pk}/cancel/").status_code == 401


def test_a_key_for_reading_cancels_nothing(anna: User) -> None:
    job, (_key, secret) = job_of(anna), make_key(anna, "phone", ["job.read"])
    program = Client(headers={"Authorization": f"Bearer {secret}"})
    assert program.get(f"/api/jobs/{job.pk}/").status_code == 200
    assert program.post(f"/api/jobs/{job.pk}/cancel/").status_code == 403
