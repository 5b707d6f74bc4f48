"""The backends of one role: who does the work, and who takes over when it fails."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from .candidate import Candidate, failure, is_out_of_memory, without_arrays
from .memory import ClosedError, Memory, NoRoomError
from .results import Failure

logger = logging.getLogger(__name__)

#: A backend that fails on so many batches in a row comes last for a while.
STRIKES = 3
COOL_DOWN_SECONDS = 60


class Slot:
    """`candidates`: in the order in which the settings name them."""

    def __init__(self, candidates: list[Candidate], memory: Memory, clock: Callable[[], float]) -> None:
        self.candidates = candidates
        self.memory = memory
        self._clock = clock

    @property
    def batch_size(self) -> int:
        return (self.likely() or self.candidates[0]).batch_size

    @property
    def guests(self) -> list[Candidate]:
        return [guest for candidate in self.candidates for guest in candidate.guests]

    def is_resting(self, candidate: Candidate) -> bool:
        return candidate.rests_until > self._clock()

    def in_order(self) -> list[Candidate]:
        return sorted(self.candidates, key=self.is_resting)

    def likely(self) -> Candidate | None:
        """The first that is loaded or could be."""
        return next((one for one in self.in_order() if one.state == "in" or one.what_is_missing() is None), None)

    def begin(self) -> Candidate:
        """The first candidate that loads, in use. When none does, raises the first lack of memory, which may pass by
        itself; else the first one's error."""
        errors: list[Exception] = []
        for candidate in self.in_order():
            try:
                return self.begin_with(candidate)
            except ClosedError:
                raise
            except Exception as error:  # noqa: BLE001 - one that does not load must not keep the next from its turn
                told = str(error) or type(error).__name__
                if told != candidate.last_error:  # once, not with every batch
                    logger.warning("%s does not load: %s", candidate.choice.row.key, told)
                candidate.last_error = told
                errors.append(error)
        raise next(filter(is_out_of_memory, errors), errors[0])

    def begin_with(self, candidate: Candidate) -> Candidate:
        """It, or its twin on the processor when the GPU has no memory for it."""
        candidate.check_installed()
        try:
            self.memory.begin(candidate)
        except Exception as caught:
            if not is_out_of_memory(caught):
                raise
            error = without_arrays(caught)
        else:
            return candidate
        if not isinstance(error, NoRoomError) and self.memory.send_others_away(candidate):
            return self.begin_with(candidate)
        if candidate.place == "gpu":
            return self.begin_with(candidate.on_processor())
        raise error

    def answers(self, candidate: Candidate, items: Sequence[Any], options: Any) -> list[Any] | None:
        """What this candidate, or its twin, answers to these items; None when it does not load."""
        try:
            candidate = self.begin_with(candidate)
        except Exception as error:  # noqa: BLE001 - the failures that brought the items here stand
            logger.warning("%s does not take over: %s", candidate.choice.row.key, error)
            candidate.last_error = str(error) or type(error).__name__
            return None
        try:
            return candidate.answers(items, options, self.room_for(candidate))
        finally:
            self.memory.end(candidate)

    def room_for(self, candidate: Candidate) -> Callable[[], bool]:
        return lambda: self.memory.send_others_away(candidate)

    def satisfied(self, candidate: Candidate, answers: Sequence[Any]) -> bool:
        """Not when all items failed, and through no fault of theirs. The candidate then rests, when it happened too
        often in a row or for as long as it says that it is not available."""
        faults = [answer for answer in answers if isinstance(answer, Failure) and answer.kind != "bad_item"]
        if len(faults) < len(answers):
            candidate.strikes = 0
            return True
        if all(fault.kind == "no_budget" for fault in faults):
            return False  # of one caller: the next one may have more
        candidate.strikes += 1
        candidate.last_error = faults[0].message
        seconds = min(fault.retry_after or 0 for fault in faults)
        if seconds or candidate.strikes >= STRIKES:
            candidate.strikes = 0
            candidate.rests_until = self._clock() + (seconds or COOL_DOWN_SECONDS)
            logger.warning("%s fails on everything and rests", candidate.choice.row.key)
        return False

    def left_over(self, candidate: Candidate, answers: Mapping[int, Any]) -> list[int]:
        """Which of these the next one is to be asked for: all, or those that this one was not to be asked for."""
        if not self.satisfied(candidate, list(answers.values())):
            return list(answers)
        return [number for number, answer in answers.items() if _was_not_asked(answer)]


