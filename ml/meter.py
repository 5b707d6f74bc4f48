"""What asking another machine costs, and who may stop it. `ml` knows no users: whoever calls brings the account."""

from dataclasses import dataclass
from threading import Lock
from typing import Protocol


@dataclass(frozen=True)
class Usage:
    """`cost` is in whatever the prices of the backend's options are in."""

    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.requests + other.requests,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            self.cost + other.cost,
        )

    def __sub__(self, other: "Usage") -> "Usage":
        return self + Usage(-other.requests, -other.tokens_in, -other.tokens_out, -other.cost)


class Refused(Exception):
    """The budget is used up. The message is for its owner; `retry_after` says in how many seconds there is a new one,
    where that is known."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Meter(Protocol):
    """Asked before and told after every single request, by many threads at once."""

    def before(self, model: str, planned: Usage) -> None:
        """Set the most that one request may use aside, or raise Refused: then it is not sent."""

    def after(self, model: str, planned: Usage, used: Usage) -> None:
        """Called once for every `before` that let a request through: give back what was set aside, count what was
        used. A request of which no answer came back counts as planned: nobody knows what it did."""


class Answers(Protocol):
    """Remembers what was answered, so that nothing is asked twice. A key names content, model and prompt."""

    def get(self, key: str) -> str | None: ...

    def put(self, key: str, answer: str) -> None: ...


@dataclass(frozen=True, eq=False)
class Account:
    """Who pays, and what was answered before. Without a meter nothing is counted; without `answers` they are
    remembered in this process only."""

    meter: Meter | None = None
    answers: Answers | None = None


UNMETERED = Account()


class Budget:
    """A meter with limits of its own; None: no limit. What is set aside counts as used until its request is over, so
    that many requests at once do not go beyond a limit together."""

    def __init__(self, *, requests: int | None = None, tokens: int | None = None, cost: float | None = None) -> None:
        self._limits = requests, tokens, cost
        self._used = Usage()
        self._lock = Lock()

    @property
    def used(self) -> Usage:
        return self._used

    def before(self, model: str, planned: Usage) -> None:
        with self._lock:
            then = self._used + planned
            values = then.requests, then.tokens_in + then.tokens_out, then.cost
            if any(limit is not None and value > limit for value, limit in zip(values, self._limits, strict=True)):
                raise Refused("The budget for asking this model is used up. Raise it, or wait for the next one.")
            self._used = then

    def after(self, model: str, planned: Usage, used: Usage) -> None:
        with self._lock:
            self._used = self._used - planned + used
