"""A file that kills, hangs or bloats its child is named for it, and holds up nobody else."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from media import Inspection, Limits, Refusal, Sandbox, Wish
from media.sandbox import SERVER_ENVIRONMENT
from tests.media.conftest import MakeWish
from tests.media.test_lock_down import ProbingSandbox
from tests.pictures import jpeg

LIMITS = Limits(memory_mb=160, cpu_seconds=1, wall_seconds=3)


@pytest.fixture(scope="module")
def probing() -> Iterator[Sandbox]:
    with ProbingSandbox(limits=LIMITS) as sandbox:
        yield sandbox


def wishes(wish_for: MakeWish, *whats: object) -> list[Wish]:
    return [wish_for(jpeg(1), key=json.dumps(what if isinstance(what, list) else [what])) for what in whats]


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        ("die", "crashed"),
        ("segfault", "crashed"),
        ("abort", "crashed"),
        ("leave", "crashed"),
        ("babble", "crashed"),
        (["lie", "../../elsewhere"], "crashed"),
        ("hang", "hung"),
        ("spin", "hung"),
        ("bloat", "bloated"),
        ("bloat and abort", "bloated"),
    ],
)
def test_a_deadly_file_is_named_for_what_it_did(probing: Sandbox, wish_for: MakeWish, what: object, kind: str) -> None:
    (wish,) = wishes(wish_for, what)
    started = time.monotonic()
    (answer,) = probing.inspect([wish])
    assert isinstance(answer, Refusal)
    assert (answer.kind, answer.deadly) == (kind, True)
    assert list(wish.folder.iterdir()) == []
    assert time.monotonic() - started < LIMITS.wall_seconds + 3


def test_a_hanging_file_holds_nobody(probing: Sandbox, wish_for: MakeWish) -> None:
    order = []
    for answer in probing.inspect(wishes(wish_for, "hang", *["look"] * 8)):
        order.append("hung" if isinstance(answer, Refusal) else "done")
    assert order == ["done"] * 8 + ["hung"]


def test_neighbours_of_deadly_files_are_done(probing: Sandbox, wish_for: MakeWish) -> None:
    whats = ["look", "die", "look", "segfault", "look", "bloat", "look", "abort", "look"]
    answers = {answer.key: answer for answer in probing.inspect(wishes(wish_for, *whats))}
    assert isinstance(answers['["look"]'], Inspection)
    assert {key for key, answer in answers.items() if isinstance(answer, Refusal)} == {
        '["die"]',
        '["segfault"]',
        '["bloat"]',
        '["abort"]',
    }


def test_wishes_are_taken_only_as_fast_as_they_are_worked(probing: Sandbox, wish_for: MakeWish) -> None:
    taken = 0

    def slowly() -> Iterator[Wish]:
        nonlocal taken
        for wish in wishes(wish_for, *["look"] * 10):
            taken += 1
            yield wish

    answers = probing.inspect(slowly())
    next(answers)
    assert taken <= probing.children + 1
    assert len(list(answers)) == 9


def test_a_killed_server_is_started_again_and_nothing_is_lost(probing: Sandbox, wish_for: MakeWish) -> None:
    answers = probing.inspect(wishes(wish_for, *["look"] * 6))
    next(answers)
    assert probing._server is not None
    os.kill(probing._server.pid, signal.SIGKILL)
    assert [type(answer) for answer in answers] == [Inspection] * 5


def test_what_kills_the_server_twice_is_given_up(wish_for: MakeWish) -> None:
    class Killing(ProbingSandbox):
        def _send(self, message: dict[str, object]) -> None:
            super()._send(message)
            if "hang" in str(message) and self._server is not None:
                os.kill(self._server.pid, signal.SIGKILL)

    with Killing(limits=LIMITS) as sandbox:
        (answer,) = sandbox.inspect(wishes(wish_for, "hang"))
    assert isinstance(answer, Refusal)
    assert answer.kind == "crashed"


def test_leaving_early_ends_what_is_being_worked_on(wish_for: MakeWish) -> None:
    with ProbingSandbox(limits=LIMITS) as sandbox:
        answers = sandbox.inspect(wishes(wish_for, "look", "hang"))
        next(answers)
        assert sandbox._server is not None
        server = sandbox._server.pid
        answers.close()  # type: ignore[attr-defined]
        assert not Path(f"/proc/{server}").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_server_and_its_children_end_with_their_parent(wish_for: MakeWish) -> None:
    (wish,) = wishes(wish_for, "hang")
    script = f"""
from pathlib import Path
from media import Wish
from tests.media.test_lock_down import ProbingSandbox
sandbox = ProbingSandbox()
print(sandbox._started().pid, flush=True)
wish = Wish({wish.key!r}, Path({str(wish.source)!r}), None, Path({str(wish.folder)!r}), "x", 0.0)
list(sandbox.inspect([wish]))
"""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": SERVER_ENVIRONMENT["PYTHONPATH"]}
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment)
    assert parent.stdout is not None
    server = int(parent.stdout.readline())
    children = Path(f"/proc/{server}/task/{server}/children")
    assert within_seconds(5, lambda: children.read_text().split())
    family = [server, *map(int, children.read_text().split())]
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert within_seconds(5, lambda: not any(Path(f"/proc/{process}").exists() for process in family))


def within_seconds(seconds: float, condition: Callable[[], object]) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False
