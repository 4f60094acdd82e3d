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

    from cleanlab_assets.datasets.dataset import Column, Dataset

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
        dgp.PandasColumn.exists("n_issues"),
        dgp.PandasColumn.categorical_column("status", categories={"ran", "not run"}, non_nullable=True),
    ],
)
DUPLICATE_SETS = dgp.create_dagster_pandas_dataframe_type(
    "DuplicateSets",
    "Near-duplicate sets row by row, with the row to keep.",
    [_ROW_ID, dgp.PandasColumn.boolean_column("keep", non_nullable=True)],
)
_VALUE = dgp.PandasColumn.float_column("given_label", non_nullable=True)
_PREDICTED_VALUE = dgp.PandasColumn.float_column("predicted_value", non_nullable=True)
VALUE_TRAINING_SET = dgp.create_dagster_pandas_dataframe_type(
    "ValueTrainingSet",
    "Rows under audit with a numeric label: row id, features, given label, split and fold (-1 on test rows).",
    [
        _ROW_ID,
        _VALUE,
        dgp.PandasColumn.categorical_column("split", categories={"train", "test"}, non_nullable=True),
        _count("fold", -1),
    ],
)
OUTLIER_DETECTORS = dgp.create_dagster_pandas_dataframe_type(
    "OutlierDetectors",
    "How well each detector finds planted outliers, for each share of outliers.",
    [
        dgp.PandasColumn.string_column("detector", non_nullable=True),
        _share("planted_share"),
        _share("recall_at_budget"),
        _share("average_precision"),
        _share("auroc"),
    ],
)
VALUE_PREDICTIONS = dgp.create_dagster_pandas_dataframe_type(
    "ValuePredictions",
    "Out-of-sample predicted values with their uncertainty, a standard deviation in the label's unit.",
    [_ROW_ID, _VALUE, _PREDICTED_VALUE, dgp.PandasColumn.float_column("uncertainty", non_nullable=True)],
)
VALUE_LABEL_ISSUES = dgp.create_dagster_pandas_dataframe_type(
    "ValueLabelIssues",
    "Every train row with given and suggested value, label quality, flags of both cuts and rank, and its features.",
    [
        _ROW_ID,
        _VALUE,
        dgp.PandasColumn.float_column("suggested_label", non_nullable=True),
        _share("label_quality"),
        dgp.PandasColumn.boolean_column("is_label_issue", non_nullable=True),
        dgp.PandasColumn.boolean_column("is_below_cleanlab_cut", non_nullable=True),
        dgp.PandasColumn.integer_column("rank", min_value=1, non_nullable=True, unique=True),
    ],
)
VALUE_DATALAB_ISSUES = dgp.create_dagster_pandas_dataframe_type(
    "ValueDatalabIssues",
    "Every train row with a flag and a score in [0, 1] for each issue type that ran.",
    [_ROW_ID, _VALUE, _PREDICTED_VALUE],
)
CONSENSUS_ISSUES = dgp.create_dagster_pandas_dataframe_type(
    "ConsensusIssues",
    "Every train row with how many models flag it, ranked by agreement, then by mean label quality.",
    [
        _ROW_ID,
        dgp.PandasColumn.exists("given_label", non_nullable=True),
        _count("n_models_flagging", 0),
        _share("mean_label_quality"),
        dgp.PandasColumn.integer_column("rank", min_value=1, non_nullable=True, unique=True),
    ],
)


COLUMN_DESCRIPTIONS = {
    "row_id": "File and line of the row in its source: the same in every table.",
    "given_label": "The label as it is in the data (after planting errors, if any were planted).",
    "true_label": "The label before an error was planted.",
    "planted_error": "Whether the given label was made wrong on purpose.",
    "split": "train: audited; test: untouched rows for comparing variants.",
    "time_block": "Block of consecutive times that the row belongs to: its rows depend on each other.",
    "fold": "Fold of the cross-validation; -1 on test rows.",
    "suggested_label": "The likeliest class, or the predicted value, by the out-of-sample predictions.",
    "predicted_label": "The likeliest class by the out-of-sample predicted probabilities.",
    "label_quality": "Label quality score in [0, 1]; lower is worse.",
    "is_label_issue": "Flagged as a likely label error.",
    "rank": "Rank by label quality; 1 is the worst.",
    "given_label_probability": "Out-of-sample predicted probability of the given label.",
    "suggested_label_probability": "Out-of-sample predicted probability of the suggested label.",
    "reason": "Why the row is flagged, or why something did not run.",
    "neighbor_1": "Nearest train row: its position among the train rows.",
    "distance_1": "Euclidean distance to the nearest train row, after robust scaling.",
    "nearest_neighbor": "Row id of the nearest train row.",
    "distance_to_nearest_neighbor": "Euclidean distance to it, after scaling.",
    "duplicate_set": "Number of the set of near duplicates that the row belongs to.",
    "keep": "The row of the set to keep.",
    "predicted_value": "Out-of-sample predicted value.",
    "uncertainty": "Estimated standard deviation of the label around the prediction, in the label's unit.",
    "residual": "Given label less predicted value.",
    "is_below_cleanlab_cut": "Label quality is below cleanlab's own cut.",
    "is_below_calibrated_cut": "Label quality is below the cut of known false-flag rate.",
    "planted_kind": "Kind of the planted error.",
    "n_models_flagging": "How many of the compared models flag the row.",
    "mean_label_quality": "Mean of the models' label quality scores.",
    "n_issues": "Rows flagged; missing where the type did not run.",
    "share": "Share of the audited rows that are flagged.",
}
"""What columns mean, for the column table of the web UI."""


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
