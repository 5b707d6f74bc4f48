"""A folder is read and never written; a second look at an unchanged one touches nothing."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import connection

from apps.accounts.models import User
from apps.accounts.scope import Scope
from apps.ingest import scan, services
from apps.ingest.services import states_of
from apps.jobs.models import Job
from apps.jobs.services import run_job
from apps.library.access import resolve
from apps.library.models import Asset, File, Library
from apps.library.services import add_folder
from tests.factories import person
from tests.ingest.conftest import states, walk
from tests.pictures import jpeg

pytestmark = pytest.mark.django_db

Scan = Callable[[], Job]
SIDECAR = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmp:Rating="4"><dc:subject><rdf:Bag><rdf:li>harbour</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF>
</x:xmpmeta>"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "Pictures"
    (root / "2024" / "sea").mkdir(parents=True)
    (root / "a.jpg").write_bytes(jpeg(1))
    (root / "2024" / "b.jpg").write_bytes(jpeg(2))
    (root / "2024" / "sea" / "c.JPG").write_bytes(jpeg(3))
    (root / "notes.txt").write_text("no picture")
    (root / ".hidden.jpg").write_bytes(jpeg(4))
    return root


@pytest.fixture
def library(alice: User, folder: Path) -> Library:
    return add_folder(alice.pk, folder)


@pytest.fixture
def look(alice: User, library: Library) -> Scan:
    def run() -> Job:
        job = services.scan(resolve(alice), library.pk)
        run_job(job.pk)
        job.refresh_from_db()
        return job

    return run


def paths() -> set[str]:
    return set(File.objects.values_list("path", flat=True))


def rows() -> list[tuple[str, int]]:
    """Every row that a scan could touch, with the transaction that wrote it."""
    found = []
    with connection.cursor() as cursor:
        for table in ("library_asset", "library_file", "ingest_steprun", "library_change"):
            cursor.execute(f"SELECT '{table}' || id, xmin::text::bigint, ctid::text FROM {table}")  # noqa: S608
            found += cursor.fetchall()
    return sorted(found)


def test_pictures_in_all_folders_become_assets_and_are_processed(look: Scan) -> None:
    job = look()
    assert (job.state, job.done) == ("done", 3)
    assert paths() == {"a.jpg", "2024/b.jpg", "2024/sea/c.JPG"}
    walk()
    assert set(states_of(Asset.objects.values_list("pk", flat=True)).values()) == {"completed"}


def test_an_unchanged_folder_is_touched_nowhere(look: Scan, folder: Path) -> None:
    look()
    walk()
    before, times = rows(), {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    look()
    assert rows() == before
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == times


def test_a_changed_file_is_a_new_revision(look: Scan, folder: Path) -> None:
    look()
    walk()
    (folder / "a.jpg").write_bytes(jpeg(9, (640, 480)))
    look()
    asset = Asset.objects.get(name="a.jpg")
    assert asset.revision == 2
    assert set(states(asset.pk).values()) == {"waiting"}
    walk()
    asset.refresh_from_db()
    assert (asset.width, asset.height) == (640, 480)
    assert Asset.objects.count() == 3


def test_a_file_that_was_only_touched_stays_as_it_is(look: Scan, folder: Path) -> None:
    look()
    walk()
    os.utime(folder / "a.jpg", (1, 1))
    look()
    assert Asset.objects.get(name="a.jpg").revision == 1
    assert File.objects.get(path="a.jpg").modified_ns == 10**9


def test_a_moved_file_keeps_its_asset(look: Scan, folder: Path) -> None:
    look()
    before = Asset.objects.get(name="a.jpg").pk
    (folder / "a.jpg").rename(folder / "2024" / "moved.jpg")
    look()
    asset = Asset.objects.get(pk=before)
    assert asset.name == "moved.jpg"
    assert asset.files.get().path == "2024/moved.jpg"
    assert Asset.objects.count() == 3


def test_the_same_content_twice_is_one_asset_with_a_copy(look: Scan, folder: Path) -> None:
    shutil.copy(folder / "a.jpg", folder / "again.jpg")
    look()
    assert Asset.objects.count() == 3
    assert sorted(Asset.objects.get(name="a.jpg").files.values_list("role", "path")) == [
        ("copy", "again.jpg"),
        ("original", "a.jpg"),
    ]


def test_a_copy_that_is_edited_becomes_a_picture_of_its_own(look: Scan, folder: Path) -> None:
    shutil.copy(folder / "a.jpg", folder / "again.jpg")
    look()
    asset = Asset.objects.get(name="a.jpg")
    (folder / "again.jpg").write_bytes(jpeg(8))
    look()
    assert asset.files.get().path == "a.jpg"
    assert Asset.objects.get(pk=asset.pk).revision == 1
    assert Asset.objects.get(name="again.jpg").files.get().role == "original"
    before = rows()
    look()
    assert rows() == before


def test_the_copy_of_a_picture_that_was_edited_becomes_a_picture_of_its_own(look: Scan, folder: Path) -> None:
    shutil.copy(folder / "a.jpg", folder / "again.jpg")
    look()
    asset = Asset.objects.get(name="a.jpg")
    (folder / "a.jpg").write_bytes(jpeg(8))
    look()
    assert asset.files.get().path == "a.jpg"
    assert Asset.objects.get(pk=asset.pk).revision == 2
    assert Asset.objects.get(name="again.jpg").files.get().role == "original"


def test_notes_beside_a_picture_are_followed_but_for_what_a_person_wrote(look: Scan, folder: Path) -> None:
    def shown() -> tuple[str, int | None, list[str]]:
        look()
        walk()
        asset = Asset.objects.get(name="a.jpg")
        return asset.title, asset.rating, asset.keywords

    notes = folder / "a.jpg.xmp"
    notes.write_bytes(SIDECAR)
    assert shown() == ("", 4, ["harbour"])
    notes.write_bytes(SIDECAR.replace(b'Rating="4"', b'Rating="2"').replace(b"harbour", b"quay"))
    assert shown() == ("", 2, ["quay"])
    Asset.objects.get(name="a.jpg").edit({"rating": 5})
    notes.write_bytes(SIDECAR)
    assert shown() == ("", 5, ["harbour"])
    notes.unlink()
    assert shown() == ("", 5, [])
    notes.write_bytes(SIDECAR)
    assert shown() == ("", 5, ["harbour"])


def test_a_file_that_is_gone_is_marked_and_comes_back(look: Scan, folder: Path) -> None:
    look()
    hidden = (folder / "a.jpg").rename(folder.parent / "a.jpg")
    look()
    assert File.objects.exclude(missing_since=None).get().path == "a.jpg"
    assert Asset.objects.count() == 3
    hidden.rename(folder / "a.jpg")
    look()
    assert not File.objects.exclude(missing_since=None).exists()


def test_a_folder_that_vanished_says_so_and_nothing_is_forgotten(look: Scan, folder: Path, library: Library) -> None:
    look()
    folder.rename(folder.with_name("away"))
    job = look()
    assert job.state == "failed"
    assert "Nothing was removed" in job.error
    library.refresh_from_db()
    assert library.unreachable_since is not None
    assert File.objects.filter(missing_since=None).count() == 3
    folder.mkdir()  # the place where a disk should be
    assert look().state == "failed"
    assert File.objects.filter(missing_since=None).count() == 3
    folder.rmdir()
    folder.with_name("away").rename(folder)
    assert look().state == "done"
    library.refresh_from_db()
    assert library.unreachable_since is None


def test_a_disk_that_is_pulled_during_the_scan_takes_nothing_with_it(
    look: Scan, folder: Path, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    look()
    monkeypatch.setattr(scan, "CHUNK", 1)
    take = scan.take

    def pull(*arguments: Any) -> None:
        take(*arguments)
        if folder.exists():
            folder.rename(folder.with_name("away"))
            folder.mkdir()  # the empty place where the disk was

    monkeypatch.setattr(scan, "take", pull)
    job = look()
    assert job.state == "failed"
    assert "Nothing was removed" in job.error
    library.refresh_from_db()
    assert library.unreachable_since is not None
    assert File.objects.filter(missing_since=None).count() == 3


def test_what_could_not_be_read_while_the_disk_was_away_is_done_when_it_is_back(look: Scan, folder: Path) -> None:
    look()
    folder.rename(folder.with_name("away"))
    walk()
    assets = Asset.objects.values_list("pk", flat=True)
    assert set(states_of(assets).values()) == {"failed"}
    folder.with_name("away").rename(folder)
    look()
    walk()
    assert set(states_of(assets).values()) == {"completed"}
    before = rows()
    look()
    assert rows() == before


# -- Permissions ------------------------------------------------------------------------------------------------------
@contextmanager
def as_nobody(folder: Path) -> Iterator[None]:
    """Permissions hold nobody back who is root."""
    with ExitStack() as back:
        if os.geteuid() == 0:
            for parent in folder.parents:
                if parent.stat().st_uid == 0 and parent.stat().st_mode & 0o777 == 0o700:
                    parent.chmod(0o711)
            os.seteuid(65534)
            back.callback(os.seteuid, 0)
        yield


def test_a_subfolder_without_permission_hides_no_other_and_loses_nothing(look: Scan, folder: Path) -> None:
    look()
    shutil.copy(folder / "2024" / "b.jpg", folder / "again.jpg")
    (folder / "new.jpg").write_bytes(jpeg(5))
    (folder / "closed.jpg").write_bytes(jpeg(6))
    (folder / "closed.jpg").chmod(0)
    (folder / "2024").chmod(0)
    with as_nobody(folder):
        job = look()
    assert (job.state, job.failed) == ("done", 2)
    assert not File.objects.exclude(missing_since=None).exists()
    assert paths() == {"a.jpg", "2024/b.jpg", "2024/sea/c.JPG", "new.jpg", "again.jpg"}
    (folder / "2024").chmod(0o755)
    (folder / "closed.jpg").chmod(0o644)
    job = look()
    assert (job.done, job.failed) == (6, 0)
    assert Asset.objects.filter(name="closed.jpg").exists()


def test_a_folder_on_a_read_only_disk_is_read_and_stays_as_it_is(look: Scan, folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = {path: (path.stat().st_mtime_ns, path.stat().st_mode) for path in (folder, *folder.rglob("*"))}
    with as_nobody(folder):
        assert look().done == 3
    walk()
    assert set(states_of(Asset.objects.values_list("pk", flat=True)).values()) == {"completed"}
    after = {path: (path.stat().st_mtime_ns, path.stat().st_mode) for path in (folder, *folder.rglob("*"))}
    assert after == before


def test_a_sidecar_belongs_to_its_picture_whenever_it_comes(look: Scan, folder: Path) -> None:
    (folder / "a.xmp").write_bytes(SIDECAR)
    look()
    walk()
    asset = Asset.objects.get(name="a.jpg")
    assert (asset.rating, asset.keywords) == (4, ["harbour"])
    (folder / "2024" / "b.jpg.xmp").write_bytes(SIDECAR)
    look()
    walk()
    asset = Asset.objects.get(name="b.jpg")
    assert (asset.revision, asset.rating) == (2, 4)


def test_links_are_not_followed(look: Scan, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.jpg").write_bytes(jpeg(7))
    (folder / "link.jpg").symlink_to(tmp_path / "outside.jpg")
    (folder / "circle").symlink_to(folder)
    look()
    assert paths() == {"a.jpg", "2024/b.jpg", "2024/sea/c.JPG"}


def test_odd_names_hide_no_other_file(look: Scan, folder: Path) -> None:
    with open(os.fsencode(folder) + b"/\xff\xfe.jpg", "wb") as stream:  # noqa: PTH123  # no text, so no Path
        stream.write(jpeg(8))
    (folder / "line\nbreak.jpg").write_bytes(jpeg(6))
    look()
    assert paths() == {"a.jpg", "2024/b.jpg", "2024/sea/c.JPG", "line\nbreak.jpg"}
    assert Asset.objects.filter(name="linebreak.jpg").exists()


def test_a_walk_goes_on_behind_where_it_was_left(folder: Path) -> None:
    everything = [found.path for found in scan.walk(folder, scan.Outcome())]
    assert everything == ["2024/b.jpg", "2024/sea/c.JPG", "a.jpg"]
    for place, path in enumerate(everything):
        rest = scan.walk(folder, scan.Outcome(), after=path)
        assert [found.path for found in rest] == everything[place + 1 :]


def test_who_lost_the_library_scans_it_no_more(look: Scan, library: Library, alice: User, bob: User) -> None:
    job = services.scan(resolve(alice), library.pk)
    library.memberships.all().delete()
    run_job(job.pk)
    job.refresh_from_db()
    assert (job.state, job.error) == ("failed", "This library is not yours any more.")
    assert File.objects.count() == 0
    with pytest.raises(Library.DoesNotExist):
        services.scan(Scope(bob.pk), library.pk)


def test_a_folder_has_one_owner_and_is_never_our_own(alice: User, bob: User, folder: Path, settings) -> None:  # type: ignore[no-untyped-def]  # pytest-django's
    first = add_folder(alice.pk, folder)
    assert add_folder(alice.pk, folder / "." / "2024" / "..") == first
    with pytest.raises(ValidationError):
        add_folder(bob.pk, folder)
    with pytest.raises(ValidationError):
        add_folder(alice.pk, Path(settings.DATA_DIR))
    with pytest.raises(ValidationError):
        add_folder(alice.pk, folder / "nothing")


def test_the_command_scans_for_a_person(alice: User, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError, match="no administrator"):
        call_command("scan", str(folder))
    with pytest.raises(CommandError, match="Nobody"):
        call_command("scan", str(folder), "--user", "nobody")
    person("anna", is_administrator=True)
    call_command("scan", str(folder))
    assert "looked at 3 files" in capsys.readouterr().out
    assert Asset.objects.count() == 3


def test_the_command_tells_what_it_found(
    alice: User, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def scanned() -> str:
        call_command("scan", str(folder), "--user", "alice")
        return capsys.readouterr().out.partition("\n")[0].partition(f"{folder}: ")[2]

    assert scanned() == "3 new."
    assert scanned() == "nothing new."
    (folder / "a.jpg").rename(folder / "renamed.jpg")
    (folder / "2024" / "b.jpg").write_bytes(jpeg(7))
    shutil.copy(folder / "2024" / "sea" / "c.JPG", folder / "copy.jpg")
    (folder / "new.jpg").write_bytes(jpeg(8))
    assert scanned() == "1 new, 1 copied, 1 changed, 1 moved."
    (folder / "new.jpg").rename(tmp_path / "away.jpg")
    assert scanned() == "1 missing."
    (tmp_path / "away.jpg").rename(folder / "new.jpg")
    assert scanned() == "1 there again."


def test_the_command_says_what_to_do_about_a_folder_that_is_away(alice: User, folder: Path, tmp_path: Path) -> None:
    call_command("scan", str(folder), "--user", "alice")
    folder.rename(tmp_path / "away")
    with pytest.raises(CommandError, match=r"Connect its disk, then scan again\. Nothing was removed\."):
        call_command("scan", str(folder), "--user", "alice")
    assert not File.objects.exclude(missing_since=None).exists()
