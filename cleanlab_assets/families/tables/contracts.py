"""The contracts of tables that several families on tables have."""

from __future__ import annotations

from cleanlab_assets.families.contracts import GIVEN_LABEL, ROW_ID, TableContract, filled

DATALAB_ISSUES = TableContract(
    "DatalabIssues",
    "Every train row with a flag and a score in [0, 1] for each issue type that ran.",
    (ROW_ID, GIVEN_LABEL, *filled("predicted_label")),
)
