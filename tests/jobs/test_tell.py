import time
from typing import Any

import pytest

from apps.jobs import progress
from apps.jobs.progress import Coalesced


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(progress, "publish", lambda user_ids, message: sent.append(message))
    return sent


def test_four_messages_a_second_and_the_last_one_for_certain(sent: list[dict[str, Any]]) -> None:
    told = Coalesced()
    end = time.monotonic() + 0.6
    number = 0
    while time.monotonic() < end:
        number += 1
        told.publish("job.1", [1], {"done": number})
        time.sleep(0.005)
    told.flush()
    assert 3 <= len(sent) <= 4
    assert sent[-1] == {"done": number}


def test_subjects_do_not_hold_one_another_up(sent: list[dict[str, Any]]) -> None:
    told = Coalesced()
    for subject in ("job.1", "job.2"):
        told.publish(subject, [1], {"of": subject})
    assert sent == [{"of": "job.1"}, {"of": "job.2"}]


def test_a_flush_sends_nothing_twice(sent: list[dict[str, Any]]) -> None:
    told = Coalesced()
    told.publish("job.1", [1], {"done": 1})
    told.flush()
    told.flush()
    assert sent == [{"done": 1}]
