"""An audit of a copy of the rows whose classes hold planted errors of every kind: what this audit can find."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.methods.class_codes import decode_labels, encode_labels
from cleanlab_assets.methods.class_predictions import predict_out_of_sample, to_predictions_table, to_probabilities
from cleanlab_assets.methods.detection_verdict import (
    DetectionReport,
    count_of_each_kind,
    judge_copy,
    measure_in_rounds,
)
from cleanlab_assets.methods.folds import divide_rows, draw_stratified_sample, group_equal_rows
from cleanlab_assets.methods.label_issues import estimate_noise_matrix, keep_given_classes
from cleanlab_assets.methods.planted_errors import (
    CLASS_ERROR_KINDS,
    GROSS_CLASS_ERRORS,
    plant_class_errors_of_all_kinds,
)
from cleanlab_assets.methods.training_set import require_same_rows, row_weights

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from sklearn.pipeline import Pipeline

    from cleanlab_assets.methods.label_issues import FindIssues

MAX_ROWS, FOLDS, PLANTED_SHARE = 3000, 3, 0.1
"""Rows of the sample that is audited, its folds, and the share of its labels that gets an error."""


def plant_and_audit_classes(
    issues: pd.DataFrame,
    predictions: pd.DataFrame,
    features: list[str],
    *,
    build: Callable[[], Pipeline],
    find_issues: FindIssues,
    seed: int,
    unit: str = "rows",
    max_rows: int = MAX_ROWS,
    keep_together: list[str] | None = None,
) -> DetectionReport:
    """Plant errors of every kind in a copy of the train rows, audit the copy, and measure how they rank.

    A detector without signal ranks them by chance. The ranking without a model is by the frequency of the given class:
    a rare one is suspicious.

    Args:
        issues: label issues of train rows with ``given_label`` and the features; errors that the labels already hold
            count as right, and ``true_label`` takes their place where errors were planted in these rows themselves.
        predictions: the out-of-sample predictions behind them, of the same rows.
        features: names of the feature columns.
        build: returns a new unfitted pipeline, as for the real audit.
        find_issues: the audit itself, with its rules, as for the real rows.
        seed: seed of the sample, the errors and the folds.
        unit: what carries a label, for people.
        max_rows: rows of a stratified sample that bounds the cost.
        keep_together: columns of which rows with equal values lie in one fold; all features if absent.

    Returns:
        How well each kind was found, see ``plant_class_errors_of_all_kinds``.

    Raises:
        ValueError: the predictions are of other rows, or a sample holds fewer rows than errors.
    """
    require_same_rows(predictions, issues, what="predictions")
    rows = issues.assign(given_label=issues["true_label"]) if "planted_error" in issues else issues
    labels = encode_labels(rows["given_label"])
    sample = draw_stratified_sample(labels, max_rows, seed=seed)
    drawn = rows.iloc[sample].reset_index(drop=True)
    names = list(drawn["given_label"].cat.categories)
    frequency = np.bincount(labels[sample], minlength=len(names)) / len(drawn)
    groups = group_equal_rows(drawn[keep_together or features])
    present, compact_labels, compact = keep_given_classes(labels[sample], to_probabilities(predictions)[sample])
    noise_matrix = estimate_noise_matrix(compact_labels, compact)
    n_of_each = count_of_each_kind(len(drawn), len(CLASS_ERROR_KINDS), fraction=PLANTED_SHARE)

    def measure(seed: int) -> DetectionReport:
        planted = plant_class_errors_of_all_kinds(compact_labels, compact, noise_matrix, n_of_each=n_of_each, seed=seed)
        codes = present[planted.labels]
        copy = drawn.assign(given_label=decode_labels(codes, drawn["given_label"]))
        fold = divide_rows(codes, groups, [1 / FOLDS] * FOLDS, seed=seed)
        predicted = predict_out_of_sample(
            copy[features], codes, fold, n_classes=len(names), build=build, weights=row_weights(copy)
        )
        audited = find_issues(to_predictions_table(copy, predicted.probabilities, names), copy[features], fold).table
        return judge_copy(
            drawn,
            audited,
            planted,
            gross=GROSS_CLASS_ERRORS,
            without_model={"class frequency": frequency[codes]},
            among=f"{len(drawn):,} {unit}",
        )

    return measure_in_rounds(measure, n_rows=len(drawn), most_rows=max_rows, seed=seed)
