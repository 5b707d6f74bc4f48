"""What is said at the end of `make run PHOTOS=folder`."""

from pathlib import Path

import pytest

from apps.accounts.models import User
from apps.ingest.models import StepRun
from apps.jobs.models import Job
from apps.library.models import Library
from apps.library.services import add_folder
from mediahub.photos import follow
from tests.factories import picture

pytestmark = pytest.mark.django_db
State = StepRun.State


@pytest.fixture
def library(alice: User, tmp_path: Path) -> Library:
    return add_folder(alice.pk, tmp_path)


def said(library: Library, capsys: pytest.CaptureFixture[str], *, unreadable: int = 0) -> str:
    done = Job.objects.create(
        kind="scan", started_by_id=User.objects.get().pk, state=Job.State.DONE, done=4, failed=unreadable
    )
    assert follow(done.pk, library.pk, Path("edge")) == 0
    return capsys.readouterr().out.strip()


def test_a_folder_without_trouble_is_processed(library: Library, capsys: pytest.CaptureFixture[str]) -> None:
    picture(library)
    assert said(library, capsys) == "edge: 4 files seen, everything is processed."


def test_what_failed_is_counted_and_the_page_that_names_it_is_told(
    library: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    unopened, hung, unread, _whole = (picture(library) for _ in range(4))
    StepRun.objects.filter(asset=unopened, step__in=["inspect", "ocr"]).update(state=State.FAILED)
    StepRun.objects.filter(asset=hung, step="inspect").update(state=State.QUARANTINED)
    StepRun.objects.filter(asset=unread, step__in=["ocr", "hash"]).update(state=State.FAILED)
    line = said(library, capsys, unreadable=2)
    assert line.startswith(
        "edge: 4 files seen, 2 could not be opened, 1 could not be processed completely: see Processing, "
    )
    assert line.endswith("/processing/\n2 files or folders could not be read; the log names them.")
