"""The checks that only the regression family has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.families.regression.metrics import correlate_neighbours
from cleanlab_assets.families.step import (
    CheckResult,
    PlainTable,
    StepContext,
    TrainingSetTable,
    check,
    gate,
    rule,
    rule_on_rows,
)
from cleanlab_assets.methods.detection_verdict import MINIMUM_LIFT
from cleanlab_assets.methods.training_set import train_rows

if TYPE_CHECKING:
    from cleanlab_assets.families.regression.issues import ValueLabelIssuesTable
    from cleanlab_assets.families.regression.predictions import ValuePredictionsTable

DATALAB_DETECTOR = "datalab"
SUSPICIOUS_R2 = 0.9
HARDLY_ANY = 0.005
"""Share of the rows up to which the estimated number of errors is close to none."""
CORRELATED = 0.3
"""Rank correlation of the residuals of neighbouring rows from which they go wrong together."""


@check("predictions", is_blocking=True)
def values_are_valid(context: StepContext, predictions: ValuePredictionsTable) -> CheckResult:
    """Predicted values are finite, and uncertainties are finite and positive."""
    table = predictions.value
    values, uncertainty = table["predicted_value"].to_numpy(), table["uncertainty"].to_numpy()
    is_valid = np.isfinite(values) & np.isfinite(uncertainty) & (uncertainty > 0)
    invalid = table.loc[~is_valid, "row_id"]
    return rule_on_rows(invalid.tolist(), len(table), "rows have an invalid value or uncertainty")


@check("label_issues")
def no_drift_passes_for_signal(
    context: StepContext,
    label_issues: ValueLabelIssuesTable,
    training_set: TrainingSetTable,
    predictions: ValuePredictionsTable,
) -> CheckResult:
    """In a series, values that are predicted almost perfectly and hardly hold errors do not go wrong together.

    A sensor that drifts, and what is measured beside it, are predicted well: no single value stands out then.
    """
    rows, issues = train_rows(training_set.value), train_rows(label_issues.value)
    if "time_block" not in rows:
        return gate(passed=True, description="the rows are no series")
    residuals = (issues["given_label"] - issues["predicted_value"]).to_numpy()[
        np.argsort(rows["time_block"], kind="stable")
    ]
    correlation = correlate_neighbours(residuals)
    r2, most = predictions.facts.cross_validation["r2"], label_issues.facts.estimated_errors_high or 0
    is_too_good = r2 > SUSPICIOUS_R2 and most <= HARDLY_ANY * len(rows) and correlation > CORRELATED
    told = (
        f"R2 {r2:.3f}, at most {most:,} errors estimated among {len(rows):,} rows, residuals of neighbouring rows "
        f"correlate by {correlation:.2f}"
    )
    if is_too_good:
        told += ": errors that last, such as a drift, are hidden; look at a plot of the residuals over time, and audit "
        told += "without features that would drift along"
    return CheckResult(
        passed=not is_too_good,
        severity="warn",
        description=told,
        figures={"r2": r2, "correlation_of_neighbours": correlation, "estimated_errors_high": most},
    )


@check("outlier_detectors")
def outlier_detection_power(context: StepContext, outlier_detectors: PlainTable) -> CheckResult:
    """Datalab's outlier score ranks planted outliers far worse than by chance, at every share of outliers."""
    table = outlier_detectors.value
    found = table[table["detector"] == DATALAB_DETECTOR]
    if found.empty:
        return rule(passed=True, description="no numeric column can hold planted outliers: nothing was measured")
    lift = found["average_precision"] / found["planted_share"]
    worst = found.loc[lift.idxmin()]
    return rule(
        passed=bool((lift >= MINIMUM_LIFT).all()),
        description=f"average precision {worst['average_precision']:.3f} where {worst['planted_share']:.1%} of the "
        f"rows are outliers; at least {MINIMUM_LIFT:g} times chance wanted",
        figures={"average_precision": float(worst["average_precision"]), "recall": float(worst["recall_at_budget"])},
    )
