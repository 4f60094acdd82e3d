"""Polygons and run lengths become the pixels that COCO's own tools make of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanlab_assets.datasets.outlines import (
    OutlineError,
    box_of_region,
    expand_runs,
    fill_polygon,
    read_packed_runs,
)


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0, 1), st.integers(0, 99))
def test_packed_run_lengths_are_those_of_coco(width: int, height: int, share: float, seed: int) -> None:
    from pycocotools import mask as coco

    region = np.random.default_rng(seed).random((height, width)) < share
    packed = coco.encode(np.asfortranarray(region.astype(np.uint8)))["counts"].decode()
    np.testing.assert_array_equal(expand_runs(read_packed_runs(packed), width, height), region)


@given(st.text(st.characters(min_codepoint=40, max_codepoint=120), max_size=30))
def test_any_text_is_run_lengths_or_refused(text: str) -> None:
    try:
        region = expand_runs(read_packed_runs(text), 7, 5)
    except OutlineError:
        return
    assert region.shape == (5, 7)


@pytest.mark.parametrize("counts", [[36], [-1, 36], [10, 10], [2**62, 2**62]])
def test_run_lengths_of_another_size_are_refused(counts: list[int]) -> None:
    with pytest.raises(OutlineError, match="expected 7 x 5 = 35 pixels"):
        expand_runs(np.array(counts, dtype=np.int64), 7, 5)


@given(st.integers(0, 9), st.integers(0, 7), st.integers(1, 12), st.integers(1, 12))
def test_a_rectangle_has_the_pixels_of_its_box(x: int, y: int, width: int, height: int) -> None:
    corners = np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]], dtype=np.float64)
    expected = np.zeros((8, 10), dtype=bool)
    expected[y : y + height, x : x + width] = True
    np.testing.assert_array_equal(fill_polygon(corners, 10, 8), expected)


@given(st.lists(st.tuples(st.floats(-5, 25), st.floats(-5, 25)), min_size=3, max_size=8))
def test_a_polygon_has_the_pixels_whose_centre_it_holds(points: list[tuple[float, float]]) -> None:
    found = fill_polygon(np.array(points), 20, 20)
    for y in range(0, 20, 3):
        for x in range(0, 20, 3):
            assert found[y, x] == _holds(points, x + 0.5, y + 0.5)


def _holds(points: list[tuple[float, float]], x: float, y: float) -> bool:
    """Whether a ray from a point to the left crosses the border an odd number of times."""
    n_crossed = 0
    for (x1, y1), (x2, y2) in zip(points, [*points[1:], points[0]], strict=True):
        if (y1 <= y) != (y2 <= y):
            n_crossed += x1 + (y - y1) * ((x2 - x1) / (y2 - y1)) <= x
    return n_crossed % 2 == 1


def test_the_box_of_a_region_is_tight() -> None:
    region = np.zeros((8, 10), dtype=bool)
    assert box_of_region(region) is None
    region[2, 3] = region[6, 5] = True
    assert box_of_region(region) == [3, 2, 6, 7]
