"""What the audit of values can find."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.families.detection_power import NOT_MEASURED, detection_step
from cleanlab_assets.families.regression.cut_calibration import plant_and_audit_values
from cleanlab_assets.methods.training_set import require_same_rows, train_rows

if TYPE_CHECKING:
    from cleanlab_assets.families.regression.issues import ValueLabelIssuesTable
    from cleanlab_assets.families.step import StepContext, TrainingSetTable
    from cleanlab_assets.methods.detection_verdict import DetectionReport


@detection_step
def detection_power(
    context: StepContext, label_issues: ValueLabelIssuesTable, training_set: TrainingSetTable
) -> DetectionReport:
    """What the audit can find: errors planted in a copy of the values, and how they rank.

    Gross ones are slips of a digit, a confused unit, exchanged values and noise; as the data's own would be are values
    that are off by the size of a large residual, and in a series runs of rows that drift away. Each kind is compared
    with chance and with a ranking by the distance from the median alone; the weakest kind decides the verdict.
    """
    if not context.is_fitted:
        return NOT_MEASURED
    facts, rows, issues = label_issues.facts, train_rows(training_set.value), train_rows(label_issues.value)
    require_same_rows(issues, rows, what="label issues")
    if "planted_error" in rows:
        rows = rows.assign(given_label=rows["true_label"])
    judged = {name: issues[name].to_numpy() for name in ("label_quality", "is_label_issue")}
    residual = rows["given_label"].to_numpy() - issues["predicted_value"].to_numpy()
    build = context.pipeline_factory(facts.seed, facts.model_parameters)
    domain = context.dataset.label_domain
    return plant_and_audit_values(
        rows.assign(**judged, residual=residual),
        build.features,
        build=build,
        domain=domain,
        find_issues=facts.same_audit(domain),
        seed=facts.seed,
    )
