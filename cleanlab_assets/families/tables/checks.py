"""The checks that families on tables share: blocking ones for nonsense, and gates for data quality."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cleanlab_assets.families.standard_checks import judge_rate
from cleanlab_assets.families.step import (
    CheckResult,
    PredictionsTable,
    StepContext,
    TrainingSetTable,
    check,
    gate,
    rule,
    rule_on_rows,
)
from cleanlab_assets.families.tables.neighbor_graph import measure_split_leakage
from cleanlab_assets.methods.class_predictions import to_probabilities
from cleanlab_assets.methods.folds import group_equal_rows
from cleanlab_assets.methods.issue_summary import NOT_ASKED_FOR, IssueTypeSummary
from cleanlab_assets.methods.picture_issues import ALL_GREY
from cleanlab_assets.methods.shown import Json, TableView
from cleanlab_assets.methods.training_set import TEST

if TYPE_CHECKING:
    from cleanlab_assets.families.tables.steps import DatalabTable, NeighborGraphTable

MINIMUM_RECALL = 0.95


@check("training_set", is_blocking=True)
def no_row_in_both_splits(context: StepContext, training_set: TrainingSetTable) -> CheckResult:
    """No row id is in both splits, and none occurs twice."""
    rows = training_set.value
    repeated = rows.loc[rows["row_id"].duplicated(keep=False), "row_id"]
    return rule(
        passed=repeated.empty,
        description=f"{repeated.nunique():,} of {len(rows):,} row ids occur more than once",
        figures={"n_repeated": len(repeated), "repeated": Json(repeated.head(20).tolist())},
    )


@check("training_set", is_blocking=True)
def no_equal_rows_across_splits(context: StepContext, training_set: TrainingSetTable) -> CheckResult:
    """Rows with equal features lie on one side of the split, unless the source divides or groups the rows itself."""
    rows = training_set.value
    groups = pd.Series(group_equal_rows(rows[context.features]))
    straddles = (rows["split"].cat.codes.groupby(groups).transform("nunique") > 1).to_numpy()
    dataset = context.dataset
    is_ours = dataset.split_column is None and dataset.group_column is None
    return CheckResult(
        passed=not straddles.any(),
        description=f"{straddles.sum():,} of {len(rows):,} rows have an equal row on the other side",
        figures={
            "n_rows": int(straddles.sum()),
            "rows": Json(rows.loc[straddles, "row_id"].head(20).tolist()),
        },
        severity="error" if is_ours else "warn",
    )


@check("training_set")
def every_class_in_every_part(context: StepContext, training_set: TrainingSetTable) -> CheckResult:
    """Every class has enough rows for every fold and for the test rows."""
    notes = training_set.facts.small_classes
    has_test_rows = (training_set.value["split"] == TEST).any()
    everywhere = "every class is in every fold" + (" and among the test rows" if has_test_rows else "")
    description = "; ".join(notes) or everywhere
    return gate(passed=not notes, description=description, figures={"n_notes": len(notes)})


@check("training_set")
def no_telling_feature(
    context: StepContext,
    training_set: TrainingSetTable,
) -> CheckResult:
    """No feature alone predicts the label almost perfectly: such a one often is the label in other words."""
    found = training_set.facts.telling_features
    description = f"{', '.join(found)} alone predict the label" if found else "no feature alone predicts the label"
    return gate(passed=not found, description=description, figures={"n_features": len(found)})


@check("neighbor_graph")
def near_duplicates_across_splits(context: StepContext, neighbor_graph: NeighborGraphTable) -> CheckResult:
    """Few test rows nearly equal a train row: else test metrics flatter the model."""
    leakage = measure_split_leakage(neighbor_graph.value)
    limit = context.dataset.gates.near_duplicates_across_splits
    return gate(
        passed=leakage.share <= limit,
        description=f"{len(leakage.pairs):,} of {leakage.n_test_rows:,} test rows ({leakage.share:.1%}) nearly "
        f"equal a train row; limit {limit:.1%}",
        figures={
            "share": leakage.share,
            "limit": f"{limit:g}",
            "distance_threshold": leakage.threshold,
            "examples": TableView(leakage.pairs, 20),
        },
    )


@check("neighbor_graph")
def neighbor_recall(context: StepContext, neighbor_graph: NeighborGraphTable) -> CheckResult:
    """The neighbour search finds nearly all true neighbours."""
    found = neighbor_graph.facts
    return gate(
        passed=found.recall >= MINIMUM_RECALL,
        description=f"{found.recall:.1%} of the true neighbours found; at least {MINIMUM_RECALL:.0%} wanted",
        figures={"recall": found.recall, "method": found.method},
    )


@check("predictions", is_blocking=True)
def probabilities_are_valid(context: StepContext, predictions: PredictionsTable) -> CheckResult:
    """Probabilities are finite and each row's sum to 1."""
    probabilities = to_probabilities(predictions.value)
    with np.errstate(invalid="ignore"):
        is_valid = np.isfinite(probabilities).all(axis=1) & (probabilities >= 0).all(axis=1)
        is_valid &= np.isclose(probabilities.sum(axis=1), 1.0, atol=1e-3)
    invalid = predictions.value.loc[~is_valid, "row_id"]
    return rule_on_rows(invalid.tolist(), len(is_valid), "rows have invalid probabilities")


