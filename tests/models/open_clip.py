"""OpenCLIP: two layers of 32, the real vocabulary, saved as on the hub. Numbers are seeded."""

import json
from collections.abc import Mapping
from pathlib import Path

NEEDS = ("torch", "open_clip")

MODEL = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 64, "layers": 2, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}
PREPROCESS = {
    "mean": [0.48145466, 0.4578275, 0.40821073],
    "std": [0.26862954, 0.26130258, 0.27577711],
    "interpolation": "bicubic",
    "resize_mode": "shortest",
}


def build(folder: Path, model: Mapping[str, object] = MODEL, preprocess: Mapping[str, object] = PREPROCESS) -> None:
    from ml.engines.torch import ensure_torchvision

    ensure_torchvision()
    import open_clip
    import torch
    from safetensors.torch import save_file

    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": model, "preprocess_cfg": preprocess}))
    torch.manual_seed(7)
    made = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
    with torch.no_grad():
        # As initialised, all pictures give nearly one vector: louder numbers tell them apart.
        for name, numbers in made.named_parameters():
            if numbers.ndim > 1 and "embedding" not in name:
                numbers.mul_(3)
    numbers = {name: numbers.contiguous() for name, numbers in made.state_dict().items()}
    save_file(numbers, folder / "open_clip_model.safetensors")
