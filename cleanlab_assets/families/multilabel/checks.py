"""The checks that only the multilabel family has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cleanlab_assets.families.multilabel.predictions import (
    to_label_set_probabilities,
)
from cleanlab_assets.families.step import CheckResult, StepContext, TrainingSetTable, check, rule_on_rows
from cleanlab_assets.families.tables.checks import judge_rarest_class
from cleanlab_assets.methods.label_sets import encode_given_labels
from cleanlab_assets.methods.training_set import train_rows

if TYPE_CHECKING:
    from cleanlab_assets.families.multilabel.predictions import LabelSetPredictionsTable


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
