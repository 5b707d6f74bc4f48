"""CoCa: as `open_clip`, with a sentence tower that pools by a token of its own and a part that writes captions."""

from pathlib import Path

from tests.models import open_clip

NEEDS = ("torch", "open_clip")

MODEL = {
    "embed_dim": 32,
    "multimodal_cfg": {
        "width": 32, "context_length": 76, "vocab_size": 49408, "mlp_ratio": 4, "layers": 1,
        "dim_head": 16, "heads": 2, "n_queries": 8, "attn_pooler_heads": 2,
    },
    "vision_cfg": {
        "image_size": 64, "layers": 2, "width": 32, "head_width": 16, "patch_size": 16,
        "attentional_pool": True, "attn_pooler_heads": 2, "output_tokens": True,
    },
    "text_cfg": {
        "context_length": 76, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2,
        "embed_cls": True, "output_tokens": True,
    },
    "custom_text": True,
}  # fmt: skip


def build(folder: Path) -> None:
    open_clip.build(folder, MODEL, open_clip.PREPROCESS)
