"""RAM++: which of some thousand tags a picture shows.

Our own writing of the published model (Apache-2.0, Recognize Anything), over timm's Swin. It is built from the numbers
of a checkpoint: every size but the number of heads of the decoder stands in their shapes.

A picture becomes 144 patches and their mean. Of each tag's descriptions those that are near the mean count most; what
they say together asks all patches, and the answer is one logit a tag.
"""

import logging
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from . import weights
from .backend import NotInstalled
from .cuts import Cut
from .engines.torch import ensure_torchvision
from .taggers import CHECKPOINT, cut_of
from .vocabulary import Vocabulary
from .weights import manifest
from .weights.files import sha256_of

ensure_torchvision()

import torch  # noqa: E402 - timm needs torchvision, which may need help
from timm.models.swin_transformer import SwinTransformer  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

logger = logging.getLogger(__name__)

_PATCH = 4
_DECODER_HEADS = 4  # the one size that no shape tells

#: Keys of the publisher, and ours. Older files say `vision_multi` for `tagging_head`.
_RENAMED = (
    ("vision_multi.", "tagging_head."),
    ("tagging_head.encoder.layer.", "decoder."),
    (".crossattention.self.", "."),
    (".crossattention.output.dense.", ".gather."),
    (".crossattention.output.LayerNorm.", ".gathered."),
    (".intermediate.dense.", ".widen."),
    (".output.dense.", ".narrow."),
    (".output.LayerNorm.", ".narrowed."),
)

Numbers = Mapping[str, "torch.Tensor"]


@dataclass(frozen=True)
class Sizes:
    """Of one stage of the Swin each: `depths` and `heads`. `joint`: numbers that pictures and descriptions share."""

    tags: int
    descriptions: int
    side: int
    width: int
    depths: tuple[int, ...]
    heads: tuple[int, ...]
    window: int
    joint: int
    hidden: int
    inner: int
    layers: int

    @classmethod
    def of(cls, numbers: Numbers, tags: int) -> Self:
        """Read from the shapes under our own keys. Raises KeyError or ValueError for another model."""
        swin = "visual_encoder.layers"
        stages = _count(numbers, f"{swin}.")
        tables = [
            numbers[f"{swin}.{stage}.blocks.0.attn.relative_position_bias_table"].shape for stage in range(stages)
        ]
        window = (round(tables[0][0] ** 0.5) + 1) // 2
        rows, joint = numbers["label_embed"].shape
        if rows % tags:
            raise ValueError(f"it holds {rows:,} descriptions, which do not belong to {tags:,} tags")
        return cls(
            tags=tags,
            descriptions=rows // tags,
            side=_PATCH * window * 2 ** (stages - 1),  # the last stage is one window
            width=numbers["visual_encoder.patch_embed.proj.weight"].shape[0],
            depths=tuple(_count(numbers, f"{swin}.{stage}.blocks.") for stage in range(stages)),
            heads=tuple(int(table[1]) for table in tables),
            window=window,
            joint=joint,
            hidden=numbers["wordvec_proj.weight"].shape[0],
            inner=numbers["decoder.0.widen.weight"].shape[0],
            layers=_count(numbers, "decoder."),
        )

    @property
    def cut(self) -> Cut:
        return cut_of(self.side)


class RamPlus(nn.Module):
    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.visual_encoder = SwinTransformer(
            img_size=sizes.side,
            patch_size=_PATCH,
            num_classes=0,
            embed_dim=sizes.width,
            depths=sizes.depths,
            num_heads=sizes.heads,
            window_size=sizes.window,
            drop_path_rate=0.0,
            weight_init="skip",
        )
        self.image_proj = nn.Linear(self.visual_encoder.num_features, sizes.joint)
        self.label_embed = nn.Parameter(torch.zeros(sizes.tags, sizes.descriptions, sizes.joint))
        self.reweight_scale = nn.Parameter(torch.zeros(()))
        self.wordvec_proj = nn.Linear(sizes.joint, sizes.hidden)
        self.decoder = nn.ModuleList([_Layer(sizes) for _ in range(sizes.layers)])
        self.fc = nn.Linear(sizes.hidden, 1)

    def forward(self, pictures: "torch.Tensor") -> "torch.Tensor":
        """Pictures as `Sizes.cut` cuts them; pictures x tags, logits."""
        patches = self.visual_encoder.forward_features(pictures).flatten(1, 2)
        seen = self.image_proj(torch.cat([patches.mean(1, keepdim=True), patches], 1))
        asked = functional.relu(self.wordvec_proj(self._described(seen[:, 0])))
        for layer in self.decoder:
            asked = layer(asked, seen)
        return self.fc(asked).squeeze(-1)

    def _described(self, whole: "torch.Tensor") -> "torch.Tensor":
        """Each tag as its descriptions say it together, for each picture."""
        # The table is 90 times the pictures: only the pictures are turned, and it is read as it lies.
        near = self.label_embed @ functional.normalize(whole, dim=-1).T
        shares = functional.softmax(self.reweight_scale.exp() * near, dim=1)
        return (shares.transpose(1, 2) @ self.label_embed).transpose(0, 1)


