"""Given and predicted values, as Datalab judges them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cleanlab_assets.families.contracts import ROW_ID, TableContract
from cleanlab_assets.families.regression.predictions import PREDICTED_VALUE
from cleanlab_assets.families.regression.training_set import VALUE
from cleanlab_assets.families.regression.value_quality import CLEANLAB_THRESHOLD, scale_by_uncertainty
from cleanlab_assets.families.tables.datalab import AuditedLabels
from cleanlab_assets.families.tables.steps import build_datalab_issues

if TYPE_CHECKING:
    from cleanlab_assets.families.regression.predictions import ValuePredictionsTable

REGRESSION_ISSUE_TYPES = ("label", "outlier", "near_duplicate", "non_iid", "null")
"""Without Datalab's data valuation, which asks whether labels are equal: that means nothing for numbers."""


def read_values(predictions: pd.DataFrame) -> AuditedLabels:
    """Read what Datalab needs for every issue type.

    Args:
        predictions: predictions table (``row_id``, ``given_label``, ``predicted_value``, ``uncertainty``).
    """
    labels, values, uncertainty = (
        predictions[name].to_numpy(dtype=np.float64) for name in ("given_label", "predicted_value", "uncertainty")
    )
    # Scaled, so that Datalab's own score is the label quality of ``score_value_quality``, in linear memory.
    scaled_labels, scaled_values = scale_by_uncertainty(labels, values, uncertainty)
    return AuditedLabels(
        task="regression",
        issue_types=REGRESSION_ISSUE_TYPES,
        rows=predictions,
        labels=scaled_labels,
        predictions=scaled_values,
        label_parameters={"method": "residual", "threshold": CLEANLAB_THRESHOLD},
        predicted=pd.Series(values, name="predicted_value"),
    )


def _read(predictions: ValuePredictionsTable) -> AuditedLabels:
    return read_values(predictions.value)


datalab_issues = build_datalab_issues(
    _read,
    contract=TableContract(
        "ValueDatalabIssues",
        "Every train row with a flag and a score in [0, 1] for each issue type that ran.",
        (ROW_ID, VALUE, PREDICTED_VALUE),
    ),
)
