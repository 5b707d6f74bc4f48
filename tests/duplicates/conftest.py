from collections.abc import Callable, Sequence
from itertools import count

import numpy as np
import pytest

from apps.library.models import Asset, Inspection, Library

NUMBERS = count(1)


MakeAsset = Callable[..., Asset]


@pytest.fixture
def library(db: None) -> Library:
    return Library.objects.create(name="Home", kind=Library.Kind.PERSONAL)


@pytest.fixture
def make_asset(library: Library) -> MakeAsset:
    """An inspected asset; `forms` are its eight hashes of 32 bytes, all different and random without one."""
    random = np.random.default_rng(1)

    def make(
        forms: Sequence[bytes] | None = None,
        *,
        quality: int = 100,
        shelf: Library = library,
        width: int = 400,
        height: int = 300,
    ) -> Asset:
        asset = Asset.objects.create(library=shelf, name=f"{next(NUMBERS)}.jpg", width=width, height=height)
        Inspection.objects.create(
            asset=asset,
            revision=1,
            average_colour="#000000",
            pdq=list(forms or [random.bytes(32) for _ in range(8)]),
            pdq_quality=quality,
        )
        return asset

    return make
