from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np
import pytest

from cleanlab_assets.families.multiannotator.agreement import measure_agreement

if TYPE_CHECKING:
    from cleanlab_assets.methods.agreement import Scale


def _draw(n_examples: int, n_annotators: int, n_classes: int, *, noise: float, seed: int) -> np.ndarray:
    """Labels of annotators of whom each labels about half of the examples, wrong at random with that probability."""
    rng = np.random.default_rng(seed)
    shape = (n_examples, n_annotators)
    truth = np.tile(rng.integers(n_classes, size=(n_examples, 1)), n_annotators)
    labels = np.where(rng.random(shape) < noise, rng.integers(n_classes, size=shape), truth)
    return np.where(rng.random(shape) < 0.5, labels, -1)


def _alpha_of_pairs(labels: np.ndarray, *, n_classes: int, scale: Scale) -> float:
    """Krippendorff's alpha by its definition: the distances of all pairs of labels, one by one."""
    units = [row[row >= 0] for row in labels if (row >= 0).sum() > 1]
    values = np.concatenate(units)
    counts = np.bincount(values, minlength=n_classes)

    def distance(one: int, other: int) -> float:
        low, high = sorted((one, other))
        if scale == "nominal" or low == high:
            return float(low != high)
        return float((counts[low : high + 1].sum() - (counts[low] + counts[high]) / 2) ** 2)

    observed = sum(sum(distance(*pair) for pair in permutations(unit, 2)) / (len(unit) - 1) for unit in units)
    expected = sum(distance(*pair) for pair in permutations(values, 2)) / (len(values) - 1)
    return float(1 - observed / expected)


@pytest.mark.parametrize("scale", ["nominal", "ordinal"])
@pytest.mark.parametrize(("n_classes", "noise"), [(2, 0.2), (5, 0.6), (30, 1.0)])
@pytest.mark.parametrize("seed", [0, 1])
def test_alpha_is_that_of_all_pairs_of_labels(scale: Scale, n_classes: int, noise: float, seed: int) -> None:
    labels = _draw(40, 6, n_classes, noise=noise, seed=seed)
    expected = _alpha_of_pairs(labels, n_classes=n_classes, scale=scale)
    assert measure_agreement(labels, n_classes=n_classes, scale=scale) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("scale", ["nominal", "ordinal"])
def test_alpha_of_two_thousand_classes_is_that_of_those_which_occur(scale: Scale) -> None:
    few = _draw(2000, 5, 20, noise=0.3, seed=3)
    many = np.where(few < 0, -1, few * 100 + 7)
    expected = measure_agreement(few, n_classes=20, scale=scale)
    assert measure_agreement(many, n_classes=2000, scale=scale) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("scale", ["nominal", "ordinal"])
def test_alpha_is_undefined_where_all_labels_are_of_one_class_or_no_example_has_two(scale: Scale) -> None:
    one_class = np.full((20_001, 3), 1)
    assert np.isnan(measure_agreement(one_class, n_classes=3, scale=scale))
    assert np.isnan(measure_agreement(np.array([[0, -1], [-1, 1], [-1, -1]]), n_classes=2, scale=scale))
