from __future__ import annotations

import numpy as np

from cleanlab_assets.datasets.images import decode_image
from cleanlab_assets.reports.image_overlays import GIVEN, ISSUE, PREDICTED, draw_box_overlay, draw_mask_overlay
from cleanlab_assets_tests.datasets.known_scenes import make_image


def _has_colour(png: bytes, colour: str) -> bool:
    wanted = np.array([int(colour[start : start + 2], 16) for start in (1, 3, 5)])
    return bool((np.abs(decode_image(png).astype(int) - wanted).max(axis=2) < 4).any())


def test_a_box_overlay_has_the_colours_of_what_it_shows() -> None:
    image = make_image()
    some = draw_box_overlay(image.image, image.boxes, image.box_labels, image.boxes + 1, ["cat"], issues=image.boxes)
    none = draw_box_overlay(image.image, image.boxes, image.box_labels, np.zeros((0, 4)), [])

    assert all(_has_colour(some, colour) for colour in (GIVEN, PREDICTED, ISSUE))
    assert [_has_colour(none, colour) for colour in (GIVEN, PREDICTED, ISSUE)] == [True, False, False]


def test_a_mask_overlay_has_the_colours_of_what_it_shows() -> None:
    mask = np.zeros((16, 20), dtype=np.int32)
    mask[4:10, 5:12] = 1
    png = draw_mask_overlay(make_image().image, mask, np.roll(mask, 2, axis=1), issue=mask == 1)

    assert all(_has_colour(png, colour) for colour in (GIVEN, PREDICTED, ISSUE))
