"""The hard contracts of tables at asset boundaries, as dagster-pandas types.

A violated contract is a bug or a broken source, so the step fails and names the column and the rows. What may happen
with good code and a good source is a finding, and belongs to the asset checks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
import dagster_pandas as dgp

if TYPE_CHECKING:
    import pandas as pd

    from cleanlab_assets.datasets.catalogue import Column, Dataset

_ROW_ID = dgp.PandasColumn.string_column("row_id", non_nullable=True, unique=True, is_required=True)
_GIVEN_LABEL = dgp.PandasColumn.exists("given_label", non_nullable=True)


def _share(name: str) -> dgp.PandasColumn:
    return dgp.PandasColumn.float_column(name, min_value=0.0, max_value=1.0, non_nullable=True)


def _count(name: str, minimum: int) -> dgp.PandasColumn:
    return dgp.PandasColumn.integer_column(name, min_value=minimum, non_nullable=True)


RAW_DATASET = dgp.create_dagster_pandas_dataframe_type(
    "RawDataset", "The parsed source: a unique row id, then the columns of the source.", [_ROW_ID]
)
TRAINING_SET = dgp.create_dagster_pandas_dataframe_type(
    "TrainingSet",
    "Rows under audit: row id, features, given label, split and fold (-1 on test rows).",
    [
        _ROW_ID,
        _GIVEN_LABEL,
        dgp.PandasColumn.categorical_column("split", categories={"train", "test"}, non_nullable=True),
        _count("fold", -1),
    ],
)
NEIGHBOR_GRAPH = dgp.create_dagster_pandas_dataframe_type(
    "NeighborGraph",
    "Nearest train rows of every row, nearest first: positions among the train rows and Euclidean distances.",
    [_ROW_ID, _count("neighbor_1", 0), dgp.PandasColumn.float_column("distance_1", min_value=0.0, non_nullable=True)],
)
CLASS_PREDICTIONS = dgp.create_dagster_pandas_dataframe_type(
    "ClassPredictions", "Out-of-sample predicted probabilities, one column for each class.", [_ROW_ID, _GIVEN_LABEL]
)
CLASS_LABEL_ISSUES = dgp.create_dagster_pandas_dataframe_type(
    "ClassLabelIssues",
    "Every train row with given and suggested label, label quality, flag and rank (1 = worst), and its features.",
    [
        _ROW_ID,
        _GIVEN_LABEL,
        dgp.PandasColumn.exists("suggested_label", non_nullable=True),
        _share("label_quality"),
        dgp.PandasColumn.boolean_column("is_label_issue", non_nullable=True),
        dgp.PandasColumn.integer_column("rank", min_value=1, non_nullable=True, unique=True),
    ],
)
DATALAB_ISSUES = dgp.create_dagster_pandas_dataframe_type(
    "DatalabIssues",
    "Every train row with a flag and a score in [0, 1] for each issue type that ran.",
    [_ROW_ID, _GIVEN_LABEL, dgp.PandasColumn.exists("predicted_label", non_nullable=True)],
)
DATALAB_SUMMARY = dgp.create_dagster_pandas_dataframe_type(
    "DatalabSummary",
    "One row for each issue type, those that did not run included.",
    [
        dgp.PandasColumn.string_column("issue_type", non_nullable=True, unique=True),
        _count("n_issues", 0),
        dgp.PandasColumn.categorical_column("status", categories={"ran", "not run"}, non_nullable=True),
    ],
)
DUPLICATE_SETS = dgp.create_dagster_pandas_dataframe_type(
    "DuplicateSets",
    "Near-duplicate sets row by row, with the row to keep.",
    [_ROW_ID, dgp.PandasColumn.boolean_column("keep", non_nullable=True)],
)


def source_schema(dataset: Dataset) -> dg.DagsterType:
    """Build the schema that a dataset's raw table must fulfil: its columns with type, range and missing values."""
    return dgp.create_dagster_pandas_dataframe_type(
        f"Source_{dataset.name}",
        f"Columns of {dataset.name} as its source documents them.",
        [_ROW_ID, *(_source_column(column) for column in dataset.columns)],
    )


def find_schema_violation(dataset: Dataset, raw: pd.DataFrame) -> str | None:
    """Return the first violation of the source schema, with column and rows; None when there is none."""
    result = dg.check_dagster_type(source_schema(dataset), raw)
    return None if result.success else (result.description or "the table does not fit its schema")


def _source_column(column: Column) -> dgp.PandasColumn:
    if column.kind == "categorical":
        return dgp.PandasColumn.exists(column.name, non_nullable=not column.nullable)
    return dgp.PandasColumn.numeric_column(
        column.name,
        min_value=-float("inf") if column.minimum is None else column.minimum,
        max_value=float("inf") if column.maximum is None else column.maximum,
        non_nullable=not column.nullable,
        ignore_missing_vals=column.nullable,
    )
