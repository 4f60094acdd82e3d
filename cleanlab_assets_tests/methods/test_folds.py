from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanlab_assets.methods.folds import (
    bin_by_quantile,
    divide_by_time,
    divide_rows,
    draw_stratified_sample,
    group_equal_rows,
)

FIVE_FOLDS = [0.2] * 5
FEW = settings(max_examples=40, deadline=None)


def test_equal_rows_get_one_number_and_others_get_their_own() -> None:
    features = pd.DataFrame(
        {
            "number": [1.5, 1.5, 1.5, 2.0, np.nan, np.nan],
            "name": pd.Categorical(["a", "a", "b", "a", None, None]),
            "text": pd.Series(["x", "x", "x", "x", None, np.nan], dtype=object),
        }
    )

    assert group_equal_rows(features).tolist() == [0, 0, 1, 2, 3, 3]


def test_a_missing_name_is_not_the_name_none() -> None:
    features = pd.DataFrame({"text": pd.Series(["None", None, "nan", np.nan], dtype=object)})

    assert group_equal_rows(features).tolist() == [0, 1, 2, 1]


def test_minus_zero_equals_zero() -> None:
    features = pd.DataFrame({"wide": [0.0, -0.0, 1.0], "narrow": np.array([-0.0, 0.0, 0.0], dtype=np.float32)})

    assert group_equal_rows(features).tolist() == [0, 0, 1]
    assert np.signbit(features["wide"][1]), "the features themselves stay as they are"


@FEW
@given(
    labels=st.lists(st.integers(0, 3), min_size=1, max_size=80),
    n_groups=st.integers(1, 80),
    n_parts=st.integers(2, 6),
    seed=st.integers(0, 2**31),
)
def test_every_row_is_in_one_part_and_groups_stay_whole(
    labels: list[int], n_groups: int, n_parts: int, seed: int
) -> None:
    groups = np.random.default_rng(seed).integers(n_groups, size=len(labels))

    parts = divide_rows(np.array(labels), groups, [1 / n_parts] * n_parts, seed=seed)

    assert parts.shape == (len(labels),)
    assert set(parts) <= set(range(n_parts))
    assert all(len(set(parts[groups == group])) == 1 for group in set(groups))
    assert np.array_equal(parts, divide_rows(np.array(labels), groups, [1 / n_parts] * n_parts, seed=seed))


@FEW
@given(counts=st.lists(st.integers(1, 60), min_size=1, max_size=5), seed=st.integers(0, 2**31))
def test_every_class_is_spread_evenly_when_no_rows_are_equal(counts: list[int], seed: int) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)

    parts = divide_rows(labels, np.arange(len(labels)), FIVE_FOLDS, seed=seed)

    for code, count in enumerate(counts):
        per_part = np.bincount(parts[labels == code], minlength=5)
        assert np.abs(per_part - count / 5).max() <= 1


def test_unequal_shares_are_kept_within_every_class() -> None:
    labels = np.repeat([0, 1, 2], [500, 100, 40])

    parts = divide_rows(labels, np.arange(640), [0.25, 0.75], seed=1)

    assert [int((parts[labels == code] == 0).sum()) for code in range(3)] == [125, 25, 10]


def test_another_seed_divides_differently() -> None:
    labels, groups = np.zeros(100, dtype=int), np.arange(100)

    assert (divide_rows(labels, groups, [0.5, 0.5], seed=0) != divide_rows(labels, groups, [0.5, 0.5], seed=1)).any()


def test_a_single_row_of_a_class_becomes_a_train_row() -> None:
    for seed in range(10):
        parts = divide_rows(np.array([0] * 50 + [1]), np.arange(51), [0.2, 0.8], seed=seed)
        assert parts[50] == 1


@pytest.mark.parametrize("n_alike", [50, 60, 70])
def test_many_equal_rows_take_no_more_than_their_own_room(n_alike: int) -> None:
    """They go to the part that holds most of them, wherever they come in the order: the other part keeps its rest."""
    groups = np.append(np.zeros(n_alike, dtype=int), np.arange(1, 101 - n_alike))

    for seed in range(10):
        parts = divide_rows(np.zeros(100, dtype=int), groups, [0.5, 0.5], seed=seed)
        assert np.bincount(parts, minlength=2).min() >= (100 - n_alike) // 2


def test_no_rows_divide_into_no_rows() -> None:
    empty = np.empty(0, dtype=np.int64)

    assert divide_rows(empty, empty, FIVE_FOLDS, seed=0).shape == (0,)


@pytest.mark.parametrize("shares", [[0.5, 0.6], [1.0, 0.0], [1.5, -0.5]])
def test_impossible_shares_are_an_error_that_shows_them(shares: list[float]) -> None:
    with pytest.raises(ValueError, match=rf"shares are \[{shares[0]}, {shares[1]}\], expected positive numbers"):
        divide_rows(np.zeros(4, dtype=int), np.arange(4), shares, seed=0)


