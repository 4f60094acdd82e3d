"""The hard contracts of the multi-label tables beside those that all families share."""

from __future__ import annotations

import dagster_pandas as dgp

_ROW_ID = dgp.PandasColumn.string_column("row_id", non_nullable=True, unique=True, is_required=True)
_RANK = dgp.PandasColumn.integer_column("rank", min_value=1, non_nullable=True, unique=True)


def _text(name: str) -> dgp.PandasColumn:
    column: dgp.PandasColumn = dgp.PandasColumn.string_column(name, non_nullable=True)
    return column


def _share(name: str) -> dgp.PandasColumn:
    column: dgp.PandasColumn = dgp.PandasColumn.float_column(name, min_value=0.0, max_value=1.0, non_nullable=True)
    return column


_FLAG = dgp.PandasColumn.boolean_column("is_label_issue", non_nullable=True)
LABEL_SET_PREDICTIONS = dgp.create_dagster_pandas_dataframe_type(
    "LabelSetPredictions",
    "Out-of-sample probabilities of each class, calibrated and not; a row's need not sum to 1.",
    [_ROW_ID, _text("given_label")],
)
LABEL_SET_ISSUES = dgp.create_dagster_pandas_dataframe_type(
    "LabelSetIssues",
    "Every train row with given and suggested label, what is missing and extra, label quality, flag and rank.",
    [
        _ROW_ID,
        *(_text(name) for name in ("given_label", "suggested_label", "missing_labels", "extra_labels")),
        _share("label_quality"),
        _FLAG,
        _RANK,
    ],
)
LABEL_ISSUES_BY_CLASS = dgp.create_dagster_pandas_dataframe_type(
    "LabelIssuesByClass",
    "Every class of every train row: whether the label names it, its probability, quality, flag and rank in the class.",
    [
        _text("row_id"),
        dgp.PandasColumn.exists("class_name", non_nullable=True),
        dgp.PandasColumn.boolean_column("is_given", non_nullable=True),
        _share("probability"),
        _share("label_quality"),
        _FLAG,
        dgp.PandasColumn.integer_column("rank", min_value=1, non_nullable=True),
    ],
)