class BatchAtWork:
    """One batch on its way through prepare, infer and finish, which do not raise: what went wrong is its answer.

    Its model is in use all the way, and no longer when another one is asked for.
    """

    def __init__(
        self, slot: Slot, items: Sequence[Any], problems: Sequence[str | None], options: Any, *, alone: bool
    ) -> None:
        self.alone = alone
        self._slot = slot
        self._problems = problems
        self._items = [item for item, problem in zip(items, problems, strict=True) if problem is None]
        self._options = options
        self._candidate: Candidate | None = None
        #: The items, then what each stage makes of them; for as long as nothing goes wrong.
        self._value: Any = self._items
        self._going_well = False
        self._error: Exception | None = None
        #: Whoever answered when the stages had ended.
        self._tried: Candidate | None = None
        self._answers: list[Any] = []

    def prepare(self) -> None:
        if not self._items:
            return
        try:
            self._candidate = self._slot.begin()
        except Exception as error:  # noqa: BLE001 - what a library raises while it loads is the items' answer
            self._error = error
            return
        self._going_well = len(self._items) <= self._candidate.batch_size
        self._go_on(lambda candidate, items: candidate.prepare(items, self._options))

    def infer(self) -> None:
        self._go_on(lambda candidate, batch: candidate.infer(batch, len(self._items)))

    def finish(self) -> None:
        self._go_on(lambda candidate, raw: candidate.finish(raw, len(self._items)))
        if candidate := self._candidate:
            self._answers = self._value if self._going_well else self._again(candidate)
            self._tried = candidate
            self._end()
        elif self._error and not isinstance(self._error, ClosedError):
            self._answers = [failure(self._error)] * len(self._items)
        self._value = None

    def results(self) -> Iterator[Any]:
        """Raises ClosedError when the runtime was closed before its turn.

        What failed is tried with others here, in the caller's thread: they may have to wait until the batches behind
        this one let go of the first model, which a stage would keep from going on.
        """
        if isinstance(self._error, ClosedError):
            raise self._error
        answers = iter(self._rescued(self._tried, self._answers) if self._tried else self._answers)
        self._items = []
        for problem in self._problems:
            yield next(answers) if problem is None else Failure("bad_item", problem, retryable=False)

    def cancel(self) -> None:
        """When its stages have ended or will not begin: nothing stays in use."""
        self._value = None
        self._end()

    def _end(self) -> None:
        if self._candidate:
            self._slot.memory.end(self._candidate)
            self._candidate = None

    def _go_on(self, stage: Callable[[Candidate, Any], Any]) -> None:
        if self._candidate and self._going_well:
            try:
                self._value = stage(self._candidate, self._value)
            except Exception as error:  # noqa: BLE001 - the border to foreign model code, which may raise anything
                self._error = without_arrays(error)
                self._value = None
                self._going_well = False

    def _again(self, candidate: Candidate) -> list[Any]:
        room = self._slot.room_for(candidate)
        if self._error is None:  # they were too many for one go
            return candidate.answers(self._items, self._options, room)
        return candidate.after(self._error, self._items, self._options, room)

    def _rescued(self, candidate: Candidate, answers: list[Any]) -> list[Any]:
        """What the GPU had no memory for goes to the processor, what a backend failed at altogether, and what it was
        not to be asked for, to the next one."""
        lacking = [number for number, answer in enumerate(answers) if _lacked_memory(answer)]
        if lacking and candidate.place == "gpu":
            twin, items = candidate.on_processor(), [self._items[number] for number in lacking]
            for number, answer in zip(lacking, self._slot.answers(twin, items, self._options) or (), strict=False):
                answers[number] = answer
        left = self._slot.left_over(candidate, dict(enumerate(answers)))
        for other in self._slot.in_order():
            if not left:
                break
            if candidate in other.guests:
                continue
            items = [self._items[number] for number in left]
            found = self._slot.answers(other, items, self._options)
            if found is None:
                continue
            rescued = dict(zip(left, found, strict=True))
            for number, answer in rescued.items():
                answers[number] = answer
            left = self._slot.left_over(other, rescued)
        return answers


def _lacked_memory(answer: object) -> bool:
    return isinstance(answer, Failure) and answer.kind == "out_of_memory"


def _was_not_asked(answer: object) -> bool:
    return isinstance(answer, Failure) and answer.kind in ("unavailable", "no_budget")
