"""The checks of the classification chain: blocking ones for nonsense, gates for data quality, and detection power."""

from collections.abc import Callable
from functools import partial
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from cleanlab_assets.audit.folds import group_equal_rows
from cleanlab_assets.audit.label_issues import find_label_issues
from cleanlab_assets.audit.neighbor_graph import measure_split_leakage
from cleanlab_assets.audit.predictions import to_probabilities
from cleanlab_assets.audit.training_set import train_rows
from cleanlab_assets.datasets.catalogue import Gates, get_dataset
from cleanlab_assets.evaluation.detection import measure_detection_power
from cleanlab_assets.evaluation.variants import VariantComparison
from cleanlab_assets.models.catalogue import BuildContext, PipelineFactory
from cleanlab_assets.models.encoding import FeatureKinds
from cleanlab_assets.orchestration.classification import dataset_level, model_level, retraining
from cleanlab_assets.orchestration.classification.dataset_level import FAMILY
from cleanlab_assets.orchestration.metadata import as_numbers, as_table, round_numbers
from cleanlab_assets.orchestration.partitions import DATASET, MODEL, Level, dataset_of, model_of, partitions_of
from cleanlab_assets.orchestration.raw_dataset import build_raw_dataset_checks

MINIMUM_LIFT = 2.0
"""Average precision of planted errors, as a multiple of chance, below which a detector counts as blind."""
MINIMUM_RECALL = 0.95

_Check = Callable[[Callable[..., dg.AssetCheckResult]], dg.AssetChecksDefinition]


def _check(asset: dg.AssetsDefinition, level: Level, *, blocking: bool = False, also: tuple[str, ...] = ()) -> _Check:
    """Declare a partitioned check, whose docstring is its description; ``also`` names further assets that it reads."""
    return dg.asset_check(
        asset=asset,
        partitions_def=partitions_of(FAMILY, level),
        blocking=blocking,
        additional_ins={name: dg.AssetIn(key=[FAMILY, name]) for name in also},
        required_resource_keys=set() if blocking else {"settings"},
    )


def _gates(context: dg.AssetCheckExecutionContext) -> Gates:
    return get_dataset(dataset_of(context)).gates


def _judge(
    context: dg.AssetCheckExecutionContext, *, passed: bool, description: str, metadata: dict[str, Any]
) -> dg.AssetCheckResult:
    """Make the result of a gate: a failure warns, unless the settings make gates errors."""
    is_error = context.resources.settings.gate_severity == "error"
    severity = dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN
    return dg.AssetCheckResult(
        passed=passed, severity=severity, description=description, metadata=round_numbers(metadata)
    )


@_check(dataset_level.training_set, DATASET, blocking=True)
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


@_check(dataset_level.training_set, DATASET, blocking=True)
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


@_check(dataset_level.training_set, DATASET)
def every_class_in_every_part(
    context: dg.AssetCheckExecutionContext, training_set: pd.DataFrame
) -> dg.AssetCheckResult:
    """Every class has enough rows for every fold and for the test rows."""
    notes = training_set.attrs["notes"]
    description = "; ".join(notes) or "every class is in every fold and among the test rows"
    return _judge(context, passed=not notes, description=description, metadata={"n_notes": len(notes)})


@_check(dataset_level.neighbor_graph, DATASET)
def near_duplicates_across_splits(
    context: dg.AssetCheckExecutionContext, neighbor_graph: pd.DataFrame
) -> dg.AssetCheckResult:
    """Few test rows nearly equal a train row: else test metrics flatter the model."""
    leakage = measure_split_leakage(neighbor_graph)
    limit = _gates(context).near_duplicates_across_splits
    return _judge(
        context,
        passed=leakage.share <= limit,
        description=f"{len(leakage.pairs):,} of {leakage.n_test_rows:,} test rows ({leakage.share:.1%}) nearly equal a "
        f"train row; limit {limit:.1%}",
        metadata={
            "share": leakage.share,
            "limit": f"{limit:g}",
            "distance_threshold": leakage.threshold,
            "examples": as_table(leakage.pairs, 20),
        },
    )


