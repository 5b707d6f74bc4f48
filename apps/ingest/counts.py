"""How far everything is: for a page, and as hints over the socket while it moves."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Avg, Count, Sum
from django.utils import timezone

from apps.accounts.scope import Scope
from apps.ingest.models import StepRun, StepTally
from apps.ingest.steps import BY_NAME, STEPS, asset_state
from apps.jobs import progress
from apps.library.services import members_of

TELL_EVERY = 0.25  # seconds: at most four messages a second
ASSETS_IN_A_MESSAGE = 100
RATE_WINDOW = 60  # seconds

State = StepRun.State
FAILED = (State.FAILED, State.QUARANTINED)
ENDED = (State.DONE, State.FAILED, State.QUARANTINED, State.SKIPPED)


@dataclass(frozen=True, slots=True)
class StepCount:
    step: str
    label: str
    waiting: int
    running: int
    done: int
    failed: int
    skipped: int
    per_minute: int
    seconds_left: int | None  # None: nothing waits, or nothing moved in the last minute

    @property
    def total(self) -> int:
        return self.waiting + self.running + self.done + self.failed + self.skipped


def step_counts(scope: Scope) -> list[StepCount]:
    """Every step in order, with what may be seen of it."""
    sums = _sums(scope.readable)
    since = timezone.now() - timedelta(seconds=RATE_WINDOW)
    recent = dict(
        StepRun.objects.visible_to(scope)
        .filter(state=State.DONE, finished_at__gt=since)
        .values("step")
        .annotate(n=Count("id"))
        .values_list("step", "n")
    )
    counts = []
    for step in STEPS:
        states = sums.get(step.name, {})
        waiting, running = states.get(State.WAITING, 0), states.get(State.RUNNING, 0)
        rate = recent.get(step.name, 0)
        counts.append(
            StepCount(
                step=step.name,
                label=str(step.label),
                waiting=waiting,
                running=running,
                done=states.get(State.DONE, 0),
                failed=sum(states.get(state, 0) for state in FAILED),
                skipped=states.get(State.SKIPPED, 0),
                per_minute=rate,
                seconds_left=round((waiting + running) * RATE_WINDOW / rate) if rate and waiting + running else None,
            )
        )
    return counts


def mean_times(scope: Scope) -> dict[str, float]:
    """Milliseconds that each step took on average over its last thousand assets."""
    times: dict[str, float] = {}
    for step in STEPS:
        newest = (
            StepRun.objects.visible_to(scope)
            .filter(step=step.name, state=State.DONE)
            .order_by("-finished_at")
            .values("duration_ms")[:1000]
        )
        mean = newest.aggregate(mean=Avg("duration_ms"))["mean"]
        if mean is not None:
            times[step.name] = float(mean)
    return times


def _sums(library_ids: Iterable[int]) -> dict[str, dict[str, int]]:
    sums: dict[str, dict[str, int]] = {}
    rows = StepTally.objects.filter(library__in=library_ids).values("step", "state").annotate(n=Sum("difference"))
    for row in rows:
        sums.setdefault(row["step"], {})[row["state"]] = row["n"]
    return sums


def states_of(asset_ids: Iterable[int]) -> dict[int, str]:
    """What each asset is called at the moment."""
    return {asset_id: state for asset_id, (state, _ended) in _states(asset_ids).items()}


def _states(asset_ids: Iterable[int]) -> dict[int, tuple[str, int]]:
    by_asset: dict[int, list[tuple[str, str]]] = {}
    rows = StepRun.objects.filter(asset__in=list(asset_ids), step__in=BY_NAME).values_list("asset_id", "step", "state")
    for asset_id, step, state in rows:
        by_asset.setdefault(asset_id, []).append((step, state))
    return {
        asset_id: (asset_state(states), sum(state in ENDED for _step, state in states))
        for asset_id, states in by_asset.items()
    }


# -- Hints over the socket --------------------------------------------------------------------------------------------
_moved_libraries: set[int] = set()
_moved_assets: dict[int, None] = {}  # in order, without repetition
_told = 0.0


def note(library_ids: Iterable[int], asset_ids: Iterable[int]) -> None:
    """Something moved; the next `tell` says so."""
    _moved_libraries.update(library_ids)
    _moved_assets.update(dict.fromkeys(asset_ids))
    tell()


def tell(*, last: bool = False) -> None:
    """Tells everybody who may see a library how its steps stand: four times a second at most, and `last` for certain.
    Ids and counts only: what they mean is asked for with the permission of the asker."""
    global _told
    if not _moved_libraries or (not last and time.monotonic() - _told < TELL_EVERY):
        return
    _told = time.monotonic()
    libraries, assets = set(_moved_libraries), list(_moved_assets)[-ASSETS_IN_A_MESSAGE:]
    _moved_libraries.clear()
    _moved_assets.clear()
    members = members_of(libraries)
    libraries_of: dict[int, set[int]] = {}
    for library_id, user_ids in members.items():
        for user_id in user_ids:
            libraries_of.setdefault(user_id, set()).add(library_id)
    library_of = dict(StepRun.objects.filter(asset__in=assets).values_list("asset_id", "library_id"))
    states = _states(assets)
    for user_id, theirs in libraries_of.items():
        progress.publish([user_id], {"type": "steps", "steps": _message(user_id)})
        seen = [asset_id for asset_id in assets if library_of.get(asset_id) in theirs and asset_id in states]
        if seen:
            items = [
                {"id": asset_id, "state": states[asset_id][0], "done": states[asset_id][1], "of": len(STEPS)}
                for asset_id in seen
            ]
            progress.publish([user_id], {"type": "assets", "items": items})


def _message(user_id: int) -> dict[str, dict[str, int]]:
    readable = StepTally.objects.filter(library__memberships__user_id=user_id)
    sums: dict[str, dict[str, int]] = {}
    for row in readable.values("step", "state").annotate(n=Sum("difference")):
        sums.setdefault(row["step"], {})[row["state"]] = row["n"]
    return {
        step.name: {
            "waiting": sums.get(step.name, {}).get(State.WAITING, 0),
            "running": sums.get(step.name, {}).get(State.RUNNING, 0),
            "done": sums.get(step.name, {}).get(State.DONE, 0),
            "failed": sum(sums.get(step.name, {}).get(state, 0) for state in FAILED),
            "skipped": sums.get(step.name, {}).get(State.SKIPPED, 0),
        }
        for step in STEPS
    }
