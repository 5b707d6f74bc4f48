"""A folder as InsightFace publishes them: SCRFD's form, for which a magenta cell is a face, and a recogniser."""

from pathlib import Path
from typing import Any

from tests.models.faces import CELL, LANDMARKS, save, write_recogniser

NEEDS = ("onnx",)


def build(folder: Path) -> None:
    write_detector(folder / "det_designed.onnx")
    write_recogniser(folder / "rec_designed.onnx")


def write_detector(path: Path) -> None:
    """Of each place the first of its two anchors can fire: where the cell has much red, much blue and no green."""
    import numpy as np
    from onnx import helper

    nodes: list[Any] = []
    constants: dict[str, Any] = {}
    for stride in (8, 16, 32):
        nodes.append(
            helper.make_node(
                "AveragePool", ["input"], [f"cells{stride}"], kernel_shape=[stride] * 2, strides=[stride] * 2
            )
        )
        for part, numbers in (("score", [0.0]), ("box", [0, 0, 1, 1]), ("points", np.ravel(LANDMARKS))):
            name, count = f"{part}{stride}", len(numbers)
            weights = np.zeros((2 * count, 3, 1, 1), np.float32)
            bias = np.tile(np.asarray(numbers, np.float32), 2)
            if part == "score":
                weights[0, :, 0, 0] = 40, -40, 40
                bias[:] = -56 if stride == CELL else -500, -500
            constants |= {f"w_{name}": weights, f"b_{name}": bias, f"flat{count}": np.array([-1, count], np.int64)}
            nodes += [
                helper.make_node("Conv", [f"cells{stride}", f"w_{name}", f"b_{name}"], [f"grid_{name}"]),
                helper.make_node("Transpose", [f"grid_{name}"], [f"last_{name}"], perm=[0, 2, 3, 1]),
                helper.make_node("Reshape", [f"last_{name}", f"flat{count}"], [f"raw_{name}"]),
                helper.make_node("Sigmoid" if part == "score" else "Identity", [f"raw_{name}"], [name]),
            ]
    outputs = [
        (f"{part}{stride}", [None, count])
        for part, count in (("score", 1), ("box", 4), ("points", 10))
        for stride in (8, 16, 32)
    ]
    save(path, nodes, constants, ("input", [1, 3, "height", "width"]), outputs)
