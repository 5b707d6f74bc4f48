"""What the page on models says is what the code does."""

import re
from pathlib import Path

import pytest

from ml.cli import main
from ml.profiles import PROFILES
from ml.weights import manifest

PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text()


def test_the_profiles_are_the_profiles() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d[^|]+) \| ([^|]+) \|$", PAGE, re.M)
    assert rows == [(profile.name, profile.needs, profile.words) for profile in PROFILES]


def test_every_command_that_is_named_exists(capsys: pytest.CaptureFixture[str]) -> None:
    commands = re.findall(r"^\| `((?:models )?\w+)", PAGE.split("## Commands")[1].split("## Profiles")[0], re.M)
    assert len(commands) == 14
    for command in commands:
        with pytest.raises(SystemExit) as left:
            main([*command.split(), "--help"])
        assert left.value.code == 0, command
    assert "usage" in capsys.readouterr().out


def test_weights_that_are_not_for_everything_are_named_with_their_licence() -> None:
    said = dict(re.findall(r"^\| `([\w.-]+)` \| ([^|]*(?:only|research)[^|]*) \|$", PAGE, re.M))
    bound = {row.name: row.weights_licence for row in manifest.ROWS if re.search("only|research", row.weights_licence)}
    assert said == bound


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", PAGE):
        assert (Path(__file__).parents[2] / "docs" / target).exists(), target
