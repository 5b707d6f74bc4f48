"""Small models of real architectures with seeded or designed numbers, made on this machine and kept between runs.

A family is a module here with a docstring, `NEEDS` (modules that its builder imports) and `build(folder)`, which writes
the weights as the publishers of the real ones do. `built("open_clip")` answers the folder, made at the first call.
"""

import fcntl
import hashlib
import importlib
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

import pytest


def built(family: str) -> Path:
    """The folder of the family's model. Skips the test where it is not made yet and what makes it is not installed."""
    source = Path(__file__).parent / f"{family}.py"
    home = Path(os.environ.get("MEDIAHUB_TEST_MODELS") or Path(tempfile.gettempdir()) / "mediahub-test-models")
    folder = home / f"{family}-{hashlib.sha256(source.read_bytes()).hexdigest()[:12]}"
    if folder.is_dir():
        return folder
    builder = importlib.import_module(f"{__name__}.{family}")
    if missing := [name for name in builder.NEEDS if importlib.util.find_spec(name) is None]:
        pytest.skip(f"{family} is made with {', '.join(missing)}, not installed here: make test-ml")
    home.mkdir(parents=True, exist_ok=True)
    # Several workers may want it at once: the first one makes it, under a name that nobody reads.
    with (home / f"{family}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            unfinished = folder.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            builder.build(unfinished)
            unfinished.rename(folder)
    return folder
