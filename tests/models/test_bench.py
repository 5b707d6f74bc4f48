"""The benchmarks of the models run, and their gates hold; nothing is said about time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed here: make test-ml")

ROOT = Path(__file__).parents[2]
OWN = ("MEDIAHUB_DATA", "DATABASE_URL", "MEDIAHUB_TEST_SERVER", "SECRET_KEY")


def test_embedding_is_measured_and_gives_the_vectors_of_the_loop() -> None:
    done = run("bench", "--quick", "embedding")
    assert done.returncode == 0, done.stderr
    for name in ("R2a", "R2b", "R2c", "R3a", "R3b", "R3c"):
        assert f"\n{name} " in done.stdout, done.stderr


def test_memory_and_the_first_answer_are_measured() -> None:
    done = run("bench", "--quick", "memory_and_first_answer")
    assert done.returncode == 0, done.stderr
    for name in ("R15a", "R15b"):
        assert f"\n{name} " in done.stdout, done.stderr


def test_finding_products_is_measured_and_finds_what_the_grid_finds() -> None:
    done = run("bench", "--quick", "products")
    assert done.returncode == 0, done.stderr
    for name in ("R5a", "R5b", "R5c"):
        assert f"\n{name} " in done.stdout, done.stderr


def test_every_model_for_graphics_cards_is_built_and_run() -> None:
    done = run("bench.gpu", "--device", "cpu", "--tiny", "--numbers", "fp32", "--batches", "1,2", "--seconds", "0.01")
    assert done.returncode == 0, done.stderr
    title, _head, *lines = done.stdout.splitlines()
    assert "tiny: no measurement" in title
    for name in ("ViT-B-32", "ViT-B-16-SigLIP2", "ViT-H-14", "Swin-L", "RAM++", "RT-DETR-R50"):
        assert any(line.startswith(f"{name} ") for line in lines), name


@pytest.mark.skipif(torch.cuda.is_available(), reason="Here is a graphics card.")
def test_without_a_graphics_card_nothing_is_printed_as_measured() -> None:
    done = run("bench.gpu")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no graphics card" in done.stderr


def run(module: str, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in OWN} | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", module, *words], cwd=ROOT, env=environment, capture_output=True, text=True
    )
