"""The checks that families on tables share: blocking ones for nonsense, and gates for data quality."""

from collections.abc import Sequence
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from cleanlab_assets.families.tables.datalab import NOT_ASKED_FOR
from cleanlab_assets.families.tables.neighbor_graph import measure_split_leakage
from cleanlab_assets.methods.class_predictions import to_probabilities
from cleanlab_assets.methods.detection_power import DetectionMetrics
from cleanlab_assets.methods.folds import group_equal_rows
from cleanlab_assets.methods.training_set import train_rows
from cleanlab_assets.methods.variants import VariantComparison
from cleanlab_assets.models.encoding import FeatureKinds
from cleanlab_assets.orchestration.check_results import family_check, gates_of, judge, judge_rate, was_not_asked_for
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.metadata import as_numbers, as_table, round_numbers
from cleanlab_assets.orchestration.partitions import DATASET, MODEL, dataset_of

MINIMUM_LIFT = 2.0
"""Average precision of planted errors, as a multiple of chance, below which a detector counts as blind."""
MINIMUM_RECALL = 0.95


def judge_detection_power(
    power: DetectionMetrics,
    *,
    among: str = "",
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetCheckResult:
    """Judge whether planted errors rank far worse than by chance: the detector has signal.

    Args:
        power: how well they were found.
        among: said after the number of planted errors, with a space before it.
        severity: of a detector without signal.
    """
    required = MINIMUM_LIFT * power.planted_share
    return dg.AssetCheckResult(
        passed=power.average_precision >= required,
        severity=severity,
        description=f"average precision {power.average_precision:.3f} on {power.n_planted} planted errors{among}; "
        f"chance is {power.planted_share:.3f}, at least {required:.3f} wanted",
        metadata=round_numbers(as_numbers(power.model_dump())),
    )


def build_dataset_level_checks(
    family: str, training_set: dg.AssetsDefinition, neighbor_graph: dg.AssetsDefinition
) -> Sequence[dg.AssetChecksDefinition]:
    """Build the checks of the split and of the neighbour graph."""

    @family_check(family, training_set, DATASET, blocking=True)
    def no_row_in_both_splits(
        context: dg.AssetCheckExecutionContext,  # noqa: ARG001
        training_set: pd.DataFrame,
    ) -> dg.AssetCheckResult:
        """No row id is in both splits, and none occurs twice."""
        repeated = training_set.loc[training_set["row_id"].duplicated(keep=False), "row_id"]
        return dg.AssetCheckResult(
            passed=repeated.empty,
            description=f"{repeated.nunique():,} of {len(training_set):,} row ids occur more than once",
            metadata={"n_repeated": len(repeated), "repeated": repeated.head(20).tolist()},
        )

    @family_check(family, training_set, DATASET, blocking=True)
    def no_equal_rows_across_splits(
        context: dg.AssetCheckExecutionContext, training_set: pd.DataFrame
    ) -> dg.AssetCheckResult:
        """Rows with equal features lie on one side of the split."""
        features = FeatureKinds.of(get_dataset(dataset_of(context)).columns).names
        groups = pd.Series(group_equal_rows(training_set[features]))
        straddles = (training_set["split"].cat.codes.groupby(groups).transform("nunique") > 1).to_numpy()
        return dg.AssetCheckResult(
            passed=not straddles.any(),
            description=f"{straddles.sum():,} of {len(training_set):,} rows have an equal row on the other side",
            metadata={"n_rows": int(straddles.sum()), "rows": training_set.loc[straddles, "row_id"].head(20).tolist()},
        )

    @family_check(family, neighbor_graph, DATASET)
    def near_duplicates_across_splits(
        context: dg.AssetCheckExecutionContext, neighbor_graph: pd.DataFrame
    ) -> dg.AssetCheckResult:
        """Few test rows nearly equal a train row: else test metrics flatter the model."""
        leakage = measure_split_leakage(neighbor_graph)
        limit = gates_of(context).near_duplicates_across_splits
        return judge(
            context,
            passed=leakage.share <= limit,
            description=f"{len(leakage.pairs):,} of {leakage.n_test_rows:,} test rows ({leakage.share:.1%}) nearly "
            f"equal a train row; limit {limit:.1%}",
            metadata={
                "share": leakage.share,
                "limit": f"{limit:g}",
                "distance_threshold": leakage.threshold,
                "examples": as_table(leakage.pairs, 20),
            },
        )

    @family_check(family, neighbor_graph, DATASET)
    def neighbor_recall(context: dg.AssetCheckExecutionContext, neighbor_graph: pd.DataFrame) -> dg.AssetCheckResult:
        """The neighbour search finds nearly all true neighbours."""
        recall = neighbor_graph.attrs["recall"]
        return judge(
            context,
            passed=recall >= MINIMUM_RECALL,
            description=f"{recall:.1%} of the true neighbours found; at least {MINIMUM_RECALL:.0%} wanted",
            metadata={"recall": recall, "method": neighbor_graph.attrs["method"]},
        )

    return [no_row_in_both_splits, no_equal_rows_across_splits, near_duplicates_across_splits, neighbor_recall]


def build_prediction_checks(
    family: str, predictions: dg.AssetsDefinition, label_issues: dg.AssetsDefinition
) -> Sequence[dg.AssetChecksDefinition]:
    """Build the checks of predictions and label issues that do not depend on the kind of label."""

    @family_check(family, predictions, MODEL, blocking=True, also=("training_set",))
    def each_train_row_predicted_once(
        context: dg.AssetCheckExecutionContext,  # noqa: ARG001
        predictions: pd.DataFrame,
        training_set: pd.DataFrame,
    ) -> dg.AssetCheckResult:
        """Each train row is predicted exactly once."""
        expected, found = train_rows(training_set)["row_id"], predictions["row_id"]
        missing = expected[~expected.isin(found)]
        surplus = found[~found.isin(expected) | found.duplicated()]
        return dg.AssetCheckResult(
            passed=missing.empty and surplus.empty,
            description=f"{len(missing):,} of {len(expected):,} train rows lack a prediction, {len(surplus):,} "
            "predictions are surplus",
            metadata={"n_missing": len(missing), "n_surplus": len(surplus), "examples": [*missing[:10], *surplus[:10]]},
        )

    @family_check(family, predictions, MODEL)
    def calibration(context: dg.AssetCheckExecutionContext, predictions: pd.DataFrame) -> dg.AssetCheckResult:
        """What the model says of its own certainty agrees with how often it is right."""
        error = predictions.attrs["calibration"]["expected_calibration_error"]
        limit = gates_of(context).expected_calibration_error
        return judge(
            context,
            passed=error <= limit,
            description=f"expected calibration error {error:.3f}; limit {limit:g}",
            metadata={"expected_calibration_error": error, "limit": f"{limit:g}"},
        )

    @family_check(family, label_issues, MODEL)
    def label_issue_rate(context: dg.AssetCheckExecutionContext, label_issues: pd.DataFrame) -> dg.AssetCheckResult:
        """Few given labels are flagged."""
        return judge_rate(context, label_issues, "is_label_issue", gates_of(context).label_issue_rate)

    return [each_train_row_predicted_once, calibration, label_issue_rate]


def build_probability_check(family: str, predictions: dg.AssetsDefinition) -> dg.AssetChecksDefinition:
    """Build the check of predicted probabilities of single-label classes."""

    @family_check(family, predictions, MODEL, blocking=True)
    def probabilities_are_valid(
        context: dg.AssetCheckExecutionContext,  # noqa: ARG001
        predictions: pd.DataFrame,
    ) -> dg.AssetCheckResult:
        """Probabilities are finite and each row's sum to 1."""
        probabilities = to_probabilities(predictions)
        with np.errstate(invalid="ignore"):
            is_valid = np.isfinite(probabilities).all(axis=1) & (probabilities >= 0).all(axis=1)
            is_valid &= np.isclose(probabilities.sum(axis=1), 1.0, atol=1e-3)
        return dg.AssetCheckResult(
            passed=bool(is_valid.all()),
            description=f"{(~is_valid).sum():,} of {len(is_valid):,} rows have invalid probabilities",
            metadata={
                "n_invalid": int((~is_valid).sum()),
                "rows": predictions.loc[~is_valid, "row_id"].head(20).tolist(),
            },
        )

    return probabilities_are_valid


def build_datalab_checks(family: str, datalab_issues: dg.AssetsDefinition) -> Sequence[dg.AssetChecksDefinition]:
    """Build the gates of Datalab's issue types."""

    @family_check(family, datalab_issues, MODEL)
    def outlier_rate(context: dg.AssetCheckExecutionContext, datalab_issues: pd.DataFrame) -> dg.AssetCheckResult:
        """Few rows are outliers."""
        return judge_rate(context, datalab_issues, "is_outlier_issue", gates_of(context).outlier_rate)

    @family_check(family, datalab_issues, MODEL)
    def near_duplicate_rate(
        context: dg.AssetCheckExecutionContext, datalab_issues: pd.DataFrame
    ) -> dg.AssetCheckResult:
        """Few rows are near duplicates of each other."""
        return judge_rate(context, datalab_issues, "is_near_duplicate_issue", gates_of(context).near_duplicate_rate)

    @family_check(family, datalab_issues, MODEL)
    def non_iid(context: dg.AssetCheckExecutionContext, datalab_issues: pd.DataFrame) -> dg.AssetCheckResult:
        """Neighbouring rows of the source do not resemble each other: no drift or sorting."""
        if was_not_asked_for(datalab_issues, "non_iid"):
            return judge(context, passed=True, description=f"non_iid was {NOT_ASKED_FOR}", metadata={})
        p_value = _summary_of(datalab_issues, "non_iid")["score"]
        limit = gates_of(context).non_iid_p_value
        shown = "no p-value: the test did not run" if p_value is None else f"p-value {p_value:.3g}"
        return judge(
            context,
            passed=p_value is not None and p_value >= limit,
            description=f"{shown}; at least {limit:g} wanted",
            metadata={"limit": f"{limit:g}"} if p_value is None else {"p_value": p_value, "limit": f"{limit:g}"},
        )

    @family_check(family, datalab_issues, MODEL)
    def every_issue_type_ran(
        context: dg.AssetCheckExecutionContext, datalab_issues: pd.DataFrame
    ) -> dg.AssetCheckResult:
        """Every Datalab issue type that was asked for ran."""
        summary = datalab_issues.attrs["summary"]
        reasons = {row["issue_type"]: row["reason"] for row in summary if row["status"] != "ran"}
        missing = {name: reason for name, reason in reasons.items() if reason != NOT_ASKED_FOR}
        n_unwanted = len(reasons) - len(missing)
        failures = "; ".join(f"{name} did not run: {reason}" for name, reason in missing.items())
        description = failures or "all ran" + (f" but {n_unwanted} that were not asked for" if n_unwanted else "")
        return judge(context, passed=not missing, description=description, metadata={"n_not_run": len(missing)})

    return [outlier_rate, near_duplicate_rate, non_iid, every_issue_type_ran]


def build_variant_check(family: str, variant_comparison: dg.AssetsDefinition) -> dg.AssetChecksDefinition:
    """Build the gate of the retrained model."""

    @family_check(family, variant_comparison, MODEL)
    def not_worse_than_baseline(
        context: dg.AssetCheckExecutionContext, variant_comparison: VariantComparison
    ) -> dg.AssetCheckResult:
        """The retrained model is not worse than the baseline beyond its interval."""
        return judge(
            context,
            passed=variant_comparison.verdict != "harms",
            description=f"{variant_comparison.chosen} was kept: {variant_comparison.verdict} on "
            f"{variant_comparison.primary_metric}, {variant_comparison.n_test:,} test rows",
            metadata={
                "chosen": variant_comparison.chosen,
                "verdict": variant_comparison.verdict,
                "primary_metric": variant_comparison.primary_metric,
            },
        )

    return not_worse_than_baseline


def _summary_of(datalab_issues: pd.DataFrame, issue_type: str) -> dict[str, Any]:
    return next(row for row in datalab_issues.attrs["summary"] if row["issue_type"] == issue_type)
