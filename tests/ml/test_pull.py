import hashlib
import io
import json
import random
import struct
import subprocess
import sys
import textwrap
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ml.cli import main
from ml.weights import manifest, missing
from ml.weights.check import verdict
from ml.weights.files import WeightsError
from ml.weights.manifest import ROWS, Weights, WeightsFile
from ml.weights.pull import Patience, Pulled, pull
from tests.ml.onnx_files import onnx_file
from tests.ml.publisher import Publisher, publishing

MODEL = onnx_file(random.Random(1).randbytes(59_900))
OTHER_MODEL = onnx_file(random.Random(2).randbytes(59_900))
WORDS = b'{"words": ["cat", "dog"]}'
QUICK = Patience(silence=0.5, tries=3, pause=0.01)


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with publishing({"model.onnx": MODEL, "words.json": WORDS}) as publisher:
        yield publisher


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MODEL_CACHE_DIR", str(tmp_path / "models"))
    return tmp_path / "models"


def row(publisher: Publisher, *files: WeightsFile, archive: WeightsFile | None = None) -> Weights:
    given = files or (
        WeightsFile("model.onnx", publisher.url("model.onnx"), len(MODEL), sha256(MODEL)),
        WeightsFile("words.json", publisher.url("words.json")),
    )
    return Weights(
        "tiny", ("detector",), ("yolox",), given, "MIT", "MIT", "a test", memory_mb=1, good_at="tests", archive=archive
    )


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def pulled(weights: Weights) -> Pulled:
    return pull("tiny", rows=(weights,), patience=QUICK)


def test_a_pulled_model_is_there_as_a_whole_and_written_down(publisher: Publisher, home: Path) -> None:
    result = pulled(row(publisher))
    assert (home / "tiny" / "model.onnx").read_bytes() == MODEL
    assert missing("tiny", "model.onnx", "words.json") is None
    assert [(file.path, file.known) for file in result.record.files] == [("model.onnx", True), ("words.json", False)]
    assert verdict("tiny").state == "whole"
    assert list((home / ".incoming").glob("tiny/*")) == []


def test_a_second_pull_fetches_nothing(publisher: Publisher) -> None:
    pulled(row(publisher))
    publisher.asked.clear()
    assert not pulled(row(publisher)).fresh
    assert publisher.asked == []


def test_a_cut_connection_goes_on_where_it_broke(publisher: Publisher, home: Path) -> None:
    publisher.cut = 25_000
    pulled(row(publisher))
    assert [asked for path, asked in publisher.asked if path == "model.onnx"] == [
        None,
        "bytes=25000-",
        "bytes=50000-",
    ]
    assert (home / "tiny" / "model.onnx").read_bytes() == MODEL


def test_a_pull_that_was_given_up_goes_on_the_next_time(publisher: Publisher, home: Path) -> None:
    publisher.cut = 0
    (home / ".incoming" / "tiny").mkdir(parents=True)
    (home / ".incoming" / "tiny" / "model.onnx.part").write_bytes(MODEL[:30_000])
    with pytest.raises(WeightsError, match=r"30\.0 kB are here; the same command goes on from there"):
        pulled(row(publisher))
    assert missing("tiny")
    publisher.cut = None
    pulled(row(publisher))
    assert publisher.asked[-2:] == [("model.onnx", "bytes=30000-"), ("words.json", None)]


def test_a_server_without_ranges_begins_again(publisher: Publisher, home: Path) -> None:
    publisher.ranges = False
    (home / ".incoming" / "tiny").mkdir(parents=True)
    (home / ".incoming" / "tiny" / "model.onnx.part").write_bytes(b"x" * 30_000)
    pulled(row(publisher))
    assert (home / "tiny" / "model.onnx").read_bytes() == MODEL


def test_halves_of_two_versions_are_never_joined(publisher: Publisher, home: Path) -> None:
    unpinned = row(publisher, WeightsFile("model.onnx", publisher.url("model.onnx")))
    publisher.cut = 25_000
    with pytest.raises(WeightsError):
        pull("tiny", rows=(unpinned,), patience=replace(QUICK, tries=0))
    publisher.cut, publisher.etag = None, '"2"'
    publisher.files["model.onnx"] = OTHER_MODEL
    pulled(unpinned)
    assert (home / "tiny" / "model.onnx").read_bytes() == publisher.files["model.onnx"]


def test_a_wrong_checksum_is_refused_and_thrown_away(publisher: Publisher, home: Path) -> None:
    publisher.files["model.onnx"] = MODEL[:-1] + b"!"
    with pytest.raises(WeightsError, match=r"not the file that was published.*thrown away"):
        pulled(row(publisher))
    assert missing("tiny")
    assert not list(home.rglob("model.onnx*"))


