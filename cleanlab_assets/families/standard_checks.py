"""The checks that every family has: of its predictions, its label issues and its final model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cleanlab_assets.families.detection_power import detection_power
from cleanlab_assets.families.step import AnyTable, CheckResult, PredictionsTable, StepContext, check, gate, rule
from cleanlab_assets.methods.split_counts import count_by_split, say_by_split
from cleanlab_assets.methods.training_set import TRAIN

if TYPE_CHECKING:
    import pandas as pd

    from cleanlab_assets.methods.result import Facts, Result
    from cleanlab_assets.methods.variants import VariantComparison


@check("predictions", is_blocking=True)
def each_row_predicted_once(
    context: StepContext, predictions: Result[pd.DataFrame, Any], training_set: Result[pd.DataFrame, Any]
) -> CheckResult:
    """Each train row is predicted exactly once, and so is each row of every other split that is audited."""
    rows, found = training_set.value, predictions.value["row_id"]
    expected = rows.loc[rows["split"].isin({TRAIN, *predictions.value["split"]}), "row_id"]
    missing = expected[~expected.isin(found)]
    surplus = found[~found.isin(expected) | found.duplicated()]
    return rule(
        passed=missing.empty and surplus.empty,
        description=f"{len(missing):,} of {len(expected):,} rows lack a prediction, {len(surplus):,} "
        "predictions are surplus",
        figures={
            "n_missing": len(missing),
            "n_surplus": len(surplus),
            "examples": ", ".join(map(str, [*missing[:10], *surplus[:10]])),
        },
    )


@check("predictions")
def calibration(context: StepContext, predictions: PredictionsTable) -> CheckResult:
    """What the model says of its own certainty agrees with how often it is right."""
    error = predictions.facts.reliability.expected_calibration_error
    limit = context.dataset.gates.expected_calibration_error
    return gate(
        passed=error <= limit,
        description=f"expected calibration error {error:.3f}; limit {limit:g}",
        figures={"expected_calibration_error": error, "limit": f"{limit:g}"},
    )


def judge_rate(table: pd.DataFrame, flag: str, limit: float) -> CheckResult:
    """Judge the share of flagged rows of a table."""
    n_flagged = int(table[flag].sum())
    rate = n_flagged / len(table)
    return gate(
        passed=rate <= limit,
        description=f"{n_flagged:,} of {len(table):,} rows ({rate:.1%}) are flagged; limit {limit:.1%}",
        figures={"rate": rate, "n": n_flagged, "limit": f"{limit:g}"},
    )


@check("label_issues")
def label_issue_rate(context: StepContext, label_issues: AnyTable) -> CheckResult:
    """Few given labels are flagged, of all audited rows."""
    by_split = say_by_split(count_by_split(label_issues.value))
    found = judge_rate(label_issues.value, "is_label_issue", context.dataset.gates.label_issue_rate)
    return replace(found, description=f"{found.description}; {by_split}")


@check("variant_comparison")
def not_worse_than_baseline(context: StepContext, variant_comparison: Result[VariantComparison, Facts]) -> CheckResult:
    """The retrained model is not worse than the baseline beyond its interval."""
    found = variant_comparison.value
    return gate(
        passed=found.verdict != "harms",
        description=f"{found.chosen} was kept: {found.verdict} on {found.primary_metric}, {found.n_test:,} test rows",
        figures={"chosen": found.chosen, "verdict": found.verdict, "primary_metric": found.primary_metric},
    )


STANDARD_CHECKS = (each_row_predicted_once, calibration, label_issue_rate, detection_power, not_worse_than_baseline)
