"""What is no picture, or no whole one, is refused with a kind and one plain sentence, and leaves nothing behind."""

import os
import subprocess
from pathlib import Path

import pytest

from media import Inspection, Refusal, Sandbox
from media.results import DEADLY_KINDS
from tests.media.conftest import Look, MakeWish
from tests.media.samples import HOSTILE_NAMES, PRETENDERS, cut_off, encoded, gif_of_frames, png_bomb
from tests.pictures import jpeg


def test_an_empty_file_is_called_empty(look: Look) -> None:
    answer = look(b"")
    assert isinstance(answer, Refusal)
    assert answer.kind == "empty"


@pytest.mark.parametrize("what", PRETENDERS)
def test_a_thing_named_like_a_picture_is_unsupported(look: Look, what: str) -> None:
    answer = look(PRETENDERS[what], "holiday.jpg")
    assert isinstance(answer, Refusal)
    assert answer.kind == "unsupported"
    assert answer.reason.endswith(".")


def test_a_wrong_extension_does_not_matter(look: Look) -> None:
    answer = look(encoded("PNG"), "holiday.mp4")
    assert isinstance(answer, Inspection)
    assert answer.format == "png"


def test_a_name_of_raw_does_not_make_a_plain_tiff_raw(look: Look) -> None:
    answer = look(encoded("TIFF"), "scan.nef")
    assert isinstance(answer, Inspection)
    assert answer.format == "tiff"


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_cut_off_picture_is_refused_and_leaves_nothing(sandbox: Sandbox, wish_for: MakeWish, share: float) -> None:
    wish = wish_for(cut_off(share))
    (answer,) = sandbox.inspect([wish])
    assert isinstance(answer, Refusal)
    assert answer.kind == "unreadable"
    assert "cut off" in answer.reason
    assert list(wish.folder.iterdir()) == []


def test_a_bomb_is_refused_by_its_header(look: Look) -> None:
    answer = look(png_bomb(60_000), "bomb.png")
    assert isinstance(answer, Refusal)
    assert answer.kind == "too_big"


def test_a_film_of_a_hundred_thousand_frames_is_one_picture(look: Look) -> None:
    answer = look(gif_of_frames(100_000), "long.gif")
    assert isinstance(answer, Inspection)
    assert answer.frames == 10_000  # nobody counts further
    assert (answer.width, answer.height) == (40, 30)


def test_the_frames_of_a_short_film_are_counted(look: Look) -> None:
    answer = look(gif_of_frames(7), "short.gif")
    assert isinstance(answer, Inspection)
    assert answer.frames == 7


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_hostile_name_is_only_a_name(look: Look, name: str) -> None:
    answer = look(jpeg(1), name)
    assert isinstance(answer, Inspection)


def test_a_file_that_vanished_is_missing(look: Look, tmp_path: Path) -> None:
    answer = look(tmp_path / "never-there.jpg")
    assert isinstance(answer, Refusal)
    assert answer.kind == "missing"


def test_a_folder_is_no_picture(look: Look, tmp_path: Path) -> None:
    answer = look(tmp_path)
    assert isinstance(answer, Refusal)
    assert answer.kind == "unsupported"


def test_a_named_pipe_holds_nobody(look: Look, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    answer = look(tmp_path / "pipe.jpg")
    assert isinstance(answer, Refusal)
    assert answer.kind == "unsupported"


def test_a_full_disk_is_said_and_nothing_is_left(sandbox: Sandbox, wish_for: MakeWish) -> None:
    wish = wish_for(jpeg(1, (1600, 1200)))
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", wish.folder], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("only root can mount a disk that is small enough to fill")
    try:
        (answer,) = sandbox.inspect([wish])
        assert isinstance(answer, Refusal)
        assert answer.kind == "disk_full"
        assert list(wish.folder.iterdir()) == []
    finally:
        subprocess.run(["umount", wish.folder], check=True)


def test_nothing_bad_kills_or_hangs(sandbox: Sandbox, wish_for: MakeWish, material: Path) -> None:
    wishes = [wish_for(path, path.name, key=path.name) for path in (material / "bad" / "pillow").rglob("*.*")]
    answers = list(sandbox.inspect(wishes))
    assert len(answers) == len(wishes) > 100
    deadly = [answer for answer in answers if isinstance(answer, Refusal) and answer.kind in DEADLY_KINDS]
    assert deadly == []
