"""A fit on few rows takes one thread of OpenMP, one on many all that there are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_info, threadpool_limits

from cleanlab_assets.methods.fitting import FEW_ROWS, fit_pipeline


def _count_threads() -> int:
    return max(int(library["num_threads"]) for library in threadpool_info() if library["user_api"] == "openmp")


class _Observer(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Notes how many threads it might use."""

    def fit(self, features: pd.DataFrame, targets: np.ndarray) -> _Observer:  # noqa: ARG002
        self.classes_, self.n_threads_ = np.unique(targets), _count_threads()
        return self


@pytest.mark.parametrize(("n_rows", "n_threads"), [(FEW_ROWS, 1), (FEW_ROWS + 1, 3)])
def test_few_rows_take_one_thread(n_rows: int, n_threads: int) -> None:
    import faiss  # noqa: F401 - its BLAS shares the number of threads with OpenMP
    import sklearn.ensemble  # noqa: F401 - brings OpenMP with it

    features = pd.DataFrame({"x": np.zeros(n_rows)})
    with threadpool_limits(3, user_api="openmp"):
        fitted = fit_pipeline(lambda: Pipeline([("model", _Observer())]), features, np.zeros(n_rows))
        assert _count_threads() == 3

    assert fitted.named_steps["model"].n_threads_ == n_threads