@FEW
@given(
    counts=st.lists(st.integers(1, 50), min_size=1, max_size=6),
    share=st.floats(0.05, 1.2),
    seed=st.integers(0, 2**31),
)
def test_a_sample_keeps_class_shares_and_at_least_one_row_of_each(counts: list[int], share: float, seed: int) -> None:
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    wanted = max(len(counts), round(share * len(labels)))

    sample = draw_stratified_sample(labels, wanted, seed=seed)

    assert len(sample) == min(wanted, len(labels))
    assert (np.diff(sample) > 0).all(), "sorted, nothing twice"
    drawn = np.bincount(labels[sample], minlength=len(counts))
    assert (drawn >= 1).all()
    assert (drawn <= counts).all()
    exact = np.array(counts) * len(sample) / len(labels)
    assert (drawn >= np.floor(exact) - len(counts)).all()
    assert (drawn <= np.maximum(np.ceil(exact), 1) + 1).all()


def test_a_sample_with_room_for_all_shares_has_them_exactly() -> None:
    labels = np.repeat([0, 1, 2], [600, 300, 100])

    sample = draw_stratified_sample(labels, 100, seed=3)

    assert np.bincount(labels[sample]).tolist() == [60, 30, 10]
    assert np.array_equal(sample, draw_stratified_sample(labels, 100, seed=3))
    assert not np.array_equal(sample, draw_stratified_sample(labels, 100, seed=4))


def test_a_small_sample_loses_no_rare_class() -> None:
    labels = np.repeat([0, 1, 2], [500, 300, 1])

    assert np.bincount(labels[draw_stratified_sample(labels, 8, seed=0)]).tolist() == [4, 3, 1]


def test_a_sample_smaller_than_the_number_of_classes_is_an_error() -> None:
    with pytest.raises(ValueError, match="a sample of 2 rows cannot hold all 3 classes"):
        draw_stratified_sample(np.repeat([0, 1, 2], 5), 2, seed=0)


@FEW
@given(n_rows=st.integers(1, 200), n_parts=st.integers(2, 6), seed=st.integers(0, 10_000))
def test_blocks_of_time_are_in_order_and_of_equal_size(n_rows: int, n_parts: int, seed: int) -> None:
    times = np.random.default_rng(seed).permutation(n_rows)

    blocks = divide_by_time(times, [1 / n_parts] * n_parts)

    assert (np.diff(blocks[np.argsort(times)]) >= 0).all()
    assert np.abs(np.bincount(blocks, minlength=n_parts) - n_rows / n_parts).max() < 1


def test_equal_times_are_in_the_block_of_their_middle() -> None:
    times = np.array([9, 2, 2, 2, 1, 9, 9, 9, 9, 9])

    assert divide_by_time(times, [0.3, 0.7]).tolist() == [1, 0, 0, 0, 0, 1, 1, 1, 1, 1]


def test_no_rows_are_no_blocks_and_no_bins() -> None:
    assert divide_by_time(np.empty(0), FIVE_FOLDS).shape == (0,)
    assert bin_by_quantile(np.empty(0), 10).shape == (0,)


def test_quantile_bins_hold_equal_shares_in_order_of_the_values() -> None:
    values = np.random.default_rng(0).lognormal(0, 2, 1000)

    bins = bin_by_quantile(values, 10)

    assert np.bincount(bins).tolist() == [100] * 10
    assert (np.diff(bins[np.argsort(values)]) >= 0).all()


@pytest.mark.parametrize("values", [[3.0] * 50, [0.0] * 40 + [1.0, 2.0, 3.0], [500_001.0] * 20 + [*range(30)]])
def test_equal_values_are_in_one_bin(values: list[float]) -> None:
    bins = pd.Series(bin_by_quantile(np.array(values), 10))

    assert bins.groupby(values).nunique().tolist() == [1] * len(set(values))


@FEW
@given(
    count=st.integers(2, 7),
    n_classes=st.integers(40, 150),
    shares=st.sampled_from([[0.2, 0.8], FIVE_FOLDS, [0.5, 0.5]]),
    seed=st.integers(0, 2**31),
)
def test_classes_of_few_rows_keep_the_shares_together_and_each_lies_apart(
    count: int, n_classes: int, shares: list[float], seed: int
) -> None:
    labels = np.repeat(np.arange(n_classes), count)

    parts = divide_rows(labels, np.arange(len(labels)), shares, seed=seed)

    np.testing.assert_allclose(np.bincount(parts, minlength=len(shares)) / len(labels), shares, atol=0.02)
    most = pd.Series(parts).groupby(labels).agg(lambda found: found.value_counts().max())
    assert most.max() <= np.ceil(count * max(shares)), "no part has more than its share of a class"


def test_the_only_row_of_a_class_is_a_train_row_and_in_any_fold() -> None:
    alone, groups = np.arange(50), np.arange(50)

    assert (divide_rows(alone, groups, [0.2, 0.8], seed=0) == 1).all()
    assert np.bincount(divide_rows(alone, groups, FIVE_FOLDS, seed=0)).tolist() == [10] * 5
