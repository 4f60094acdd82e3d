"""Scenes of boxes with predictions of every kind, shared by the tests of this package."""

from __future__ import annotations

import numpy as np

from cleanlab_assets.datasets.boxes import ScoredBoxes
from cleanlab_assets.datasets.images import AnnotatedImage, encode_png

NAMES = ("cat", "dog", "owl", "fox")


def draw_scene(number: int, n_boxes: int, n_predicted: int, side: int) -> tuple[AnnotatedImage, ScoredBoxes]:
    """Draw boxes that overlap, predicted ones near them, of their class or another, and some with nothing below."""
    rng = np.random.default_rng(number)
    boxes, codes = _draw_boxes(n_boxes, side, rng), rng.integers(len(NAMES), size=n_boxes)
    near = boxes + rng.normal(0, 0.02 * side, boxes.shape)
    predicted = np.concatenate([near, _draw_boxes(n_predicted, side, rng)])[:n_predicted].clip(0, side)
    predicted[:, 2:] = np.maximum(predicted[:, 2:], predicted[:, :2] + 0.5)
    others = rng.integers(len(NAMES), size=n_predicted)
    same = np.resize(codes, n_predicted) if n_boxes else others
    image = AnnotatedImage(
        row_id=f"scene_{number}",
        image=encode_png(np.zeros((side, side), dtype=np.uint8)),
        class_names=NAMES,
        boxes=boxes,
        box_labels=tuple(NAMES[code] for code in codes),
    )
    is_sure = rng.random(n_predicted) < 0.4
    scores = np.where(is_sure, rng.uniform(0.94, 1, n_predicted), rng.random(n_predicted))
    return image, ScoredBoxes(
        boxes=predicted, codes=np.where(rng.random(n_predicted) < 0.8, same, others), scores=scores
    )


def draw_scenes(n_images: int, *, side: int = 80, seed: int = 0) -> tuple[list[AnnotatedImage], list[ScoredBoxes]]:
    """Draw scenes of 0 to 40 boxes; a few have no predicted box."""
    rng = np.random.default_rng(seed)
    sizes = np.where(rng.random((n_images, 2)) < 0.1, 0, rng.integers(1, 40, size=(n_images, 2)))
    drawn = [draw_scene(seed * 1000 + number, int(n), int(m), side) for number, (n, m) in enumerate(sizes)]
    return [image for image, _ in drawn], [predicted for _, predicted in drawn]


def _draw_boxes(n_boxes: int, side: int, rng: np.random.Generator) -> np.ndarray:
    corners, sides = rng.uniform(0, 0.7 * side, (n_boxes, 2)), rng.uniform(2, 0.3 * side, (n_boxes, 2))
    return np.concatenate([corners, corners + sides], axis=1)