class _Layer(nn.Module):
    """The tags look at the patches, never at each other."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.query = nn.Linear(sizes.hidden, sizes.hidden)
        self.key = nn.Linear(sizes.joint, sizes.hidden)
        self.value = nn.Linear(sizes.joint, sizes.hidden)
        self.gather = nn.Linear(sizes.hidden, sizes.hidden)
        self.gathered = nn.LayerNorm(sizes.hidden, eps=1e-12)
        self.widen = nn.Linear(sizes.hidden, sizes.inner)
        self.narrow = nn.Linear(sizes.inner, sizes.hidden)
        self.narrowed = nn.LayerNorm(sizes.hidden, eps=1e-12)

    def forward(self, asked: "torch.Tensor", seen: "torch.Tensor") -> "torch.Tensor":
        heads = (_by_head(self.query(asked)), _by_head(self.key(seen)), _by_head(self.value(seen)))
        found = functional.scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2)
        asked = self.gathered(self.gather(found) + asked)
        return self.narrowed(self.narrow(functional.gelu(self.widen(asked))) + asked)


def load(name: str) -> RamPlus:
    """The model of an installed folder, in fp32 and ready to compute.

    Raises NotInstalled for a file that is missing, is not the published one where that is known, or no RAM++.
    """
    if missing := weights.missing(name, CHECKPOINT):
        raise NotInstalled(missing)
    path = weights.folder(name) / CHECKPOINT
    _check_known(name, path)
    tags = len(Vocabulary.read(name).names)
    try:
        # Mapped: the published file holds twice what the model takes.
        told = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
        numbers = renamed(told["model"])
        model = RamPlus(Sizes.of(numbers, tags))
        numbers["label_embed"] = numbers["label_embed"].unflatten(0, (tags, -1))
        model.load_state_dict({key: numbers[key] for key in model.state_dict()})
    except Exception as error:  # half a file, a program inside, another model: each ends somewhere else
        if isinstance(error, MemoryError | ImportError):
            raise
        logger.warning("%s does not load", path, exc_info=error)
        raise NotInstalled(f"{path} is no RAM++ that can be read ({error}). Install it again.") from error
    model.requires_grad_(False).eval()
    return model


def renamed(numbers: Numbers) -> dict[str, "torch.Tensor"]:
    """The publisher's keys as ours. What the model has no place for keeps its key, and is not read."""
    ours = {}
    for key, one in numbers.items():
        for theirs, name in _RENAMED:
            key = key.replace(theirs, name)
        # timm makes the picture smaller where a stage begins, the publisher where the one before ends.
        key = re.sub(r"(\.layers\.)(\d+)(\.downsample\.)", lambda at: f"{at[1]}{int(at[2]) + 1}{at[3]}", key)
        ours[key] = one
    return ours


def _by_head(rows: "torch.Tensor") -> "torch.Tensor":
    return rows.unflatten(-1, (_DECODER_HEADS, -1)).transpose(1, 2)


def _count(numbers: Numbers, start: str) -> int:
    """How many numbered parts there are."""
    return len({key[len(start) :].partition(".")[0] for key in numbers if key.startswith(start)})


def _check_known(name: str, path: Path) -> None:
    row = manifest.row(name)
    known = next((file.sha256 for file in row.files if file.path == CHECKPOINT), None) if row else None
    if known and sha256_of(path) != known:
        raise NotInstalled(f"{path} is not the published file. Run: python -m ml models pull {name}")
