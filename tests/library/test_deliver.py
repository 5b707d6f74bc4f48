"""Private files: parts of them, and nothing for strangers."""

import os
from pathlib import Path

import pytest
from django.http import HttpResponse, StreamingHttpResponse
from django.test import RequestFactory

from apps.accounts.models import User
from apps.library.delivery import send_file
from apps.library.models import Asset, File
from apps.library.services import add_folder
from tests.factories import signed_in

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    return path


async def fetch(file: Path, method: str = "GET", **headers: str) -> tuple[int, bytes, dict[str, str]]:
    request = RequestFactory().generic(method, "/m/1/1/original", headers=headers)
    response = send_file(request, file, content_type="image/jpeg", etag='"e"', cache="private, no-cache")
    if isinstance(response, StreamingHttpResponse):
        body = b"".join([piece async for piece in response])
    else:
        assert isinstance(response, HttpResponse)
        body = response.content
    return response.status_code, body, dict(response.items())


async def test_the_whole_file_is_sent_without_a_range(file: Path) -> None:
    status, body, headers = await fetch(file)
    assert (status, body) == (200, CONTENT)
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("wanted", "status", "part"),
    [
        ("bytes=0-99", 206, CONTENT[:100]),
        ("bytes=10000-", 206, CONTENT[10000:]),
        ("bytes=10000-99999999", 206, CONTENT[10000:]),
        ("bytes=-100", 206, CONTENT[-100:]),
        ("bytes=99999999-", 416, b""),
        ("bytes=-0", 416, b""),
        ("bytes=5-2", 200, CONTENT),
        ("bytes=0-1,5-6", 200, CONTENT),
        ("furlongs=1-2", 200, CONTENT),
    ],
)
async def test_a_range_is_answered_as_the_standard_says(file: Path, wanted: str, status: int, part: bytes) -> None:
    got, body, headers = await fetch(file, Range=wanted)
    assert (got, body) == (status, part)
    if status == 206:
        start = CONTENT.index(part) if len(part) != len(CONTENT) else 0
        assert headers["Content-Range"].endswith(f"/{len(CONTENT)}")
        assert headers["Content-Length"] == str(len(part))
        assert start >= 0


async def test_a_known_etag_is_not_sent_again(file: Path) -> None:
    status, body, _headers = await fetch(file, **{"If-None-Match": '"e"'})
    assert (status, body) == (304, b"")


async def test_a_range_of_another_version_gets_the_whole_file(file: Path) -> None:
    status, body, _headers = await fetch(file, Range="bytes=0-9", **{"If-Range": '"older"'})
    assert (status, body) == (200, CONTENT)


async def test_head_tells_the_length_and_sends_nothing(file: Path) -> None:
    status, body, headers = await fetch(file, "HEAD")
    assert (status, body, headers["Content-Length"]) == (200, b"", str(len(CONTENT)))


@pytest.mark.parametrize("what", ["the disk is away", "a folder", "a pipe", "a link", "a folder that is a link"])
def test_an_original_that_is_not_there_or_became_something_else_is_not_found(
    alice: User, tmp_path: Path, what: str
) -> None:
    root, secret = tmp_path / "Pictures", tmp_path / "secret"
    for folder in (root / "2024", secret):
        folder.mkdir(parents=True)
        (folder / "a.jpg").write_bytes(CONTENT)
    library = add_folder(alice.pk, root)
    asset = Asset.objects.create(library=library, name="a.jpg", format="jpeg")
    File.objects.create(
        library=library, asset=asset, path="2024/a.jpg", size=1, sha256_uploaded=b"1", sha256_now=b"1", modified_ns=1
    )
    client, address = signed_in(alice), f"/m/{asset.pk}/1/original"
    assert client.get(address).status_code == 200
    place = root / "2024" / "a.jpg"
    if what == "the disk is away":
        root.rename(tmp_path / "away")
    else:
        place.unlink()
    match what:
        case "a folder":
            place.mkdir()
        case "a pipe":
            os.mkfifo(place)
        case "a link":
            place.symlink_to(secret / "a.jpg")
        case "a folder that is a link":
            place.parent.rmdir()
            place.parent.symlink_to(secret)
    assert client.get(address).status_code == 404
