"""What model and nearest rows say of labels that name several classes, for the kinds of flagged rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.families.multilabel.predictions import class_names_of, to_label_set_probabilities
from cleanlab_assets.families.tables.flagged_cases import JudgedLabels, build_flagged_cases
from cleanlab_assets.methods.flagged_cases import LabelVotes
from cleanlab_assets.methods.label_sets import encode_given_labels
from cleanlab_assets.methods.training_set import is_train_row

if TYPE_CHECKING:
    from cleanlab_assets.families.multilabel.issues import LabelSetIssuesTable
    from cleanlab_assets.families.multilabel.predictions import LabelSetPredictionsTable


def judge_label_sets(
    predictions: LabelSetPredictionsTable, label_issues: LabelSetIssuesTable, neighbors: np.ndarray
) -> JudgedLabels:
    """Read the votes on the most doubtful class of each row: whether the label should name it, or should not.

    Its two labels are yes and no. What is typical is that of all classes of the train rows.
    """
    table, is_train = label_issues.value, is_train_row(label_issues.value)
    is_named = encode_given_labels(table, class_names_of(predictions.value))
    of_naming = to_label_set_probabilities(predictions.value).astype(np.float64)
    of_given = np.where(is_named, of_naming, 1 - of_naming)
    rows, doubtful = np.arange(len(table)), of_given.argmin(axis=1)
    naming = is_named[is_train][neighbors].mean(axis=1)  # share of the nearest rows that name each class
    for_given = np.where(is_named, naming, 1 - naming)[rows, doubtful]
    for_likely = np.where(of_naming > 1 - of_naming, naming, 1 - naming)
    margin = np.abs(2 * of_naming - 1)
    return JudgedLabels(
        LabelVotes(
            margin=margin[rows, doubtful],
            typical_margin=float(np.median(margin[is_train])),
            lead=1 - 2 * for_given,
            typical_lead=float(np.median(for_likely[is_train])),
        )
    )


flagged_cases = build_flagged_cases(judge_label_sets)
