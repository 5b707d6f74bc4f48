"""In this order: each test leaves the house open for the next one, and the last one closes it."""

import os
import signal

import pytest

from tests.run.house import House, eventually, kill, living

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module", autouse=True)
def _administrator(open_house: House) -> None:
    """test_start made one, unless it ran in another worker of xdist, in front of another house."""
    open_house.manage("create_user", "anna", "--administrator", "--password-stdin", typed="correct horse battery")


def test_a_killed_supervisor_leaves_no_child_and_the_next_start_recovers(open_house: House) -> None:
    processes = open_house.processes()
    assert len(processes) > 8
    os.kill(open_house.pid, signal.SIGKILL)
    open_house.ended()
    assert eventually(lambda: not living(processes), 10), living(processes)
    assert open_house.start().ready() == f"{open_house.address}/"  # there is an administrator now
    assert open_house.answers()


def test_a_start_after_everything_was_killed_recovers(open_house: House) -> None:
    (postmaster,) = open_house.children_named("bin/postgres -D")
    processes = open_house.processes()
    open_house.ask_to_stop(signal.SIGSTOP)  # so that it starts nothing again in the meantime
    kill(processes)
    os.kill(open_house.pid, signal.SIGKILL)
    open_house.ended()
    assert (open_house.data / "postgres" / "cluster" / "postmaster.pid").read_text().startswith(f"{postmaster}\n")
    open_house.start().ready()
    assert open_house.answers()


def test_ctrl_c_leaves_no_process(open_house: House) -> None:
    processes = open_house.processes()
    open_house.ask_to_stop(signal.SIGINT)
    assert open_house.ended() == 0
    assert not living(processes)


def test_a_command_brings_its_own_database_when_the_house_is_closed(open_house: House) -> None:
    done = open_house.manage("shell", "-v0", "-c", "from apps.accounts.models import User; print(User.objects.count())")
    assert (done.returncode, done.stdout.strip()) == (0, "1"), done.stderr
    assert not (open_house.data / "postgres" / "cluster" / "postmaster.pid").exists()


def test_a_stop_while_it_starts_leaves_no_process(open_house: House) -> None:
    open_house.start()
    assert eventually(lambda: bool(open_house.children_named("bin/postgres -D")))
    processes = open_house.processes()
    open_house.ask_to_stop(signal.SIGTERM)
    assert open_house.ended() == 0
    assert not living(processes)
