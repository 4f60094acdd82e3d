"""A few digit scenes with known truth, small enough for fast tests."""

from __future__ import annotations

import numpy as np

from cleanlab_assets.datasets.digit_scenes import compose_scenes
from cleanlab_assets.datasets.images import AnnotatedImage, encode_png


def make_scenes(n_scenes: int = 20, seed: int = 1) -> list[AnnotatedImage]:
    glyphs = np.zeros((10, 8, 8))
    glyphs[:, 1:7, 2:6] = 1.0
    return list(compose_scenes(glyphs, np.arange(10), n_scenes=n_scenes, seed=seed))


def make_image(
    boxes: object = ((2, 3, 10, 12),), labels: tuple[str, ...] = ("cat",), **masks: np.ndarray
) -> AnnotatedImage:
    """A grey picture of 20 x 16 pixels with the boxes given."""
    return AnnotatedImage(
        row_id="a.png",
        image=encode_png(np.full((16, 20, 3), 90, dtype=np.uint8)),
        class_names=("cat", "dog"),
        boxes=np.array(boxes, dtype=np.float64),
        box_labels=labels,
        **masks,
    )