def test_another_size_is_refused_before_it_is_fetched(publisher: Publisher) -> None:
    publisher.files["model.onnx"] = MODEL + b"more"
    with pytest.raises(WeightsError, match="another file than the one that is known"):
        pulled(row(publisher))


def test_slow_bytes_are_waited_for(publisher: Publisher) -> None:
    publisher.drip = 0.01
    assert pulled(row(publisher)).fresh


def test_a_server_that_falls_silent_is_left_in_the_end(publisher: Publisher) -> None:
    publisher.cut, publisher.silent = 0, True
    with pytest.raises(WeightsError, match=r"stopped answering while model\.onnx was fetched"):
        pull("tiny", rows=(row(publisher),), patience=replace(QUICK, silence=0.2, tries=2))


def test_a_busy_server_is_asked_again(publisher: Publisher) -> None:
    publisher.busy = 2
    assert pulled(row(publisher)).fresh


def test_a_file_that_is_gone_says_so_at_once(publisher: Publisher) -> None:
    del publisher.files["words.json"]
    with pytest.raises(WeightsError, match=r"does not have words\.json any more \(404\)"):
        pulled(row(publisher))
    assert len(publisher.asked) == 2


def test_an_optional_file_may_be_missing(publisher: Publisher) -> None:
    weights = row(
        publisher,
        WeightsFile("words.json", publisher.url("words.json")),
        WeightsFile("gone.json", publisher.url("gone.json"), optional=True),
    )
    assert [file.path for file in pulled(weights).record.files] == ["words.json"]


def test_without_internet_the_way_by_a_folder_is_named(publisher: Publisher) -> None:
    weights = row(publisher, WeightsFile("model.onnx", "https://weights.invalid/model.onnx"))
    with pytest.raises(WeightsError, match=r"no internet.*models import FOLDER"):
        pulled(weights)


@pytest.mark.parametrize("url", ["http://weights.invalid/model.onnx", "ftp://weights.invalid/m", "file:///etc/passwd"])
def test_only_https_is_spoken(publisher: Publisher, url: str) -> None:
    with pytest.raises(WeightsError, match="https only"):
        pulled(row(publisher, WeightsFile("model.onnx", url)))
    publisher.away = url
    with pytest.raises(WeightsError, match="https only"):
        pulled(row(publisher))


def test_a_full_disk_says_so_and_keeps_what_is_there(publisher: Publisher, home: Path) -> None:
    (home / ".incoming" / "tiny").mkdir(parents=True)
    (home / ".incoming" / "tiny" / "words.json.part").symlink_to("/dev/full")
    with pytest.raises(WeightsError, match=r"disk .* is full.*what was fetched stays"):
        pulled(row(publisher))
    assert (home / ".incoming" / "tiny" / "model.onnx").read_bytes() == MODEL


def test_a_model_that_cannot_fit_is_not_begun(publisher: Publisher) -> None:
    with pytest.raises(WeightsError, match=r"needs 1000000\.\d GB of room"):
        pulled(row(publisher, WeightsFile("model.onnx", publisher.url("model.onnx"), size=10**15)))
    assert publisher.asked == []


