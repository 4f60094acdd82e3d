"""What nearest rows say of given values, for the kinds of flagged rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.families.tables.flagged_cases import JudgedLabels, build_flagged_cases
from cleanlab_assets.methods.flagged_cases import LabelVotes
from cleanlab_assets.methods.training_set import is_train_row

if TYPE_CHECKING:
    from cleanlab_assets.families.regression.issues import ValueLabelIssuesTable
    from cleanlab_assets.families.regression.predictions import ValuePredictionsTable


def judge_values(
    predictions: ValuePredictionsTable,
    label_issues: ValueLabelIssuesTable,
    neighbors: np.ndarray,
) -> JudgedLabels:
    """Read the votes for the predicted value: a nearest row speaks for it, or for the given one, whichever is nearer.

    Where labels scatter widely, nearest rows lie on both sides of the given value, and it may be right.
    """
    table, is_train = label_issues.value, is_train_row(label_issues.value)
    given, predicted = (table[name].to_numpy(dtype=np.float64) for name in ("given_label", "predicted_value"))
    nearest = given[is_train][neighbors]
    to_predicted, to_given = np.abs(nearest - predicted[:, None]), np.abs(nearest - given[:, None])
    lead = (to_predicted < to_given).mean(axis=1) - (to_given < to_predicted).mean(axis=1)
    return JudgedLabels(LabelVotes(margin=None, lead=lead, typical_lead=1.0))


flagged_cases = build_flagged_cases(judge_values)
