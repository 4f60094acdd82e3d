"""Regression data with known truth, shared by the tests of this package."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

FEATURES = ["x1", "x2", "x3"]


def value_rows(n_rows: int, *, seed: int, noise: float = 5.0, n_folds: int = 5) -> pd.DataFrame:
    """Return train rows: positive labels, linear in the features up to noise; signal has a deviation of about 37."""
    rng = np.random.default_rng(seed)
    features = pd.DataFrame(rng.normal(size=(n_rows, 3)), columns=FEATURES)
    labels = 200 + 30 * features["x1"] + 20 * features["x2"] - 10 * features["x3"] + rng.normal(0, noise, n_rows)
    return pd.DataFrame(
        {
            "row_id": [f"r{row}" for row in range(n_rows)],
            **features,
            "given_label": labels.clip(lower=1.0),
            "split": pd.Categorical(["train"] * n_rows, categories=["train", "test"]),
            "fold": rng.permutation(np.arange(n_rows) % n_folds),
        }
    )


def build_linear() -> Pipeline:
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    return Pipeline([("encoding", StandardScaler()), ("estimator", LinearRegression())])
