"""The table of tokens stays on the disk."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ml.tokens import TokenTable

#: What a table of 200 MB adds to a process that asks for 400 rows all over it, in MB.
ASK = """
import sys
from pathlib import Path
import numpy as np
from ml.tokens import TokenTable

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

tokens, before = np.arange(0, 130_000, 325)[None], resident()
table = TokenTable(Path(sys.argv[1]))  # lives until what it keeps is counted
assert table(tokens).shape == (1, 400, 768)
print(resident() - before)
"""


def table_of(folder: Path, rows: int, width: int) -> Path:
    path = folder / "tokens.npy"
    np.save(path, np.random.default_rng(1).standard_normal((rows, width)).astype(np.float16))
    return path


def test_each_token_gets_its_row(tmp_path: Path) -> None:
    path = table_of(tmp_path, 50, 8)
    tokens = np.array([[3, 49, 3], [0, 7, 49]])
    rows = TokenTable(path)(tokens)
    assert rows.dtype == np.float32
    assert np.array_equal(rows, np.load(path)[tokens])


@pytest.mark.parametrize("token", [-1, 50])
def test_a_token_of_another_vocabulary_is_refused(tmp_path: Path, token: int) -> None:
    with pytest.raises(IndexError, match="does not belong to this tokenizer"):
        TokenTable(table_of(tmp_path, 50, 8))(np.array([[1, token]]))


def test_half_a_table_is_refused(tmp_path: Path) -> None:
    path = table_of(tmp_path, 50, 8)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="file size"):
        TokenTable(path)


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel of Linux what is resident")
def test_only_what_is_asked_for_comes_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "tokens.npy"
    np.save(path, np.zeros((130_000, 768), np.float16))
    command = [sys.executable, "-c", ASK, str(path)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 10
