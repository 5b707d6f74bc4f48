"""RAM++: two stages of Swin and two layers of the decoder, in the keys of its publisher. Numbers are seeded."""

from dataclasses import dataclass
from math import prod
from pathlib import Path

NEEDS = ("torch",)

CHECKPOINT = "ram_plus_swin_large_14m.pth"
LEFT_BEHIND = "tagging_head.embeddings.LayerNorm.weight"


@dataclass(frozen=True)
class Publisher:
    """The sizes of a model as its publisher would build it."""

    tags: int = 40
    descriptions: int = 3
    width: int = 8
    depths: tuple[int, ...] = (2, 1)
    heads: tuple[int, ...] = (2, 4)
    window: int = 4
    joint: int = 16
    hidden: int = 32
    inner: int = 64
    layers: int = 2


TINY = Publisher()
FULL = Publisher(4585, 51, 192, (2, 2, 18, 2), (6, 12, 24, 48), 12, 512, 768, 3072)


def shapes(of: Publisher = TINY) -> dict[str, tuple[int, ...]]:
    """Each key with its shape; `ram_plus_keys.txt` has them from the publisher's own model at full size."""
    found: dict[str, tuple[int, ...]] = {"label_embed": (of.tags * of.descriptions, of.joint), "reweight_scale": ()}

    def linear(name: str, into: int, out: int, *, bias: bool = True) -> None:
        found[f"{name}.weight"] = (out, into)
        if bias:
            found[f"{name}.bias"] = (out,)

    def norm(name: str, width: int) -> None:
        found[f"{name}.weight"] = found[f"{name}.bias"] = (width,)

    found["visual_encoder.patch_embed.proj.weight"] = (of.width, 3, 4, 4)
    found["visual_encoder.patch_embed.proj.bias"] = (of.width,)
    norm("visual_encoder.patch_embed.norm", of.width)
    area = of.window**2
    for stage, (depth, heads) in enumerate(zip(of.depths, of.heads, strict=True)):
        width = of.width * 2**stage
        windows = 4 ** (len(of.depths) - 1 - stage)
        for number in range(depth):
            block = f"visual_encoder.layers.{stage}.blocks.{number}"
            norm(f"{block}.norm1", width)
            found[f"{block}.attn.relative_position_bias_table"] = ((2 * of.window - 1) ** 2, heads)
            found[f"{block}.attn.relative_position_index"] = (area, area)
            linear(f"{block}.attn.qkv", width, 3 * width)
            linear(f"{block}.attn.proj", width, width)
            norm(f"{block}.norm2", width)
            linear(f"{block}.mlp.fc1", width, 4 * width)
            linear(f"{block}.mlp.fc2", 4 * width, width)
            if number % 2 and windows > 1:
                found[f"{block}.attn_mask"] = (windows, area, area)
        if stage < len(of.depths) - 1:
            linear(f"visual_encoder.layers.{stage}.downsample.reduction", 4 * width, 2 * width, bias=False)
            norm(f"visual_encoder.layers.{stage}.downsample.norm", 4 * width)
    last = of.width * 2 ** (len(of.depths) - 1)
    norm("visual_encoder.norm", last)
    for number in range(of.layers):
        layer = f"tagging_head.encoder.layer.{number}"
        linear(f"{layer}.crossattention.self.query", of.hidden, of.hidden)
        linear(f"{layer}.crossattention.self.key", of.joint, of.hidden)
        linear(f"{layer}.crossattention.self.value", of.joint, of.hidden)
        linear(f"{layer}.crossattention.output.dense", of.hidden, of.hidden)
        norm(f"{layer}.crossattention.output.LayerNorm", of.hidden)
        linear(f"{layer}.intermediate.dense", of.hidden, of.inner)
        linear(f"{layer}.output.dense", of.inner, of.hidden)
        norm(f"{layer}.output.LayerNorm", of.hidden)
    linear("wordvec_proj", of.joint, of.hidden)
    linear("fc", of.hidden, 1)
    linear("image_proj", last, of.joint)
    return found


def build(folder: Path) -> None:
    import numpy as np
    import torch

    random = np.random.default_rng(7)
    numbers = {}
    for key, shape in {**shapes(), LEFT_BEHIND: (5,)}.items():
        # Loud, so that other pictures get other tags.
        if len(shape) == 1:
            values = random.normal(1.0 if "norm" in key.lower() and key.endswith("weight") else 0.0, 0.2, shape)
        elif key == "label_embed":
            values = random.normal(0, 1, shape)
        else:
            values = random.normal(0, 2 / prod(shape[1:]) ** 0.5, shape)
        numbers[key] = torch.from_numpy(values.astype(np.float32))
    numbers["fc.bias"].fill_(2.0)  # so that some tags are given, others not
    torch.save({"model": numbers, "epoch": 3}, folder / CHECKPOINT)
    thresholds = ["0.5"] * TINY.tags
    thresholds[0], thresholds[1] = "0.0", "1.0"  # always, never
    lists = {
        "ram_tag_list.txt": [f"tag {number}" for number in range(TINY.tags)],
        "ram_tag_list_chinese.txt": [f"\u6807\u7b7e{number}" for number in range(TINY.tags)],
        "ram_tag_list_threshold.txt": thresholds,
    }
    for name, lines in lists.items():
        (folder / name).write_text("\n".join(lines), "utf-8")
