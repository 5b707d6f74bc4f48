"""The only place where the apps meet the models."""

import atexit
import threading
from typing import Any

from django.conf import settings

from ml.runtime import Runtime

_lock = threading.Lock()
_runtime: Runtime | None = None


def facts() -> dict[str, Any]:
    """Which models the settings wish and whether they are there; for the row of the worker. Loads nothing."""
    states = runtime().status()
    return {"models_state": {state.role: state.last_error or f"{state.backend} {state.model}" for state in states}}


def runtime() -> Runtime:
    """This process's models, as the settings wish them; nothing is loaded before its first use."""
    global _runtime
    with _lock:
        if _runtime is None:
            _runtime = Runtime(
                settings.ML,
                memory_mb=settings.ML_MEMORY_MB or None,
                gpu_memory_mb=settings.ML_GPU_MEMORY_MB or None,
                measured=settings.MODELS_DIR,
            )
            atexit.register(_runtime.close)
        return _runtime
