import os
from pathlib import Path

import psycopg
import pytest

from mediahub.local import EmbeddedPostgres, StartError, socket_folder

pytestmark = pytest.mark.processes


def test_a_data_folder_with_a_long_path_is_no_hindrance(folder: Path) -> None:
    data = folder / ("long" * 30)
    data.mkdir(mode=0o711)
    assert len(str(socket_folder(data))) < 80
    server = EmbeddedPostgres(data / "postgres", socket=socket_folder(data), durable=False)
    server.start()
    try:
        with psycopg.connect(server.url()) as connection:
            assert connection.info.server_version >= 180000
        assert not server.socket.stat().st_mode & 0o077
    finally:
        server.stop()
        server.socket.rmdir()


def test_a_folder_has_one_owner_at_a_time(folder: Path) -> None:
    first, second = EmbeddedPostgres(folder / "postgres"), EmbeddedPostgres(folder / "postgres")
    assert first.acquire()
    assert not second.acquire()
    with pytest.raises(StartError, match=str(os.getpid())):
        second.start()
    first.release()
    assert second.acquire()
    second.release()


def test_a_half_made_database_is_made_anew(folder: Path) -> None:
    half = folder / "postgres" / "cluster.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    server = EmbeddedPostgres(folder / "postgres", durable=False)
    server.start()
    server.stop()
    assert not half.exists()


def test_a_database_of_another_release_is_not_touched(folder: Path) -> None:
    cluster = folder / "postgres" / "cluster"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("17\n")
    with pytest.raises(StartError, match="was made by PostgreSQL 17"):
        EmbeddedPostgres(folder / "postgres").start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only as root does the database have an account of its own")
def test_a_folder_that_keeps_the_databases_account_out_is_named_and_left_alone(folder: Path) -> None:
    private = folder / "private"
    private.mkdir(mode=0o700)
    with pytest.raises(StartError, match=rf"may not enter {private}\."):
        EmbeddedPostgres(private / "postgres").start()
    assert private.stat().st_mode & 0o777 == 0o700
