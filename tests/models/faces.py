"""YuNet's form with designed numbers, for which a magenta cell of 32 pixels is a face, and a recogniser of colours.

The recogniser sees how an upright face differs from its own mean, coarsely, through one fixed projection: faces with
the same colours at the same places are alike, however they lay in their pictures.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

NEEDS = ("onnx",)

#: Pixels of one face.
CELL = 32
#: In a cell, as parts of it: eyes, nose and corners of the mouth of an upright face.
LANDMARKS = ((0.30, 0.35), (0.70, 0.35), (0.50, 0.55), (0.33, 0.78), (0.67, 0.78))
#: Of the recogniser's vectors.
LENGTH = 64


def build(folder: Path) -> None:
    write_detector(folder / "yunet.onnx")
    write_recogniser(folder / "recogniser.onnx")
    write_recogniser(folder / "one_by_one.onnx", batch=1)
    write_recogniser(folder / "larger.onnx", side=128)


def write_detector(path: Path) -> None:
    """Fires where a cell's mean has much red, much blue and no green."""
    import numpy as np
    from onnx import helper

    landmarks = np.array(LANDMARKS, np.float32).ravel()
    outputs: list[Any] = []
    nodes: list[Any] = [helper.make_node("Div", ["input", "white"], ["scaled"])]
    constants: dict[str, Any] = {"white": np.float32(255), "flat": np.array([0, 16, -1], np.int64)}
    constants["parts"] = np.array([1, 1, 4, 10], np.int64)
    for stride in (8, 16, 32):
        weights, bias = np.zeros((16, 3, 1, 1), np.float32), np.zeros(16, np.float32)
        weights[:2, :, 0, 0] = 40, -40, 40  # blue, green, red
        bias[:2] = -48 if stride == CELL else -500
        bias[2:6] = 0.5, 0.5, 0, 0  # the box is the cell
        bias[6:] = landmarks
        constants |= {f"weights{stride}": weights, f"bias{stride}": bias}
        names = [f"{part}{stride}" for part in ("a", "b", "bbox_", "kps_")]
        nodes += [
            helper.make_node(
                "AveragePool", ["scaled"], [f"m{stride}"], kernel_shape=[stride] * 2, strides=[stride] * 2
            ),
            helper.make_node("Conv", [f"m{stride}", f"weights{stride}", f"bias{stride}"], [f"grid{stride}"]),
            helper.make_node("Reshape", [f"grid{stride}", "flat"], [f"rows{stride}"]),
            helper.make_node("Transpose", [f"rows{stride}"], [f"turned{stride}"], perm=[0, 2, 1]),
            helper.make_node("Split", [f"turned{stride}", "parts"], names, axis=2),
            helper.make_node("Sigmoid", [names[0]], [f"cls_{stride}"]),
            helper.make_node("Sigmoid", [names[1]], [f"obj_{stride}"]),
        ]
    for part, count in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
        outputs += [(f"{part}_{stride}", [1, None, count]) for stride in (8, 16, 32)]
    save(path, nodes, constants, ("input", [1, 3, "height", "width"]), outputs)


def write_recogniser(path: Path, *, side: int = 112, batch: int | str = "batch") -> None:
    import numpy as np
    from onnx import helper

    cells = side // 14
    projection = np.random.default_rng(5).normal(size=(3 * cells**2, LENGTH)).astype(np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["data"], ["mean"], axes=[1, 2, 3]),
        helper.make_node("Sub", ["data", "mean"], ["rest"]),
        helper.make_node("AveragePool", ["rest"], ["coarse"], kernel_shape=[14, 14], strides=[14, 14]),
        helper.make_node("Flatten", ["coarse"], ["flat"]),
        helper.make_node("MatMul", ["flat", "projection"], ["vector"]),
    ]
    save(path, nodes, {"projection": projection}, ("data", [batch, 3, side, side]), [("vector", [batch, LENGTH])])


def save(
    path: Path, nodes: Sequence[Any], constants: dict[str, Any], taken: tuple[str, list[Any]], given: Sequence[Any]
) -> None:
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        list(nodes),
        path.stem,
        [helper.make_tensor_value_info(taken[0], TensorProto.FLOAT, taken[1])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in given],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    onnx.checker.check_model(model)
    onnx.save(model, path)
