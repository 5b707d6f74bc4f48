"""What may be in memory at the same time: a budget for RAM and one for the GPU, and who lives there."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import Condition, Thread
from typing import Literal

from .devices import Place


class NoRoomError(MemoryError):
    """The model can not be loaded within the budget, however long one waits."""


class ClosedError(RuntimeError):
    def __init__(self) -> None:
        super().__init__("This runtime is closed.")


@dataclass(frozen=True)
class Use:
    """`peak_mb`: the most that was ever loaded together. A budget of None has no end."""

    budget_mb: int | None
    loaded_mb: int
    pinned_mb: int
    peak_mb: int


class Guest(ABC):
    """A model that comes when it is needed and may be sent away when nobody uses it."""

    def __init__(self, memory_mb: int, place: Place, idle_seconds: float) -> None:
        self.memory_mb = memory_mb
        self.place = place
        self.idle_seconds = idle_seconds
        self.state: Literal["out", "coming", "in"] = "out"
        self.users = 0
        self.pins = 0
        self.last_used = 0.0
        self.loads = 0
        self.evictions = 0

    @property
    def idle(self) -> bool:
        return self.state == "in" and not self.users and not self.pins

    @abstractmethod
    def load(self) -> Place:
        """Answers where it really is."""

    @abstractmethod
    def unload(self) -> None: ...


@dataclass
class _Side:
    """One kind of memory. Those who need others to leave wait in the order in which they came."""

    budget_mb: int | None
    loaded_mb: int = 0
    peak_mb: int = 0
    line: deque[object] = field(default_factory=deque)

    def fits(self, memory_mb: int) -> bool:
        return self.budget_mb is None or self.loaded_mb + memory_mb <= self.budget_mb

    def add(self, memory_mb: int) -> None:
        self.loaded_mb += memory_mb
        self.peak_mb = max(self.peak_mb, self.loaded_mb)


class Memory:
    """`begin` and `end` enclose each use of a guest. Between them it stays; the budget is never exceeded.

    Whoever holds one guest must end its use before beginning another's: so nobody waits for somebody who waits.
    """

    def __init__(self, ram_mb: int | None, gpu_mb: int | None, clock: Callable[[], float]) -> None:
        self._sides: dict[Place, _Side] = {"ram": _Side(ram_mb), "gpu": _Side(gpu_mb)}
        self._clock = clock
        self._guests: list[Guest] = []
        self._changed = Condition()
        self._closed = False
        self._tidier: Thread | None = None

    def begin(self, guest: Guest) -> None:
        """Load it if it is not there; the least recently used leave for it. Waits for room that is in use.

        Raises NoRoomError, ClosedError, or what loading raises; it is then not in use.
        """
        with self._changed:
            # Who waits for a model that is on its way stands in nobody's way.
            self._changed.wait_for(lambda: guest.state != "coming" or self._closed)
            # A pinned one cannot leave: nobody in the line waits for that.
            if guest.state == "out" or (self._sides[guest.place].line and not guest.pins):
                self._stand_in_line(guest)
            self._check_open()
            loading = guest.state == "out"
            guest.users += 1
            if loading:
                self._book(guest)
        if loading:
            self._load(guest)

    def end(self, guest: Guest) -> None:
        with self._changed:
            guest.users -= 1
            guest.last_used = self._clock()
            self._changed.notify_all()

    def pin(self, guest: Guest) -> None:
        """Keep it until `unpin`. It must be in use."""
        with self._changed:
            guest.pins += 1

    def unpin(self, guest: Guest) -> None:
        with self._changed:
            guest.pins -= 1
            self._changed.notify_all()

    def send_away(self, guests: Iterable[Guest]) -> None:
        """Unload them, when their users have finished. Pinned ones stay."""
        with self._changed:
            for guest in guests:
                while guest.users and not guest.pins:
                    self._changed.wait()
                if guest.idle:
                    self._evict(guest)

    def send_others_away(self, guest: Guest) -> bool:
        """Unload all that are idle beside this one; whether there were any."""
        with self._changed:
            others = [other for other in self._idle(guest.place) if other is not guest]
            for other in others:
                self._evict(other)
            return bool(others)

    def tidy(self) -> None:
        """Unload those that have been idle for longer than they wish to stay. A thread of its own does so, too."""
        with self._changed:
            for guest, seconds in self._idle_for_now():
                if seconds <= 0:
                    self._evict(guest)

    def close(self) -> None:
        """Unload everything for good, when its users have finished. Later and waiting uses raise ClosedError."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            for guest in self._guests:
                while guest.users:
                    self._changed.wait()
                if guest.state == "in":
                    self._evict(guest)

    def use_of(self, place: Place) -> Use:
        with self._changed:
            side = self._sides[place]
            pinned = sum(guest.memory_mb for guest in self._guests if guest.pins and guest.place == place)
            return Use(side.budget_mb, side.loaded_mb, pinned, side.peak_mb)

    def _stand_in_line(self, guest: Guest) -> None:
        """Until it is there, or there is room for it."""
        ticket, line = object(), self._sides[guest.place].line
        line.append(ticket)
        try:
            while line[0] is not ticket or not self._is_ready(guest):
                self._check_open()
                self._changed.wait()
        finally:
            line.remove(ticket)
            self._changed.notify_all()

    def _book(self, guest: Guest) -> None:
        if guest not in self._guests:
            self._guests.append(guest)
        guest.state = "coming"
        self._sides[guest.place].add(guest.memory_mb)

    def _keep_tidy(self) -> None:
        with self._changed:
            while not self._closed:
                self._changed.wait(min((max(seconds, 0) for _guest, seconds in self._idle_for_now()), default=None))
                self.tidy()

    def _idle_for_now(self) -> list[tuple[Guest, float]]:
        """Those who do not wish to stay for ever, and for how many seconds they still do."""
        now = self._clock()
        return [
            (guest, guest.last_used + guest.idle_seconds - now)
            for guest in self._guests
            if guest.idle and guest.idle_seconds
        ]

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError

    def _is_ready(self, guest: Guest) -> bool:
        return guest.state == "in" or (guest.state == "out" and self._make_room(guest, guest.place))

    def _make_room(self, guest: Guest, place: Place) -> bool:
        """Whether it fits now, after the idle have left. Nobody leaves when that would not be enough."""
        side = self._sides[place]
        if side.fits(guest.memory_mb):
            return True
        budget = side.budget_mb or 0
        pinned = sum(other.memory_mb for other in self._guests if other.pins and other.place == place)
        if guest.memory_mb > budget - pinned:
            kept = f", of which {pinned:,} MB are kept for others" if pinned else ""
            raise NoRoomError(
                f"This model needs {guest.memory_mb:,} MB of memory, and models may take {budget:,} MB{kept}."
                " Choose a smaller model, or allow more memory."
            )
        idle = self._idle(place)
        if side.loaded_mb - sum(other.memory_mb for other in idle) + guest.memory_mb > budget:
            return False
        for other in idle:
            if not side.fits(guest.memory_mb):
                self._evict(other)
        return True

    def _idle(self, place: Place) -> list[Guest]:
        """The least recently used first."""
        idle = (guest for guest in self._guests if guest.idle and guest.place == place)
        return sorted(idle, key=lambda guest: guest.last_used)

    def _load(self, guest: Guest) -> None:
        """Not under the lock: the users of other models go on."""
        try:
            place = guest.load()
        except BaseException:
            with self._changed:
                self._forget(guest)
                guest.users -= 1
            raise
        with self._changed:
            guest.loads += 1
            guest.state = "in"
            if guest.idle_seconds and not self._tidier:
                self._tidier = Thread(target=self._keep_tidy, name="ml-tidy", daemon=True)
                self._tidier.start()
            if place != guest.place:
                self._move(guest, place)
            self._changed.notify_all()

    def _move(self, guest: Guest, place: Place) -> None:
        """It was to come to one kind of memory and is in the other: a session falls back without an error."""
        try:
            if not self._make_room(guest, place):
                raise NoRoomError("The GPU did not take this model, and the memory of the processor is in use.")
        except NoRoomError:
            guest.users -= 1
            self._evict(guest)
            guest.place = place
            raise
        self._sides[guest.place].loaded_mb -= guest.memory_mb
        guest.place = place
        self._sides[place].add(guest.memory_mb)

    def _evict(self, guest: Guest) -> None:
        guest.evictions += 1
        try:
            guest.unload()
        finally:
            self._forget(guest)

    def _forget(self, guest: Guest) -> None:
        guest.state = "out"
        self._sides[guest.place].loaded_mb -= guest.memory_mb
        self._changed.notify_all()
