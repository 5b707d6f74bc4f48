"""What is wrong with what people send gets a clear answer, and costs nobody else anything: in a whole running house."""

import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from mediahub.local import EmbeddedPostgres
from tests.media.samples import PRETENDERS, cut_off, gif_of_frames, png_bomb
from tests.pictures import jpeg
from tests.run.house import House, eventually, running

pytestmark = pytest.mark.processes

AWAY = float(os.environ.get("MEDIAHUB_TEST_AWAY", "3"))  # seconds that the database is gone
NAMES = ("../../etc/passwd.jpg", "line\nbreak\r.jpg", "x" * 300 + ".jpg", "\u202egpj.exe.jpg", "-rf.jpg", "nul\0.jpg")
DAMAGED = {"cut.jpg": cut_off(), "bomb.png": png_bomb(), **{f"{name}.jpg": data for name, data in PRETENDERS.items()}}


@dataclass
class Client:
    house: House
    secret: str

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.secret}"}
        return httpx.request(method, self.house.address + path, headers=headers, timeout=30, **more)

    def send(self, content: bytes, name: str = "photo.jpg") -> httpx.Response:
        return self.ask("POST", "/api/uploads/", files={"file": (name, content)})

    def state(self, asset_id: int) -> str:
        return str(self.ask("GET", f"/api/assets/{asset_id}/").json().get("state", ""))

    def everything(self) -> set[int]:
        return {item["id"] for item in self.ask("GET", "/api/search/?size=100").json()["items"]}

    def ends_as(self, asset_id: int, state: str) -> bool:
        return eventually(lambda: self.state(asset_id) == state)


def is_problem(answer: httpx.Response, status: int) -> bool:
    """A clear error in the one shape, without a word of how the program is made."""
    told = answer.json()
    clear = answer.headers["content-type"] == "application/problem+json" and told["status"] == status
    return clear and answer.status_code == status and bool(told["title"]) and "Traceback" not in answer.text


@pytest.fixture(scope="module")
def database() -> Iterator[EmbeddedPostgres]:
    """A server that is not the house's own, as DATABASE_URL names one: nobody starts it again but we."""
    folder = Path(tempfile.mkdtemp(prefix="mediahub-database-"))
    folder.chmod(0o711)
    server = EmbeddedPostgres(folder / "postgres")
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def house(database: EmbeddedPostgres) -> Iterator[House]:
    settings = {"MEDIAHUB_OCR": "fake", "MEDIAHUB_WORKERS": "1", "MEDIAHUB_LONGEST_PAUSE": "0"}
    with running(**settings, DATABASE_URL=database.url()) as house:
        house.ready()
        yield house


@pytest.fixture(scope="module")
def client(house: House) -> Client:
    made = house.manage("create_user", "anna", "--administrator", "--password-stdin", typed="a-long-enough-password\n")
    assert made.returncode == 0, made.stderr
    scopes = ["asset.upload", "asset.read", "asset.update", "job.read", "library.read"]
    key = house.manage("make_api_key", "anna", "--name", "test", *(part for one in scopes for part in ("--scope", one)))
    assert key.returncode == 0, key.stderr
    return Client(house, key.stdout.split()[-1])


def incoming(house: House) -> list[Path]:
    return list((house.data / "originals" / ".incoming").iterdir())


def test_every_damaged_file_says_why_and_its_neighbour_is_done(client: Client) -> None:
    good = client.send(jpeg(1)).json()["id"]
    bad = [client.send(content, name).json()["id"] for name, content in DAMAGED.items()]
    beside = client.send(jpeg(2)).json()["id"]
    assert all(client.ends_as(asset_id, "failed") for asset_id in bad)
    assert client.ends_as(good, "completed")
    assert client.ends_as(beside, "completed")
    told = {item["asset"]: item for item in client.ask("GET", "/api/processing/troubles/?size=50").json()["items"]}
    assert set(told) == set(bad)
    assert all(len(item["error"]) > 20 and "Traceback" not in item["error"] for item in told.values())


def test_a_damaged_file_can_be_tried_again_and_downloaded_as_it_is(client: Client) -> None:
    asset_id = client.send(b"not a picture, " * 5, "diary.jpg").json()["id"]
    assert client.ends_as(asset_id, "failed")
    assert client.ask("POST", f"/api/assets/{asset_id}/retry/", json={}).is_success
    assert client.ends_as(asset_id, "failed")
    assert client.ask("GET", f"/m/{asset_id}/1/original").content == b"not a picture, " * 5


def test_a_picture_with_another_suffix_or_far_too_many_frames_is_taken(client: Client) -> None:
    other = client.send(jpeg(3), "really-a-jpeg.png").json()["id"]
    endless = client.send(gif_of_frames(100_000), "endless.gif").json()["id"]
    assert client.ends_as(other, "completed")
    assert client.ends_as(endless, "completed")


