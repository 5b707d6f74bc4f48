import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pictures import jpeg
from tests.run.house import House, free_port, kill


def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="mediahub-house-"))
    folder.chmod(0o711)  # as root the database has an account of its own
    return folder


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty data folder that the database's account can reach."""
    folder = _folder()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def closed_house(folder: Path) -> Iterator[House]:
    """A house that was never started."""
    house = House(folder, free_port())
    yield house
    _end(house)


@pytest.fixture(scope="session")
def open_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house that runs while this folder is tested, with a folder of photos; a test that stops it starts it again."""
    if not Path("/proc/self/stat").exists():
        pytest.skip("processes are looked up in /proc")
    photos = tmp_path_factory.mktemp("photos")
    for seed in range(3):
        (photos / f"{seed}.jpg").write_bytes(jpeg(seed))
    house = House(_folder(), free_port(), {"MEDIAHUB_OCR": "fake"}).start("--photos", str(photos))
    house.ready()
    yield house
    _end(house)
    shutil.rmtree(house.data, ignore_errors=True)


def _end(house: House) -> None:
    if house.process and house.process.poll() is None:
        left = house.processes()
        house.process.kill()
        house.process.wait()
        kill(left)