def test_two_pulls_at_once_fetch_one_model_once(publisher: Publisher) -> None:
    publisher.drip = 0.005
    waited: list[str] = []
    results: list[Pulled] = []
    threads = [
        threading.Thread(
            target=lambda: results.append(pull("tiny", on_wait=waited.append, rows=(row(publisher),), patience=QUICK))
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result.fresh for result in results) == [False, True]
    assert waited == ["tiny"]
    assert [path for path, _ in publisher.asked] == ["model.onnx", "words.json"]


def test_a_damaged_model_is_mended_by_fetching_only_what_is_damaged(publisher: Publisher, home: Path) -> None:
    pulled(row(publisher))
    (home / "tiny" / "words.json").write_bytes(b"{}")
    publisher.asked.clear()
    assert pulled(row(publisher)).fresh
    assert publisher.asked == [("words.json", None)]
    assert verdict("tiny").state == "whole"


def test_what_was_made_here_outlives_the_mending(publisher: Publisher, home: Path) -> None:
    pulled(row(publisher))
    (home / "tiny" / "onnx").mkdir()
    (home / "tiny" / "onnx" / "image.onnx").write_bytes(MODEL)
    (home / "tiny" / "a-space").mkdir()
    (home / "tiny" / "a-space" / "thresholds.npy").write_bytes(MODEL)
    (home / "tiny" / "words.json").unlink()
    pulled(row(publisher))
    assert (home / "tiny" / "a-space" / "thresholds.npy").is_file()
    assert (home / "tiny" / "onnx" / "image.onnx").read_bytes() == MODEL


def test_a_killed_pull_goes_on_where_it_was(publisher: Publisher, home: Path) -> None:
    publisher.drip = 0.02
    killed = textwrap.dedent(f"""
        from ml.weights.manifest import Weights, WeightsFile
        from ml.weights.pull import pull
        rows = ({row(publisher)!r},)
        pull("tiny", lambda file, here, total: print(here, flush=True), rows=rows)
    """)
    with subprocess.Popen([sys.executable, "-c", killed], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            if int(line) > 20_000:
                process.kill()
                break
    publisher.drip = 0.0
    publisher.asked.clear()
    pulled(row(publisher))
    path, asked = publisher.asked[0]
    assert path == "model.onnx"
    assert asked
    assert int(asked.removeprefix("bytes=").rstrip("-")) >= 10_000
    assert (home / "tiny" / "model.onnx").read_bytes() == MODEL


def test_the_command_tells_licence_progress_and_what_it_trusted(
    publisher: Publisher, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "ROWS", (row(publisher),))
    assert main(["models", "pull", "Tiny"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("tiny is installed in ")
    assert "weights under MIT, from a test" in printed.err
    assert "model.onnx: 60.0 kB of 60.0 kB" in printed.err
    assert "No checksum was known for words.json" in printed.err
    assert main(["models", "pull", "tiny"]) == 0
    assert capsys.readouterr().out == "tiny is installed already and whole.\n"


def test_an_archive_gives_its_named_files_and_no_others(publisher: Publisher, home: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("pack/model.onnx", MODEL)
        archive.writestr("../escape.onnx", MODEL)
        archive.writestr("gender.onnx", MODEL)
    publisher.files["pack.zip"] = packed.getvalue()
    whole = WeightsFile("pack.zip", publisher.url("pack.zip"), sha256=sha256(packed.getvalue()))
    pulled(row(publisher, WeightsFile("model.onnx", sha256=sha256(MODEL)), archive=whole))
    assert sorted(path.name for path in (home / "tiny").iterdir()) == ["model.onnx", "weights.json"]
    assert not list(home.parent.rglob("escape.onnx"))


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("model.bin", b"\x80\x04\x95 a pickle", "pickle, which can run programs"),
        ("model.onnx", b"PK\x03\x04 data.pkl", "pickle, which can run programs"),
        ("model.pth", b"PK\x03\x04 data.pkl", "checksum is not a known one"),
        ("model.pkl", b"anything", "not weights that can be read safely"),
        ("model.safetensors", struct.pack("<Q", 90) + b"{}", "cut off"),
        ("model.onnx", b"", "empty"),
        ("model.onnx", MODEL[:30_000], "cut off"),
        ("words.json", WORDS[:-1], "cut off"),
        ("model.bin", b"<html>Please sign in</html>", "no CTranslate2 model"),
    ],
)
def test_what_could_run_a_program_or_is_half_a_file_is_refused(
    publisher: Publisher, name: str, content: bytes, why: str
) -> None:
    publisher.files[name] = content
    with pytest.raises(WeightsError, match=why):
        pulled(row(publisher, WeightsFile(name, publisher.url(name))))
    assert missing("tiny")


def test_a_whole_safetensors_file_is_taken(publisher: Publisher) -> None:
    header = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    publisher.files["w.safetensors"] = struct.pack("<Q", len(header)) + header + b"\0" * 8
    assert pulled(row(publisher, WeightsFile("w.safetensors", publisher.url("w.safetensors")))).fresh


def test_progress_tells_file_and_bytes(publisher: Publisher) -> None:
    told: list[tuple[str, int, int | None]] = []
    pull("tiny", lambda *progress: told.append(progress), rows=(row(publisher),), patience=QUICK)
    assert told[0] == ("model.onnx", 0, len(MODEL))
    assert ("model.onnx", len(MODEL), len(MODEL)) in told


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(WeightsError, match=r'There is no model "yolo99"\. There are: .*yolox_nano'):
        pull("yolo99")


def test_what_a_package_brings_is_not_fetched() -> None:
    with pytest.raises(WeightsError, match="lies in the Python package rapidocr"):
        pull("pp-ocrv6-small")


@pytest.mark.parametrize("weights", ROWS, ids=lambda row: row.name)
def test_every_row_is_complete_and_speaks_https(weights: Weights) -> None:
    assert weights.files or weights.package
    assert all((weights.code_licence, weights.weights_licence, weights.source, weights.good_at, weights.memory_mb))
    for file in (*weights.files, *filter(None, [weights.archive])):
        assert file.url.startswith("https://") or weights.archive
        assert file.sha256 is None or len(file.sha256) == 64
        assert file.sha256 or not file.path.endswith(".pth")
    assert len({file.path for file in weights.files}) == len(weights.files)


def test_no_two_rows_share_a_name() -> None:
    assert len({row.name.lower() for row in ROWS}) == len(ROWS)
