from __future__ import annotations

import numpy as np
import pytest

from cleanlab_assets.families.multilabel.plant import plant_in_every_row, plant_label_set_errors
from cleanlab_assets.methods.seeding import seed_generator


def exchange_pair_by_pair(is_named: np.ndarray, n_pairs: int, *, seed: int) -> np.ndarray:
    """Exchange the labels of the first waiting row and of the first after it whose label differs, again and again."""
    labels, n_rows = is_named.copy(), len(is_named)
    waiting = seed_generator(seed, "planted label set errors").permutation(n_rows).tolist()
    for _ in range(n_pairs):
        first = waiting.pop(0)
        partner = next(row for row in waiting if (labels[row] != labels[first]).any())
        waiting.remove(partner)
        labels[[first, partner]] = labels[[partner, first]]
    return labels


@pytest.mark.parametrize("share", [0.05, 0.2, 0.6])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_whole_sets_are_exchanged_as_pair_by_pair(share: float, seed: int) -> None:
    is_named = np.random.default_rng(seed).random((200, 3)) < share
    planted = plant_label_set_errors(is_named, fraction=0.1, kind="whole_set", seed=seed)
    np.testing.assert_array_equal(planted.labels, exchange_pair_by_pair(is_named, 10, seed=seed))
    assert planted.is_planted.sum() == 20


def test_fewer_rows_of_another_label_than_pairs_are_refused() -> None:
    is_named = np.zeros((50, 3), dtype=bool)
    is_named[:4, 0] = True
    with pytest.raises(ValueError, match="10 pairs of rows with different labels are wanted, found 4"):
        plant_label_set_errors(is_named, fraction=0.4, kind="whole_set", seed=0)


def test_every_row_that_can_take_an_error_gets_one_of_a_random_kind() -> None:
    is_named = np.eye(4, dtype=bool)[np.arange(4000) % 4]
    labels = plant_in_every_row(is_named, seed=0)

    added, removed = (labels & ~is_named).sum(axis=1), (is_named & ~labels).sum(axis=1)
    changes = {(gain, loss): float(((added == gain) & (removed == loss)).mean()) for gain in (0, 1) for loss in (0, 1)}
    # A quarter of each kind; of the exchanged sets, three in four are another one, which here is a class for a class.
    assert changes == pytest.approx({(0, 0): 1 / 16, (0, 1): 1 / 4, (1, 0): 1 / 4, (1, 1): 7 / 16}, abs=0.03)
    assert (plant_in_every_row(is_named, seed=0) == labels).all()


def test_a_row_without_a_class_loses_none() -> None:
    labels = plant_in_every_row(np.zeros((400, 3), dtype=bool), seed=0)

    assert set(labels.sum(axis=1)) == {0, 1}
    assert labels.any(axis=1).mean() == pytest.approx(1 / 2, abs=0.1)


@pytest.mark.slow
def test_whole_sets_of_a_million_rows_are_exchanged() -> None:
    is_named = np.random.default_rng(0).random((1_000_000, 3)) < 0.1
    planted = plant_label_set_errors(is_named, fraction=0.3, kind="whole_set", seed=0)
    assert planted.is_planted.sum() == 300_000
    assert (planted.labels != is_named).any(axis=1)[planted.is_planted].all()
    assert not (planted.labels != is_named).any(axis=1)[~planted.is_planted].any()
    np.testing.assert_array_equal(planted.labels.sum(axis=0), is_named.sum(axis=0))
