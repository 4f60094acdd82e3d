from __future__ import annotations

import numpy as np

from cleanlab_assets.datasets.images import decode_image, encode_png
from cleanlab_assets.reports.image_overlays import (
    GIVEN,
    ISSUE,
    PREDICTED,
    draw_box_overlay,
    draw_mask_overlay,
    draw_montage,
)
from cleanlab_assets_tests.datasets.known_scenes import make_image
from cleanlab_assets_tests.pictures import GREY, Scaled, find_colour

SIZE = (16, 20)
"""Height and width of the grey picture that is drawn upon."""
BOX = np.array([[4.0, 4.0, 12.0, 12.0]])
NOTHING = np.zeros((0, 4))


def test_an_issue_is_marked_along_its_box_and_nowhere_else() -> None:
    drawn = Scaled(draw_box_overlay(make_image().image, NOTHING, [], NOTHING, [], issues=BOX), *SIZE)

    assert [drawn.shows(ISSUE, x, y) for x, y in ((8, 4), (8, 12), (4, 8), (12, 8))] == [True] * 4
    assert [drawn.shows(ISSUE, x, y) for x, y in ((8, 8), (16, 8), (8, 14.5))] == [False] * 3


def test_given_and_predicted_boxes_have_their_own_colour_at_their_own_place() -> None:
    elsewhere = np.array([[14.0, 2.0, 18.0, 8.0]])
    drawn = Scaled(draw_box_overlay(make_image().image, BOX, [""], elsewhere, [""]), *SIZE)

    assert [drawn.shows(GIVEN, x, y) for x, y in ((12, 9), (8, 12), (18, 5))] == [True, True, False]
    assert [drawn.shows(PREDICTED, x, y) for x, y in ((18, 5), (14, 5), (12, 9))] == [True, True, False]


def test_the_legend_has_only_the_colours_that_are_drawn() -> None:
    image = make_image()
    some = draw_box_overlay(image.image, image.boxes, image.box_labels, image.boxes + 1, ["cat"], issues=image.boxes)
    none = draw_box_overlay(image.image, image.boxes, image.box_labels, NOTHING, [])

    for png, expected in ((some, [True, True, True]), (none, [True, False, False])):
        pixels = decode_image(png)
        assert [bool(find_colour(pixels, colour).any()) for colour in (GIVEN, PREDICTED, ISSUE)] == expected


def test_the_pixels_of_an_issue_are_marked_and_no_others() -> None:
    issue = np.zeros(SIZE, dtype=bool)
    issue[4:10, 5:12] = True

    drawn = Scaled(draw_mask_overlay(make_image().image, np.zeros(SIZE, dtype=np.int32), issue=issue), *SIZE)

    is_grey = find_colour(drawn.pixels, GREY, tolerance=4)
    inside, outside = drawn.within(5.2, 4.2, 11.8, 9.8), ~drawn.within(4.8, 3.8, 12.2, 10.2)
    assert is_grey[outside].mean() > 0.99
    assert is_grey[inside].mean() < 0.05, "its corners are cut a little"
    marked = drawn.pixels[inside]
    assert np.median(marked[:, 0] - marked[:, 2]) > 50, "vermilion lies over the grey"


def test_outlines_run_along_their_masks_and_the_suggested_one_where_it_differs() -> None:
    given, suggested = np.zeros((2, *SIZE), dtype=np.int32)
    given[4:12, 2:8] = 1
    suggested[4:12, 11:18] = 1

    drawn = Scaled(draw_mask_overlay(make_image().image, given, suggested), *SIZE)

    assert [drawn.shows(GIVEN, x, 8) for x in (2, 8, 5, 11, 18)] == [True, True, False, False, False]
    suggested_sides = [any(drawn.shows(PREDICTED, x, y) for y in range(5, 11)) for x in (11, 18, 5, 14)]
    assert suggested_sides == [True, True, False, False]


def test_a_montage_shows_its_pictures_side_by_side_in_their_order() -> None:
    red, blue = (200, 0, 0), (0, 0, 200)
    pictures = [encode_png(np.full((8, 8, 3), colour, dtype=np.uint8)) for colour in (red, blue)]

    pixels = decode_image(draw_montage(pictures, ["first", "second"]))

    first, second = (np.flatnonzero(find_colour(pixels, colour).any(axis=0)) for colour in ("#C80000", "#0000C8"))
    assert first.max() < pixels.shape[1] / 2 < second.min()
    assert min(len(first), len(second)) > 0.3 * pixels.shape[1]
