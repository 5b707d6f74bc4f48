"""The people that every test knows: Alice owns, Bob shares, Charlie may not."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.accounts.models import User
from tests.factories import person


@pytest.fixture(scope="session")
def material() -> Path:
    folder = Path(os.environ.get("MEDIAHUB_TEST_MATERIAL", Path(__file__).parents[2] / "shared" / "material"))
    if not folder.is_dir():
        pytest.skip(f"no test material at {folder}: set MEDIAHUB_TEST_MATERIAL")
    return folder


@pytest.fixture(autouse=True)
def _own_store(settings: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Each test writes into folders of its own."""
    folder = tmp_path_factory.mktemp("store")
    for name in ("ORIGINALS_DIR", "RENDITIONS_DIR"):
        setattr(settings, name, folder / name.split("_")[0].lower())
    # Pages are rendered without `collectstatic` having run.
    static_files = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": static_files}  # type: ignore[attr-defined]
    settings.INCOMING_DIR = settings.ORIGINALS_DIR / ".incoming"  # type: ignore[attr-defined]
    settings.FILE_UPLOAD_TEMP_DIR = settings.INCOMING_DIR  # type: ignore[attr-defined]
    for path in (settings.INCOMING_DIR, settings.RENDITIONS_DIR):  # type: ignore[attr-defined]
        path.mkdir(parents=True)
    # Hashing a password slowly proves nothing here.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # type: ignore[attr-defined]
    yield
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def alice(db: None) -> User:
    return person("alice")


@pytest.fixture
def bob(db: None) -> User:
    return person("bob")


@pytest.fixture
def charlie(db: None) -> User:
    return person("charlie")


@pytest.fixture
def admin(db: None) -> User:
    return person("admin", is_administrator=True)
