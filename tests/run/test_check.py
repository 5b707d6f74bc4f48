"""What is checked once for the whole house."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

from tests.run.house import ROOT

OUR_OWN = {"MEDIAHUB_PROCESS", "MEDIAHUB_DB_POOL"}  # the house sets these for its own processes
SHOW = """
import django, mediahub.settings as settings
django.setup()
for name in filter(str.isupper, dir(settings)):
    print(name, getattr(settings, name))
"""


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    call_command("makemigrations", check_changes=True, dry_run=True, verbosity=1)


def test_the_production_settings_have_no_warning() -> None:
    production = {"MEDIAHUB_HTTPS": "1", "ALLOWED_HOSTS": "photos.example.org", "DEBUG": "0"}
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | production, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_committed_schema_is_what_the_api_says() -> None:
    said = io.StringIO()
    call_command("spectacular", stdout=said, validate=True, fail_on_warn=True)
    assert said.getvalue() == (ROOT / "docs" / "openapi.yaml").read_text(), (
        "The API changed: look at the change, then run `manage.py spectacular --file docs/openapi.yaml`."
    )


def test_the_example_names_every_variable_with_its_default(tmp_path: Path) -> None:
    example = dict(re.findall(r"^#([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    read = set(re.findall(r"env\.\w+\(\s*\"([A-Z_]+)\"", (ROOT / "mediahub" / "settings.py").read_text())) - OUR_OWN
    assert example.keys() == read
    inherited = {name: value for name, value in os.environ.items() if name not in read}
    always = {"SECRET_KEY": "the same", "PYTHONHASHSEED": "0", "MEDIAHUB_PROCESS": "web"}
    bare = inherited | always | {"MEDIAHUB_DATA": str(tmp_path)}
    written = {name: value.replace("./data", str(tmp_path)) for name, value in example.items()}
    assert settings_with(bare) == settings_with(inherited | written | always)


def settings_with(environment: dict[str, str]) -> str:
    done = subprocess.run([sys.executable, "-c", SHOW], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_file_of_settings_is_read_and_the_environment_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mediahub import env

    household = {"MEDIAHUB_WORKERS": "3"}
    monkeypatch.setattr(os, "environ", household)
    file = tmp_path / ".env"
    file.write_text(
        "# a comment\nMEDIAHUB_WORKERS=5\n export TIME_ZONE='Europe/Berlin'\n\nDEVICE = cpu\n#LOG_LEVEL=x\n"
    )
    env.load(file)
    assert household == {"MEDIAHUB_WORKERS": "3", "TIME_ZONE": "Europe/Berlin", "DEVICE": "cpu"}
