"""How feature columns become numbers: one encoding for each kind of estimator, and one for distances.

Every encoder is fitted on training rows only (it is a step of the estimator's pipeline) and is built from
scikit-learn classes alone, so that a fitted pipeline can be stored without pickle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import OneHotEncoder

    from cleanlab_assets.datasets.dataset import Column

MAX_ONE_HOT_CATEGORIES = 100
"""Rarer categories of a column share one indicator above this number."""
MAX_CATEGORY_CODES = 255
"""Categories that histogram gradient boosting can tell apart in one column; rarer ones share a code."""


@dataclass(frozen=True, kw_only=True)
class FeatureKinds:
    """The feature columns of a table by kind, in table order."""

    numeric: tuple[str, ...] = ()
    binary: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()

    @classmethod
    def of(cls, columns: Iterable[Column]) -> FeatureKinds:
        """Sort catalogue columns by kind; columns that are no features are left out."""
        features = [column for column in columns if column.is_feature]
        return cls(
            numeric=tuple(column.name for column in features if column.kind == "numeric"),
            binary=tuple(column.name for column in features if column.kind == "binary"),
            categorical=tuple(column.name for column in features if column.kind == "categorical"),
        )

    @property
    def names(self) -> list[str]:
        """All feature columns: numeric, then binary, then categorical."""
        return [*self.numeric, *self.binary, *self.categorical]


def one_hot_encoding(kinds: FeatureKinds) -> ColumnTransformer:
    """Median imputation and standard scaling for numbers, indicators for categories: linear and neighbour models."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    numbers = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    return ColumnTransformer(
        [
            ("numeric", numbers, list(kinds.numeric)),
            ("binary", SimpleImputer(strategy="most_frequent", keep_empty_features=True), list(kinds.binary)),
            ("categorical", _indicate_categories(), list(kinds.categorical)),
        ],
        verbose_feature_names_out=False,
    )


def ordinal_encoding(kinds: FeatureKinds) -> ColumnTransformer:
    """Integer codes for categories, numbers as they are (missing values included): forests."""
    return _code_categories(kinds, unknown_value=-1, encoded_missing_value=-1)


def category_code_encoding(kinds: FeatureKinds) -> ColumnTransformer:
    """Numbers as they are, then a code for each category; missing and unseen ones stay missing: histogram boosting."""
    return _code_categories(
        kinds, unknown_value=np.nan, encoded_missing_value=np.nan, max_categories=MAX_CATEGORY_CODES
    )


def _code_categories(kinds: FeatureKinds, **options: Any) -> ColumnTransformer:
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import OrdinalEncoder

    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", **options)
    numbers = [*kinds.numeric, *kinds.binary]
    return ColumnTransformer(
        [("numeric", "passthrough", numbers), ("categorical", encoder, list(kinds.categorical))],
        verbose_feature_names_out=False,
    )


def _indicate_categories() -> OneHotEncoder:
    from sklearn.preprocessing import OneHotEncoder

    return OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        max_categories=MAX_ONE_HOT_CATEGORIES,
        sparse_output=False,
        dtype=np.float32,
    )


def encode_for_distance(table: pd.DataFrame, kinds: FeatureKinds, *, fit_on: np.ndarray) -> np.ndarray:
    """Encode rows so that Euclidean distance means dissimilarity.

    Numbers are imputed with the median and centred and scaled by median and interquartile range (robust to the very
    outliers that are looked for). A column whose interquartile range is zero is scaled by its standard deviation; one
    without any value is 0 throughout. Two rows that differ in one category or one binary value are 1 apart; a missing
    category is a category, and a missing binary value lies halfway. Categories beyond the most frequent
    ``MAX_ONE_HOT_CATEGORIES`` of a column count as one.

    Args:
        table: rows with the columns of ``kinds``.
        kinds: the feature columns.
        fit_on: boolean mask, shape (n_rows,): the rows that medians, scales and categories are taken from.

    Returns:
        float32 array of shape (n_rows, n_encoded), finite, C-contiguous.

    Raises:
        ValueError: there is no feature column, or the result is not finite.
    """
    if not kinds.names:
        raise ValueError("no feature columns to encode")
    blocks: list[np.ndarray] = []
    if kinds.numeric:
        # In double precision until it is centred: the digits that tell large numbers apart would be lost.
        values = table[list(kinds.numeric)].to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
        values[:, np.isnan(values[fit_on]).all(axis=0)] = 0.0
        low, median, high = np.nanquantile(values[fit_on], [0.25, 0.5, 0.75], axis=0)
        values = np.where(np.isnan(values), median, values)
        scale = high - low
        scale = np.where(scale > 0, scale, values[fit_on].std(axis=0))
        blocks.append(((values - median) / np.where(scale > 0, scale, 1.0)).astype(np.float32))
    if kinds.binary:
        values = table[list(kinds.binary)].to_numpy(dtype=np.float32, na_value=np.nan)
        blocks.append(np.where(np.isnan(values), np.float32(0.5), values))
    if kinds.categorical:
        categories = table[list(kinds.categorical)]
        encoder = _indicate_categories().fit(categories[fit_on])
        blocks.append(encoder.transform(categories) / np.float32(np.sqrt(2)))
    encoded = np.ascontiguousarray(np.hstack(blocks), dtype=np.float32)
    if not np.isfinite(encoded).all():
        row, column = np.argwhere(~np.isfinite(encoded))[0]
        raise ValueError(f"encoded feature {column} of row {row} is {encoded[row, column]}, expected a finite number")
    return encoded
