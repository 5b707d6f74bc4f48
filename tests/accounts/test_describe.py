from io import StringIO
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from django.core.management import call_command
from openapi_spec_validator import validate

COMMITTED = Path(settings.BASE_DIR) / "docs" / "openapi.yaml"


def schema_now() -> str:
    out = StringIO()
    call_command("spectacular", "--fail-on-warn", stdout=out)
    return out.getvalue()


def test_the_committed_schema_is_the_schema_of_the_code() -> None:
    assert COMMITTED.read_text() == schema_now(), "run: manage.py spectacular --file docs/openapi.yaml"


def test_the_schema_is_valid_and_every_operation_says_who_may_and_how_it_fails() -> None:
    schema: dict[str, Any] = yaml.safe_load(COMMITTED.read_text())
    validate(schema)
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            assert operation["x-mediahub-action"], (method, path)
            assert operation["description"], (method, path)
            refusal = operation["responses"]["401"]["content"]
            assert list(refusal) == ["application/problem+json"], (method, path)


def test_a_key_is_not_offered_for_what_no_key_may() -> None:
    schema: dict[str, Any] = yaml.safe_load(COMMITTED.read_text())
    keyless = schema["paths"]["/api/account/keys/"]["post"]["security"]
    assert keyless == [{"mobile_session": []}, {"browser_session": []}]
    assert {"key": []} in schema["paths"]["/api/assets/"]["get"]["security"]
