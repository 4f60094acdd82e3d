"""Digit scenes: synthetic pictures composed from scikit-learn's digits, with exact boxes and masks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.datasets import digits
from cleanlab_assets.datasets.images import (
    IMAGE_COLUMNS,
    LABEL,
    SEPARATOR,
    AnnotatedImage,
    boxes_of_instances,
    encode_png,
    make_image_table,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

N_SCENES = 400
SIDE = 128
SEED = 20240501
DIGITS_PER_SCENE = (3, 6)
GLYPH_SIDES = (26, 58)
LEAST_VISIBLE = 0.8
"""Share of a digit's pixels that later digits must leave visible."""
_INK_LEVEL = 0.35
_PLACEMENT_TRIES = 60


def load_digit_scenes(files: Mapping[str, Path]) -> pd.DataFrame:
    """Compose the raw table from the digits that ship with scikit-learn; the same at every call."""
    table = digits.load_digits(files)
    glyphs = table[list(digits.PIXELS)].to_numpy(dtype=np.float64).reshape(-1, digits.SIDE, digits.SIDE) / 16
    codes = table[digits.LABEL].cat.codes.to_numpy()
    return make_image_table(compose_scenes(glyphs, codes, n_scenes=N_SCENES, seed=SEED))


def compose_scenes(glyphs: np.ndarray, codes: np.ndarray, *, n_scenes: int, seed: int) -> Iterator[AnnotatedImage]:
    """Compose scenes of several digits, of varied size, contrast, clutter and overlap.

    A glyph comes again only when all were used, so that hardly any is on both sides of a split. A box is the tight
    bound of the pixels of its digit that can be seen.

    Args:
        glyphs: ink from 0 to 1, shape (n_glyphs, 8, 8).
        codes: class code of each glyph, 0 to 9, shape (n_glyphs,).
        n_scenes: number of scenes.
        seed: seed of everything drawn.

    Yields:
        One image of 128 x 128 pixels after the other, named ``scene_0001`` and on.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(glyphs))
    used = 0
    for number in range(1, n_scenes + 1):
        n_digits = int(rng.integers(DIGITS_PER_SCENE[0], DIGITS_PER_SCENE[1] + 1))
        chosen = order[np.arange(used, used + n_digits) % len(order)]
        used += n_digits
        canvas = _draw_background(rng)
        instances = np.zeros((SIDE, SIDE), dtype=np.int32)
        placed: list[int] = []
        areas: list[int] = []
        for glyph in chosen:
            ink = _find_place(glyphs[glyph], instances, areas, rng)
            if ink is not None:
                placed.append(int(codes[glyph]))
                areas.append(int((ink > _INK_LEVEL).sum()))
                instances[ink > _INK_LEVEL] = len(placed)
                _paint(canvas, ink, rng)
        canvas += rng.normal(0, 6, canvas.shape)
        lookup = np.array([0, *(code + 1 for code in placed)])
        yield AnnotatedImage(
            row_id=f"scene_{number:04d}",
            image=encode_png(np.clip(canvas, 0, 255).astype(np.uint8)),
            class_names=digits.CLASS_NAMES,
            boxes=boxes_of_instances(instances),
            box_labels=tuple(digits.CLASS_NAMES[code] for code in placed),
            instance_mask=instances,
            class_mask=lookup[instances],
        )


def _draw_background(rng: np.random.Generator) -> np.ndarray:
    """A shaded ground with strokes of clutter, float of shape (SIDE, SIDE, 3)."""
    from PIL import Image, ImageDraw

    ramp = np.linspace(-1, 1, SIDE)
    slope = rng.uniform(-20, 20, 2)
    shade = slope[0] * ramp[:, None] + slope[1] * ramp[None]
    canvas = rng.uniform(40, 215) + rng.uniform(-20, 20, 3) + shade[:, :, None]
    picture = Image.fromarray(np.clip(canvas, 0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    for _ in range(int(rng.integers(2, 10))):
        start = rng.uniform(0, SIDE, 2)
        end = start + rng.uniform(-30, 30, 2)
        colour = np.clip(np.asarray(picture).mean(axis=(0, 1)) + rng.uniform(-40, 40, 3), 0, 255).astype(int)
        pen.line([*start, *end], fill=tuple(colour.tolist()), width=int(rng.integers(1, 4)))
    return np.asarray(picture, dtype=np.float64)


def _find_place(
    glyph: np.ndarray, instances: np.ndarray, areas: Sequence[int], rng: np.random.Generator
) -> np.ndarray | None:
    """Return the glyph's ink on the canvas at a place that leaves the digits before it visible; None without one.

    ``areas`` are the pixels of these digits before any of them was covered.
    """
    from PIL import Image

    side = int(rng.integers(GLYPH_SIDES[0], GLYPH_SIDES[1] + 1))
    grown = Image.fromarray((glyph * 255).astype(np.uint8)).resize((side, side), Image.Resampling.BICUBIC)
    patch = np.asarray(grown, dtype=np.float64) / 255
    for _ in range(_PLACEMENT_TRIES):
        top, left = rng.integers(0, SIDE - side + 1, 2)
        ink = np.zeros((SIDE, SIDE))
        ink[top : top + side, left : left + side] = patch
        n_visible = np.bincount(instances[ink <= _INK_LEVEL], minlength=len(areas) + 1)[1:]
        if (n_visible >= LEAST_VISIBLE * np.array(areas)).all():
            return ink
    return None


def _paint(canvas: np.ndarray, ink: np.ndarray, rng: np.random.Generator) -> None:
    """Paint a digit over the canvas, lighter or darker than the ground below it, with a contrast of its own."""
    ground = canvas[ink > _INK_LEVEL].mean()
    direction = 1 if ground < 128 else -1  # noqa: PLR2004
    colour = np.clip(ground + direction * rng.uniform(60, 125) + rng.uniform(-15, 15, 3), 0, 255)
    weight = np.clip(ink * 1.6, 0, 1)[:, :, None]
    canvas *= 1 - weight
    canvas += weight * colour


DATASET = replace(
    digits.DATASET,
    name="digit_scenes",
    families=("object_detection", "segmentation"),
    title="Digit scenes (synthetic)",
    description=(
        "Find and read the handwritten digits in synthetic pictures of 128 x 128 pixels, composed from scikit-learn's "
        "digits with exact boxes and masks."
    ),
    load=load_digit_scenes,
    label=LABEL,
    label_separator=SEPARATOR,
    columns=IMAGE_COLUMNS,
    expected_rows=N_SCENES,
)
