"""What happens when a machine has less memory than was thought: an allocator that says no."""

from typing import Any

import pytest

from ml import Failure, Runtime
from ml.devices import Device
from tests.ml.echo import ONE, TWO, House, Tight, echo


def ask(runtime: Runtime, *words: str) -> list[str]:
    return [answer.kind if isinstance(answer, Failure) else answer.text for answer in runtime.map(ONE, words)]


def on_gpu(**options: Any) -> Any:
    return {"DEVICE": "cuda", **echo(**options)}


def counts(house: House) -> list[tuple[Device, int]]:
    return [(device, count) for _name, device, count in house.batches]


def test_a_batch_is_halved_until_it_fits_and_grows_again(house: House) -> None:
    machine = Tight({"cpu": 3})
    words = [str(number) for number in range(200)]
    with Runtime({"one": echo(batch_size=8)}, allocator=machine) as runtime:
        assert ask(runtime, *words[:40]) == words[:40]
        assert {count for _device, count in counts(house)} == {2}
        machine.items = {}
        assert ask(runtime, *words[40:]) == words[40:]
        assert runtime.status()[0].batch_size == 8


def test_others_leave_before_a_batch_is_halved(house: House) -> None:
    class Shared(Tight):
        def work(self, model: str, device: Device, items: int) -> None:
            if items > 1 and house.loaded_mb["ram"] > 1:
                raise MemoryError

    with Runtime({"one": echo(), "two": echo()}, allocator=Shared()) as runtime:
        list(runtime.map(TWO, ["a"]))
        assert ask(runtime, *"abcd") == [*"abcd"]
        assert [status.loaded for status in runtime.status()] == [True, False]
        assert runtime.status()[0].batch_size == 4


def test_what_does_not_fit_alone_fails_alone(house: House) -> None:
    with Runtime({"one": echo()}) as runtime:
        assert ask(runtime, "a", "b", "huge", "c", "d") == ["a", "b", "out_of_memory", "c", "d"]
        (failure,) = runtime.map(ONE, ["huge"])
        assert isinstance(failure, Failure)
        assert failure.retryable


def test_what_the_gpu_cannot_do_alone_is_done_by_the_processor(house: House) -> None:
    with Runtime({"one": on_gpu(batch_size=2)}, allocator=Tight({"cuda": 0})) as runtime:
        assert ask(runtime, "a", "b") == ["a", "b"]
        assert {place: use.loaded_mb for place, use in runtime.memory().items()} == {"ram": 1, "gpu": 1}
        runtime.unload(ONE)
        assert runtime.memory_mb == 0
    assert [device for device, _count in counts(house)] == ["cpu"]


def test_neither_gpu_nor_processor_is_a_failure_of_that_item_only(house: House) -> None:
    machine = Tight({"cuda": 0, "cpu": 0})
    with Runtime({"one": on_gpu(batch_size=2), "two": echo()}, allocator=machine) as runtime:
        assert ask(runtime, "a", "b", "c") == ["out_of_memory"] * 3
        machine.items = {}
        assert ask(runtime, "a", "b", "c") == ["a", "b", "c"]


def test_a_model_that_finds_no_memory_to_load_makes_others_leave(house: House) -> None:
    with Runtime({"one": echo(memory_mb=6), "two": echo(memory_mb=6)}, allocator=Tight(models_mb=10)) as runtime:
        list(runtime.map(TWO, ["a"]))
        assert ask(runtime, "b") == ["b"]
        assert [status.loaded for status in runtime.status()] == [True, False]


def test_a_model_that_nothing_helps_to_load_is_a_failure_and_not_the_end(house: House) -> None:
    machine = Tight(models_mb=5)
    with Runtime({"one": on_gpu(memory_mb=6)}, allocator=machine) as runtime:
        assert ask(runtime, "a") == ["out_of_memory"]
        assert runtime.memory_mb == 0
        machine.models_mb = 6
        assert ask(runtime, "a") == ["a"]


@pytest.mark.parametrize("count", [1, 7, 8, 33])
def test_the_answers_stay_in_order(house: House, count: int) -> None:
    words = [str(number) for number in range(count)]
    with Runtime({"one": echo(batch_size=8)}, allocator=Tight({"cpu": 1})) as runtime:
        assert ask(runtime, *words) == words
