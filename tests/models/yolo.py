"""YOLO26, 11 and v8 (in folders of their names) with seeded numbers, by Ultralytics' library, each also as ONNX.

Their heads are made bolder: with numbers that nobody taught they would find nothing anywhere. `nms_free` is YOLO26 once
more, exported so that it cleans up by itself.
"""

from pathlib import Path
from typing import Any

NEEDS = ("torch", "torchvision", "ultralytics", "onnx")

SIDE = 160
VERSIONS = ("yolo26n", "yolo11n", "yolov8n")


def build(folder: Path) -> None:
    from ml.engines.ultralytics import held

    held()
    import torch
    from ultralytics import YOLO

    from ml.coco import COCO

    torch.set_num_threads(1)
    for version in VERSIONS:
        torch.manual_seed(21)
        yolo = YOLO(f"{version}.yaml")
        _embolden(yolo.model)
        yolo.model.names = dict(enumerate(COCO))
        place = folder / version / f"{version}.pt"
        place.parent.mkdir()
        yolo.save(place)
        YOLO(place).export(format="onnx", imgsz=SIDE, dynamic=True, simplify=False)
    place = folder / "nms_free" / "nms_free.pt"
    place.parent.mkdir()
    place.write_bytes((folder / "yolo26n" / "yolo26n.pt").read_bytes())
    YOLO(place).export(format="onnx", imgsz=SIDE, batch=2, end2end=True, simplify=False)


def _embolden(model: Any) -> None:
    import torch

    head = model.model[-1]
    lasts = [branch[-1] for branch in [*head.cv3, *getattr(head, "one2one_cv3", [])]]
    given: dict[Any, Any] = {}
    for last in lasts:
        last.register_forward_hook(lambda last, inputs, _outputs: given.update({last: inputs[0]}))
    plain = torch.rand(4, 3, 1, 1).expand(-1, -1, 64, 64)
    with torch.no_grad():
        for part in model.modules():
            if isinstance(part, torch.nn.BatchNorm2d):
                part.momentum = 0.4
        model.train()
        for _ in range(6):  # the norms learn what comes through, so that nothing fades on the way
            model(torch.cat([plain, torch.rand(2, 3, 64, 64)]))
        model.eval()
        model(torch.rand(12, 3, 1, 1).expand(-1, -1, SIDE, SIDE))
        for last in lasts:
            rows = given[last].movedim(1, -1).flatten(0, -2)
            spread = rows.std(dim=0)
            weight = torch.randn_like(last.weight) / spread.clamp(min=spread.mean() / 4)[:, None, None]
            last.weight.copy_(weight * 1.5 / last.in_channels**0.5)
            last.bias.copy_(-last.weight[..., 0, 0] @ rows.mean(dim=0) - 2)
            last._forward_hooks.clear()
