"""Pictures with faces for designed finders: magenta squares with the marks of a person, at known places."""

import numpy as np

from ml import Picture

CELL = 32


def portrait(person: int) -> Picture:
    """One face: nobody else has these dark marks."""
    marks = np.random.default_rng(person).random((4, 4)) < 0.25
    face = np.full((CELL, CELL, 3), (255, 0, 255), np.uint8)
    face[np.kron(marks, np.ones((8, 8), bool))] = 64, 0, 96
    return face


def group(*people: tuple[int, int, int], size: int = 1, rows: int = 3, columns: int = 4) -> Picture:
    """Each of `people` is a person, and the row and column where the face stands; `size` times as large as a cell."""
    picture = np.full((CELL * rows, CELL * columns, 3), 120, np.uint8)
    for person, row, column in people:
        picture[CELL * row : CELL * (row + 1), CELL * column : CELL * (column + 1)] = portrait(person)
    return np.kron(picture, np.ones((size, size, 1), np.uint8))
