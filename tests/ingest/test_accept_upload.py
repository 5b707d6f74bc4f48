import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.test import Client

from apps.accounts.models import User
from apps.accounts.scope import Scope
from apps.ingest.models import StepRun
from apps.ingest.services import EmptyFile
from apps.ingest.steps import STEPS
from apps.library.models import Asset, File, Library, Membership
from apps.library.services import home_of
from tests.factories import shared_library, signed_in
from tests.ingest.conftest import Upload, original
from tests.pictures import jpeg

pytestmark = pytest.mark.django_db


def incoming() -> list[Path]:
    return list(Path(settings.INCOMING_DIR).iterdir())


def test_an_upload_is_kept_byte_for_byte_with_a_waiting_row_for_each_step(upload: Upload, scope: Scope) -> None:
    accepted = upload(jpeg(1), "beach.jpg")
    asset = Asset.objects.visible_to(scope).get(pk=accepted.asset_id)
    assert accepted.created
    assert asset.name == "beach.jpg"
    assert original(asset).read_bytes() == jpeg(1)
    assert bytes(asset.files.get().sha256_uploaded) == hashlib.sha256(jpeg(1)).digest()
    assert set(StepRun.objects.filter(asset=asset).values_list("step", "state")) == {
        (step.name, "waiting") for step in STEPS
    }
    assert incoming() == []


def test_the_same_bytes_again_are_the_same_asset(upload: Upload) -> None:
    first, second = upload(jpeg(1), "a.jpg"), upload(jpeg(1), "b.jpg")
    assert second.asset_id == first.asset_id
    assert not second.created
    assert File.objects.count() == 1
    assert incoming() == []


def test_the_same_bytes_in_another_library_are_another_asset(upload: Upload, alice: User, scope: Scope) -> None:
    first = upload(jpeg(1))
    library = shared_library(alice)
    scope = Scope(alice.pk, scope.readable | {library.pk}, scope.editable | {library.pk})
    from apps.ingest.services import accept_upload
    from apps.ingest.uploads import IncomingHandler

    handler = IncomingHandler()
    handler.new_file("file", "photo.jpg", "image/jpeg", None, None)
    handler.receive_data_chunk(jpeg(1), 0)
    second = accept_upload(scope, handler.file_complete(len(jpeg(1))), library.pk)
    assert second.created
    assert second.asset_id != first.asset_id


def test_an_empty_file_is_refused_and_leaves_nothing(upload: Upload) -> None:
    with pytest.raises(EmptyFile):
        upload(b"")
    assert Asset.objects.count() == 0
    assert incoming() == []


@pytest.mark.parametrize("name", ["../../etc/passwd", "a\x00b\n.jpg", "x" * 300 + ".jpg", "\u202egpj.exe", ""])
def test_a_hostile_name_never_becomes_a_path(upload: Upload, name: str) -> None:
    asset = Asset.objects.get(pk=upload(jpeg(2), name).asset_id)
    place = original(asset).resolve()
    assert place.is_relative_to(Path(settings.ORIGINALS_DIR).resolve())
    assert len(asset.name) <= 255
    assert not set(asset.name) & set("/\\\x00\n")


def test_a_library_that_is_not_ones_own_does_not_exist(upload: Upload, bob: User) -> None:
    with pytest.raises(Library.DoesNotExist):
        upload(jpeg(1), library_id=home_of(bob).pk)
    assert Asset.objects.count() == 0


def test_a_viewer_cannot_add_to_a_library(bob: User, alice: User) -> None:
    library = shared_library(alice, viewer=bob)
    answer = send(signed_in(bob), jpeg(1), library=library.pk)
    assert answer.status_code == 404
    assert Asset.objects.count() == 0


def test_a_folder_library_takes_no_uploads(alice: User, tmp_path: Path) -> None:
    library = Library.objects.create(name="Folder", kind=Library.Kind.FOLDER, root=str(tmp_path))
    Membership.objects.create(library=library, user=alice, role="owner")
    assert send(signed_in(alice), jpeg(1), library=library.pk).status_code == 404
    assert list(tmp_path.iterdir()) == []


def send(client: Client, content: bytes, name: str = "photo.jpg", **fields: object):  # type: ignore[no-untyped-def]  # the test client's answer
    return client.post("/api/uploads/", {"file": SimpleUploadedFile(name, content), **fields})


def test_over_http_201_says_made_and_200_says_known(alice: User) -> None:
    client = signed_in(alice)
    first, second = send(client, jpeg(1)), send(client, jpeg(1))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == {"id": second.json()["id"], "created": True}


def test_a_check_knows_ones_own_files_and_nothing_of_others(alice: User, bob: User) -> None:
    client = signed_in(alice)
    made = send(client, jpeg(1)).json()["id"]
    digest = hashlib.sha256(jpeg(1)).hexdigest()
    asked = {"sha256s": [digest, "0" * 64]}
    json = "application/json"
    assert client.post("/api/uploads/check", asked, json).json() == {"known": {digest: made}}
    assert signed_in(bob).post("/api/uploads/check", asked, json).json() == {"known": {}}


def test_without_a_file_the_answer_says_what_to_send(alice: User) -> None:
    answer = signed_in(alice).post("/api/uploads/", {})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "file"


def test_a_full_disk_is_507_and_keeps_nothing(alice: User, settings) -> None:  # type: ignore[no-untyped-def]  # pytest-django's
    settings.DISK_RESERVE_MB = 10**9
    answer = send(signed_in(alice), jpeg(1))
    assert answer.status_code == 507
    assert "free some space" in answer.json()["detail"]
    assert Asset.objects.count() == 0
    assert incoming() == []


@pytest.mark.django_db(transaction=True)
def test_sixteen_at_once_of_one_content_are_one_asset(upload: Upload) -> None:
    def one(_number: int) -> int:
        try:
            return upload(jpeg(3)).asset_id
        finally:
            connections.close_all()

    with ThreadPoolExecutor(16) as threads:
        ids = set(threads.map(one, range(16)))
    assert len(ids) == 1
    assert Asset.objects.count() == 1
    assert StepRun.objects.count() == len(STEPS)
    assert incoming() == []
