"""What the audit of label sets can find."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.families.detection_power import NOT_MEASURED, detection_step
from cleanlab_assets.families.multilabel.plant import KINDS, plant_label_set_errors_of_all_kinds
from cleanlab_assets.families.multilabel.predictions import (
    predict_label_sets_out_of_sample,
    to_label_set_predictions_table,
    to_label_set_probabilities,
)
from cleanlab_assets.methods.detection_verdict import (
    DetectionReport,
    count_of_each_kind,
    judge_copy,
    measure_in_rounds,
)
from cleanlab_assets.methods.folds import draw_stratified_sample, group_equal_rows
from cleanlab_assets.methods.label_set_folds import divide_label_sets
from cleanlab_assets.methods.label_sets import decode_label_sets, encode_given_labels
from cleanlab_assets.methods.planted_audit import FOLDS, MAX_ROWS, PLANTED_SHARE
from cleanlab_assets.methods.seeding import seed_generator
from cleanlab_assets.methods.training_set import require_same_rows, row_weights, train_rows

if TYPE_CHECKING:
    from cleanlab_assets.families.multilabel.issues import LabelSetIssuesTable
    from cleanlab_assets.families.multilabel.predictions import LabelSetPredictionsTable
    from cleanlab_assets.families.step import StepContext


@detection_step
def detection_power(
    context: StepContext, label_issues: LabelSetIssuesTable, predictions: LabelSetPredictionsTable
) -> DetectionReport:
    """What the audit can find: errors planted in a copy of the label sets, and how they rank.

    Gross ones are a missing, an extra or an exchanged class, and another row's whole set; near the border the class is
    wrong of which the model doubts most that the label is right. Each kind is compared with chance and with rankings by
    the frequency of the classes alone; the weakest kind decides the verdict.
    """
    if not context.is_fitted:
        return NOT_MEASURED
    table, facts, names = train_rows(label_issues.value), label_issues.facts, context.dataset.class_names
    require_same_rows(predictions.value, label_issues.value, what="predictions")
    if "planted_error" in table:
        table = table.assign(given_label=table["true_label"])
    build = context.pipeline_factory(facts.seed, facts.model_parameters)
    sample = draw_stratified_sample(np.zeros(len(table), dtype=np.int64), MAX_ROWS, seed=facts.seed)
    rows = table.iloc[sample].reset_index(drop=True)
    features = rows[build.features]
    is_named, groups = encode_given_labels(rows, names), group_equal_rows(features)
    probabilities = to_label_set_probabilities(train_rows(predictions.value), calibrated=True)[sample]

    def measure(seed: int) -> DetectionReport:
        planted = plant_label_set_errors_of_all_kinds(
            is_named,
            probabilities,
            n_of_each=count_of_each_kind(len(rows), len(KINDS) + 1, fraction=PLANTED_SHARE),
            seed=seed,
        )
        copy = rows.assign(given_label=decode_label_sets(planted.labels, names))
        fold = divide_label_sets(planted.labels, groups, [1 / FOLDS] * FOLDS, seed=seed)
        predicted = predict_label_sets_out_of_sample(
            features,
            planted.labels,
            fold,
            build=build,
            calibration=facts.calibration_method,
            weights=row_weights(copy),
        )
        issues = facts.same_audit(to_label_set_predictions_table(copy, predicted, names), features).table
        frequency = planted.labels.mean(axis=0)
        agrees = np.where(planted.labels, frequency, 1 - frequency)
        return judge_copy(
            rows,
            issues,
            planted,
            gross=KINDS,
            without_model={"least class frequency": agrees.min(axis=1), "mean class frequency": agrees.mean(axis=1)},
            among=f"{len(rows):,} rows",
        )

    # A seed of its own: that of the run may already have planted errors in these rows, which would be the same ones.
    own_seed = int(seed_generator(facts.seed, "planted label set copy").integers(2**31))
    return measure_in_rounds(measure, n_rows=len(rows), most_rows=MAX_ROWS, seed=own_seed)
