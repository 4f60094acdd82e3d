"""Seeing what a picture shows once it is drawn: its pixels, not the figure behind it."""

from __future__ import annotations

import numpy as np

from cleanlab_assets.datasets.images import decode_image

GREY = "#5A5A5A"
"""Of pictures whose pixels are all 90."""


def find_colour(pixels: np.ndarray, colour: str, tolerance: int = 12) -> np.ndarray:
    """Say which pixels have a colour such as ``#0072B2``, shape (height, width)."""
    wanted = [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
    return np.asarray((np.abs(pixels.astype(int) - wanted) < tolerance).all(axis=-1))


def cut_out_picture(png: bytes) -> np.ndarray:
    """Cut the grey picture out of a drawing with a legend, whose letters have some grey pixels at their edges."""
    pixels = decode_image(png).astype(int)
    is_grey = find_colour(pixels, GREY, tolerance=3)
    rows, columns = (np.flatnonzero(is_grey.mean(axis=axis) > 0.1) for axis in (1, 0))
    return pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


class Scaled:
    """A drawn grey picture, looked at by the coordinates of the picture itself."""

    def __init__(self, png: bytes, height: int, width: int) -> None:
        self.pixels = cut_out_picture(png)
        self.rows = (np.arange(self.pixels.shape[0]) + 0.5) * height / self.pixels.shape[0]
        self.columns = (np.arange(self.pixels.shape[1]) + 0.5) * width / self.pixels.shape[1]

    def within(self, x1: float, y1: float, x2: float, y2: float) -> np.ndarray:
        """Say which pixels lie within a box, shape (height, width)."""
        return np.outer((self.rows > y1) & (self.rows < y2), (self.columns > x1) & (self.columns < x2))

    def shows(self, colour: str, x: float, y: float) -> bool:
        """Whether a colour is seen within half a unit of a place."""
        place = self.within(x - 0.5, y - 0.5, x + 0.5, y + 0.5)
        return bool(find_colour(self.pixels[place], colour).any())
