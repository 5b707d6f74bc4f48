"""Ultralytics' library, held to its task: it computes, and neither asks the network nor installs or sends anything."""

import os
import tempfile
from pathlib import Path
from typing import Any

from ..backend import NotInstalled
from .torch import ensure_torchvision

#: Read when the library is imported. Checkpoints are pickles: with SAFE_LOAD only numbers and its own layers are read.
_HELD = {
    "YOLO_OFFLINE": "true",
    "YOLO_AUTOINSTALL": "false",
    "YOLO_VERBOSE": "false",
    "ULTRALYTICS_SAFE_LOAD": "true",
}
_settings: tempfile.TemporaryDirectory[str] | None = None


def held() -> None:
    """Import it in this state; call it before whatever imports ultralytics. Raises NotInstalled when it came first."""
    global _settings
    ensure_torchvision()
    if _settings is None:
        os.environ |= _HELD
        _settings = tempfile.TemporaryDirectory(prefix="mediahub-ultralytics-")  # else it writes into the home folder
        os.environ["YOLO_CONFIG_DIR"] = _settings.name
    import ultralytics
    from ultralytics.utils import ONLINE, SAFE_LOAD

    if ONLINE or not SAFE_LOAD:
        raise NotInstalled("Ultralytics was imported by another part of this process. Start it anew.")
    ultralytics.settings.update({"sync": False})


def load(path: Path) -> Any:
    """The model of a checkpoint, ready to compute on the processor. Raises NotInstalled for a file that is none."""
    held()
    from ultralytics.nn.tasks import load_checkpoint

    if not path.is_file():  # it would look for it on the network
        raise NotInstalled(f"There is no file {path}.")
    try:
        model, _checkpoint = load_checkpoint(str(path.absolute()), fuse=True)
    except Exception as error:  # half a file, another program's, another task's: each has an error of its own
        if isinstance(error, MemoryError | ImportError):
            raise
        raise NotInstalled(f"{path} cannot be read ({type(error).__name__}). Install it again.") from error
    if getattr(model, "task", None) != "detect":
        raise NotInstalled(f"{path} does not look for things. Install a model for detection.")
    return model
