"""The checks that only the classification family has."""

from __future__ import annotations

from cleanlab_assets.families.step import CheckResult, StepContext, TrainingSetTable, check
from cleanlab_assets.families.tables.checks import judge_rarest_class
from cleanlab_assets.methods.training_set import train_rows


@check("training_set")
def class_imbalance(context: StepContext, training_set: TrainingSetTable) -> CheckResult:
    """The rarest class is not too rare to learn and to audit."""
    return judge_rarest_class(context, train_rows(training_set.value)["given_label"].value_counts(normalize=True))
