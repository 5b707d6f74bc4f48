import json
import os
import re
import signal
import socket
from pathlib import Path

import psycopg
import pytest

from mediahub.local import EmbeddedPostgres
from tests.run.house import House, eventually, free_port

pytestmark = pytest.mark.processes

COUNT_USERS = "from apps.accounts.models import User; print(User.objects.count())"


def test_the_first_start_prints_one_line_with_a_setup_link(open_house: House) -> None:
    assert len(open_house.first_lines) == 1
    assert re.fullmatch(rf"MediaHub is ready: {open_house.address}/setup/\S+/", open_house.first_lines[0])


def test_a_page_answers_when_the_line_is_printed(open_house: House) -> None:
    assert open_house.answers()


def test_a_start_beside_it_says_where_it_runs(open_house: House) -> None:
    second = House(open_house.data, free_port()).start()
    line = second.hears("already runs here")
    assert line == f"MediaHub already runs here (pid {open_house.pid}): {open_house.address}/"
    assert second.ended() == 1
    assert open_house.answers()


def test_a_taken_port_says_how_to_choose_another(closed_house: House) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", closed_house.port))
        other.listen()
        line = closed_house.start().hears("is taken")
    assert line.startswith(f"Port {closed_house.port} is taken by another program.")
    assert f"MEDIAHUB_PORT={closed_house.port + 1}" in line
    assert closed_house.ended() == 1


def test_logs_are_one_json_object_a_line(open_house: House) -> None:
    lines = [line for log in (open_house.data / "logs").glob("*.log") for line in log.read_text().splitlines()]
    assert lines
    for line in lines:
        assert {"time", "level", "logger", "message"} <= json.loads(line).keys()


def test_a_folder_of_photos_waits_for_an_administrator_and_is_processed(open_house: House) -> None:
    open_house.hears("is added as soon as there is an administrator")
    status = json.loads(open_house.manage("status", "--json").stdout)
    assert status["running"] == f"{open_house.pid} {open_house.address}/"
    assert status["steps"] == {}
    made = open_house.manage(
        "create_user", "anna", "--administrator", "--password-stdin", typed="correct horse battery"
    )
    assert made.returncode == 0, made.stderr
    assert "3 files seen, everything is processed" in open_house.hears("everything is processed")
    status = json.loads(open_house.manage("status", "--json").stdout)
    assert status["steps"].keys() == {"done"}
    assert status["troubles"] == []
    assert not (open_house.data / "photos_to_add").exists()


def test_what_is_kept_is_private(open_house: House) -> None:
    others = 0o077
    assert not (open_house.data / "secret_key").stat().st_mode & others
    for name in ("logs", "originals", "postgres", "renditions"):
        assert not (open_house.data / name).stat().st_mode & others, name


def test_a_command_uses_the_database_of_the_running_house(open_house: House) -> None:
    done = open_house.manage("shell", "-v0", "-c", COUNT_USERS)
    assert (done.returncode, done.stdout.strip()) == (0, "1"), done.stderr


def test_nobody_cleans_up_beside_a_running_house(open_house: House) -> None:
    piece = open_house.data / "originals" / ".incoming" / "half.part"
    piece.write_bytes(b"half of an upload")
    done = open_house.manage("prepare")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"MediaHub runs here (pid {open_house.pid}): {open_house.address}/" in done.stderr
    assert piece.exists()
    piece.unlink()


@pytest.mark.parametrize("part", ["mediahub.asgi", "manage.py work"])
def test_what_is_killed_is_started_again(open_house: House, part: str) -> None:
    before = open_house.children_named(part)
    os.kill(before[0], signal.SIGKILL)
    open_house.hears("ended unexpectedly (signal SIGKILL)")
    assert eventually(lambda: open_house.answers() and len(open_house.children_named(part)) == len(before))
    assert before[0] not in open_house.children_named(part)


def test_a_killed_database_comes_back(open_house: House) -> None:
    (postmaster,) = open_house.children_named("bin/postgres -D")
    os.kill(postmaster, signal.SIGKILL)
    open_house.hears("postgres ended unexpectedly")
    assert eventually(lambda: open_house.children_named("bin/postgres -D") not in ([], [postmaster]))
    assert eventually(lambda: open_house.manage("shell", "-v0", "-c", COUNT_USERS).returncode == 0)


def test_another_server_takes_the_place_of_the_embedded_one(closed_house: House) -> None:
    theirs = EmbeddedPostgres(closed_house.data / "theirs", durable=False)
    theirs.start()
    try:
        closed_house.settings = {"DATABASE_URL": theirs.url()}
        closed_house.start().ready()
        assert closed_house.answers()
        assert not (closed_house.data / "postgres").exists()
        closed_house.ask_to_stop()
        assert closed_house.ended() == 0
        with psycopg.connect(theirs.url()) as connection:
            assert connection.execute("SELECT count(*) FROM accounts_user").fetchone() == (0,)
    finally:
        theirs.stop()


def test_a_wrong_database_url_says_so_without_its_password(closed_house: House) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: nobody answers there
        port = unused.getsockname()[1]
        closed_house.settings = {"DATABASE_URL": f"postgresql://anna:geheim@127.0.0.1:{port}/photos"}
        line = closed_house.start().hears("DATABASE_URL")
    assert "cannot be reached" in line
    assert "geheim" not in line
    assert closed_house.ended() == 1


def test_a_wrong_setting_is_named(closed_house: House) -> None:
    closed_house.settings = {"MEDIAHUB_WORKERS": "many"}
    closed_house.start().hears("MEDIAHUB_WORKERS is 'many'; write a whole number.")
    assert closed_house.ended() == 1


def test_a_data_folder_that_cannot_be_made_is_named(closed_house: House) -> None:
    file = closed_house.data / "file"
    file.touch()
    closed_house.data = file / "data"
    closed_house.start().hears(f"{file}/data cannot be used: Not a directory.")
    assert closed_house.ended() == 1


def test_a_folder_of_photos_that_is_not_there_is_named(closed_house: House, tmp_path: Path) -> None:
    closed_house.start("--photos", str(tmp_path / "nowhere")).hears("nowhere is not a folder")
    assert closed_house.ended() == 1
