import numpy as np
from numpy.typing import NDArray

def compute_dihedral(image: NDArray[np.uint8]) -> tuple[list[NDArray[np.int64]], int]: ...
