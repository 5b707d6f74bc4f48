"""A vision transformer of timm with patches of 14 and four registers, as DINOv2 has them, small, saved as published.

Designed: what a patch looks like decides, where it stands and what is around it say little.
"""

from pathlib import Path

NEEDS = ("torch", "timm", "safetensors")

SMALL = {"embed_dim": 64, "depth": 2, "num_heads": 2, "img_size": 224, "patch_size": 14}


def build(folder: Path, architecture: str = "vit_small_patch14_reg4_dinov2", **sizes: int) -> None:
    from ml.engines.torch import ensure_torchvision

    ensure_torchvision()
    import timm
    import torch
    from timm.models import save_for_hf

    torch.manual_seed(7)
    sizes = sizes or SMALL
    model = timm.create_model(architecture, pretrained=False, num_classes=0, **sizes)
    with torch.no_grad():
        model.pos_embed.mul_(3)  # else nobody would see when places are mixed up
        for block in model.blocks:
            block.ls1.gamma.fill_(0.3)  # as published they are not nearly nothing either
            block.ls2.gamma.fill_(0.3)
    save_for_hf(model, folder, model_args=sizes, safe_serialization=True)
