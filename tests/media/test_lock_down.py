"""From inside a child, where a decoder would be: nothing else can be read, written, called or seen."""

import contextlib
import json
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from media import Inspection, Sandbox
from tests.media.conftest import MakeWish
from tests.pictures import jpeg

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="these layers exist on Linux only")

Try = Callable[..., str]


class ProbingSandbox(Sandbox):
    server_module = "tests.media.probing_server"


@pytest.fixture(scope="module")
def probing() -> Iterator[Sandbox]:
    with ProbingSandbox() as sandbox:
        yield sandbox


@pytest.fixture
def attempt(probing: Sandbox, wish_for: MakeWish) -> Try:
    def ask(*what: object) -> str:
        (answer,) = probing.inspect([wish_for(jpeg(1), key=json.dumps(what))])
        assert isinstance(answer, Inspection), answer
        return answer.metadata.description or ""

    return ask


def test_a_neighbours_file_cannot_be_read(attempt: Try, tmp_path: Path) -> None:
    (tmp_path / "neighbour.jpg").write_bytes(b"private")
    assert attempt("read", str(tmp_path / "neighbour.jpg")) == "refused: Permission denied"


@pytest.mark.parametrize("path", ["/etc/passwd", "/proc/self/environ", "/proc/1/environ", __file__])
def test_no_file_of_the_system_can_be_read(attempt: Try, path: str) -> None:
    assert attempt("read", path).startswith("refused")


@pytest.mark.parametrize("path", ["/", "/proc", "/tmp", str(Path.home())])
def test_no_folder_can_be_listed(attempt: Try, path: str) -> None:
    assert attempt("list", path).startswith("refused")


@pytest.mark.parametrize("what", ["parent's environment", "parent's memory", "trace", "signal"])
def test_the_parent_cannot_be_reached(attempt: Try, what: str) -> None:
    assert attempt(what).startswith("refused")


def test_a_socket_of_a_database_cannot_be_reached(attempt: Try, tmp_path: Path) -> None:
    # From inside its folder: the path of a socket may be 107 bytes long.
    with socket.socket(socket.AF_UNIX) as database, contextlib.chdir(tmp_path):
        database.bind(".s.PGSQL.5432")
        database.listen()
        assert attempt("unix socket", str(tmp_path / ".s.PGSQL.5432")).startswith("refused")


def test_the_network_cannot_be_reached(attempt: Try) -> None:
    with socket.socket() as service:
        service.bind(("127.0.0.1", 0))
        service.listen()
        assert attempt("tcp", service.getsockname()[1]).startswith("refused")
    assert attempt("udp").startswith("refused")
    assert attempt("abstract socket").startswith("refused")


def test_the_environment_is_empty(attempt: Try) -> None:
    assert attempt("environment") == "done: {}"


def test_nothing_can_be_written_elsewhere(attempt: Try, tmp_path: Path) -> None:
    (tmp_path / "neighbour.jpg").write_bytes(b"private")
    for path in (tmp_path / "neighbour.jpg", tmp_path / "new", Path("/tmp/new-from-inside")):
        assert attempt("write", str(path)).startswith("refused")
    assert (tmp_path / "neighbour.jpg").read_bytes() == b"private"


@pytest.mark.parametrize("what", ["own", "open to all", "change the time of"])
def test_a_neighbours_file_cannot_be_changed_from_outside(attempt: Try, what: str, tmp_path: Path) -> None:
    (tmp_path / "neighbour.jpg").write_bytes(b"private")
    assert attempt(what, str(tmp_path / "neighbour.jpg")).startswith("refused")


@pytest.mark.parametrize("what", ["fork", "fork bomb", "run"])
def test_no_process_can_be_started(attempt: Try, what: str) -> None:
    assert attempt(what).startswith("refused")


@pytest.mark.parametrize("what", ["mount", "new space", "become another"])
def test_no_right_can_be_won(attempt: Try, what: str) -> None:
    assert attempt(what).startswith("refused")


def test_only_the_source_the_folder_and_the_answer_are_open(attempt: Try) -> None:
    assert attempt("descriptors") == "done: 3"


def test_the_report_says_that_every_layer_holds(probing: Sandbox) -> None:
    report = probing.report()
    # In a container without user spaces the network is shut by the filter of calls alone.
    assert set(report.missing) <= {"network space"}
    assert all(layer.why for layer in report.layers.values())
