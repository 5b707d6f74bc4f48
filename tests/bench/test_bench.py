"""The benchmarks of the house run and their gates hold; nothing is said about time. `make test-ml` has the others."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOUSE = ("one_decode", "pipeline_against_stages", "queue_overhead", "import_and_rescan", "gallery_pages")
OWN = ("MEDIAHUB_DATA", "DATABASE_URL", "MEDIAHUB_TEST_SERVER", "SECRET_KEY")


def test_every_benchmark_of_the_house_runs_and_its_gate_holds() -> None:
    environment = {name: value for name, value in os.environ.items() if name not in OWN}
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", *HOUSE], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    for name in ("R1", "R4", "R7a", "R7b", "R10", "R11a", "R11b"):
        assert f"\n{name} " in done.stdout
