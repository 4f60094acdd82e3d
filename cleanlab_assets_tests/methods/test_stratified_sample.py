from __future__ import annotations

import numpy as np
import pytest

from cleanlab_assets.methods.folds import draw_stratified_sample
from cleanlab_assets.methods.seeding import seed_generator


def draw_class_by_class(labels: np.ndarray, n_rows: int, *, seed: int) -> np.ndarray:
    """Allot one row after another to the class that is farthest from its share, then draw of each class."""
    classes, counts = np.unique(labels, return_counts=True)
    exact = counts * (n_rows / len(labels))
    allotted = np.maximum(np.floor(exact).astype(int), 1)
    while allotted.sum() != n_rows:
        step = 1 if allotted.sum() < n_rows else -1
        can_change = (allotted < counts) if step > 0 else (allotted > 1)
        allotted[int(np.where(can_change, step * (exact - allotted), -np.inf).argmax())] += step
    rng = seed_generator(seed, "stratified sample")
    drawn = [
        rng.choice(np.flatnonzero(labels == label), size=size, replace=False)
        for label, size in zip(classes, allotted, strict=True)
    ]
    return np.sort(np.concatenate(drawn))


@pytest.mark.parametrize("n_classes", [1, 2, 30, 200])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_sample_is_drawn_as_class_by_class(n_classes: int, share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rare = np.minimum(rng.geometric(5 / n_classes if n_classes > 5 else 0.5, size=600) - 1, n_classes - 1)
    labels = rng.permutation(np.concatenate([np.arange(n_classes), rare])) * 3
    n_rows = max(n_classes, round(share * len(labels)))
    np.testing.assert_array_equal(
        draw_stratified_sample(labels, n_rows, seed=seed), draw_class_by_class(labels, n_rows, seed=seed)
    )


@pytest.mark.slow
def test_a_sample_of_a_hundred_thousand_classes_holds_each_of_them() -> None:
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(100_000), 4))
    sample = draw_stratified_sample(labels, 150_000, seed=0)
    assert len(np.unique(sample)) == 150_000
    assert set(np.bincount(labels[sample]).tolist()) == {1, 2}
