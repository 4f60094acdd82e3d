from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.methods.telling_features import find_telling_features

N_ROWS = 400


def make_rows(labels: np.ndarray) -> pd.DataFrame:
    """Make features of which those that begin with "tells" are made from the label, a few rows apart."""
    rng = np.random.default_rng(0)
    codes = np.unique(labels, return_inverse=True)[1]
    few_wrong = np.where(rng.random(N_ROWS) < 0.1, rng.permutation(codes), codes)
    return pd.DataFrame(
        {
            "noise": rng.normal(size=N_ROWS),
            "helps": few_wrong + rng.normal(scale=0.3, size=N_ROWS),
            "tells_number": codes * 10 + rng.random(N_ROWS),
            "tells_name": pd.Categorical([f"group {code}" for code in codes]),
            "tells_date": pd.Timestamp("2024-01-01") + pd.to_timedelta(codes, unit="D"),
            "constant": 1.0,
            "empty": np.nan,
            "row": [f"r{number}" for number in range(N_ROWS)],
        }
    )


@pytest.mark.parametrize("n_classes", [2, 5, 40])
def test_features_made_from_the_class_are_found(n_classes: int) -> None:
    labels = np.random.default_rng(1).integers(n_classes, size=N_ROWS)
    rows = make_rows(labels)
    assert find_telling_features(rows, rows.columns.tolist(), labels, seed=0) == [
        "tells_number",
        "tells_name",
        "tells_date",
    ]


def test_a_rare_class_needs_no_feature_that_tells_it() -> None:
    labels = (np.arange(N_ROWS) < 8).astype(int)
    rows = pd.DataFrame({"noise": np.random.default_rng(0).normal(size=N_ROWS), "tells": labels * 3.0})
    assert find_telling_features(rows, rows.columns.tolist(), labels, seed=0) == ["tells"]


def test_features_made_from_the_value_are_found() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=N_ROWS)
    rows = pd.DataFrame(
        {
            "tells": np.exp(values) * 1.21,
            "tells_backwards": -values,
            "helps": values + rng.normal(scale=0.3, size=N_ROWS),
            "half_missing": np.where(np.arange(N_ROWS) % 2, values, np.nan),
        }
    )
    assert find_telling_features(rows, rows.columns.tolist(), values, seed=0) == ["tells", "tells_backwards"]


def test_a_feature_that_tells_one_of_several_classes_is_found() -> None:
    rng = np.random.default_rng(0)
    labels = rng.random((N_ROWS, 3)) < 0.4
    rows = pd.DataFrame({"noise": rng.normal(size=N_ROWS), "tells": labels[:, 1].astype(float)})
    assert find_telling_features(rows, rows.columns.tolist(), labels, seed=0) == ["tells"]


def test_few_rows_and_one_class_are_no_error() -> None:
    rows = pd.DataFrame({"x": [1.0, 2.0, 3.0]})
    assert find_telling_features(rows, ["x"], np.array([0, 0, 0]), seed=0) == []
    assert find_telling_features(rows.head(1), ["x"], np.array([0]), seed=0) == []
