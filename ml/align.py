"""A face turned upright, always at the same place of a small picture, as recognisers were taught to see one."""

import cv2
import numpy as np
import numpy.typing as npt

from media.quality import estimate_noise, measure_sharpness

from .results import Numbers
from .roles import Picture

#: Width and height of what recognisers see.
SIDE = 112

#: Where eyes, nose and corners of the mouth lie in it: the places that ArcFace's authors chose, and SFace's took over.
_PLACES = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]])

#: How far down from the eyes to the mouth the nose is when a face looks straight ahead.
_NOSE_DOWN = 0.5

#: Sides in pixels: too small to tell people apart, and no longer any better.
_TINY, _LARGE = 16, 112

#: `measure_sharpness` of upright faces: hardly an edge, and no longer any better.
_BLURRED, _SHARP = 0.15, 0.45


def upright(landmarks: Numbers) -> npt.NDArray[np.float64]:
    """The turn, scale and shift (2 x 3) that bring these five points, in pixels, nearest to where they should be."""
    # As complex numbers a turn with a scale is one factor, and the best one is a plain regression.
    here, there = (points[:, 0] + 1j * points[:, 1] for points in (landmarks.astype(np.float64), _PLACES))
    around, target = here - here.mean(), there - there.mean()
    factor = (around.conj() * target).sum() / max((abs(around) ** 2).sum(), 1e-9)
    shift = there.mean() - factor * here.mean()
    return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]])


def around(landmarks: Numbers, side: int) -> npt.NDArray[np.float64]:
    """The way into a square of so many pixels, in the middle half of which lies what `crop` shows."""
    scale = side / SIDE / 2
    matrix = scale * upright(landmarks)
    matrix[:, 2] += side / 4
    return matrix


def crop(picture: Picture, landmarks: Numbers) -> Picture:
    """112 x 112 pixels of the face; black where the picture ends."""
    return cut(picture, upright(landmarks), SIDE)


def cut(picture: Picture, matrix: npt.NDArray[np.float64], side: int) -> Picture:
    """A square of a picture, by the way into it (2 x 3)."""
    picture, matrix = _near(picture, matrix, side)
    return np.asarray(cv2.warpAffine(picture, matrix, (side, side), flags=cv2.INTER_LINEAR), np.uint8)


def _near(picture: Picture, matrix: npt.NDArray[np.float64], side: int) -> tuple[Picture, npt.NDArray[np.float64]]:
    """The part that is needed, reduced to at most twice the size that is wanted, and the way from there.

    From a larger one single pixels would be picked out, and the same face would look different in each photo.
    """
    scale = float(np.hypot(*matrix[:, 0]))
    if scale >= 0.5 or scale < 1e-6:
        return picture, matrix
    back = cv2.invertAffineTransform(matrix)
    corners = np.array([[0, 0, 1], [side, 0, 1], [0, side, 1], [side, side, 1]]) @ back.T
    height, width = picture.shape[:2]
    left, top = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, [width - 1, height - 1])
    right, bottom = np.clip(np.ceil(corners.max(axis=0)).astype(int), [left + 1, top + 1], [width, height])
    part = picture[top:bottom, left:right]
    size = max(1, round(part.shape[1] * 2 * scale)), max(1, round(part.shape[0] * 2 * scale))
    reduced = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
    across, down = part.shape[1] / size[0], part.shape[0] / size[1]
    # The middle of a pixel, not its corner, is where it was.
    to_picture = np.array([[across, 0, left + across / 2 - 0.5], [0, down, top + down / 2 - 0.5], [0, 0, 1]])
    return reduced, matrix @ to_picture


def quality(upright_face: Picture, landmarks: Numbers, side: float) -> float:
    """0..1: how well a face, of which this is the crop, can be told from others. It falls with smallness (`side` is
    the shorter one in pixels of the picture), with blur and with a head that looks aside, up or down."""
    large = (side - _TINY) / (_LARGE - _TINY)
    grey = cv2.cvtColor(upright_face, cv2.COLOR_RGB2GRAY).astype(np.float32)
    sharp = ((measure_sharpness(grey, estimate_noise(grey)) or 0.0) - _BLURRED) / (_SHARP - _BLURRED)
    return float(np.prod(np.clip([large, sharp, _straight(landmarks)], 0, 1)))


def _straight(landmarks: Numbers) -> float:
    """1 for a face that looks at the camera, 0 for one seen from the side; a tilted head does not matter."""
    matrix = upright(landmarks)
    right_eye, left_eye, nose, right_mouth, left_mouth = landmarks @ matrix[:, :2].T + matrix[:, 2]
    eyes, mouth = (right_eye + left_eye) / 2, (right_mouth + left_mouth) / 2
    down = mouth - eyes
    length = max(float(down @ down), 1e-9)
    aside = abs(float(down[0] * (nose - eyes)[1] - down[1] * (nose - eyes)[0])) / length
    below = abs(float(down @ (nose - eyes)) / length - _NOSE_DOWN)
    return 1 - aside / 0.6 - max(0.0, below - 0.15)
