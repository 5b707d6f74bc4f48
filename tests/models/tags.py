"""A designed vocabulary of 32 tags in the space of the default towers: each vector on an axis of its own."""

from pathlib import Path

NEEDS = ()

COUNT = 32


def build(folder: Path) -> None:
    import numpy as np

    from ml.vocabulary import CHINESE, ENGLISH, write_vectors

    (folder / ENGLISH).write_text("\n".join(f"tag {number}" for number in range(COUNT)))
    (folder / CHINESE).write_text("\n".join(f"\u6807\u7b7e{number}" for number in range(COUNT)), "utf-8")
    write_vectors(str(folder), "ViT-B-16-SigLIP2/fp32", np.eye(COUNT, dtype=np.float32))
