"""Alice's own picture has words on it that nobody else has: Charlie looks for them everywhere, and for the number of
pictures that have them."""

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from apps.accounts.models import User
from apps.accounts.permissions import ANYONE
from apps.ingest import counts
from apps.jobs.progress import session_group, user_group
from apps.library.models import Inspection
from apps.search import indexing
from tests.factories import WORDS, House, picture, shared_library, signed_in
from tests.security.policy import BYTES, PAGE, ROWS, Row
from tests.security.test_matrix import Call, canary_words

QUESTIONS = [
    *(f"q={word}" for word in WORDS),
    *(f"q={word[:3]}" for word in WORDS),
    f"tag=scene:{WORDS.tag}",
    f"place={WORDS.city}",
    f"camera={WORDS.camera}",
    "library={home}",
    "duplicates=hide",
    "duplicates=show&from=2023-05-17&to=2023-05-17",
]
ASKED = [row for row in ROWS if row.method == "GET" and not row.path and row.who not in (ANYONE, BYTES)]


def answers(client: Client, ids: dict[str, int], row: Row) -> list[tuple[str, Any]]:
    """Routes that take a query are asked every question, the others what they are for."""
    questions = QUESTIONS if row.query else [""]
    places = [f"/{row.route}?{question.format(**ids)}" for question in questions]
    return [(place, client.get(place)) for place in places]


@pytest.mark.parametrize("who", ["bob", "charlie"])
def test_nobody_finds_the_words_of_anothers_picture_anywhere(
    house: House, actors: dict[str, Client], ids: dict[str, int], who: str, subtests: pytest.Subtests
) -> None:
    for row in ASKED:
        with subtests.test(str(row)):
            for place, answer in answers(actors[who], ids, row):
                assert not canary_words(answer), place


def test_the_words_are_there_for_alice(house: House, actors: dict[str, Client]) -> None:
    """Else the tests of this module would prove nothing."""
    for word in WORDS:
        found = actors["alice"].get(f"/api/search/?q={word}").json()["items"]
        assert {item["id"] for item in found} >= {house.canary.pk}, word
    assert WORDS.tag in actors["alice"].get(f"/api/search/suggest/?q={WORDS.tag[:4]}").content.decode()


def test_anothers_pictures_change_no_number_that_one_sees(house: House, ids: dict[str, int]) -> None:
    """Charlie, with one picture of his own that looks like Alice's, asks everything; then Alice's pictures go and he
    asks again."""
    mine = shared_library(house.charlie, "Mine")
    own = picture(mine, added_by=house.charlie)
    Inspection.objects.filter(asset=own).update(pdq=house.canary.inspection.pdq)
    indexing.refresh()
    client, rows = signed_in(house.charlie), [row for row in ASKED if row.who != PAGE and row.route != "api/status/"]

    def everything() -> dict[str, bytes]:
        cache.clear()
        return {place: answer.content for row in rows for place, answer in answers(client, ids, row)}

    before = everything()
    for asset in (house.canary, house.twin, house.failed, house.seen_by_bob):
        asset.delete()
    client.get(f"/api/assets/{own.pk}/")
    after = everything()
    assert [place for place in before if before[place] != after[place]] == []
    assert client.get(f"/api/assets/{own.pk}/").json()["duplicates"] == []


def test_news_of_a_picture_go_to_those_who_see_it_and_carry_no_content(house: House, sent: list[Any]) -> None:
    counts.note({house.home.pk}, [house.canary.pk])
    counts.tell(last=True)
    counts.note({house.shared.pk}, [house.seen_by_bob.pk])
    counts.tell(last=True)
    assert sent
    told = {group for groups, _message in sent for group in groups}
    assert told <= {user_group(user.pk) for user in (house.alice, house.bob, house.dora)}
    assert not [word for word in WORDS if word in str(sent).lower()]
    of_the_canary = [groups for groups, message in sent if message.get("message", {}).get("id") == house.canary.pk]
    assert all(groups == [user_group(house.alice.pk)] for groups in of_the_canary)


def test_groups_are_named_by_the_server_alone() -> None:
    assert (user_group(7), session_group("k")) == ("user.7", "session.k")


def test_a_share_that_is_taken_back_is_gone_with_the_next_request(house: House, ids: dict[str, int]) -> None:
    alice, bob = signed_in(house.alice), signed_in(house.bob)
    row = next(row for row in ROWS if row.who == BYTES)
    places = [f"/api/assets/{house.seen_by_bob.pk}/", f"/photos/{house.seen_by_bob.pk}/", Call(row, ids).address]
    assert [bob.get(place).status_code for place in places] == [200, 200, 200]
    assert bob.get("/api/stats").json() != {}
    alice.delete(f"/api/libraries/{house.shared.pk}/members/{house.bob.pk}/")
    assert [bob.get(place).status_code for place in places] == [404, 404, 404]
    assert bob.get("/api/assets/").json()["items"] == []
    assert house.seen_by_bob.camera_make not in bob.get("/api/stats").content.decode()
    assert house.seen_by_bob.camera_make.lower() not in bob.get("/search/").content.decode().lower()


def test_an_account_that_is_put_out_sees_nothing_any_more(house: House, actors: dict[str, Client]) -> None:
    User.objects.filter(pk=house.alice.pk).update(is_active=False)
    for actor in ("alice", "read_key", "write_key"):
        assert actors[actor].get("/api/assets/").status_code == 401
        assert actors[actor].get(f"/m/{house.canary.pk}/1/preview").status_code == 404
