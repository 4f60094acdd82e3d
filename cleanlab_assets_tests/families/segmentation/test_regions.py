from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, binary_erosion, gaussian_filter, label

from cleanlab_assets.families.segmentation.plant import _draw_region
from cleanlab_assets.families.segmentation.regions import LEAST_PIXELS, SURE_MARGIN, find_regions, find_sure_regions


def draw_blobs(seed: int, *, side: int = 60, sharpness: float = 30) -> tuple[np.ndarray, np.ndarray]:
    """A mask of winding regions of four classes, and probabilities of regions that are a little different."""
    rng = np.random.default_rng(seed)
    heights = gaussian_filter(rng.normal(size=(4, side, side)), (0, 2, 2))
    other = 0.6 * heights + gaussian_filter(rng.normal(size=(4, side, side)), (0, 2, 2))
    odds = np.exp(sharpness * (other - other.max(axis=0)))
    return heights.argmax(axis=0), (odds / odds.sum(axis=0)).astype(np.float32)


def find_places(is_class: np.ndarray) -> list[np.ndarray]:
    numbers, n_regions = label(is_class, np.ones((3, 3)))
    places = [numbers == number for number in range(1, n_regions + 1)]
    return [place for place in places if place.sum() >= LEAST_PIXELS]


@pytest.mark.parametrize("seed", range(3))
def test_regions_are_those_of_whole_pictures_of_every_object(seed: int) -> None:
    given, probabilities = draw_blobs(seed)
    predicted = probabilities.argmax(axis=0)
    expected: set[tuple[int, int, float | None]] = set()
    for code in (1, 2, 3):
        predicted_places = find_places(predicted == code)
        for place in find_places(given == code):
            touching = np.any([other for other in predicted_places if (other & place).any()] or [place], axis=0)
            beside = touching & (given != code)
            overlap = probabilities[code][place].sum() / (place.sum() + probabilities[code][beside].sum())
            expected.add((code, int((place | beside).sum()), round(float(overlap), 5)))
        expected |= {
            (int(np.bincount(given[place]).argmax()), int(place.sum()), None)
            for place in predicted_places
            if not (place & (given == code)).any()
        }

    regions = find_regions(given, probabilities)

    found = {(one.given, one.n_pixels, round(one.quality, 5)) for one in regions}
    assert len(regions) == len(expected) > 10
    assert {item for item in expected if item[2] is not None} <= found
    for one in regions:
        assert one.box == (one.place[1].min(), one.place[0].min(), one.place[1].max() + 1, one.place[0].max() + 1)


def test_the_model_is_sure_of_large_regions_only() -> None:
    given, probabilities = draw_blobs(5, sharpness=200)
    margin = probabilities.max(axis=0) - np.take_along_axis(probabilities, given[None], axis=0)[0]
    expected = np.any(find_places(margin > SURE_MARGIN), axis=0)
    assert 0 < expected.sum() < (margin > SURE_MARGIN).sum()
    np.testing.assert_array_equal(find_sure_regions(given, probabilities), expected)


def test_an_object_grows_and_shrinks_as_step_by_step() -> None:
    numbers, n_regions = label(draw_blobs(7)[0] == 1)
    objects = [place for place in (numbers == number for number in range(1, n_regions + 1)) if place.sum() >= 20]
    is_free = draw_blobs(8)[0] == 0
    n_changed = 0
    for region in objects:
        for kind in ("dilated_object", "eroded_object"):
            after: np.ndarray | None = region
            while after is not None and abs(int(after.sum()) - int(region.sum())) < 0.4 * region.sum():
                grown = (
                    binary_dilation(after) & (is_free | region) if kind == "dilated_object" else binary_erosion(after)
                )
                after = grown if grown.any() and not np.array_equal(grown, after) else None
            changed = _draw_region(region, kind, 0.4, is_free, np.random.default_rng(0))
            assert (changed is None) == (after is None)
            if changed is not None and after is not None:
                np.testing.assert_array_equal(changed, after)
                n_changed += 1
    assert n_changed > 5


@pytest.mark.slow
def test_thousands_of_objects_in_a_picture_are_judged() -> None:
    side, step = 1200, 20
    given = np.zeros((side, side), dtype=np.int64)
    for top in range(0, side, step):
        for left in range(0, side, step):
            given[top : top + 10, left : left + 10] = 1 + (top + left) // step % 2
    probabilities = np.full((3, side, side), 0.005, dtype=np.float32)
    np.put_along_axis(probabilities, given[None], 0.99, axis=0)
    probabilities[:, :10, :10] = np.array([0.99, 0.005, 0.005], dtype=np.float32)[:, None, None]

    regions = find_regions(given, probabilities)

    qualities = np.array([one.quality for one in regions])
    assert len(regions) == (side // step) ** 2
    assert qualities.min() == pytest.approx(0.005, abs=1e-5)
    assert np.sort(qualities)[1] == pytest.approx(0.99, abs=1e-5)
