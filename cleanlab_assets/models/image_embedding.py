"""A plain embedding of images, where no trained network is at hand: what lies where, and which colours there are."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

THUMBNAIL_SIDE = 16
COLOUR_BINS = 8
DESCRIPTION = f"{THUMBNAIL_SIDE} x {THUMBNAIL_SIDE} grey thumbnail and {COLOUR_BINS} bins of each colour channel"


def embed_images(images: Iterable[bytes]) -> np.ndarray:
    """Describe each image by a small grey thumbnail and by how often each tone of red, green and blue occurs.

    The thumbnail holds the mean brightness of each cell of a 16 x 16 grid over the whole image, so that size, encoding
    and noise hardly matter; the shares of the tones enter by their square roots (Hellinger), so that a rare tone does
    not outweigh all others. It knows nothing of what is in the picture: images are near each other if they look alike
    from afar.

    Args:
        images: encoded pictures.

    Returns:
        float32 of shape (n_images, 280): 256 brightness values and 3 x 8 roots of shares, all in [0, 1].
    """
    features = [_embed(content) for content in images]
    return np.array(features, dtype=np.float32).reshape(len(features), THUMBNAIL_SIDE**2 + 3 * COLOUR_BINS)


def _embed(content: bytes) -> np.ndarray:
    from PIL import Image

    with Image.open(io.BytesIO(content)) as picture:
        colours = picture.convert("RGB")
    thumbnail = colours.convert("L").resize((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.BOX)
    tones = np.array(colours.histogram(), dtype=np.float64).reshape(3 * COLOUR_BINS, -1).sum(axis=1)
    brightness = np.asarray(thumbnail, dtype=np.float64).ravel() / 255
    return np.concatenate([brightness, np.sqrt(tones / (colours.width * colours.height))])