@_check(dataset_level.neighbor_graph, DATASET)
def neighbor_recall(context: dg.AssetCheckExecutionContext, neighbor_graph: pd.DataFrame) -> dg.AssetCheckResult:
    """The neighbour search finds nearly all true neighbours."""
    recall = neighbor_graph.attrs["recall"]
    return _judge(
        context,
        passed=recall >= MINIMUM_RECALL,
        description=f"{recall:.1%} of the true neighbours found; at least {MINIMUM_RECALL:.0%} wanted",
        metadata={"recall": recall, "method": neighbor_graph.attrs["method"]},
    )


@_check(model_level.predictions, MODEL, blocking=True)
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
        metadata={"n_invalid": int((~is_valid).sum()), "rows": predictions.loc[~is_valid, "row_id"].head(20).tolist()},
    )


@_check(model_level.predictions, MODEL, blocking=True, also=("training_set",))
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
        description=f"{len(missing):,} of {len(expected):,} train rows lack a prediction, {len(surplus):,} predictions "
        "are surplus",
        metadata={"n_missing": len(missing), "n_surplus": len(surplus), "examples": [*missing[:10], *surplus[:10]]},
    )


@_check(model_level.predictions, MODEL)
def calibration(context: dg.AssetCheckExecutionContext, predictions: pd.DataFrame) -> dg.AssetCheckResult:
    """Predicted confidence agrees with how often the prediction is right."""
    error = predictions.attrs["calibration"]["expected_calibration_error"]
    limit = _gates(context).expected_calibration_error
    return _judge(
        context,
        passed=error <= limit,
        description=f"expected calibration error {error:.3f}; limit {limit:g}",
        metadata={"expected_calibration_error": error, "limit": f"{limit:g}"},
    )


@_check(model_level.label_issues, MODEL)
def label_issue_rate(context: dg.AssetCheckExecutionContext, label_issues: pd.DataFrame) -> dg.AssetCheckResult:
    """Few given labels are flagged."""
    return _judge_rate(context, label_issues, "is_label_issue", _gates(context).label_issue_rate)


@_check(model_level.label_issues, MODEL)
def detection_power(context: dg.AssetCheckExecutionContext, label_issues: pd.DataFrame) -> dg.AssetCheckResult:
    """Planted label errors rank far worse than by chance: the detector has signal."""
    dataset = get_dataset(dataset_of(context))
    kinds = FeatureKinds.of(dataset.columns)
    seed = label_issues.attrs["seed"]
    build = PipelineFactory(
        FAMILY,
        model_of(context),
        BuildContext(kinds=kinds, n_classes=len(dataset.class_names), seed=seed),
        label_issues.attrs["model_parameters"],
    )
    rows = label_issues
    if "true_label" in label_issues:
        rows = label_issues.assign(given_label=label_issues["true_label"])
    rules = {name: label_issues.attrs[name] for name in ("filter_by", "quality_method")}
    power = measure_detection_power(
        rows, kinds.names, build=build, seed=seed, find_issues=partial(find_label_issues, **rules)
    )
    required = MINIMUM_LIFT * power.planted_share
    return dg.AssetCheckResult(
        passed=power.average_precision >= required,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"average precision {power.average_precision:.3f} on {power.n_planted} planted errors; chance is "
        f"{power.planted_share:.3f}, at least {required:.3f} wanted",
        metadata=round_numbers(as_numbers(power.model_dump())),
    )


@_check(model_level.datalab_issues, MODEL)
def outlier_rate(context: dg.AssetCheckExecutionContext, datalab_issues: pd.DataFrame) -> dg.AssetCheckResult:
    """Few rows are outliers."""
    return _judge_rate(context, datalab_issues, "is_outlier_issue", _gates(context).outlier_rate)


