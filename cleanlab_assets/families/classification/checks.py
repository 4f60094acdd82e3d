"""The checks that only the classification family has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.families.detection_power import NOT_MEASURED, judge_detection_power
from cleanlab_assets.families.step import CheckResult, StepContext, TrainingSetTable, check
from cleanlab_assets.families.tables.checks import judge_rarest_class
from cleanlab_assets.methods.detection_power import plant_and_audit_classes
from cleanlab_assets.methods.training_set import train_rows

if TYPE_CHECKING:
    from cleanlab_assets.families.tables.class_labels import ClassLabelIssuesTable


@check("training_set")
def class_imbalance(context: StepContext, training_set: TrainingSetTable) -> CheckResult:
    """The rarest class is not too rare to learn and to audit."""
    return judge_rarest_class(context, train_rows(training_set.value)["given_label"].value_counts(normalize=True))


@check("label_issues", is_heavy=True, sees_vectors=True)
def detection_power(context: StepContext, label_issues: ClassLabelIssuesTable) -> CheckResult:
    """Planted label errors rank far worse than by chance: the detector has signal."""
    if not context.is_fitted:
        return NOT_MEASURED
    rows, facts = train_rows(label_issues.value), label_issues.facts
    if "planted_error" in rows:
        rows = rows.assign(given_label=rows["true_label"])
    build = context.pipeline_factory(facts.seed, facts.model_parameters)
    power = plant_and_audit_classes(rows, build.features, build=build, seed=facts.seed, find_issues=facts.same_audit)
    return judge_detection_power(power)
