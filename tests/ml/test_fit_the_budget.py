"""Models come and go so that the budget is never exceeded."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml import Failure, Role, Runtime
from tests.ml.echo import ONE, THREE, TWO, Clock, House, Word, echo

ROLES = (ONE, TWO, THREE)


def wish(**sizes: int) -> Any:
    return {role: echo(name=role, memory_mb=size) for role, size in sizes.items()}


def ask(runtime: Runtime, role: Role[str, Any, Word], *words: str) -> list[str]:
    return [answer.kind if isinstance(answer, Failure) else answer.text for answer in runtime.map(role, words or ["a"])]


def loaded(runtime: Runtime) -> list[str]:
    return [status.role for status in runtime.status() if status.loaded]


def test_the_least_recently_used_leaves_for_the_next(house: House) -> None:
    clock = Clock()
    with Runtime(wish(one=4, two=4, three=4), memory_mb=10, clock=clock) as runtime:
        for role in (ONE, TWO, ONE, THREE):
            clock.now += 1
            ask(runtime, role)
        assert loaded(runtime) == ["one", "three"]
        assert [(status.loads, status.evictions) for status in runtime.status()] == [(1, 0), (1, 1), (1, 0)]
        use = runtime.memory()["ram"]
        assert (use.budget_mb, use.loaded_mb, use.peak_mb) == (10, 8, 8)
    assert house.loaded_mb["ram"] == 0


def test_the_same_answers_come_from_a_model_that_was_away(house: House) -> None:
    with Runtime(wish(one=8, two=8), memory_mb=10) as runtime:
        answers = [ask(runtime, role, "a", "b") for role in (ONE, TWO, ONE)]
        assert answers == [["a", "b"]] * 3
        assert [status.loads for status in runtime.status()] == [2, 1]


def test_a_pinned_model_stays_and_who_needs_its_room_is_told(house: House) -> None:
    with Runtime(wish(one=6, two=6, three=2), memory_mb=10) as runtime:
        with runtime.pinned(ONE) as problem:
            assert problem is None
            assert (ask(runtime, TWO), ask(runtime, THREE)) == (["out_of_memory"], ["a"])
            assert runtime.status()[0].pinned
            assert runtime.memory()["ram"].pinned_mb == 6
            assert "6 MB are kept for others" in str(runtime.status()[1].last_error)
        assert ask(runtime, TWO) == ["a"]


def test_a_model_greater_than_the_budget_is_a_state(house: House) -> None:
    with Runtime(wish(one=11, two=2), memory_mb=10) as runtime:
        ask(runtime, TWO)
        assert ask(runtime, ONE, "a", "b") == ["out_of_memory"] * 2
        assert "needs 11 MB of memory, and models may take 10 MB" in str(runtime.status()[0].last_error)
        assert loaded(runtime) == ["two"]
        with runtime.pinned(ONE) as problem:
            assert problem


def test_the_next_backend_serves_when_the_first_is_too_large(house: House) -> None:
    setting: Any = {"one": [echo(name="large", memory_mb=50), echo(name="small", memory_mb=5)]}
    with Runtime(setting, memory_mb=10) as runtime:
        (answer,) = runtime.map(ONE, ["a"])
        assert isinstance(answer, Word)
        assert answer.model.name == "small"


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_the_next_backend_gets_its_turn_where_only_one_has_room(house: House, device: str) -> None:
    pair: Any = [
        {"DEVICE": device, **echo(name=name, memory_mb=10, batch_size=2, plays=device)} for name in ("weak", "strong")
    ]
    words = ["down"] * 4 + ["a"] * 8 + ["down"] * 2
    with Runtime({"one": pair}, memory_mb=10, gpu_memory_mb=10) as runtime:
        answers: list[str] = []
        reader = Thread(target=lambda: answers.extend(ask(runtime, ONE, *words)), daemon=True)
        reader.start()
        reader.join(20)
        assert answers == words, "the two wait for each other's room"
    assert house.most_mb["ram" if device == "cpu" else "gpu"] == 10


def test_each_kind_of_memory_has_its_own_budget(house: House) -> None:
    gpu: Any = {"DEVICE": "cuda", **echo(name="gpu", memory_mb=8)}
    with Runtime({"one": gpu, **wish(two=8)}, memory_mb=10, gpu_memory_mb=10) as runtime:
        ask(runtime, ONE)
        ask(runtime, TWO)
        assert loaded(runtime) == ["one", "two"]
        assert {place: use.loaded_mb for place, use in runtime.memory().items()} == {"ram": 8, "gpu": 8}


def test_what_the_gpu_has_no_budget_for_runs_on_the_processor(house: House) -> None:
    gpu: Any = {"DEVICE": "cuda", **echo(name="gpu", memory_mb=8)}
    with Runtime({"one": gpu}, memory_mb=10, gpu_memory_mb=5) as runtime:
        assert ask(runtime, ONE) == ["a"]
    assert house.batches == [("gpu", "cpu", 1)]


def test_a_session_that_falls_back_is_counted_where_it_is(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.devices.best", lambda: "cuda")
    with Runtime(wish(one=8, two=8), memory_mb=10, gpu_memory_mb=20) as runtime:
        ask(runtime, ONE)
        assert {place: use.loaded_mb for place, use in runtime.memory().items()} == {"ram": 8, "gpu": 0}
        ask(runtime, TWO)
        assert loaded(runtime) == ["two"]


def test_a_model_that_is_not_used_leaves_after_its_time(house: House) -> None:
    clock = Clock()
    setting: Any = {"one": echo(idle_seconds=60), "two": echo(), "three": {**echo(idle_seconds=60), "IDLE_SECONDS": 5}}
    with Runtime(setting, clock=clock) as runtime:
        for role in ROLES:
            ask(runtime, role)
        for now, still in ((4, ["one", "two", "three"]), (5, ["one", "two"]), (60, ["two"])):
            clock.now = now
            runtime.tidy()
            assert loaded(runtime) == still
        assert ask(runtime, ONE) == ["a"]


def test_an_idle_model_leaves_by_itself_and_a_pinned_one_does_not(house: House) -> None:
    short: Any = {**echo(), "IDLE_SECONDS": 0.05}
    with Runtime({"one": short, "two": short}) as runtime, runtime.pinned(TWO):
        ask(runtime, ONE)
        end = time.monotonic() + 10
        while loaded(runtime) != ["two"]:
            assert time.monotonic() < end
            time.sleep(0.01)


def test_a_model_that_does_not_let_go_harms_no_other(house: House) -> None:
    short: Any = {"one": {**echo(name="stuck", memory_mb=8), "IDLE_SECONDS": 5}, **wish(two=8)}
    clock = Clock()
    with Runtime(short, memory_mb=10, clock=clock) as runtime:
        assert [ask(runtime, role) for role in (ONE, TWO, ONE)] == [["a"]] * 3
        clock.now = 5
        runtime.tidy()
        assert loaded(runtime) == []


orders = st.lists(st.tuples(st.sampled_from(ROLES), st.integers(1, 9)), max_size=12)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.tuples(*[st.integers(1, 6)] * 3), budget=st.integers(4, 12), order=orders)
def test_no_order_of_requests_exceeds_the_budget(
    house: House, sizes: tuple[int, int, int], budget: int, order: list[tuple[Role[str, Any, Word], int]]
) -> None:
    house.forget()
    with Runtime(wish(one=sizes[0], two=sizes[1], three=sizes[2]), memory_mb=budget) as runtime:
        for role, count in order:
            fits = sizes[ROLES.index(role)] <= budget
            assert ask(runtime, role, *["a"] * count) == ["a" if fits else "out_of_memory"] * count
        assert runtime.memory()["ram"].peak_mb == house.most_mb["ram"] <= budget
    assert house.loaded_mb["ram"] == 0


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(orders=st.lists(orders, min_size=2, max_size=6))
def test_many_threads_do_not_exceed_it_either_and_all_are_answered(
    house: House, orders: list[list[tuple[Role[str, Any, Word], int]]]
) -> None:
    house.forget()

    def work(order: list[tuple[Role[str, Any, Word], int]]) -> list[list[str]]:
        return [ask(runtime, role, *["sleep"] * count) for role, count in order]

    with Runtime(wish(one=4, two=3, three=5), memory_mb=8) as runtime, ThreadPoolExecutor(len(orders)) as threads:
        answers = [thread.result(30) for thread in [threads.submit(work, order) for order in orders]]
        assert answers == [[["sleep"] * count for _role, count in order] for order in orders]
        assert house.most_mb["ram"] <= 8
    assert house.loaded_mb["ram"] == 0


def test_a_result_that_is_not_fetched_keeps_no_model(house: House) -> None:
    with Runtime(wish(one=8, two=8), memory_mb=10) as runtime:
        unfinished = runtime.map(ONE, ["a"] * 100)
        next(unfinished)
        assert ask(runtime, TWO, "b") == ["b"]
        assert len(list(unfinished)) == 99


def test_one_role_may_be_asked_while_another_is_read(house: House) -> None:
    with Runtime(wish(one=8, two=8), memory_mb=10) as runtime:
        chained = (answer.text for answer in runtime.map(ONE, ["a"] * 30) if isinstance(answer, Word))
        assert len(list(runtime.map(TWO, chained))) == 30


def test_closing_wakes_those_who_wait(house: House) -> None:
    runtime = Runtime(wish(one=8, two=8), memory_mb=10)
    with ThreadPoolExecutor(2) as threads:
        busy = [threads.submit(ask, runtime, role, *["sleep"] * 4000) for role in (ONE, TWO)]
        time.sleep(0.05)
        runtime.close()
        for one in busy:
            with pytest.raises(RuntimeError, match="closed"):
                one.result(10)
    assert house.loaded_mb["ram"] == 0
