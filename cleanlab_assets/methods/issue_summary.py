"""What an audit that looks for several types of issues says of each type, as facts of its table and as a table."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

import pandas as pd

from cleanlab_assets.methods.result import Facts

if TYPE_CHECKING:
    from collections.abc import Sequence

NOT_ASKED_FOR = "not asked for"
"""Reason of an issue type that did not run because nobody wanted it."""


class IssueTypeSummary(Facts):
    """One issue type; ``parameters`` is JSON, figures are None where the type did not run or has none."""

    issue_type: str
    description: str
    score: float | None
    n_issues: int | None
    share: float | None
    metric: str | None
    k: int | None
    parameters: str
    status: Literal["ran", "not run"]
    reason: str


def read_issue_summary(table: pd.DataFrame) -> list[IssueTypeSummary]:
    """Turn a table with one row for each issue type into facts."""
    return [IssueTypeSummary(**record) for record in json.loads(table.to_json(orient="records"))]


def to_summary_table(summary: Sequence[IssueTypeSummary]) -> pd.DataFrame:
    """Turn facts into a table with one row for each issue type; figures that are not there are missing values."""
    table = pd.DataFrame.from_records([item.model_dump() for item in summary])
    return table.astype({"k": "Int64", "n_issues": "Int64", "score": "float64", "share": "float64"})
