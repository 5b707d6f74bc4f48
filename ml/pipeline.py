"""Stages that work at the same time, each on another batch, so that the device never waits for a decoder."""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, TypeVar

#: Batches that are read and not yet finished: one at work, one ready. More would only take memory.
AHEAD = 2


class Work(Protocol):
    alone: bool

    def cancel(self) -> None: ...


SomeWork = TypeVar("SomeWork", bound=Work)
Stage = Callable[[SomeWork], None]


def staged(works: Iterator[SomeWork], stages: Sequence[Stage[SomeWork]]) -> Generator[SomeWork]:
    """Each work after all its stages, in order. Stages do not raise; each has a thread of its own.

    The works are read in the caller's thread, which may own what they are read from (a connection to a database), and
    at most AHEAD of them before the first is answered. When reading raises, what was read before is answered first.
    Closing the iterator waits for what is at work, cancels the rest and ends the threads. A work that says it is alone
    needs no threads.
    """
    threads = [ThreadPoolExecutor(1, thread_name_prefix="ml-stage") for _ in stages]
    waiting: deque[tuple[SomeWork, Future[None]]] = deque()
    errors: list[Exception] = []

    def read_ahead() -> None:
        while not errors and len(waiting) < AHEAD:
            try:
                work = next(works, None)
            except Exception as error:  # noqa: BLE001 - raised again, behind what was read before
                errors.append(error)
                return
            if work is None:
                return
            waiting.append((work, _begin(work, stages, threads)))

    try:
        read_ahead()
        while waiting:
            work, done = waiting[0]
            done.result()
            waiting.popleft()
            read_ahead()
            yield work
        if errors:
            raise errors[0]
    finally:
        for thread in threads:
            thread.shutdown(wait=False, cancel_futures=True)
        for thread in threads:
            thread.shutdown()
        for work, _done in waiting:
            work.cancel()


def _begin(work: SomeWork, stages: Sequence[Stage[SomeWork]], threads: Sequence[ThreadPoolExecutor]) -> Future[None]:
    done: Future[None] = Future()
    if work.alone:
        for stage in stages:
            stage(work)
        done.set_result(None)
        return done
    done.set_result(None)
    for stage, thread in zip(stages, threads, strict=True):
        done = thread.submit(_after, done, stage, work)
    return done


def _after(earlier: Future[None], stage: Stage[SomeWork], work: SomeWork) -> None:
    earlier.result()
    stage(work)
