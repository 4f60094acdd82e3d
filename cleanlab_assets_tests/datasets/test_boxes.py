from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from cleanlab_assets.datasets import boxes
from cleanlab_assets.datasets.boxes import box_iou, claim_boxes, find_overlaps, match_boxes, match_pairs

KINDS = ("small", "crowded", "mixed", "equal", "touching")


def draw_boxes(kind: str, n_boxes: int, *, seed: int) -> np.ndarray:
    """Boxes in a picture of 200 x 200: small and apart, large, of all sizes and shapes, in few places, or in a grid."""
    rng = np.random.default_rng(seed)
    corners = rng.uniform(-5, 180, (n_boxes, 2))
    sides = rng.uniform(1, {"small": 12, "crowded": 120}.get(kind, 8), (n_boxes, 2))
    if kind == "mixed":
        sides = np.exp(rng.uniform(0, 5, (n_boxes, 2)))
    if kind == "equal":
        corners, sides = np.floor(corners / 50) * 50, np.full_like(sides, 40)
    if kind == "touching":
        corners, sides = np.floor(corners / 8) * 8, np.full_like(sides, 8)
    return np.concatenate([corners, corners + sides], axis=1)


@pytest.mark.parametrize("few_pairs", [0, 1_000_000])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "m"), [(0, 0), (0, 5), (7, 0), (1, 1), (40, 70), (150, 90)])
def test_the_pairs_that_overlap_are_those_of_the_table_of_all_pairs(
    monkeypatch: pytest.MonkeyPatch, few_pairs: int, kind: str, n: int, m: int
) -> None:
    monkeypatch.setattr(boxes, "FEW_PAIRS", few_pairs)
    first, second = draw_boxes(kind, n, seed=n), draw_boxes(kind, m, seed=m + 1)

    found = find_overlaps(first, second)

    table = box_iou(first, second)
    rows, columns = np.nonzero(table)
    np.testing.assert_array_equal(found.first, rows)
    np.testing.assert_array_equal(found.second, columns)
    np.testing.assert_array_equal(found.iou, table[rows, columns])
    assert found.sizes == (n, m)


def test_boxes_without_area_overlap_nothing() -> None:
    flat = np.array([[5.0, 5.0, 5.0, 9.0], [8.0, 3.0, 6.0, 4.0]])
    assert len(find_overlaps(flat, np.tile([[0.0, 0.0, 10.0, 10.0]], (1000, 1))).iou) == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [0, 1])
def test_boxes_are_matched_as_by_the_table_of_all_pairs(kind: str, seed: int) -> None:
    given, predicted = draw_boxes(kind, 60, seed=seed), draw_boxes(kind, 80, seed=seed + 10)
    overlap = np.where(box_iou(given, predicted) >= 0.1, box_iou(given, predicted), 0)
    best = overlap[linear_sum_assignment(overlap, maximize=True)].sum()

    matched = match_boxes(given, predicted, least_iou=0.1)

    is_matched = matched >= 0
    assert len(set(matched[is_matched])) == is_matched.sum()
    weights = overlap[is_matched, matched[is_matched]]
    assert (weights > 0).all()
    assert weights.sum() == pytest.approx(best)


def test_a_pair_of_weight_zero_is_not_matched() -> None:
    found = find_overlaps(np.array([[0.0, 0.0, 4.0, 4.0]]), np.array([[0.0, 0.0, 4.0, 4.0], [1.0, 1.0, 4.0, 4.0]]))
    assert match_pairs(found, np.array([0.0, 0.0])).tolist() == [-1]
    assert match_pairs(found, np.array([0.0, 0.3])).tolist() == [1]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("least_iou", [0.2, 0.5])
def test_predicted_boxes_claim_in_their_order_the_free_given_box_that_they_overlap_most(
    kind: str, least_iou: float
) -> None:
    predicted, given = draw_boxes(kind, 90, seed=3), draw_boxes(kind, 60, seed=4)
    expected, is_free = [], np.ones(len(given), dtype=bool)
    for overlaps in box_iou(predicted, given):
        free = np.where(is_free, overlaps, 0)
        expected.append(bool(free.max() >= least_iou))
        is_free[free.argmax()] &= not expected[-1]

    assert claim_boxes(find_overlaps(predicted, given), least_iou=least_iou).tolist() == expected


@pytest.mark.slow
def test_boxes_by_the_ten_thousand_are_matched() -> None:
    corners = np.stack(np.meshgrid(np.arange(150), np.arange(150)), axis=-1).reshape(-1, 2) * 10.0
    given = np.concatenate([corners, corners + 8], axis=1)
    order = np.random.default_rng(0).permutation(len(given))
    matched = match_boxes(given, given[order] + 1, least_iou=0.2)
    np.testing.assert_array_equal(order[matched], np.arange(len(given)))
