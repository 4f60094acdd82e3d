from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from cleanlab_assets.methods.label_set_folds import divide_label_sets, draw_label_set_sample
from cleanlab_assets.methods.label_sets import number_label_sets
from cleanlab_assets.methods.seeding import seed_generator

if TYPE_CHECKING:
    from collections.abc import Sequence


def divide_by_whole_tables(
    indicators: np.ndarray, groups: np.ndarray, shares: Sequence[float], *, seed: int
) -> np.ndarray:
    """Stratify iteratively with a table of all groups and all strata, step by step as the paper has it."""
    unique, of_row = np.unique(groups, return_inverse=True)
    combinations = number_label_sets(indicators)
    frequent = np.flatnonzero(np.bincount(combinations) >= len(shares))
    columns = [combinations[:, None] == frequent[None], indicators, np.ones((len(indicators), 1), dtype=bool)]
    strata = np.zeros((len(unique), sum(column.shape[1] for column in columns)), dtype=np.int64)
    np.add.at(strata, of_row, np.concatenate(columns, axis=1))
    order = seed_generator(seed, "label set division").permutation(len(unique))
    wanted, part = np.outer(shares, strata.sum(axis=0)), np.full(len(unique), -1)
    while (part < 0).any():
        left = strata[part < 0].sum(axis=0)
        stratum = int(np.argmin(np.where(left > 0, left, np.inf)))
        for group in order[(part[order] < 0) & (strata[order, stratum] > 0)]:
            best = max(range(len(shares)), key=lambda one: (wanted[one, stratum], wanted[one, -1], -one))
            part[group] = best
            wanted[best] -= strata[group]
    return part[of_row]


@pytest.mark.parametrize("seed", range(8))
def test_rows_are_divided_as_by_tables_of_all_groups_and_strata(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_rows, n_classes, n_parts = int(rng.integers(5, 300)), int(rng.integers(2, 12)), int(rng.integers(2, 6))
    indicators = rng.random((n_rows, n_classes)) < rng.uniform(0.05, 0.6)
    groups = rng.integers(rng.integers(1, n_rows + 1), size=n_rows)
    shares = rng.dirichlet(np.full(n_parts, 5.0)) * 0.9 + 0.1 / n_parts

    part = divide_label_sets(indicators, groups, shares.tolist(), seed=seed)

    np.testing.assert_array_equal(part, divide_by_whole_tables(indicators, groups, shares.tolist(), seed=seed))


@pytest.mark.slow
def test_rows_of_thousands_of_combinations_are_divided_and_sampled() -> None:
    rng = np.random.default_rng(0)
    indicators = rng.random((60_000, 150)) < 3 / 150
    assert number_label_sets(indicators).max() > 20_000

    part = divide_label_sets(indicators, np.arange(len(indicators)), [0.2] * 5, seed=0)
    sample = draw_label_set_sample(indicators, 20_000, seed=0)

    by_part = np.array([indicators[part == number].sum(axis=0) for number in range(5)])
    assert np.abs(np.bincount(part) - 12_000).max() < 120
    by_chance = np.sqrt(240 * 0.8)  # a class has 1,200 rows, of which a part gets 240
    assert (by_part - by_part.mean(axis=0)).std() < by_chance / 2
    assert len(np.unique(sample)) == 20_000
    np.testing.assert_allclose(indicators[sample].mean(axis=0), indicators.mean(axis=0), atol=0.003)
