"""How feature columns become numbers: one encoding for each kind of estimator, and one for distances.

Every encoder is fitted on training rows only (it is a step of the estimator's pipeline) and is built from classes of
scikit-learn and skrub alone, so that a fitted pipeline can be stored without pickle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from cleanlab_assets.datasets.dataset import EMBEDDED_KINDS, ColumnKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import OneHotEncoder

    from cleanlab_assets.datasets.dataset import Column

MAX_ONE_HOT_CATEGORIES = 100
"""Rarer categories of a column share one indicator above this number."""
NAME_COMPONENTS = 30
"""Numbers that a name becomes."""
ENCODING_TYPES = frozenset(
    {
        # of pipelines of the user's own
        "sklearn.compose._column_transformer.make_column_selector",
        "skrub._apply_to_cols.ApplyToCols",
        "skrub._apply_to_each_col.ApplyToEachCol",
        "skrub._datetime_encoder.DatetimeEncoder",
        "skrub._string_encoder.StringEncoder",
        "skrub._to_str.ToStr",
        "skrub.selectors._base.All",
    }
)
"""Types of a stored encoding that skops does not know by itself."""
IQR_OF_NORMAL = 1.349
"""Interquartile range of a normal distribution, in standard deviations."""
MAX_CATEGORY_CODES = 255
"""Categories that histogram gradient boosting can tell apart in one column; rarer ones share a code."""


@dataclass(frozen=True, kw_only=True)
class FeatureKinds:
    """The columns that a model takes by kind, in table order; ``vector`` has those that texts and pictures became."""

    numeric: tuple[str, ...] = ()
    binary: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    date: tuple[str, ...] = ()
    name: tuple[str, ...] = ()
    vector: tuple[str, ...] = ()

    @classmethod
    def of(cls, columns: Iterable[Column], *, vectors: Iterable[str] = ()) -> FeatureKinds:
        """Sort catalogue columns by kind; columns that are no features are left out.

        Args:
            columns: of the dataset; no model takes texts and pictures as they are.
            vectors: the columns that these became.
        """
        features = [column for column in columns if column.is_feature and not column.is_embedded]
        kinds = [kind for kind in get_args(ColumnKind) if kind not in EMBEDDED_KINDS]
        named = {kind: tuple(column.name for column in features if column.kind == kind) for kind in kinds}
        return cls(**named, vector=tuple(vectors))

    @property
    def names(self) -> list[str]:
        """All columns that a model takes: numeric, binary, categorical, then dates, names and vectors."""
        return [*self.numeric, *self.binary, *self.categorical, *self.date, *self.name, *self.vector]


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
            *_encode_dirty_columns(kinds, are_numbers_scaled=True),
            *_pass_vectors(kinds),
        ],
        verbose_feature_names_out=False,
    )


def ordinal_encoding(kinds: FeatureKinds) -> ColumnTransformer:
    """Integer codes for categories, numbers as they are (missing values included): forests."""
    return _code_categories(kinds, unknown_value=-1, encoded_missing_value=-1)


def category_code_encoding(kinds: FeatureKinds) -> ColumnTransformer:
    """Numbers as they are, a code for each category, then the rest: histogram boosting.

    Missing and unseen categories stay missing.
    """
    return _code_categories(
        kinds, unknown_value=np.nan, encoded_missing_value=np.nan, max_categories=MAX_CATEGORY_CODES
    )


def _code_categories(kinds: FeatureKinds, **options: Any) -> ColumnTransformer:
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import OrdinalEncoder

    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", **options)
    numbers = [*kinds.numeric, *kinds.binary]
    return ColumnTransformer(
        [
            ("numeric", "passthrough", numbers),
            ("categorical", encoder, list(kinds.categorical)),
            *_pass_vectors(kinds),
            *_encode_dirty_columns(kinds, are_numbers_scaled=False),
        ],
        verbose_feature_names_out=False,
    )


def _pass_vectors(kinds: FeatureKinds) -> list[tuple[str, str, list[str]]]:
    """Take vectors as they are, where there are some: they come centred and scaled as a whole."""
    return [("vector", "passthrough", list(kinds.vector))] if kinds.vector else []


def _encode_dirty_columns(kinds: FeatureKinds, *, are_numbers_scaled: bool) -> list[tuple[str, Any, list[str]]]:
    """Return the encoders of dates and names, as far as there are any.

    A date becomes year, month, day, hour and its seconds since 1970; a name the first components of the characters that
    it is made of, weighted by how rare they are, so that what is written alike is alike.
    """
    if not (kinds.date or kinds.name):
        return []
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from skrub import ApplyToCols, DatetimeEncoder, StringEncoder

    encoders: list[tuple[str, Any, list[str]]] = []
    if kinds.date:
        calendar = ApplyToCols(DatetimeEncoder())
        if are_numbers_scaled:
            imputer = SimpleImputer(strategy="median", keep_empty_features=True)
            calendar = make_pipeline(calendar, imputer, StandardScaler())
        encoders.append(("date", calendar, list(kinds.date)))
    if kinds.name:
        names = ApplyToCols(StringEncoder(n_components=NAME_COMPONENTS, random_state=0))
        encoders.append(("name", names, list(kinds.name)))
    return encoders


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
    ``MAX_ONE_HOT_CATEGORIES`` of a column count as one. A date counts as a number; two names are up to 1 apart, the
    less they have in common. The vectors of texts and pictures together count like one number: two rows at random are
    about as far apart by them as two values of a number with a normal distribution.

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
    if kinds.numeric or kinds.date:
        # In double precision until it is centred: the digits that tell large numbers apart would be lost.
        numbers = table[list(kinds.numeric)].to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
        values = np.column_stack([numbers, *(_to_days(table[name]) for name in kinds.date)])
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
    blocks.extend(_encode_names(table[name], fit_on) for name in kinds.name)
    if kinds.vector:
        vectors = table[list(kinds.vector)].to_numpy(dtype=np.float32)
        # Their mean square is 1; that of a normal distribution is 0.55 in units of its interquartile range.
        blocks.append(vectors * np.float32(IQR_OF_NORMAL**-1 / np.sqrt(len(kinds.vector))))
    encoded = np.ascontiguousarray(np.hstack(blocks), dtype=np.float32)
    if not np.isfinite(encoded).all():
        row, column = np.argwhere(~np.isfinite(encoded))[0]
        raise ValueError(f"encoded feature {column} of row {row} is {encoded[row, column]}, expected a finite number")
    return encoded


def _to_days(times: pd.Series) -> np.ndarray:
    """Return times as days since 1970, NaN where one is missing."""
    days: np.ndarray = times.to_numpy(dtype="datetime64[us]").astype(np.float64) / 86_400e6
    return np.where(times.isna(), np.nan, days)


def _encode_names(names: pd.Series, fit_on: np.ndarray) -> np.ndarray:
    """Return names as vectors whose distance is 0 for equal ones and about 1 for such that have nothing in common."""
    from skrub import StringEncoder

    encoder = StringEncoder(n_components=NAME_COMPONENTS, random_state=0).fit(names[fit_on])
    vectors = np.asarray(encoder.transform(names), dtype=np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: np.ndarray = np.divide(vectors, lengths * np.sqrt(2), out=np.zeros_like(vectors), where=lengths > 0)
    return scaled
