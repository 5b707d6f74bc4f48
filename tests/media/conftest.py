"""A sandbox for all tests of a file, and wishes for it."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from media import Inspection, Refusal, Sandbox, Wish

MakeWish = Callable[..., Wish]
Look = Callable[..., Inspection | Refusal]


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as opened:
        yield opened


@pytest.fixture
def wish_for(tmp_path: Path) -> MakeWish:
    """A wish for a file, or for content that is written into one."""
    numbers = itertools.count()

    def make(content: bytes | Path, name: str = "picture.jpg", *, key: str = "", sidecar: Path | None = None) -> Wish:
        number = next(numbers)
        folder = tmp_path / f"out-{number}"
        folder.mkdir()
        if isinstance(content, bytes):
            source = tmp_path / f"source-{number}"
            source.write_bytes(content)
        else:
            source = content
        return Wish(key or str(number), source, sidecar, folder, name, modified_at=1_700_000_000.0)

    return make


@pytest.fixture
def look(sandbox: Sandbox, wish_for: MakeWish) -> Look:
    """What the sandbox says about one file."""

    def ask(*arguments: object, **options: object) -> Inspection | Refusal:
        (answer,) = sandbox.inspect([wish_for(*arguments, **options)])
        return answer

    return ask
