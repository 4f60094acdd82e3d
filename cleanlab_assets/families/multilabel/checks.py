"""The checks that only the multilabel family has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cleanlab_assets.families.detection_power import NOT_MEASURED, judge_detection_power
from cleanlab_assets.families.multilabel.plant import plant_label_set_errors
from cleanlab_assets.families.multilabel.predictions import (
    predict_label_sets_out_of_sample,
    to_label_set_predictions_table,
    to_label_set_probabilities,
)
from cleanlab_assets.families.step import CheckResult, StepContext, TrainingSetTable, check, rule_on_rows
from cleanlab_assets.families.tables.checks import judge_rarest_class
from cleanlab_assets.methods.detection_power import score_detection_power
from cleanlab_assets.methods.folds import draw_stratified_sample, group_equal_rows
from cleanlab_assets.methods.label_set_folds import divide_label_sets
from cleanlab_assets.methods.label_sets import decode_label_sets, encode_given_labels
from cleanlab_assets.methods.seeding import seed_generator
from cleanlab_assets.methods.training_set import row_weights, train_rows

if TYPE_CHECKING:
    from cleanlab_assets.families.multilabel.issues import LabelSetIssuesTable
    from cleanlab_assets.families.multilabel.predictions import LabelSetPredictionsTable


MAX_ROWS, FOLDS, PLANTED_SHARE = 3000, 3, 0.1
"""Rows of the sample that detection power is measured on, its folds, and the share of its labels that get an error."""


@check("training_set")
def class_imbalance(context: StepContext, training_set: TrainingSetTable) -> CheckResult:
    """The rarest class is not too rare to learn and to audit."""
    names = context.dataset.class_names
    named = encode_given_labels(train_rows(training_set.value), names)
    return judge_rarest_class(context, pd.Series(named.mean(axis=0), index=list(names)))


@check("predictions", is_blocking=True)
def probabilities_are_valid(context: StepContext, predictions: LabelSetPredictionsTable) -> CheckResult:
    """Probabilities are numbers from 0 to 1, calibrated or not."""
    table = predictions.value
    probabilities = np.hstack(
        [to_label_set_probabilities(table, calibrated=calibrated) for calibrated in (True, False)]
    )
    with np.errstate(invalid="ignore"):
        is_invalid = np.asarray(~((probabilities >= 0) & (probabilities <= 1)).all(axis=1))
    invalid = table["row_id"][is_invalid]
    return rule_on_rows(invalid.tolist(), len(table), "rows have invalid probabilities")


@check("label_issues", is_heavy=True, sees_vectors=True)
def detection_power(context: StepContext, label_issues: LabelSetIssuesTable) -> CheckResult:
    """Planted label errors rank far worse than by chance: the detector has signal."""
    if not context.is_fitted:
        return NOT_MEASURED
    table, facts, names = train_rows(label_issues.value), label_issues.facts, context.dataset.class_names
    if "planted_error" in table:
        table = table.assign(given_label=table["true_label"])
    build = context.pipeline_factory(facts.seed, facts.model_parameters)
    sample = draw_stratified_sample(np.zeros(len(table), dtype=np.int64), MAX_ROWS, seed=facts.seed)
    rows = table.iloc[sample].reset_index(drop=True)
    features = rows[build.features]
    # A seed of its own: that of the run may already have planted errors in these rows, which would be the same ones.
    own_seed = int(seed_generator(facts.seed, "planted label set copy").integers(2**31))
    planted = plant_label_set_errors(
        encode_given_labels(rows, names), fraction=PLANTED_SHARE, kind="mixed", seed=own_seed
    )
    rows["given_label"] = decode_label_sets(planted.labels, names)
    fold = divide_label_sets(planted.labels, group_equal_rows(features), [1 / FOLDS] * FOLDS, seed=facts.seed)
    predicted = predict_label_sets_out_of_sample(
        features,
        planted.labels,
        fold,
        build=build,
        calibration=facts.calibration_method,
        weights=row_weights(rows),
    )
    issues = facts.same_audit(to_label_set_predictions_table(rows, predicted, names), features).table
    quality, flags = issues["label_quality"].to_numpy(), issues["is_label_issue"].to_numpy()
    return judge_detection_power(score_detection_power(quality, flags, planted.is_planted))
