from __future__ import annotations

import numpy as np
import pytest

from cleanlab_assets.datasets.images import encode_png
from cleanlab_assets.models.image_embedding import embed_images


def _plain(colour: tuple[int, int, int], side: int = 20) -> bytes:
    return encode_png(np.full((side, side, 3), colour, dtype=np.uint8))


def test_a_plain_picture_has_one_brightness_and_one_tone_of_each_colour() -> None:
    (found,) = embed_images([_plain((255, 0, 0))])
    assert found.dtype == np.float32
    assert found.shape == (280,)
    assert found[:256] == pytest.approx(np.full(256, 76 / 255), abs=1e-6), "the luminance of red is 0.299"
    assert np.flatnonzero(found[256:]).tolist() == [7, 8, 16], "red is in its last bin, green and blue in their first"


def test_the_thumbnail_says_where_it_is_bright() -> None:
    pixels = np.zeros((32, 64, 3), dtype=np.uint8)
    pixels[:16, 32:] = 255
    thumbnail = embed_images([encode_png(pixels)])[0, :256].reshape(16, 16)
    assert (thumbnail[:8, 8:] == 1).all()
    assert thumbnail.sum() == 64


def test_the_size_of_a_picture_does_not_matter() -> None:
    small, large = embed_images([_plain((10, 200, 90), side=16), _plain((10, 200, 90), side=160)])
    assert np.array_equal(small, large)


def test_no_picture_has_no_embedding() -> None:
    assert embed_images([]).shape == (0, 280)