def test_an_empty_file_is_refused_at_once(client: Client) -> None:
    assert is_problem(client.send(b""), 400)


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_hostile_name_is_only_a_name(client: Client, name: str) -> None:
    content = jpeg(10 + NAMES.index(name))
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="'
        + name.replace("\r", "%0D").replace("\n", "%0A").encode()
        + b'"\r\nContent-Type: image/jpeg\r\n\r\n' + content + b"\r\n--x--\r\n"
    )  # fmt: skip
    headers = {"Authorization": f"Bearer {client.secret}", "Content-Type": "multipart/form-data; boundary=x"}
    answer = httpx.post(f"{client.house.address}/api/uploads/", content=body, headers=headers, timeout=30)
    if answer.status_code != 201:
        assert is_problem(answer, 400)
        return
    asset_id = answer.json()["id"]
    shown = client.ask("GET", f"/api/assets/{asset_id}/").json()["name"]
    assert "/" not in shown
    assert shown.isprintable()
    assert len(shown) <= 255
    assert client.ask("GET", f"/m/{asset_id}/1/original").content == content


def test_a_wrong_key_is_refused_and_learns_nothing(client: Client) -> None:
    stranger = Client(client.house, client.secret[:-4] + "aaaa")
    assert is_problem(stranger.send(jpeg(4)), 401)
    assert is_problem(stranger.ask("GET", "/api/assets/1/"), 401)


@pytest.mark.parametrize(("path", "status"), [("/api/account/", b"413"), ("/api/uploads/", b"401")])
def test_a_stranger_fills_no_disk(house: House, client: Client, path: str, status: bytes) -> None:
    with socket.create_connection(("127.0.0.1", house.port), timeout=10) as wire:
        wire.sendall(
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{house.port}\r\nContent-Length: 100000000\r\n\r\n".encode()
            + bytes(1000)
        )
        assert wire.recv(1000).split()[1] == status  # without waiting for the rest


def test_a_large_file_of_somebody_known_is_taken(client: Client) -> None:
    assert client.send(jpeg(6) + bytes(5_000_000)).status_code == 201


@pytest.mark.parametrize("length", [1_000_000, 10])
def test_a_client_that_goes_away_or_lies_about_the_length_leaves_nothing(client: Client, length: int) -> None:
    before = client.everything()
    with socket.create_connection(("127.0.0.1", client.house.port), timeout=10) as wire:
        wire.sendall(
            f"POST /api/uploads/ HTTP/1.1\r\nHost: 127.0.0.1:{client.house.port}\r\nConnection: close\r\n"
            f"Authorization: Bearer {client.secret}\r\nContent-Type: multipart/form-data; boundary=x\r\n"
            f"Content-Length: {length}\r\n\r\n--x\r\n"
            'Content-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
            .encode() + jpeg(5)[:5000]
        )  # fmt: skip
    assert eventually(lambda: not incoming(client.house))
    assert client.everything() == before
    assert client.send(jpeg(1000 + length % 1000)).status_code == 201


def test_while_the_database_is_gone_everybody_is_told_and_afterwards_all_goes_on(
    client: Client, database: EmbeddedPostgres
) -> None:
    waiting = [client.send(jpeg(seed)).json()["id"] for seed in range(60, 64)]
    database.stop()
    with ThreadPoolExecutor() as people:
        asked = [
            people.submit(client.ask, "GET", f"/api/assets/{waiting[0]}/"),
            people.submit(client.ask, "GET", "/api/search/"),
            people.submit(client.send, jpeg(7)),
            people.submit(httpx.get, client.house.address + "/account/login/", timeout=30),
        ]
        *answers, page = [one.result() for one in asked]
    time.sleep(AWAY)
    database.start()
    assert all(is_problem(answer, 503) for answer in answers)
    assert page.status_code == 503
    assert "Traceback" not in page.text
    assert all(client.ends_as(asset_id, "completed") for asset_id in waiting)
    again = client.send(jpeg(7))
    assert again.status_code in (200, 201)
    assert client.ends_as(again.json()["id"], "completed")


def test_a_folder_that_vanishes_loses_nothing_and_comes_back(client: Client, tmp_path: Path) -> None:
    folder, away = tmp_path / "disk", tmp_path / "away"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(jpeg(20))
    assert client.house.manage("scan", str(folder), "--user", "anna").returncode == 0
    library = next(one for one in client.ask("GET", "/api/libraries/").json()["items"] if one["name"] == "disk")
    page = client.ask("GET", f"/api/search/?library={library['id']}").json()
    (asset_id,) = (hit["id"] for hit in page["items"])
    assert client.ends_as(asset_id, "completed")

    folder.rename(away)
    assert client.house.manage("scan", str(folder), "--user", "anna").returncode != 0
    assert client.ask("GET", f"/m/{asset_id}/1/original").status_code == 404
    assert client.ask("GET", f"/m/{asset_id}/1/preview").is_success
    assert client.state(asset_id) == "completed"

    away.rename(folder)
    assert client.house.manage("scan", str(folder), "--user", "anna").returncode == 0
    assert client.ask("GET", f"/m/{asset_id}/1/original").content == jpeg(20)
