"""An environment like the one of `make paddle`, with a stand-in for PaddleOCR: our own worker runs in it."""

import sys
import tempfile
from functools import cache
from pathlib import Path


def environment(folder: Path) -> dict[str, str]:
    """The options of a backend that uses it."""
    python = folder / "python"
    # The worker is started as it is; only what it imports under the name of paddleocr is ours.
    stand_in = str(Path(__file__).parent)
    code = f"import sys, runpy; sys.path.append({stand_in!r}); runpy.run_path(sys.argv[1], None, '__main__')"
    python.write_text(f'#!/bin/sh\n[ "$1" = -I ] && shift && exec {sys.executable} -I -c "{code}" "$@"\n')
    python.chmod(0o755)
    for part, name in (("detector", "some_det"), ("recogniser", "some_rec")):
        model = folder / "paddleocr" / part
        model.mkdir(parents=True)
        (model / "inference.yml").write_text(f"Global:\n  model_name: {name}\n")
        (model / "inference.pdiparams").write_bytes(b"")
    return {"python": str(python), "weights": str(folder / "paddleocr")}


@cache
def shared_environment() -> dict[str, str]:
    return environment(Path(tempfile.mkdtemp(prefix="mediahub-paddle-")))
