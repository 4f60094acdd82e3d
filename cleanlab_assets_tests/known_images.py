"""Pictures of a landscape, alike but not equal, and some with one known fault each."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from PIL import Image, ImageFilter

from cleanlab_assets.datasets.images import encode_png

if TYPE_CHECKING:
    from collections.abc import Mapping

SIDE = 64


def draw_picture(seed: int) -> bytes:
    """A sky that darkens towards the ground, with stones that lie elsewhere in each picture."""
    return encode_png(_draw(seed))


def make_faulty_images() -> dict[str, bytes]:
    """Return 30 good pictures by name ``good_00`` and on, and the faulty ones by the name of their fault."""
    pictures = {f"good_{number:02d}": draw_picture(number) for number in range(30)}
    stripes = np.indices((SIDE, SIDE))[1] // 8 % 2
    return pictures | {
        "black": encode_png(np.zeros((SIDE, SIDE, 3), dtype=np.uint8)),
        "white": encode_png(np.full((SIDE, SIDE, 3), 255, dtype=np.uint8)),
        "blurred": encode_png(np.asarray(Image.fromarray(_draw(101)).filter(ImageFilter.GaussianBlur(6)))),
        "strip": encode_png(np.tile(_draw(102)[:16], (1, 4, 1))),
        "huge": encode_png(np.asarray(Image.fromarray(_draw(103)).resize((8 * SIDE, 8 * SIDE)))),
        "grey": encode_png(np.asarray(Image.fromarray(_draw(104)).convert("L"))),
        "copy": pictures["good_03"],
        "scaled": encode_png(_draw(5).repeat(2, axis=0).repeat(2, axis=1)),
        "recoded": _encode_jpeg(Image.fromarray(_draw(7))),
        "stripes": encode_png((stripes[:, :, None] * np.array([250, 20, 200])).astype(np.uint8)),
    }


def make_image_rows(pictures: Mapping[str, bytes]) -> pd.DataFrame:
    return pd.DataFrame({"row_id": list(pictures), "image": list(pictures.values())})


def _draw(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    shade = np.linspace(190, 0, SIDE)[:, None, None] + np.linspace(-30, 30, SIDE)[None, :, None]
    picture = shade + np.array([0, 10, 25]) + rng.normal(0, 6, 3)
    for _ in range(12):
        top, left = rng.integers(0, SIDE - 10, 2)
        picture[top : top + 8, left : left + 8] = rng.uniform(40, 230, 3)
    picture += rng.normal(0, 8, picture.shape)
    pixels: np.ndarray = np.clip(picture, 0, 255).astype(np.uint8)
    return pixels


def _encode_jpeg(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, format="JPEG", quality=85)
    return stream.getvalue()