@_check(model_level.datalab_issues, MODEL)
def near_duplicate_rate(context: dg.AssetCheckExecutionContext, datalab_issues: pd.DataFrame) -> dg.AssetCheckResult:
    """Few rows are near duplicates of each other."""
    return _judge_rate(context, datalab_issues, "is_near_duplicate_issue", _gates(context).near_duplicate_rate)


@_check(model_level.datalab_issues, MODEL)
def non_iid(context: dg.AssetCheckExecutionContext, datalab_issues: pd.DataFrame) -> dg.AssetCheckResult:
    """Neighbouring rows of the source do not resemble each other: no drift or sorting."""
    p_value = _summary_of(datalab_issues, "non_iid")["score"]
    limit = _gates(context).non_iid_p_value
    passed = p_value is not None and p_value >= limit
    shown = "no p-value: the test did not run" if p_value is None else f"p-value {p_value:.3g}"
    return _judge(
        context,
        passed=passed,
        description=f"{shown}; at least {limit:g} wanted",
        metadata={"limit": f"{limit:g}"} if p_value is None else {"p_value": p_value, "limit": f"{limit:g}"},
    )


@_check(dataset_level.training_set, DATASET)
def class_imbalance(context: dg.AssetCheckExecutionContext, training_set: pd.DataFrame) -> dg.AssetCheckResult:
    """The rarest class is not too rare to learn and to audit."""
    shares = train_rows(training_set)["given_label"].value_counts(normalize=True)
    limit = _gates(context).rarest_class_share
    return _judge(
        context,
        passed=bool(shares.min() >= limit),
        description=f"{shares.idxmin()} has the fewest rows, {shares.min():.2%}; at least {limit:.2%} wanted",
        metadata={"rarest_class": str(shares.idxmin()), "share": float(shares.min()), "limit": f"{limit:g}"},
    )


@_check(model_level.datalab_issues, MODEL)
def every_issue_type_ran(context: dg.AssetCheckExecutionContext, datalab_issues: pd.DataFrame) -> dg.AssetCheckResult:
    """Every Datalab issue type ran."""
    missing = {row["issue_type"]: row["reason"] for row in datalab_issues.attrs["summary"] if row["status"] != "ran"}
    description = "; ".join(f"{name} did not run: {reason}" for name, reason in missing.items()) or "all ran"
    return _judge(context, passed=not missing, description=description, metadata={"n_not_run": len(missing)})


@_check(retraining.variant_comparison, MODEL)
def not_worse_than_baseline(
    context: dg.AssetCheckExecutionContext, variant_comparison: VariantComparison
) -> dg.AssetCheckResult:
    """The retrained model is not worse than the baseline beyond its interval."""
    return _judge(
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


def _judge_rate(
    context: dg.AssetCheckExecutionContext, table: pd.DataFrame, flag: str, limit: float
) -> dg.AssetCheckResult:
    if flag not in table:
        return _judge(context, passed=False, description="this issue type did not run", metadata={})
    n_flagged = int(table[flag].sum())
    rate = n_flagged / len(table)
    return _judge(
        context,
        passed=rate <= limit,
        description=f"{n_flagged:,} of {len(table):,} rows ({rate:.1%}) are flagged; limit {limit:.1%}",
        metadata={"rate": rate, "n": n_flagged, "limit": f"{limit:g}"},
    )


def _summary_of(datalab_issues: pd.DataFrame, issue_type: str) -> dict[str, Any]:
    return next(row for row in datalab_issues.attrs["summary"] if row["issue_type"] == issue_type)


CHECKS = (
    *build_raw_dataset_checks(FAMILY, dataset_level.raw_dataset),
    no_row_in_both_splits,
    no_equal_rows_across_splits,
    every_class_in_every_part,
    class_imbalance,
    near_duplicates_across_splits,
    neighbor_recall,
    probabilities_are_valid,
    each_train_row_predicted_once,
    calibration,
    label_issue_rate,
    detection_power,
    outlier_rate,
    near_duplicate_rate,
    non_iid,
    every_issue_type_ran,
    not_worse_than_baseline,
)
