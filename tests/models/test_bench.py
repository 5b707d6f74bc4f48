"""The benchmarks that need torch run, and their gates hold; nothing is said about time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed here: make test-ml")

ROOT = Path(__file__).parents[2]
OWN = ("MEDIAHUB_DATA", "DATABASE_URL", "MEDIAHUB_TEST_SERVER", "SECRET_KEY")


def test_embedding_is_measured_and_gives_the_vectors_of_the_loop() -> None:
    environment = {name: value for name, value in os.environ.items() if name not in OWN}
    command = [sys.executable, "-m", "bench", "--quick", "embedding"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name in ("R2a", "R2b", "R2c", "R3a", "R3b", "R3c"):
        assert f"\n{name} " in done.stdout, done.stderr
