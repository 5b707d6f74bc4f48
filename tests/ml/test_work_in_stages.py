"""While one batch is at work the next is made ready, and nothing is lost when somebody stops."""

import threading
import time
from collections.abc import Iterator, Sequence

import pytest

from ml import Failure, Runtime
from tests.ml.echo import ONE, House, Word, echo

WORDS = [str(number) for number in range(30)]


def texts(answers: Sequence[Word | Failure]) -> list[str]:
    return [answer.kind if isinstance(answer, Failure) else answer.text for answer in answers]


def stages() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("ml-stage")]


def test_the_next_batch_is_prepared_while_one_is_at_work(house: House) -> None:
    prepared = {number: threading.Event() for number in range(0, 30, 3)}
    in_time = []

    def watch(stage: str, words: Sequence[str]) -> None:
        number = int(words[0])
        if stage == "prepare":
            prepared[number].set()
        if stage == "infer" and number + 3 in prepared:
            in_time.append(prepared[number + 3].wait(10))

    house.watch = watch
    with Runtime({"one": echo(batch_size=3)}) as runtime:
        assert texts(list(runtime.map(ONE, WORDS))) == WORDS
    assert in_time == [True] * 9


def test_a_batch_is_finished_while_the_next_is_at_work(house: House) -> None:
    at_work = {number: threading.Event() for number in range(0, 30, 3)}
    in_time = []

    def watch(stage: str, words: Sequence[str]) -> None:
        number = int(words[0])
        if stage == "infer":
            at_work[number].set()
        if stage == "finish" and number + 3 in at_work:
            in_time.append(at_work[number + 3].wait(10))

    house.watch = watch
    with Runtime({"one": echo(batch_size=3)}) as runtime:
        assert texts(list(runtime.map(ONE, WORDS))) == WORDS
    assert in_time == [True] * 9


def test_items_are_read_by_the_thread_that_asks(house: House) -> None:
    readers = set()

    def words() -> Iterator[str]:
        for word in WORDS:
            readers.add(threading.current_thread())
            yield word

    with Runtime({"one": echo()}) as runtime:
        list(runtime.map(ONE, words()))
    assert readers == {threading.current_thread()}


def test_one_small_batch_needs_no_threads(house: House) -> None:
    workers = set()
    house.watch = lambda stage, words: workers.add(threading.current_thread())
    with Runtime({"one": echo()}) as runtime:
        list(runtime.map(ONE, ["a", "b"]))
    assert workers == {threading.current_thread()}


def test_a_bad_item_in_the_middle_is_one_failure(house: House) -> None:
    words = [*WORDS[:13], "bad", *WORDS[14:20], "", *WORDS[21:]]
    with Runtime({"one": echo()}) as runtime:
        expected = ["bad_item" if word in ("bad", "") else word for word in words]
        assert texts(list(runtime.map(ONE, words))) == expected


def test_closing_ends_the_work_between_batches_and_the_threads(house: House) -> None:
    house.watch = lambda stage, words: time.sleep(0.002)
    with Runtime({"one": echo(batch_size=1)}) as runtime:
        answers = runtime.map(ONE, ["a"] * 10_000)
        assert texts([next(answers), next(answers)]) == ["a", "a"]
        assert stages()
        answers.close()  # type: ignore[attr-defined]
        assert not stages()
        assert len(house.batches) <= 5
        assert not runtime.status()[0].in_use
        runtime.unload(ONE)


def test_an_error_of_the_reader_comes_after_the_results_of_what_was_read(house: House) -> None:
    def words() -> Iterator[str]:
        yield from WORDS[:10]
        raise LookupError("The album is gone.")

    answers: list[Word | Failure] = []
    with Runtime({"one": echo(batch_size=2)}) as runtime:
        with pytest.raises(LookupError, match="The album is gone"):
            answers.extend(runtime.map(ONE, words()))
        assert texts(answers) == WORDS[:10]
        assert not runtime.status()[0].in_use
    assert not stages()


def test_a_model_that_always_fails_ends_too(house: House) -> None:
    with Runtime({"one": echo()}) as runtime:
        assert texts(list(runtime.map(ONE, ["broken"] * 9))) == ["internal"] * 9
    assert not stages()
