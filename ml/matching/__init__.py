"""Where known products stand in a picture.

from ml.matching import Dense, DenseOptions, Product, descriptors

dense = Dense(descriptors.vectors, descriptors.Cells())
shelf = dense.learn([Product("oat milk", (crop,))])
for match in dense.find(picture, shelf): ...

`Dense` looks once for all products; `Grid` tries every crop and is the reference. Both take any embedder; `dense_over`
and `grid_over` take those of a Runtime.
"""

from . import descriptors
from .dense import Dense, DenseOptions, FeatureMap, Patches, Shelf, StoredMap
from .grid import Grid, GridOptions
from .over import NoModelError, dense_over, grid_over
from .results import Detect, Embed, Known, Match, OtherSpaceError, Product

__all__ = [
    "Dense",
    "DenseOptions",
    "Detect",
    "Embed",
    "FeatureMap",
    "Grid",
    "GridOptions",
    "Known",
    "Match",
    "NoModelError",
    "OtherSpaceError",
    "Patches",
    "Product",
    "Shelf",
    "StoredMap",
    "dense_over",
    "descriptors",
    "grid_over",
]
