"""The step ``flagged_cases``: which kind of case each flagged row is, with the evidence beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cleanlab_assets.families.contracts import (
    IS_LABEL_ISSUE,
    LABEL_QUALITY,
    RANK,
    ROW_ID,
    SPLIT,
    TableContract,
    category,
    filled,
    text,
)
from cleanlab_assets.families.step import LabelIssuesTable, PredictionsTable, Step, StepContext, TrainingSetTable, step
from cleanlab_assets.methods.flagged_cases import (
    FAR,
    HARDLY_ANY_VALUES,
    KINDS_OF_CASE,
    FlaggedCasesFacts,
    find_far_rows,
    find_rows_with_gaps,
    name_cases,
)
from cleanlab_assets.methods.picture_issues import Pictures, find_picture_issues
from cleanlab_assets.methods.result import Result
from cleanlab_assets.methods.shown import Json, TableView
from cleanlab_assets.methods.training_set import OWN_ID, audited_rows, is_train_row, require_same_rows
from cleanlab_assets.reports.formatting import NO_CLASS, format_number

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from cleanlab_assets.families.tables.steps import DatalabTable, FlaggedCasesTable, NeighborGraphTable
    from cleanlab_assets.methods.flagged_cases import LabelVotes
    from cleanlab_assets.methods.issue_summary import IssueTypeSummary
    from cleanlab_assets.methods.shown import Shown

N_NEIGHBORS = 5
"""Nearest rows whose labels stand beside a flagged row."""
BAD_PICTURES = ("dark", "light", "blurry", "low_information")
"""Issue types of pictures that show hardly anything."""
RARE = 0.1
"""Share of the train pictures up to which such a type is a defect; else it is how the pictures of the dataset are."""


@dataclass(frozen=True)
class JudgedLabels:
    """What a family says of the label of every row.

    ``votes`` are those of the model and of the nearest rows, ``second_label`` is the model's second likeliest label;
    None where labels are no single classes.
    """

    votes: LabelVotes
    second_label: pd.Categorical | None = None


def build_flagged_cases(judge: Callable[..., JudgedLabels]) -> Step:
    """Make the step ``flagged_cases``.

    Args:
        judge: reads the votes from the predictions, the label issues, and ``neighbors``: the positions of the nearest
            train rows of each row among the train rows, nearest first, int of shape (n_rows, k). The rows are those of
            both tables, train rows first.
    """

    def run(
        context: StepContext,
        training_set: TrainingSetTable,
        neighbor_graph: NeighborGraphTable,
        predictions: PredictionsTable,
        label_issues: LabelIssuesTable,
        datalab_issues: DatalabTable,
    ) -> FlaggedCasesTable:
        """Each flagged row, worst first, with its kind of case, why, and the labels of its five nearest train rows.

        It is likely wrong, hard or ambiguous, or a bad example, which says what to do first: to correct the label, to
        ask somebody who knows, or to look at the row itself. Votes of other models stand in the comparison.
        """
        rows, issues, graph = audited_rows(training_set.value), label_issues.value, neighbor_graph.value
        require_same_rows(issues, rows, what="label issues")
        if not np.array_equal(graph["row_id"].to_numpy(), rows["row_id"].to_numpy()):
            raise ValueError("the neighbour graph is of other rows than the training set: materialize it again")
        neighbors = graph.filter(regex=r"^neighbor_\d+$").to_numpy()
        judged = judge(predictions, label_issues, neighbors)
        is_flagged = issues["is_label_issue"].to_numpy(dtype=bool)
        bad = _find_bad_examples(context, rows, graph, is_flagged, datalab_issues.facts.summary)
        cases = name_cases(is_flagged, judged.votes, bad)
        names = ["row_id", OWN_ID, "split", "given_label", "suggested_label", "label_quality", "is_label_issue", "rank"]
        table = issues[[name for name in names if name in issues]].reset_index(drop=True)
        if judged.second_label is not None:
            table = table.assign(second_label=judged.second_label)
        table = pd.concat([table, cases], axis=1)[is_flagged]
        given = issues.loc[is_train_row(issues), "given_label"]
        table["neighbor_labels"] = _list_labels(given, neighbors[is_flagged][:, :N_NEIGHBORS])
        table = table.sort_values("rank", kind="stable", ignore_index=True)
        counts = table["kind_of_case"].value_counts()
        facts = FlaggedCasesFacts(
            n_by_kind={kind: int(counts[kind]) for kind in KINDS_OF_CASE},
            typical_margin=judged.votes.typical_margin,
            typical_lead=judged.votes.typical_lead,
        )

        def show() -> dict[str, Shown]:
            return {
                "rows_by_kind": Json(dict(facts.n_by_kind)),
                "worst_rows": TableView.worst(table, list(map(str, table))),
            }

        return Result(value=table, facts=facts, show=show)

    return step(
        "pandas",
        name="flagged_cases",
        code_version="1",
        facts=FlaggedCasesFacts,
        contract=TableContract(
            "FlaggedCases",
            "Each flagged row, worst first, with its kind of case, why, and the labels of its nearest train rows.",
            (
                ROW_ID,
                SPLIT,
                *filled("given_label", "suggested_label"),
                LABEL_QUALITY,
                IS_LABEL_ISSUE,
                RANK,
                category("kind_of_case", *KINDS_OF_CASE),
                text("kind_reason"),
                text("neighbor_labels"),
            ),
        ),
    )(run)


def _find_bad_examples(
    context: StepContext,
    rows: pd.DataFrame,
    graph: pd.DataFrame,
    is_flagged: np.ndarray,
    summary: Collection[IssueTypeSummary],
) -> np.ndarray:
    """Say why a row is a bad example: objects of shape (n_rows,), empty texts where it is none."""
    is_train, columns = is_train_row(rows), context.dataset.embedded_columns
    texts = [column.name for column in columns if column.kind == "text"]
    bad = np.full(len(rows), "", dtype=object)
    bad[find_far_rows(graph.filter(regex=r"^distance_\d+$").to_numpy(), is_train)] = FAR
    rare = {item.issue_type for item in summary if item.share is not None and item.share <= RARE}
    for column in columns:
        if column.kind == "picture":
            shown = is_flagged & rows[column.name].map(lambda value: isinstance(value, bytes)).to_numpy(dtype=bool)
            bad[shown] = np.where(bad_ := _name_bad_pictures(rows[shown], column.name, rare), bad_, bad[shown])
    bad[find_rows_with_gaps(rows[context.features], is_train, texts=texts)] = HARDLY_ANY_VALUES
    return bad


def _name_bad_pictures(rows: pd.DataFrame, column: str, rare: Collection[str]) -> np.ndarray:
    """Say which picture is a bad one: objects of shape (n_rows,), empty texts where it is none."""
    names = np.full(len(rows), "", dtype=object)
    types = [name for name in BAD_PICTURES if name in rare]
    if len(rows) and types:
        found = find_picture_issues(Pictures(rows["row_id"].tolist(), rows[column].tolist())).columns
        for name in reversed(types):
            names[found[f"is_{name}_issue"]] = f"{name.replace('_', ' ')} picture"
    return names


def _list_labels(given: pd.Series[Any], neighbors: np.ndarray) -> np.ndarray:
    """Write the labels of the nearest rows, nearest first: objects of shape (n_rows,)."""
    is_number = pd.api.types.is_numeric_dtype(given)
    labels = [format_number(label) if is_number else str(label) or NO_CLASS for label in given]
    return np.array(["; ".join(labels[position] for position in row) for row in neighbors], dtype=object)
