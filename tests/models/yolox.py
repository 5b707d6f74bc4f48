"""YOLOX's export with designed numbers: it knows four colours, and a cell of 32 pixels is one thing of that colour."""

from pathlib import Path
from typing import Any

NEEDS = ("onnx",)

SIDE = 96
#: Pixels of one thing.
CELL = 32
#: The colours that fire, and the names that YOLOX has for the kinds of things they fire as.
KINDS = {
    (255, 0, 0): (10, "fire hydrant"),
    (0, 255, 0): (58, "potted plant"),
    (0, 0, 255): (32, "sports ball"),
    (255, 0, 255): (77, "teddy bear"),
}


def build(folder: Path) -> None:
    write(folder / "yolox.onnx", batch="batch")


def write(path: Path, *, batch: int | str, kinds: int = 80) -> None:
    """`batch`: a number where the model takes so many pictures and no others."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rows = 5 + kinds
    nodes = [helper.make_node("Div", ["images", "white"], ["scaled"])]
    constants: dict[str, Any] = {
        "white": np.float32(255),
        "flat": np.array([0, rows, -1], np.int64),
        "parts": np.array([4, 1 + kinds], np.int64),
    }
    for stride in (8, 16, 32):
        weights, bias = np.zeros((rows, 3, 1, 1), np.float32), np.full(rows, -20, np.float32)
        bias[:4] = 0.5, 0.5, 0, 0  # the box is the cell
        bias[4] = 20 if stride == CELL else -20
        for colour, (kind, _name) in KINDS.items():
            if kind < kinds:
                shown = np.array([1 if part else -1 for part in colour[::-1]], np.float32)  # blue, green, red
                weights[5 + kind, :, 0, 0] = 20 * shown
                bias[5 + kind] = 10 - 20 * (shown > 0).sum()
        constants |= {f"weights{stride}": weights, f"bias{stride}": bias}
        nodes += [
            helper.make_node(
                "AveragePool", ["scaled"], [f"cells{stride}"], kernel_shape=[stride] * 2, strides=[stride] * 2
            ),
            helper.make_node("Conv", [f"cells{stride}", f"weights{stride}", f"bias{stride}"], [f"grid{stride}"]),
            helper.make_node("Reshape", [f"grid{stride}", "flat"], [f"rows{stride}"]),
        ]
    nodes += [
        helper.make_node("Concat", ["rows8", "rows16", "rows32"], ["all"], axis=2),
        helper.make_node("Transpose", ["all"], ["turned"], perm=[0, 2, 1]),
        helper.make_node("Split", ["turned", "parts"], ["boxes", "logits"], axis=2),
        helper.make_node("Sigmoid", ["logits"], ["scores"]),
        helper.make_node("Concat", ["boxes", "scores"], ["output"], axis=2),
    ]
    graph = helper.make_graph(
        nodes,
        "yolox",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [batch, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [batch, None, rows])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    onnx.checker.check_model(model)
    onnx.save(model, path)
