"""RT-DETR, D-FINE (in `dfine`) and DETR (in `detr`) with seeded numbers; the first two also as ONNX, as published.

Their heads are made bolder: with numbers that nobody taught they would find nothing anywhere.
"""

import warnings
from pathlib import Path
from typing import Any

NEEDS = ("torch", "torchvision", "transformers", "onnx")

SIDE = 128
#: As RT-DETR's publishers say it.
KINDS = ("person", "motorbike", "cat", "pottedplant", "dog", "sofa")
_QUERIES = 12


def build(folder: Path) -> None:
    from ml.engines.torch import ensure_torchvision

    ensure_torchvision()
    import torch
    from transformers import DetrImageProcessor, RTDetrImageProcessor

    torch.manual_seed(11)
    squeezed = RTDetrImageProcessor(size={"height": SIDE, "width": SIDE})
    fitted = DetrImageProcessor(size={"shortest_edge": 64, "longest_edge": 96})
    for place, model, processor in (
        (folder, _rtdetr(), squeezed),
        (folder / "dfine", _dfine(), squeezed),
        (folder / "detr", _detr(), fitted),
    ):
        _embolden(model, processor(images=_pictures(), return_tensors="pt", input_data_format="channels_last"))
        model.save_pretrained(place)
        processor.save_pretrained(place)
        if processor is squeezed:
            _export(place / "model.onnx", model)


def _pictures() -> list[Any]:
    """Plain ones, and noise."""
    import numpy as np

    random = np.random.default_rng(3)
    colours = random.integers(0, 256, (12, 1, 1, 3), np.uint8)
    return [*colours.repeat(64, axis=1).repeat(96, axis=2), *random.integers(0, 256, (4, 64, 96, 3), np.uint8)]


def _rtdetr() -> Any:
    from transformers import RTDetrConfig, RTDetrForObjectDetection, RTDetrResNetConfig

    backbone = RTDetrResNetConfig(
        embedding_size=16,
        hidden_sizes=[16, 32, 32, 32],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )
    return RTDetrForObjectDetection(RTDetrConfig(backbone_config=backbone, **_small())).eval()


def _dfine() -> Any:
    from transformers import DFineConfig, DFineForObjectDetection, HGNetV2Config

    backbone = HGNetV2Config(
        stem_channels=[3, 16, 16],
        stage_in_channels=[16, 16, 32, 32],
        stage_mid_channels=[8, 8, 8, 8],
        stage_out_channels=[16, 32, 32, 32],
        stage_num_blocks=[1, 1, 1, 1],
        stage_numb_of_layers=[1, 1, 1, 1],
        stage_downsample=[False, True, True, True],
        stage_light_block=[False, False, False, False],
        stage_kernel_size=[3, 3, 3, 3],
        hidden_sizes=[16, 32, 32, 32],
        depths=[1, 1, 1, 1],
        embedding_size=16,
        out_features=["stage2", "stage3", "stage4"],
    )
    return DFineForObjectDetection(DFineConfig(backbone_config=backbone, **_small())).eval()


def _detr() -> Any:
    from transformers import DetrConfig, DetrForObjectDetection, ResNetConfig

    backbone = ResNetConfig(
        embedding_size=16,
        hidden_sizes=[16, 32, 32, 32],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=["stage4"],
    )
    config = DetrConfig(
        backbone_config=backbone,
        d_model=32,
        num_queries=_QUERIES,
        encoder_layers=1,
        decoder_layers=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        id2label=dict(enumerate(KINDS)),
        label2id={name: number for number, name in enumerate(KINDS)},
    )
    return DetrForObjectDetection(config).eval()


def _small() -> dict[str, Any]:
    return {
        "encoder_hidden_dim": 32,
        "encoder_in_channels": [32, 32, 32],
        "encoder_ffn_dim": 64,
        "encoder_layers": 1,
        "encoder_attention_heads": 2,
        "d_model": 32,
        "num_queries": _QUERIES,
        "decoder_in_channels": [32, 32, 32],
        "decoder_ffn_dim": 64,
        "decoder_layers": 2,
        "decoder_attention_heads": 2,
        "id2label": dict(enumerate(KINDS)),
        "label2id": {name: number for number, name in enumerate(KINDS)},
    }


def _embolden(model: Any, inputs: Any) -> None:
    """Make it answer to what it sees: nothing fades on the way, kinds are told apart, boxes leave their anchors."""
    import torch

    with torch.no_grad():
        for name, part in model.named_modules():
            if isinstance(part, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(part.weight)
            elif isinstance(part, torch.nn.Linear) and "bbox" in name:
                part.weight.add_(0.1 * torch.randn_like(part.weight))
            elif isinstance(part, torch.nn.Linear) and "offset" not in name:
                torch.nn.init.xavier_normal_(part.weight)
        for part in [
            part for part in model.modules() if getattr(part, "out_features", 0) in (len(KINDS), len(KINDS) + 1)
        ]:
            given: list[Any] = []
            hook = part.register_forward_hook(lambda _part, inputs, _outputs, given=given: given.append(inputs[0]))
            model(**inputs)
            hook.remove()
            if given:
                rows = given[-1].flatten(0, -2)
                part.weight.copy_(torch.randn_like(part.weight) / rows.std(dim=0).clamp(min=1e-3) / 2)
                part.bias.copy_(-part.weight @ rows.mean(dim=0) - 1)


def _export(path: Path, model: Any) -> None:
    import torch

    class Outputs(torch.nn.Module):
        """Without what only training looks at."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, pixel_values: Any) -> Any:
            found = self.model(pixel_values)
            return found.logits, found.pred_boxes

    names = ["pixel_values", "logits", "pred_boxes"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tracing: the answers are compared
        torch.onnx.export(
            Outputs(),
            (torch.rand(2, 3, SIDE, SIDE),),
            path,
            input_names=names[:1],
            output_names=names[1:],
            dynamic_axes={name: {0: "batch_size"} for name in names},
            opset_version=17,
            dynamo=False,
        )
