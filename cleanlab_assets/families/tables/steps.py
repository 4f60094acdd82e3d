"""The steps that families on tables share: neighbour graph, Datalab's summary, and duplicate sets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import pandas as pd

from cleanlab_assets.families.contracts import (
    ROW_ID,
    ColumnRule,
    TableContract,
    category,
    count,
    flag,
    number,
    text,
)
from cleanlab_assets.families.report import store_page
from cleanlab_assets.families.step import (
    DATASET,
    AnyTable,
    LabelIssuesTable,
    Page,
    PlainTable,
    Step,
    StepContext,
    TrainingSetTable,
    inputs_of,
    step,
)
from cleanlab_assets.families.tables.contracts import DATALAB_ISSUES
from cleanlab_assets.families.tables.datalab import add_picture_issues, find_datalab_issues
from cleanlab_assets.families.tables.duplicates import list_duplicate_sets
from cleanlab_assets.families.tables.neighbor_graph import (
    METRIC,
    build_neighbor_graph,
    measure_split_leakage,
    to_graph_table,
)
from cleanlab_assets.families.tables.settings import DatalabIssuesSettings, NeighborGraphSettings
from cleanlab_assets.methods.flagged_cases import FlaggedCasesFacts
from cleanlab_assets.methods.issue_summary import IssueTypeSummary, read_issue_summary, to_summary_table
from cleanlab_assets.methods.result import Facts, NoFacts, Result
from cleanlab_assets.methods.shown import TableView
from cleanlab_assets.methods.training_set import require_same_rows, train_rows
from cleanlab_assets.models.encoding import encode_for_distance
from cleanlab_assets.reports.audit_facts import DataIssues

if TYPE_CHECKING:
    from collections.abc import Callable

    from cleanlab_assets.families.detection_power import DetectionResult
    from cleanlab_assets.families.tables.datalab import AuditedLabels
    from cleanlab_assets.methods.shown import Shown
    from cleanlab_assets.reports.html import Report

LEAKAGE_EXAMPLES = 20


class NeighborGraphFacts(Facts):
    """How the graph was built; ``recall`` is the measured share of true neighbours that were found."""

    metric: str
    k: int
    method: str
    recall: float


NeighborGraphTable: TypeAlias = Result[pd.DataFrame, NeighborGraphFacts]


class DatalabFacts(Facts):
    """What each issue type found, those that did not run included."""

    summary: list[IssueTypeSummary]


DatalabTable: TypeAlias = Result[pd.DataFrame, DatalabFacts]
FlaggedCasesTable: TypeAlias = Result[pd.DataFrame, FlaggedCasesFacts]


@step(
    "faiss",
    level=DATASET,
    code_version="2",
    facts=NeighborGraphFacts,
    contract=TableContract(
        "NeighborGraph",
        "Nearest train rows of every row, nearest first: positions among the train rows and Euclidean distances.",
        (ROW_ID, count("neighbor_1"), number("distance_1", minimum=0.0)),
    ),
    settings=NeighborGraphSettings,
    is_heavy=True,
    sees_vectors=True,
)
def neighbor_graph(
    context: StepContext, settings: NeighborGraphSettings, training_set: TrainingSetTable
) -> NeighborGraphTable:
    """The nearest train rows of every row, computed once and shared by every model.

    Features are encoded, imputed and robustly scaled, so that Euclidean distance means dissimilarity. Exact up to
    a row limit, approximate above it with its recall measured.
    """
    rows = training_set.value
    is_train = (rows["split"] == "train").to_numpy()
    encoded = encode_for_distance(rows, context.kinds, fit_on=is_train)
    graph, test_graph = build_neighbor_graph(
        encoded[is_train],
        encoded[~is_train],
        k=settings.k,
        exact_row_limit=settings.exact_row_limit,
        seed=training_set.facts.seed,
    )
    table = to_graph_table(rows, graph, test_graph)
    facts = NeighborGraphFacts(metric=METRIC, k=settings.k, method=graph.method, recall=graph.recall)

    def show() -> dict[str, Shown]:
        leakage = measure_split_leakage(table)
        return {
            **facts.model_dump(),
            "encoded_features": encoded.shape[1],
            "near_duplicates_across_splits": leakage.share,
            "nearest_pairs_across_splits": TableView(leakage.pairs, LEAKAGE_EXAMPLES),
            "preview": TableView(table, columns=["row_id", "split", "neighbor_1", "distance_1"]),
        }

    return Result(value=table, facts=facts, show=show)


def build_datalab_issues(
    read: Callable[..., AuditedLabels], *, contract: TableContract = DATALAB_ISSUES, is_heavy: bool = False
) -> Step:
    """Make the step ``datalab_issues``.

    Args:
        read: what Datalab judges, from the predictions and, if it takes them, the label issues.
        contract: what the table must fulfil.
        is_heavy: see ``Step``.
    """
    upstream = inputs_of(read)

    def run(
        context: StepContext,
        settings: DatalabIssuesSettings,
        training_set: TrainingSetTable,
        neighbor_graph: NeighborGraphTable,
        **judged: AnyTable,
    ) -> DatalabTable:
        """Every Datalab issue type for every train row, in one run on the stored neighbour graph and predictions.

        Pictures are judged by themselves, too: bad ones and copies.
        """
        rows = train_rows(training_set.value)
        of_train = {name: replace(result, value=train_rows(result.value)) for name, result in judged.items()}
        require_same_rows(of_train["predictions"].value, rows, what="predictions")
        found = find_datalab_issues(
            read(**of_train),
            rows[context.features],
            neighbor_graph.value,
            seed=training_set.facts.seed,
            issue_types=settings.issue_types,
        )
        for column in context.dataset.embedded_columns:
            if column.kind == "picture":
                found = add_picture_issues(found, rows[column.name].tolist())
        facts, graph = DatalabFacts(summary=read_issue_summary(found.summary)), neighbor_graph.facts
        return Result(
            value=found.table,
            facts=facts,
            show=lambda: {
                "graph": f"{graph.metric}, k={graph.k}, {graph.method}",
                **{f"n_{item.issue_type}_issues": item.n_issues for item in facts.summary if item.n_issues is not None},
            },
        )

    made = step(
        "cleanlab",
        name="datalab_issues",
        code_version="3",
        facts=DatalabFacts,
        contract=contract,
        settings=DatalabIssuesSettings,
        is_heavy=is_heavy,
    )(run)
    return replace(made, inputs=("training_set", "neighbor_graph", *upstream))


@step(
    "cleanlab",
    code_version="2",
    contract=TableContract(
        "DatalabSummary",
        "One row for each issue type, those that did not run included.",
        (
            text("issue_type", unique=True),
            ColumnRule(name="n_issues", nullable=True),
            category("status", "ran", "not run"),
        ),
    ),
)
def datalab_summary(context: StepContext, datalab_issues: DatalabTable) -> PlainTable:
    """One row for each Datalab issue type: score, count, share, metric, k and parameters; also what did not run."""
    summary = to_summary_table(datalab_issues.facts.summary)
    shown = ["issue_type", "n_issues", "share", "score", "status", "reason"]
    return Result(value=summary, facts=NoFacts(), show=lambda: {"summary": TableView(summary, len(summary), shown)})


@step(
    "pandas",
    code_version="2",
    contract=TableContract(
        "DuplicateSets", "Near-duplicate sets row by row, with the row to keep.", (ROW_ID, flag("keep"))
    ),
)
def duplicate_sets(context: StepContext, datalab_issues: DatalabTable, label_issues: LabelIssuesTable) -> PlainTable:
    """Sets of nearly equal rows, row by row, with the row to keep and whether the labels of the set disagree."""
    sets = list_duplicate_sets(datalab_issues.value, label_issues.value)
    return Result(
        value=sets,
        facts=NoFacts(),
        show=lambda: {
            "n_sets": int(sets["duplicate_set"].nunique()),
            "rows_to_drop": int((~sets["keep"]).sum()),
            "preview": TableView(sets),
        },
    )


def store_report(report: Report, datalab_summary: PlainTable, detection_power: DetectionResult) -> Page:
    """Make the result of a report: its page, and how many rows each issue type flags."""
    summary = datalab_summary.value
    flagged = summary.loc[summary["status"] == "ran", ["issue_type", "n_issues", "share"]]
    return store_page(report, detection_power, flagged=TableView(flagged, len(flagged)))


def collect_data_issues(
    datalab_summary: PlainTable, duplicate_sets: PlainTable, flagged_cases: FlaggedCasesTable
) -> DataIssues:
    """Put together what an audit of a table found beside label issues."""
    return DataIssues(
        summary=datalab_summary.value,
        duplicate_sets=duplicate_sets.value,
        duplicates_asset="duplicate_sets",
        kinds_of_case=flagged_cases.facts.n_by_kind,
    )
