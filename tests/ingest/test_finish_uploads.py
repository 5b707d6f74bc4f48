"""What a killed process leaves behind is finished or dropped at the next start; an original is never touched."""

import hashlib
from pathlib import Path

import pytest
from django.conf import settings

from apps.accounts.models import User
from apps.ingest.models import StepRun
from apps.ingest.services import Intent, _seal, finish_uploads
from apps.ingest.steps import STEPS
from apps.library.models import Asset
from apps.library.services import home_of
from tests.ingest.conftest import Upload, original
from tests.pictures import jpeg

pytestmark = pytest.mark.django_db


def left(alice: User, content: bytes) -> tuple[Path, Path]:
    """An upload that was sealed when its process died."""
    part = Path(settings.INCOMING_DIR) / "left.part"
    part.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    return part, _seal(part, Intent(home_of(alice).pk, alice.pk, "left.jpg", len(content), digest, None))


def test_a_sealed_upload_is_finished(alice: User) -> None:
    left(alice, jpeg(1))
    assert finish_uploads() == (1, 0)
    asset = Asset.objects.get()
    assert (asset.name, asset.added_by) == ("left.jpg", alice)
    assert original(asset).read_bytes() == jpeg(1)
    assert StepRun.objects.filter(asset=asset).count() == len(STEPS)
    assert list(Path(settings.INCOMING_DIR).iterdir()) == []


def test_one_that_was_linked_and_has_no_row_is_finished(alice: User) -> None:
    part, _note = left(alice, jpeg(1))
    digest = hashlib.sha256(jpeg(1)).hexdigest()
    place = Path(settings.ORIGINALS_DIR) / str(home_of(alice).pk) / digest[:2] / f"{digest}.jpg"
    place.parent.mkdir(parents=True)
    place.hardlink_to(part)
    finish_uploads()
    assert original(Asset.objects.get()) == place
    assert place.read_bytes() == jpeg(1)


def test_one_that_was_known_already_is_let_go_of(alice: User, upload: Upload) -> None:
    accepted = upload(jpeg(1))
    left(alice, jpeg(1))
    finish_uploads()
    assert Asset.objects.get().pk == accepted.asset_id
    assert list(Path(settings.INCOMING_DIR).iterdir()) == []


def test_an_unsealed_piece_is_dropped(alice: User, upload: Upload) -> None:
    accepted = upload(jpeg(1))
    (Path(settings.INCOMING_DIR) / "half.part").write_bytes(jpeg(2)[:100])
    assert finish_uploads() == (0, 1)
    assert original(Asset.objects.get(pk=accepted.asset_id)).read_bytes() == jpeg(1)
    assert list(Path(settings.INCOMING_DIR).iterdir()) == []
