"""What model and nearest rows say of given classes, for the kinds of flagged rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.families.tables.flagged_cases import JudgedLabels, build_flagged_cases
from cleanlab_assets.methods.calibration import scale_by_temperature
from cleanlab_assets.methods.class_codes import decode_labels, encode_labels
from cleanlab_assets.methods.class_predictions import to_probabilities
from cleanlab_assets.methods.flagged_cases import LabelVotes
from cleanlab_assets.methods.training_set import is_train_row

if TYPE_CHECKING:
    from cleanlab_assets.families.step import PredictionsTable
    from cleanlab_assets.families.tables.class_labels import ClassLabelIssuesTable


def judge_classes(
    predictions: PredictionsTable, label_issues: ClassLabelIssuesTable, neighbors: np.ndarray
) -> JudgedLabels:
    """Read the votes for the suggested class: calibrated probabilities, and the given classes of the nearest rows."""
    table, is_train = label_issues.value, is_train_row(label_issues.value)
    probabilities = scale_by_temperature(
        to_probabilities(predictions.value), label_issues.facts.calibration.temperature
    )
    order, rows = np.argsort(-probabilities, axis=1, kind="stable"), np.arange(len(table))
    margin = probabilities[rows, order[:, 0]] - probabilities[rows, order[:, 1]]
    given = encode_labels(table["given_label"])
    nearest = given[is_train][neighbors]
    for_suggested = (nearest == encode_labels(table["suggested_label"])[:, None]).mean(axis=1)
    for_given = (nearest == given[:, None]).mean(axis=1)
    votes = LabelVotes(
        margin=margin,
        typical_margin=float(np.median(margin[is_train])),
        lead=for_suggested - for_given,
        typical_lead=float(np.median(for_suggested[is_train])),
    )
    return JudgedLabels(votes, decode_labels(order[:, 1], table["given_label"]))


flagged_cases = build_flagged_cases(judge_classes)