def _judge_issue_rate(datalab_issues: DatalabTable, issue_type: str, limit: float) -> CheckResult:
    """Judge the share of rows of an issue type; one that did not run fails unless nobody asked for it."""
    found = _find(datalab_issues, issue_type)
    if found.status == "ran":
        return judge_rate(datalab_issues.value, f"is_{issue_type}_issue", limit)
    if found.reason == NOT_ASKED_FOR:
        return gate(passed=True, description=f"{issue_type} was {NOT_ASKED_FOR}")
    return gate(passed=False, description="this issue type did not run")


@check("datalab_issues")
def outlier_rate(context: StepContext, datalab_issues: DatalabTable) -> CheckResult:
    """Few rows are outliers."""
    return _judge_issue_rate(datalab_issues, "outlier", context.dataset.gates.outlier_rate)


@check("datalab_issues")
def near_duplicate_rate(context: StepContext, datalab_issues: DatalabTable) -> CheckResult:
    """Few rows are near duplicates of each other."""
    return _judge_issue_rate(datalab_issues, "near_duplicate", context.dataset.gates.near_duplicate_rate)


@check("datalab_issues")
def non_iid(context: StepContext, datalab_issues: DatalabTable) -> CheckResult:
    """Neighbouring rows of the source do not resemble each other: no drift or sorting."""
    found = _find(datalab_issues, "non_iid")
    if found.reason == NOT_ASKED_FOR:
        return gate(passed=True, description=f"non_iid was {NOT_ASKED_FOR}")
    p_value, limit = found.score, context.dataset.gates.non_iid_p_value
    shown = "no p-value: the test did not run" if p_value is None else f"p-value {p_value:.3g}"
    return gate(
        passed=p_value is not None and p_value >= limit,
        description=f"{shown}; at least {limit:g} wanted",
        figures={"limit": f"{limit:g}"} if p_value is None else {"p_value": p_value, "limit": f"{limit:g}"},
    )


@check("datalab_issues")
def every_issue_type_ran(context: StepContext, datalab_issues: DatalabTable) -> CheckResult:
    """Every Datalab issue type that was asked for ran."""
    reasons = {item.issue_type: item.reason for item in datalab_issues.facts.summary if item.status != "ran"}
    missing = {name: reason for name, reason in reasons.items() if reason not in (NOT_ASKED_FOR, ALL_GREY)}
    n_unwanted = len(reasons) - len(missing)
    failures = "; ".join(f"{name} did not run: {reason}" for name, reason in missing.items())
    description = failures or "all ran" + (f" but {n_unwanted} that were not asked for" if n_unwanted else "")
    return gate(passed=not missing, description=description, figures={"n_not_run": len(missing)})


def _find(datalab_issues: DatalabTable, issue_type: str) -> IssueTypeSummary:
    return next(item for item in datalab_issues.facts.summary if item.issue_type == issue_type)


def judge_rarest_class(context: StepContext, shares: pd.Series[float]) -> CheckResult:
    """Judge the share of the rarest class, from the shares by class name."""
    limit = context.dataset.gates.rarest_class_share
    return gate(
        passed=bool(shares.min() >= limit),
        description=f"{shares.idxmin()} has the fewest rows, {shares.min():.2%}; at least {limit:.2%} wanted",
        figures={"rarest_class": str(shares.idxmin()), "share": float(shares.min()), "limit": f"{limit:g}"},
    )


TABLE_CHECKS = (
    no_row_in_both_splits,
    no_equal_rows_across_splits,
    no_telling_feature,
    near_duplicates_across_splits,
    neighbor_recall,
    outlier_rate,
    near_duplicate_rate,
    non_iid,
    every_issue_type_ran,
)
