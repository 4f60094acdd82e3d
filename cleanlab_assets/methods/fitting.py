"""Fitting a model on rows that count more or less than others."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cleanlab_assets.compat import fit_with_inner_weights
from cleanlab_assets.methods.requirements import require_finite, require_rows, require_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    import pandas as pd
    from sklearn.base import BaseEstimator
    from sklearn.pipeline import Pipeline

FEW_ROWS = 10_000
"""Rows up to which OpenMP gets one thread, too."""


def fit_pipeline(
    build: Callable[[], Pipeline], features: pd.DataFrame, targets: np.ndarray, weights: np.ndarray | None = None
) -> Pipeline:
    """Fit a new pipeline on rows.

    Rows of weight 0 are left out, whatever the estimator. The other weights go to estimators that take them; those that
    do not (nearest neighbours) are fitted without, see ``takes_weights``. The encoding of the features weighs all rows
    that are left alike.

    Args:
        build: returns a new unfitted pipeline.
        features: feature columns, shape (n_rows, n_features).
        targets: what is learned, shape (n_rows, ...).
        weights: how much each row counts, at least 0, shape (n_rows,); None weighs all alike.

    Raises:
        ValueError: a target or weight is not finite, a weight is negative, or something is of other rows.
    """
    require_rows(len(features), targets=targets)
    if targets.dtype.kind == "f":  # else they are classes
        require_finite("target", targets)
    require_weights(len(features), weights)
    pipeline = build()
    with _limit_threads(len(features)), expect_many_classes():
        return _fit(pipeline, features, targets, weights)


@contextmanager
def expect_many_classes() -> Iterator[None]:
    """Let scikit-learn take targets of many classes for classes: it warns that they may be numbers."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The number of unique classes is greater than 50% of the number")
        yield


@contextmanager
def _limit_threads(n_rows: int) -> Iterator[None]:
    """Let BLAS work with one thread, and on few rows OpenMP, too.

    A fit asks BLAS thousands of times for products of small matrices. Several threads spend longer at meeting each
    other than at work: logistic regression on 50,000 rows takes five times the processor's time, and three times as
    long, with two threads. Boosting on few rows is of the same kind; and its threads take five times as long once
    another program needs part of the machine, since all of them wait for the slowest.
    """
    from threadpoolctl import ThreadpoolController

    libraries = ThreadpoolController()
    found = max((one["num_threads"] for one in libraries.info() if one["user_api"] == "openmp"), default=1)
    n_openmp = 1 if n_rows <= FEW_ROWS else found
    # In this order: a BLAS that is made with OpenMP, as that of faiss is, takes away the threads of OpenMP, too.
    with libraries.limit(limits=1, user_api="blas"), libraries.limit(limits=n_openmp, user_api="openmp"):
        yield


def _fit(pipeline: Pipeline, features: pd.DataFrame, targets: np.ndarray, weights: np.ndarray | None) -> Pipeline:
    if weights is None:
        return pipeline.fit(features, targets)
    counts = weights > 0
    features, targets, weights = features[counts], targets[counts], weights[counts]
    name, estimator = pipeline.steps[-1]
    if _takes_weights_itself(estimator):
        return pipeline.fit(features, targets, **{f"{name}__sample_weight": weights})
    if not takes_weights(pipeline):
        return pipeline.fit(features, targets)
    encoded = pipeline[:-1].fit_transform(features, targets) if len(pipeline.steps) > 1 else features
    fit_with_inner_weights(estimator, encoded, targets, weights)
    return pipeline


def takes_weights(pipeline: Pipeline) -> bool:
    """Whether the estimator of a pipeline takes the weights of rows, or those that it fits for each label do."""
    estimator = pipeline.steps[-1][1]
    inner = getattr(estimator, "estimator", None)
    return _takes_weights_itself(estimator) or (inner is not None and _takes_weights_itself(inner))


def take_weights(weights: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    """Return the weights of the rows that a mask keeps; None where rows have none."""
    return None if weights is None else weights[rows]


def combine_weights(first: np.ndarray | None, second: np.ndarray | None) -> np.ndarray | None:
    """Return the product of two weights of each row; None where rows have neither.

    Raises:
        ValueError: a weight is not finite or negative, or the two are of different rows.
    """
    if first is None or second is None:
        return second if first is None else first
    for weights in (first, second):
        require_weights(len(first), weights)
    product: np.ndarray = first * second
    return product


def _takes_weights_itself(estimator: BaseEstimator) -> bool:
    from sklearn.utils.validation import has_fit_parameter

    return bool(has_fit_parameter(estimator, "sample_weight"))
