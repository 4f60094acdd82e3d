from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.datasets.dataset import Column
from cleanlab_assets.models.encoding import (
    MAX_CATEGORY_CODES,
    FeatureKinds,
    category_code_encoding,
    encode_for_distance,
    one_hot_encoding,
    ordinal_encoding,
)
from cleanlab_assets_tests.known_data import MIXED_KINDS, mixed_table


def everything(table: pd.DataFrame) -> np.ndarray:
    return np.ones(len(table), dtype=bool)


def test_columns_are_sorted_by_kind_and_others_are_left_out() -> None:
    kinds = FeatureKinds.of(
        [
            Column(name="job", kind="categorical"),
            Column(name="age", kind="numeric"),
            Column(name="member", kind="binary"),
            Column(name="id", kind="numeric", is_feature=False),
        ]
    )

    assert kinds == FeatureKinds(numeric=("age",), binary=("member",), categorical=("job",))
    assert kinds.names == ["age", "member", "job"]


def test_rows_that_differ_in_one_category_or_binary_value_are_one_apart() -> None:
    kinds = FeatureKinds(binary=("member",), categorical=("region", "job"))
    table = pd.DataFrame({"member": [0, 1, 0, 0], "region": ["n", "n", "s", None], "job": ["x", "x", "x", "x"]})

    encoded = encode_for_distance(table, kinds, fit_on=everything(table))

    distances = np.linalg.norm(encoded[0] - encoded[1:], axis=1)
    np.testing.assert_allclose(distances, 1, rtol=1e-6)


def test_numbers_are_centred_and_scaled_by_quartiles_of_the_fitted_rows_alone() -> None:
    table = pd.DataFrame({"x": [0.0, 1, 2, 3, 4, 1000, np.nan]})
    fit_on = np.array([True] * 5 + [False] * 2)

    encoded = encode_for_distance(table, FeatureKinds(numeric=("x",)), fit_on=fit_on)

    assert encoded[:, 0].tolist() == [-1, -0.5, 0, 0.5, 1, 499, 0]
    assert encoded.dtype == np.float32
    assert encoded.flags.c_contiguous


def test_the_table_itself_is_left_as_it_is() -> None:
    table = pd.DataFrame({"x": [1.0, np.nan, 3.0], "y": [np.nan] * 3})
    before = table.copy()

    encode_for_distance(table, FeatureKinds(numeric=("x", "y")), fit_on=everything(table))

    pd.testing.assert_frame_equal(table, before)


def test_small_differences_of_large_numbers_are_kept() -> None:
    seconds = 1.7e9 + np.arange(50.0)  # single precision has steps of 128 there
    table = pd.DataFrame({"time": seconds})

    encoded = encode_for_distance(table, FeatureKinds(numeric=("time",)), fit_on=everything(table))

    assert len(np.unique(encoded)) == 50
    np.testing.assert_allclose(np.diff(encoded[:, 0]), 1 / 24.5, rtol=1e-4)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([5.0, 5.0, 5.0, 5.0], [0, 0, 0, 0]),  # constant
        ([np.nan, np.nan, np.nan, 3.0], [0, 0, 0, 0]),  # no value among the fitted rows
        ([0.0] * 9 + [10.0], [0] * 9 + [10 / 3]),  # no interquartile range: standard deviation
    ],
)
def test_columns_without_spread_or_values_stay_finite(values: list[float], expected: list[float]) -> None:
    table = pd.DataFrame({"x": values})
    fit_on = everything(table)
    if np.isnan(values).any():
        fit_on[-1] = False

    encoded = encode_for_distance(table, FeatureKinds(numeric=("x",)), fit_on=fit_on)

    np.testing.assert_allclose(encoded[:, 0], expected, rtol=1e-6)


def test_a_missing_binary_value_lies_halfway() -> None:
    table = pd.DataFrame({"member": [0.0, 1.0, np.nan]})

    assert encode_for_distance(table, FeatureKinds(binary=("member",)), fit_on=everything(table)).ravel().tolist() == [
        0,
        1,
        0.5,
    ]


def test_no_features_and_infinite_values_are_errors() -> None:
    with pytest.raises(ValueError, match="no feature columns to encode"):
        encode_for_distance(pd.DataFrame({"x": [1.0]}), FeatureKinds(), fit_on=np.array([True]))
    table = pd.DataFrame({"x": [1.0, 2.0, 3.0, np.inf]})
    with pytest.raises(ValueError, match="encoded feature 0 of row 3 is inf, expected a finite number"):
        encode_for_distance(table, FeatureKinds(numeric=("x",)), fit_on=np.array([True, True, True, False]))


def test_one_hot_features_are_finite_and_missing_categories_have_their_own_indicator() -> None:
    features = mixed_table(100, seed=0).features

    encoded = one_hot_encoding(MIXED_KINDS).fit_transform(features)

    assert np.isfinite(encoded).all()
    assert encoded.shape == (100, 2 + 1 + 4 + 5)
    np.testing.assert_allclose(encoded[:, 3:7].sum(axis=1), 1)


def test_ordinal_codes_keep_missing_numbers_and_give_missing_and_unseen_categories_one_code() -> None:
    features = mixed_table(100, seed=0).features
    encoder = ordinal_encoding(MIXED_KINDS).fit(features)
    unseen = features.assign(job="wizard")

    assert np.array_equal(np.isnan(encoder.transform(features)[:, 1]), features["hours"].isna())
    assert np.array_equal(encoder.transform(features)[:, 4] == -1, features["job"].isna())
    assert (encoder.transform(unseen)[:, 4] == -1).all()


def test_category_codes_stay_below_their_limit_and_keep_missing_values() -> None:
    kinds = FeatureKinds(categorical=("name",))
    table = pd.DataFrame({"name": pd.Categorical([*(f"n{row}" for row in range(400)), *["n0"] * 5, None])})

    codes = category_code_encoding(kinds).fit_transform(table)

    assert np.nanmax(codes) < MAX_CATEGORY_CODES
    assert np.isnan(codes[-1, 0])
    assert (codes[400:405] == codes[0]).all()
    assert codes[0] != codes[1]
