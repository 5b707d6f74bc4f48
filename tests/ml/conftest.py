import pytest

from ml import registry
from tests.ml.echo import HOUSE, ROWS, House


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    """The roles ONE, TWO and THREE have the backend "echo", and nothing was loaded yet."""
    monkeypatch.setattr(registry, "BACKENDS", (*registry.BACKENDS, *ROWS))
    HOUSE.forget()
    return HOUSE
