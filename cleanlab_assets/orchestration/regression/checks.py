"""The checks of the regression chain: blocking ones for nonsense, gates for data quality, and detection power."""

import dagster as dg
import numpy as np
import pandas as pd

from cleanlab_assets.families.regression.cut_calibration import measure_value_detection_power
from cleanlab_assets.methods.training_set import train_rows
from cleanlab_assets.orchestration.ai_summary import build_ai_summary_checks
from cleanlab_assets.orchestration.check_results import family_check
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.model_comparison import build_comparison_checks
from cleanlab_assets.orchestration.partitions import DATASET, MODEL, dataset_of
from cleanlab_assets.orchestration.raw_dataset import build_raw_dataset_checks
from cleanlab_assets.orchestration.regression import dataset_level, model_level, retraining, summaries
from cleanlab_assets.orchestration.regression.dataset_level import FAMILY
from cleanlab_assets.orchestration.tabular.checks import (
    MINIMUM_LIFT,
    build_datalab_checks,
    build_dataset_level_checks,
    build_prediction_checks,
    build_variant_check,
    judge_detection_power,
)
from cleanlab_assets.orchestration.tabular.model_level import pipeline_factory

DATALAB_DETECTOR = "datalab"


@family_check(FAMILY, model_level.predictions, MODEL, blocking=True)
def values_are_valid(
    context: dg.AssetCheckExecutionContext,  # noqa: ARG001
    predictions: pd.DataFrame,
) -> dg.AssetCheckResult:
    """Predicted values are finite, and uncertainties are finite and positive."""
    values, uncertainty = predictions["predicted_value"].to_numpy(), predictions["uncertainty"].to_numpy()
    is_valid = np.isfinite(values) & np.isfinite(uncertainty) & (uncertainty > 0)
    return dg.AssetCheckResult(
        passed=bool(is_valid.all()),
        description=f"{(~is_valid).sum():,} of {len(is_valid):,} rows have an invalid value or uncertainty",
        metadata={"n_invalid": int((~is_valid).sum()), "rows": predictions.loc[~is_valid, "row_id"].head(20).tolist()},
    )


@family_check(FAMILY, model_level.label_issues, MODEL, also=("training_set",), heavy=True)
def detection_power(
    context: dg.AssetCheckExecutionContext, label_issues: pd.DataFrame, training_set: pd.DataFrame
) -> dg.AssetCheckResult:
    """Planted label errors rank far worse than by chance: the detector has signal."""
    seed = label_issues.attrs["seed"]
    build = pipeline_factory(FAMILY, context, seed, label_issues.attrs["model_parameters"])
    rows = train_rows(training_set)
    if "true_label" in rows:
        rows = rows.assign(given_label=rows["true_label"])
    domain = get_dataset(dataset_of(context)).label_domain
    power = measure_value_detection_power(
        rows,
        build.features,
        build=build,
        domain=domain,
        find_issues=model_level.same_audit(label_issues, domain),
        seed=seed,
    )
    return judge_detection_power(power)


@family_check(FAMILY, dataset_level.outlier_detectors, DATASET)
def outlier_detection_power(
    context: dg.AssetCheckExecutionContext,  # noqa: ARG001
    outlier_detectors: pd.DataFrame,
) -> dg.AssetCheckResult:
    """Datalab's outlier score ranks planted outliers far worse than by chance, at every share of outliers."""
    found = outlier_detectors[outlier_detectors["detector"] == DATALAB_DETECTOR]
    if found.empty:
        return dg.AssetCheckResult(
            passed=True, description="no numeric column can hold planted outliers: nothing was measured"
        )
    lift = found["average_precision"] / found["planted_share"]
    worst = found.loc[lift.idxmin()]
    return dg.AssetCheckResult(
        passed=bool((lift >= MINIMUM_LIFT).all()),
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"average precision {worst['average_precision']:.3f} where {worst['planted_share']:.1%} of the "
        f"rows are outliers; at least {MINIMUM_LIFT:g} times chance wanted",
        metadata={"average_precision": float(worst["average_precision"]), "recall": float(worst["recall_at_budget"])},
    )


CHECKS = (
    *build_raw_dataset_checks(FAMILY, dataset_level.raw_dataset),
    *build_dataset_level_checks(FAMILY, dataset_level.training_set, dataset_level.neighbor_graph),
    outlier_detection_power,
    values_are_valid,
    *build_prediction_checks(FAMILY, model_level.predictions, model_level.label_issues),
    detection_power,
    *build_datalab_checks(FAMILY, model_level.datalab_issues),
    build_variant_check(FAMILY, retraining.variant_comparison),
    *build_ai_summary_checks(FAMILY, summaries.ai_summary),
    *build_comparison_checks(FAMILY, summaries.COMPARISON_ASSETS[0]),
)
