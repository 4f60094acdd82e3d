"""Features that give the label away: one of them alone predicts it almost perfectly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cleanlab_assets.methods.fitting import expect_many_classes
from cleanlab_assets.methods.requirements import require_finite, require_rows
from cleanlab_assets.methods.seeding import seed_generator

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_EXPLAINED = 0.98
"""Share of what is not said by the most frequent class, or by the mean, that one feature may explain."""
MOST_ROWS = 5000
LEAVES_OF_A_CLASS = 4
LEAST_ROWS_OF_A_VALUE = 2


def find_telling_features(rows: pd.DataFrame, features: Sequence[str], labels: np.ndarray, *, seed: int) -> list[str]:
    """Find features that alone predict the label almost perfectly, on rows that the prediction was not made from.

    A class is predicted by a small decision tree on the one feature, a number by the mean of the rows with the same
    value, or by the order of the values.

    Args:
        rows: train rows with the features; texts written for people are no single values and are left out before.
        features: names of the columns to look at.
        labels: class codes, whole numbers of shape (n_rows,); or numbers; or which classes each row names, bool of
            shape (n_rows, n_classes).
        seed: seed of the sample of at most ``MOST_ROWS`` rows and of its halves.

    Returns:
        The names of the features, in their order.

    Raises:
        ValueError: a label is not finite, or they are of other rows.
    """
    require_rows(len(rows), labels=labels)
    require_finite("label", labels)
    order = seed_generator(seed, "telling features").permutation(len(rows))[:MOST_ROWS]
    sample, known = rows.iloc[order], labels[order]
    is_first = np.arange(len(order)) < len(order) // 2
    targets = known.T if known.ndim > 1 else [known]
    return [
        name
        for name in features
        if any(_explain(_to_numbers(sample[name], is_first), target, is_first) >= MOST_EXPLAINED for target in targets)
    ]


def _to_numbers(values: pd.Series, is_first: np.ndarray) -> np.ndarray:
    """Return values as numbers, NaN where one is missing; names get a code if the first half knows them."""
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        times = values.to_numpy().astype("datetime64[us]").astype(np.float64)
        return np.where(values.isna(), np.nan, times)
    texts = values.astype(object)
    known = texts[is_first].value_counts()
    codes = {name: code for code, name in enumerate(known.index[known >= LEAST_ROWS_OF_A_VALUE])}
    return texts.map(codes).to_numpy(dtype=np.float64, na_value=np.nan)


def _explain(values: np.ndarray, labels: np.ndarray, is_first: np.ndarray) -> float:
    """Return how much of the labels of the second half a feature explains, at most 1; negative for none."""
    if len(np.unique(labels[is_first])) < 2 or np.isnan(values).all():  # noqa: PLR2004 - nothing to explain
        return 0.0
    if np.issubdtype(labels.dtype, np.floating):
        return _explain_numbers(values, labels)
    from sklearn.tree import DecisionTreeClassifier

    n_classes = len(np.unique(labels))
    tree = DecisionTreeClassifier(max_leaf_nodes=LEAVES_OF_A_CLASS * n_classes, random_state=0)
    with expect_many_classes():
        tree.fit(values[is_first, None], labels[is_first])
    right = float((tree.predict(values[~is_first, None]) == labels[~is_first]).mean())
    usual = np.unique(labels[is_first], return_counts=True)
    by_chance = float((labels[~is_first] == usual[0][usual[1].argmax()]).mean())
    return (right - by_chance) / (1 - by_chance) if by_chance < 1 else 0.0


def _explain_numbers(values: np.ndarray, labels: np.ndarray) -> float:
    """Return the squared rank correlation of a feature with numeric labels."""
    from scipy.stats import spearmanr

    is_known = np.isfinite(values)
    if is_known.sum() <= LEAST_ROWS_OF_A_VALUE or len(np.unique(values[is_known])) < 2:  # noqa: PLR2004 - a constant
        return 0.0
    found = float(spearmanr(values[is_known], labels[is_known]).statistic)
    return found**2 * float(is_known.mean())
