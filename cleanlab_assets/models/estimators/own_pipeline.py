"""A pipeline around an estimator of the user's own, which says whose estimator it is that fails."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.pipeline import Pipeline

from cleanlab_assets.models.own_models import ModelFailedError, list_parameters, tell_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

TOLERANCE = 0.01
"""Most by which the probabilities of a row may miss a sum of 1."""


class OwnPipeline(Pipeline):  # type: ignore[misc] # scikit-learn has no types
    """A pipeline whose failures, and predictions that cannot be, end with one clear message.

    Attributes:
        said: Beginning of a message, which names dataset and model.
        seeded: Parameters that were set to the seed.
    """

    said: str = ""
    seeded: tuple[str, ...] = ()
    _has_one_class_per_row: bool = False

    def fit(self, features: pd.DataFrame, labels: Any = None, **arguments: Any) -> Self:
        """Fit the estimator.

        Raises:
            ModelFailedError: it failed, or does not say which classes it knows.
        """
        with self._telling("fit", features):
            super().fit(features, labels, **arguments)
        self._has_one_class_per_row = np.ndim(labels) == 1
        if self._has_one_class_per_row and hasattr(self[-1], "predict_proba") and not hasattr(self[-1], "classes_"):
            raise ModelFailedError(f"{self.said}: {type(self[-1]).__name__} has no classes_ after fit")
        return self

    def predict(self, features: pd.DataFrame, **arguments: Any) -> Any:
        """Predict labels.

        Raises:
            ModelFailedError: the estimator failed, or predicted a number that is not finite.
        """
        with self._telling("predict", features):
            predicted = super().predict(features, **arguments)
        if np.issubdtype(np.asarray(predicted).dtype, np.floating):
            self._require(np.isfinite(predicted).all(), "predict", "a number that is not finite")
        return predicted

    def predict_proba(self, features: pd.DataFrame, **arguments: Any) -> Any:
        """Predict probabilities.

        Raises:
            ModelFailedError: the estimator failed, or predicted what is no probability.
        """
        with self._telling("predict_proba", features):
            predicted = super().predict_proba(features, **arguments)
        # Some estimators return an array for each of several labels.
        for values in map(np.asarray, predicted if isinstance(predicted, list) else [predicted]):
            are_shares = (values >= -TOLERANCE) & (values <= 1 + TOLERANCE)  # false of what is no number
            self._require(are_shares.all(), "predict_proba", "a number that is no probability")
        if self._has_one_class_per_row:
            is_whole = np.allclose(np.asarray(predicted).sum(axis=1), 1, atol=TOLERANCE)
            self._require(is_whole, "predict_proba", "probabilities of a row that do not sum to 1")
        return predicted

    def to_plain(self) -> Pipeline:
        """Return the same fitted steps as a pipeline of scikit-learn."""
        return Pipeline(self.steps)

    def describe(self) -> dict[str, Any]:
        """Return what the record of a result says of the estimator."""
        kind = f"{type(self[-1]).__module__}.{type(self[-1]).__qualname__}"
        return {"estimator": kind, "parameters": list_parameters(self[-1]), "set_to_the_seed": list(self.seeded)}

    def _require(self, is_right: Any, method: str, found: str) -> None:
        if not is_right:
            raise ModelFailedError(f"{self.said}: {method} of {type(self[-1]).__name__} returned {found}")

    @contextmanager
    def _telling(self, method: str, features: pd.DataFrame) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            shape = f"{len(features):,} rows of {features.shape[1]:,} features"
            raise ModelFailedError(f"{self.said}: {method} on {shape} raised {tell_error(error)}") from error
