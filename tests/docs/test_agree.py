"""What the documents say is what the code does."""

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import get_commands

from apps.ingest.steps import STEPS

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/schema.md"]


def text(name: str) -> str:
    return (ROOT / name).read_text()


def test_the_steps_are_the_steps() -> None:
    said = re.findall(
        r"^\| `(\w+)`( \(required\))? \| [^|]+ \| `(\w+)` \| ([^|]+) \| `(\w+)` \|$", text(PAGES[2]), re.M
    )

    assert [(name, bool(required), lane, state) for name, required, lane, _needs, state in said] == [
        (step.name, step.required, step.lane, step.state) for step in STEPS
    ]
    assert [tuple(re.findall(r"`(\w+)`", needs)) for *_rest, needs, _state in said] == [step.needs for step in STEPS]


def test_every_field_that_is_named_exists() -> None:
    """`library.Asset.width`, `.height`: a name that begins with a dot belongs to the model before it."""
    table = text("docs/schema.md").split("## Indexes")[0]
    checked = 0
    for line in table.splitlines():
        model = None
        for name in re.findall(r"`((?:\w+)?(?:\.\w+)+)`", line):
            app, _dot, rest = name.partition(".")
            if app in ("apps", ""):
                if model is None or app == "apps":
                    continue
            else:
                model_name, _dot, rest = rest.partition(".")
                model = apps.get_model(app, model_name)
            if rest and not rest[0].isupper():
                model._meta.get_field(rest)
                checked += 1
    assert checked > 40


def test_every_index_that_is_named_exists() -> None:
    known = {
        named.name
        for model in apps.get_models()
        for named in [*model._meta.indexes, *model._meta.constraints]
    }  # fmt: skip
    said = re.findall(r"^\| `(\w+)`", text("docs/schema.md").split("## Indexes")[1], re.M)

    assert said
    assert set(said) <= known


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_every_command_and_variable_that_is_named_exists(page: str) -> None:
    targets = set(re.findall(r"^(\w+):", text("Makefile"), re.M))
    variables = set(re.findall(r"^#?(\w+)=", text(".env.example"), re.M)) | set(re.findall(r"\w+", text("Makefile")))
    for file in (ROOT / "tests").rglob("*.py"):
        variables |= set(re.findall(r"environ\.get\(\"(MEDIAHUB_TEST_\w+)\"", file.read_text()))

    assert set(re.findall(r"\bmake (run|test|bench|lock)\b", text(page))) <= targets
    assert set(re.findall(r"manage\.py (\w+)", text(page))) <= set(get_commands())
    assert set(re.findall(r"`((?:MEDIAHUB_|DATABASE_|ALLOWED_|CSRF_)\w+)", text(page))) <= variables


@pytest.mark.parametrize("page", [*PAGES, "docs/decisions/README.md"])
def test_every_link_leads_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", text(page)):
        assert ((ROOT / page).parent / target).exists(), target


def test_every_decision_is_in_the_list() -> None:
    files = {path.name for path in (ROOT / "docs" / "decisions").glob("0*.md")}

    assert files == set(re.findall(r"\((0\d{3}-[^)]+)\)", text("docs/decisions/README.md")))
