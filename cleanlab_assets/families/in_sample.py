"""Predictions of the user's own that look as if the model was fitted on the rows that it predicts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.families.step import CheckResult, PredictionsTable, StepContext, check
from cleanlab_assets.methods.seeding import seed_generator
from cleanlab_assets.reports.formatting import format_share

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from cleanlab_assets.models.catalogue import PipelineFactory

MAX_ROWS = 2000
"""Rows of a random sample that bounds the cost."""
SUSPICIOUS_RATIO = 4.0
"""Error of an honest quick model by that of the given predictions from which these are suspicious."""
FEWEST_ERRORS = 5
"""Errors that an honest quick model must make more: fewer tell nothing."""


def suspect_in_sample(
    context: StepContext,
    rows: pd.DataFrame,
    own: np.ndarray,
    *,
    seed: int,
    models: Sequence[str],
    predict: Callable[[PipelineFactory, pd.DataFrame], np.ndarray],
    measure: Callable[[pd.DataFrame, np.ndarray], float],
) -> str:
    """Say why predictions look in-sample: they repeat the given labels far better than quick models do out of sample.

    Args:
        context: of the step.
        rows: train rows with ``given_label``, ``fold`` and features.
        own: predictions of the user's own for the same rows, shape (n_rows, n_columns).
        seed: seed of the sample and of the models.
        models: names of quick models of the family.
        predict: predicts rows by cross-validation on their folds, as ``own``.
        measure: error of predictions of rows, as a share: 0 where they repeat every label, about 1 for a guess.

    Returns:
        A sentence; empty where nothing is suspicious, or the dataset has no features to fit a model on.
    """
    if not context.features:
        return ""
    size = min(MAX_ROWS, len(rows))
    chosen = np.sort(seed_generator(seed, "in-sample suspicion").choice(len(rows), size=size, replace=False))
    sample = rows.iloc[chosen].reset_index(drop=True)
    errors = {name: measure(sample, predict(context.pipeline_factory(seed, {}, model=name), sample)) for name in models}
    best = min(errors, key=lambda name: errors[name])
    found = measure(sample, own[chosen])
    if found * SUSPICIOUS_RATIO > errors[best] or (errors[best] - found) * size < FEWEST_ERRORS:
        return ""
    return (
        f"the predictions look in-sample: they miss {format_share(found)} of the given labels, {best} by "
        f"cross-validation {format_share(errors[best])}. A model that was fitted on the rows that it predicts repeats "
        "their errors, and nothing can be found: predict each row by a model that never saw it"
    )


@check("predictions")
def predictions_are_out_of_sample(context: StepContext, predictions: PredictionsTable) -> CheckResult:
    """Predictions of the user's own do not repeat the given labels as only a model can that was fitted on them."""
    found = predictions.facts.looks_in_sample
    told = "nothing looks in-sample" if not context.is_fitted else "each row was predicted by a model that never saw it"
    return CheckResult(passed=not found, description=found or told, severity="warn")
