"""The door to another machine: so many a minute, so many at once, and nobody while it asked for peace."""

import time
from collections import deque
from threading import Condition
from typing import Protocol

from .backend import Unavailable

MINUTE = 60.0
#: After so many good answers in a row one more may be under way.
_GOOD_ANSWERS = 8


class Clock(Protocol):
    def now(self) -> float:
        """Seconds that only grow."""

    def sleep_until(self, moment: float) -> None: ...


class WallClock:
    def now(self) -> float:
        return time.monotonic()

    def sleep_until(self, moment: float) -> None:
        time.sleep(max(0.0, moment - self.now()))


WALL_CLOCK = WallClock()


class Gate:
    """Safe to pass from many threads.

    A request takes its place in the minute from when it goes out until a minute after its answer. Only so is the
    limit kept as the other machine counts, however long a request was on its way; with answers of three seconds it
    costs a twentieth of what the limit would allow.
    """

    def __init__(self, *, a_minute: int, at_once: int, clock: Clock, minute: float = MINUTE) -> None:
        self._a_minute, self._widest, self._clock, self._minute = a_minute, at_once, clock, minute
        self._width = at_once
        self._good = 0
        self._under_way = 0
        self._answered: deque[float] = deque()
        self._closed_until = 0.0
        self._changed = Condition()

    @property
    def width(self) -> int:
        """How many may be under way at once, now."""
        return self._width

    def tighten(self, *, a_minute: int, at_once: int) -> None:
        """Of two users of one machine the more careful one decides."""
        with self._changed:
            self._a_minute, self._widest = min(self._a_minute, a_minute), min(self._widest, at_once)
            self._width = min(self._width, self._widest)

    def enter(self, until: float) -> None:
        """Wait for a place. Raises Unavailable as soon as it is clear that there will be none until then."""
        while True:
            with self._changed:
                moment, now = self._free_at(), self._clock.now()
                if moment is None:
                    if now >= until:
                        raise Unavailable(
                            "Those who asked before are not answered yet. "
                            "If this model is slow, raise the option patience_seconds."
                        )
                    self._changed.wait(min(1.0, until - now))
                    continue
                if moment <= now:
                    self._under_way += 1
                    return
            if moment > until:
                raise Unavailable("The limit of requests is reached.", retry_after=moment - now)
            self._clock.sleep_until(moment)

    def leave(self) -> None:
        """The request is over, whatever came of it."""
        with self._changed:
            self._under_way -= 1
            self._answered.append(self._clock.now())
            self._changed.notify_all()

    def widen(self) -> None:
        """An answer was good: after several of them one more may be under way."""
        with self._changed:
            self._good += 1
            if self._good >= _GOOD_ANSWERS and self._width < self._widest:
                self._good, self._width = 0, self._width + 1
                self._changed.notify_all()

    def narrow(self) -> None:
        """It was too much: half as many at once."""
        with self._changed:
            self._good, self._width = 0, max(1, self._width // 2)

    def close_until(self, moment: float) -> None:
        """Nobody enters before."""
        with self._changed:
            self._closed_until = max(self._closed_until, moment)

    def _free_at(self) -> float | None:
        """When the next one may enter, as far as time decides it; None: when somebody leaves."""
        now = self._clock.now()
        while self._answered and self._answered[0] + self._minute <= now:
            self._answered.popleft()
        if self._under_way >= self._width:
            return None
        taken = self._under_way + len(self._answered)
        if taken < self._a_minute:
            return max(now, self._closed_until)
        if not self._answered:
            return None
        return max(self._answered[0] + self._minute, self._closed_until)
