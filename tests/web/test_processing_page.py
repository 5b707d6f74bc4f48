"""How far everything is, as a page: Alice sees hers, Charlie nothing of it."""

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.ingest.models import StepRun
from apps.jobs.models import Job
from apps.library.services import home_of
from tests.factories import picture, shared_library, signed_in

pytestmark = pytest.mark.django_db


def page(user: User, name: str = "processing", **headers: str) -> str:
    answer = signed_in(user).get(reverse(name), headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_page_without_anything_says_what_to_do(alice: User) -> None:
    assert "Nothing to process yet" in page(alice)


def test_every_step_is_there_with_its_counts(alice: User) -> None:
    picture(home_of(alice))
    picture(home_of(alice), steps="waiting")

    shown = page(alice)

    assert shown.count('data-field="waiting">1<') == StepRun.objects.filter(state="waiting").count() == 5
    assert "5 pieces of work left" in shown


def test_done_means_that_nothing_is_left(alice: User) -> None:
    picture(home_of(alice))

    assert "Everything is done" in page(alice)


def test_a_part_of_the_page_is_only_what_moves(alice: User) -> None:
    picture(home_of(alice))

    part = page(alice, **{"X-Part": "now"})

    assert "data-step=" in part
    assert "<html" not in part


def test_a_stranger_sees_no_count_and_no_name(alice: User, charlie: User) -> None:
    picture(home_of(alice), steps="failed")

    assert "Nothing to process yet" in page(charlie)
    assert "Nothing needs attention" in page(charlie, "troubles")


def test_a_trouble_says_what_where_and_how_often(alice: User) -> None:
    asset = picture(home_of(alice), steps="failed")

    shown = page(alice, "troubles")

    assert asset.name in shown
    assert f"{asset.name} cannot be read." in shown
    assert "Try again" in shown


def test_a_viewer_sees_a_trouble_and_cannot_try_again(alice: User, bob: User) -> None:
    asset = picture(shared_library(alice, viewer=bob), steps="failed")

    assert "Try again" not in page(bob, "troubles")
    answer = signed_in(bob).post(reverse("retry"), {"asset": asset.pk, "step": "inspect"})
    assert answer.status_code == 404
    assert not StepRun.objects.filter(state="waiting").exists()


def test_a_trouble_that_is_tried_again_waits(alice: User) -> None:
    asset = picture(home_of(alice), steps="failed")

    signed_in(alice).post(reverse("retry"), {"asset": asset.pk, "step": "inspect"})

    assert StepRun.objects.get(asset=asset, step="inspect").state == "waiting"


def test_everything_is_tried_again_at_once(alice: User) -> None:
    for _each in range(2):
        picture(home_of(alice), steps="failed")

    signed_in(alice).post(reverse("retry"), {"all": "1"})

    assert not StepRun.objects.filter(state="failed").exists()


@pytest.mark.parametrize("wish", [{}, {"asset": "x", "step": "ocr"}, {"asset": "1", "step": "no such step"}])
def test_a_wish_that_makes_no_sense_is_not_found(alice: User, wish: dict[str, str]) -> None:
    assert signed_in(alice).post(reverse("retry"), wish).status_code == 404


def test_troubles_come_in_pages(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.web.processing.TROUBLES_ON_A_PAGE", 3)
    picture(home_of(alice), steps="failed")

    first = page(alice, "troubles")

    assert first.count('id="trouble-') == 3
    assert 'rel="next"' in first


def test_a_spoilt_page_link_begins_again(alice: User) -> None:
    assert signed_in(alice).get(reverse("troubles"), {"cursor": "nonsense"}).status_code == 302


def test_a_job_is_shown_to_its_starter_only(alice: User, bob: User) -> None:
    Job.objects.create(kind="scan", title="Scan of Pictures", started_by=alice, state="running", done=3, total=10)

    assert "3 of 10" in page(alice)
    assert "Scan of Pictures" not in page(bob)


def test_a_job_is_cancelled_by_its_starter_only(alice: User, bob: User) -> None:
    job = Job.objects.create(kind="scan", title="Scan", started_by=alice, state="running")

    assert signed_in(bob).post(reverse("job_cancel", args=[job.pk])).status_code == 404
    job.refresh_from_db()
    assert not job.cancel_requested

    signed_in(alice).post(reverse("job_cancel", args=[job.pk]))
    job.refresh_from_db()
    assert job.cancel_requested


def test_who_is_not_signed_in_is_sent_to_the_door() -> None:
    for name in ("processing", "troubles", "search", "statistics"):
        assert Client().get(reverse(name)).status_code == 302
