"""The order of work. This is the only list: what comes next, what needs what, and what an asset's state is called."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.duplicates import steps as duplicates
from apps.library import steps as library
from apps.library.batch import Batch
from apps.reading import steps as reading
from apps.tagging import steps as tagging
from ml.roles import OCR, Role
from ml.runtime import Runtime

Lane = Literal["cpu", "ml"]


@dataclass(frozen=True, slots=True)
class Step:
    """`state` is what an asset is called while this is its first unfinished step. A higher `version` makes every result
    of an older one stale: it is made again. `role`: the model that the results depend on. `findable`: the results are
    part of what an asset is found by."""

    name: str
    work: Callable[[Batch, Runtime], None]
    lane: Lane
    state: str
    label: str | Promise
    needs: tuple[str, ...] = ()
    required: bool = False
    version: int = 1
    role: Role[Any, Any, Any] | None = None
    findable: bool = True


STEPS: tuple[Step, ...] = (
    Step("inspect", library.inspect, lane="cpu", state="preprocessing", label=_("Open"), required=True),
    Step("facts", tagging.tag_facts, lane="cpu", needs=("inspect",), state="processing_facts", label=_("Describe")),
    Step("ocr", reading.read_text, lane="ml", needs=("inspect",), state="processing_ocr", label=_("Read"), role=OCR),
    Step(
        "hash",
        duplicates.keep_hashes,
        lane="cpu",
        needs=("inspect",),
        state="processing_hash",
        label=_("Compare"),
        findable=False,
    ),
    Step(
        "duplicates",
        duplicates.find_matches,
        lane="cpu",
        needs=("hash",),
        state="checking_duplicates",
        label=_("Find duplicates"),
        findable=False,
    ),
)  # fmt: skip

BY_NAME = {step.name: step for step in STEPS}
ORDER = {step.name: place for place, step in enumerate(STEPS)}


def dependents_of(name: str) -> list[Step]:
    """Every step that needs this one, directly or through others, in order."""
    reached = {name}
    found = []
    for step in STEPS:
        if reached.intersection(step.needs):
            reached.add(step.name)
            found.append(step)
    return found


def asset_state(states: Iterable[tuple[str, str]]) -> str:
    """What an asset is called, from its steps as (name, state). In this order: a required step that did not end well is
    "failed"; an unfinished step lends its label; another step that did not end well makes it "partial"."""
    by_name = dict(states)
    if any(by_name.get(step.name) in ("failed", "quarantined") for step in STEPS if step.required):
        return "failed"
    for step in STEPS:
        if by_name.get(step.name, "waiting") in ("waiting", "running"):
            untouched = all(state == "waiting" for state in by_name.values())
            return "pending" if untouched else step.state
    if any(state in ("failed", "quarantined", "skipped") for state in by_name.values()):
        return "partial"
    return "completed"
