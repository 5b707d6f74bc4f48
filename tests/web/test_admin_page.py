"""The administration keeps the house without looking into it."""

from datetime import timedelta

import pytest
from django.contrib import admin as site
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import User
from apps.jobs.models import Job, Worker
from apps.library.models import Membership
from tests.factories import WORDS, House, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def house() -> House:
    house = House()
    Worker.objects.create(host="attic", process=7, lane="cpu", sandbox={"landlock": True, "network": False})
    Worker.objects.create(
        host="cellar", process=8, lane="ml", seen_at=timezone.now() - timedelta(hours=1), models_state={"ocr": "loaded"}
    )
    return house


def pages(house: House) -> list[str]:
    names = [reverse(name) for name in ("admin:index", "admin:queue")]
    for model, options in site.site._registry.items():
        route = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        names.append(reverse(f"{route}_changelist"))
        one = model._default_manager.first()
        if one is not None and options.has_view_permission(request_of(house)):
            names.append(reverse(f"{route}_change", args=[one.pk]))
    return names


def request_of(house: House):  # type: ignore[no-untyped-def]  # a request as the administrator's browser sends it
    from django.test import RequestFactory

    request = RequestFactory().get("/admin/")
    request.user = house.admin
    return request


def test_nothing_private_stands_on_any_page(house: House) -> None:
    client = signed_in(house.admin)

    for name in pages(house):
        answer = client.get(name)
        assert answer.status_code == 200, name
        shown = answer.content.decode().lower()
        private = [word for word in WORDS if word in shown and word != "umbrellaphant"]
        assert not private, (name, private)  # "umbrellaphant" is also in the name of a shared library


def test_nobody_else_gets_in(house: House) -> None:
    for name in pages(house):
        assert signed_in(house.alice).get(name).status_code in (302, 403), name
        assert Client().get(name).status_code == 302, name


def test_the_title_says_whose_administration_it_is(house: House) -> None:
    assert "MediaHub administration" in signed_in(house.admin).get(reverse("admin:index")).content.decode()


def test_the_queue_s_pickles_are_not_shown() -> None:
    assert not [model for model in site.site._registry if model._meta.app_label == "django_q"]


def test_a_library_is_shown_with_its_size_and_cannot_be_changed(house: House) -> None:
    client = signed_in(house.admin)
    address = reverse("admin:library_library_change", args=[house.home.pk])
    shown = client.get(address).content.decode()

    assert "369\N{NO-BREAK SPACE}bytes" in shown  # three files of 123

    client.post(address, {"name": "Mine", "memberships-0-user": house.admin.pk})
    house.home.refresh_from_db()
    assert house.home.name != "Mine"
    assert not Membership.objects.filter(user=house.admin, library=house.home).exists()


def test_jobs_are_cancelled_from_their_list(house: House) -> None:
    signed_in(house.admin).post(
        reverse("admin:jobs_job_changelist"), {"action": "cancel", "_selected_action": [house.job.pk]}
    )

    house.job.refresh_from_db()
    assert house.job.state == Job.State.CANCELLED


def test_workers_say_whether_they_live_and_what_holds(house: House) -> None:
    shown = signed_in(house.admin).get(reverse("admin:jobs_worker_changelist")).content.decode()

    assert "1 of 2 layers hold; without network" in shown
    assert "ocr: loaded" in shown
    assert shown.count("icon-yes") == 1
    assert shown.count("icon-no") == 1


def test_the_page_of_the_queues_counts_every_lane(house: House, admin_lanes: list[str]) -> None:
    shown = signed_in(house.admin).get(reverse("admin:queue")).content.decode()

    for lane in admin_lanes:
        assert f'<th scope="row">{lane}</th>' in shown


@pytest.fixture
def admin_lanes(settings) -> list[str]:  # type: ignore[no-untyped-def]
    return list(settings.LANES)


def test_an_administrator_s_own_people_page_is_there(admin: User) -> None:
    assert signed_in(admin).get(reverse("admin:accounts_user_changelist")).status_code == 200
