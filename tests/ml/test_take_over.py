"""A list of backends: who works when the first one cannot."""

from typing import Any

import pytest

from ml import Failure, Runtime
from ml.slot import COOL_DOWN_SECONDS, STRIKES
from tests.ml.echo import ONE, TWO, Clock, House, echo

BOTH: Any = {"one": [echo(name="weak"), echo(name="strong")]}


def who(runtime: Runtime, *words: str) -> list[str]:
    return [
        answer.kind if isinstance(answer, Failure) else answer.model.name for answer in runtime.map(ONE, words or "a")
    ]


def test_the_next_one_takes_what_the_first_failed_at_altogether(house: House) -> None:
    with Runtime(BOTH) as runtime:
        assert who(runtime, "down", "down") == ["strong", "strong"]
        assert who(runtime, "a") == ["weak"]


def test_an_item_that_fails_beside_others_that_do_not_stays_a_failure(house: House) -> None:
    with Runtime(BOTH) as runtime:
        assert who(runtime, "a", "down", "b") == ["weak", "internal", "weak"]


def test_what_one_is_not_to_be_asked_for_the_next_one_does(house: House) -> None:
    """A budget or a limit may end in the middle of a batch: the rest of it is not lost, as the next batch is not."""
    with Runtime(BOTH) as runtime:
        assert who(runtime, "a", "unpaid", "b", "unpaid") == ["weak", "strong", "weak", "strong"]
        assert who(runtime, "unpaid", "bad") == ["strong", "bad_item"]
        assert house.batches[-1] == ("strong", "cpu", 1)
    with Runtime({"one": echo(name="weak")}) as runtime:
        assert who(runtime, "a", "unpaid") == ["weak", "no_budget"]


def test_what_is_the_items_fault_goes_nowhere_else(house: House) -> None:
    with Runtime(BOTH) as runtime:
        assert who(runtime, "bad", "bad") == ["bad_item", "bad_item"]
        assert [status.loads for status in runtime.status()] == [1, 0]


def test_what_no_one_can_do_is_a_failure(house: House) -> None:
    with Runtime(BOTH) as runtime:
        assert who(runtime, "broken") == ["internal"]
        assert "fail" in str(runtime.status()[0].last_error)


def test_one_that_fails_too_often_rests_for_a_while(house: House) -> None:
    clock = Clock()
    with Runtime(BOTH, clock=clock) as runtime:
        for _ in range(STRIKES):
            assert who(runtime, "down") == ["strong"]
        assert [status.resting for status in runtime.status()] == [True, False]
        assert runtime.model(ONE) == "strong@1"
        assert who(runtime, "a") == ["strong"]
        clock.now = COOL_DOWN_SECONDS
        assert who(runtime, "a") == ["weak"]


def test_one_that_is_away_is_asked_once_and_again_when_it_said_so(house: House) -> None:
    clock = Clock()
    setting: Any = {"one": [echo(name="away"), echo(name="strong")]}
    with Runtime(setting, clock=clock) as runtime:
        assert who(runtime, "a", "b", "c") == ["strong"] * 3
        assert who(runtime, "a", "b", "c") == ["strong"] * 3
        assert [name for name, _device, _count in house.batches] == ["away", "strong", "strong"]
        clock.now = 7
        assert not runtime.status()[0].resting


def test_one_that_is_away_and_has_no_stand_in_says_for_how_long(house: House) -> None:
    with Runtime({"one": echo(name="away")}) as runtime:
        (failure,) = runtime.map(ONE, ["a"])
        assert isinstance(failure, Failure)
        assert (failure.kind, failure.retryable, failure.retry_after) == ("unavailable", True, 7)


def test_one_that_does_not_load_leaves_its_turn_to_the_next(house: House) -> None:
    setting: Any = {"one": [echo(name="unloadable"), echo(name="strong")]}
    with Runtime(setting) as runtime:
        assert who(runtime, "a") == ["strong"]
        assert runtime.status()[0].last_error == "half a file"
        assert runtime.memory_mb == 1


def test_a_lack_of_memory_is_said_before_what_is_not_installed(house: House) -> None:
    """It may pass by itself: whoever waits for an installation would wait for ever."""
    setting: Any = {"one": [echo(name="absent"), echo(name="strong", memory_mb=4)], "two": echo(memory_mb=4)}
    with Runtime(setting, memory_mb=6) as runtime:
        with runtime.pinned(TWO):
            assert who(runtime, "a") == ["out_of_memory"]
        assert who(runtime, "a") == ["strong"]


def test_what_is_not_installed_is_logged_once_and_not_with_every_batch(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    with Runtime({"one": [echo(name="absent"), echo(name="strong")]}) as runtime:
        assert who(runtime, *"abcdefghijkl") == ["strong"] * 12
        assert who(runtime, "a") == ["strong"]
    assert [record.getMessage() for record in caplog.records] == ["echo does not load: Not installed: absent."]


def test_when_all_rest_the_best_one_works(house: House) -> None:
    with Runtime(BOTH, clock=Clock()) as runtime:
        for _ in range(STRIKES):
            who(runtime, "broken")
        assert [status.resting for status in runtime.status()] == [True, True]
        assert who(runtime, "a") == ["weak"]
