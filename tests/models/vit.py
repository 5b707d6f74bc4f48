"""ViT-S/16 of timm at its real size, saved as published. Numbers are seeded."""

from pathlib import Path

NEEDS = ("torch", "timm", "safetensors")


def build(folder: Path, architecture: str = "vit_small_patch16_224") -> None:
    from ml.engines.torch import ensure_torchvision

    ensure_torchvision()
    import timm
    import torch
    from timm.models import save_for_hf

    torch.manual_seed(7)
    save_for_hf(timm.create_model(architecture, pretrained=False), folder, safe_serialization=True)
