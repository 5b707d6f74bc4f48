from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings

from apps.accounts.models import User
from apps.accounts.scope import Scope
from apps.ingest import pipeline
from apps.ingest.models import StepRun
from apps.ingest.services import Accepted, accept_upload
from apps.ingest.uploads import IncomingHandler
from apps.library.access import resolve
from apps.library.models import Asset
from apps.library.services import home_of
from apps.reading import runtime as reading
from ml.runtime import Runtime


@pytest.fixture(autouse=True)
def _fake_reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A reader of words that obeys the colour of the picture: see ml.backends.fake."""
    with Runtime({"ocr": {"BACKEND": "fake", "OPTIONS": {}}}) as runtime:
        monkeypatch.setattr(reading, "_runtime", runtime)
        yield


@pytest.fixture
def scope(alice: User) -> Scope:
    home_of(alice)
    return resolve(alice)


Upload = Callable[..., Accepted]


@pytest.fixture
def upload(scope: Scope) -> Upload:
    """Sends bytes the way the server takes them: through the handler, into the store's own file system."""

    def send(content: bytes, name: str = "photo.jpg", library_id: int | None = None) -> Accepted:
        handler = IncomingHandler()
        handler.handle_raw_input(None, {}, len(content), b"")
        handler.new_file("file", name, "image/jpeg", len(content), None)
        handler.receive_data_chunk(content, 0)
        return accept_upload(scope, handler.file_complete(len(content)), library_id)

    return send


def walk() -> None:
    """Works in both lanes until nothing waits, as two bells would."""
    while any([pipeline.work_once("cpu"), pipeline.work_once("ml")]):
        pass
    pipeline.finish_hop(last=True)


def states(asset_id: int) -> dict[str, str]:
    return dict(StepRun.objects.filter(asset=asset_id).values_list("step", "state"))


def original(asset: Asset) -> Path:
    return Path(settings.ORIGINALS_DIR) / asset.files.get(role="original").path
