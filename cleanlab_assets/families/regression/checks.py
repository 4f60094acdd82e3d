"""The checks that only the regression family has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.families.step import (
    CheckResult,
    PlainTable,
    StepContext,
    check,
    rule,
    rule_on_rows,
)
from cleanlab_assets.methods.detection_verdict import MINIMUM_LIFT

if TYPE_CHECKING:
    from cleanlab_assets.families.regression.predictions import ValuePredictionsTable

DATALAB_DETECTOR = "datalab"


@check("predictions", is_blocking=True)
def values_are_valid(context: StepContext, predictions: ValuePredictionsTable) -> CheckResult:
    """Predicted values are finite, and uncertainties are finite and positive."""
    table = predictions.value
    values, uncertainty = table["predicted_value"].to_numpy(), table["uncertainty"].to_numpy()
    is_valid = np.isfinite(values) & np.isfinite(uncertainty) & (uncertainty > 0)
    invalid = table.loc[~is_valid, "row_id"]
    return rule_on_rows(invalid.tolist(), len(table), "rows have an invalid value or uncertainty")


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
