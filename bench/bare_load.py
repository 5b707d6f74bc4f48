"""Loads the reader's three models and nothing else: the least that a first answer has to wait for."""

import importlib.util
from pathlib import Path

import numpy as np  # noqa: F401 - pictures are arrays for everybody
import onnxruntime

spec = importlib.util.find_spec("rapidocr")
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
options.enable_cpu_mem_arena = False
sessions = [
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    for path in sorted((Path(spec.origin).parent / "models").glob("*.onnx") if spec and spec.origin else ())
]
print(len(sessions), flush=True)
