"""The models of a dataset as one, for labels of one class each: their probabilities are weighed, then judged."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cleanlab_assets.methods.class_codes import encode_labels
from cleanlab_assets.methods.class_predictions import to_predictions_table, to_probabilities
from cleanlab_assets.methods.detection_power import score_detection_power
from cleanlab_assets.methods.stacking import (
    STACK,
    StackedModels,
    StackFacts,
    fit_stack,
    stack_probabilities,
)
from cleanlab_assets.methods.training_set import NO_FOLD, is_train_row, require_same_rows, train_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cleanlab_assets.families.step import PredictionsTable
    from cleanlab_assets.families.tables.class_labels import ClassLabelIssuesTable


N_FOLDS = 5


def stack_class_models(
    predictions: Mapping[str, PredictionsTable],
    label_issues: Mapping[str, ClassLabelIssuesTable],
) -> StackedModels:
    """Weigh the models by the train rows, which each predicts out of sample, and judge every row by the rules of all.

    Args:
        predictions: of each model; all of the same rows.
        label_issues: of each model; all flag by the same rules.
    """
    models = list(predictions)
    rows, judged = predictions[models[0]].value, label_issues[models[0]]
    for model in models:
        require_same_rows(predictions[model].value, rows, what=f"predictions of {model}")
    labels, is_train = encode_labels(rows["given_label"]), is_train_row(rows)
    probabilities = {model: to_probabilities(predictions[model].value) for model in models}
    known = {model: values[is_train] for model, values in probabilities.items()}
    fit = partial(fit_stack, labels=labels[is_train], seed=judged.facts.seed)
    together = fit(known)
    stacked = stack_probabilities(probabilities, together.weights)
    names = list(rows["given_label"].cat.categories)
    # The weights calibrate the stack already: any folds will do to measure what is left.
    no_features, folds = pd.DataFrame(index=rows.index), np.where(is_train, np.arange(len(rows)) % N_FOLDS, NO_FOLD)
    table = judged.facts.same_audit(to_predictions_table(rows, stacked, names), no_features, folds).table
    losses = {model: fit({model: values}).log_loss for model, values in known.items()}
    best = min(losses, key=lambda model: losses[model])
    facts = StackFacts(
        weights=together.weights,
        share_wrong=together.share_wrong,
        log_loss=together.log_loss,
        best_model=best,
        best_log_loss=losses[best],
        planted=_measure_planted({model: label_issues[model].value for model in models}, table),
    )
    return StackedModels(table=table, facts=facts)


def _measure_planted(by_model: Mapping[str, pd.DataFrame], stacked: pd.DataFrame) -> dict[str, float]:
    """Return the average precision of the planted errors by model; empty where none were planted."""
    truth = next(iter(by_model.values()))
    if "planted_error" not in truth or not truth["planted_error"].any():
        return {}
    of_stack = stacked.assign(planted_error=truth["planted_error"].to_numpy())
    tables = {model: train_rows(table) for model, table in {**by_model, STACK: of_stack}.items()}
    return {
        model: score_detection_power(
            table["label_quality"].to_numpy(),
            table["is_label_issue"].to_numpy(dtype=bool),
            table["planted_error"].to_numpy(dtype=bool),
        ).average_precision
        for model, table in tables.items()
    }
