"""The checks of the multi-label chain: blocking ones for nonsense, gates for data quality, and detection power."""

import dagster as dg
import numpy as np
import pandas as pd

from cleanlab_assets.families.multilabel.predictions import to_label_set_probabilities
from cleanlab_assets.families.multilabel.variants import measure_label_set_detection_power
from cleanlab_assets.methods.label_sets import encode_given_labels
from cleanlab_assets.methods.training_set import train_rows
from cleanlab_assets.orchestration.ai_summary import build_ai_summary_checks
from cleanlab_assets.orchestration.check_results import family_check, gates_of, judge
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.model_comparison import build_comparison_checks
from cleanlab_assets.orchestration.multilabel import dataset_level, model_level, retraining, summaries
from cleanlab_assets.orchestration.multilabel.dataset_level import FAMILY
from cleanlab_assets.orchestration.partitions import DATASET, MODEL, dataset_of
from cleanlab_assets.orchestration.raw_dataset import build_raw_dataset_checks
from cleanlab_assets.orchestration.tabular.checks import (
    build_datalab_checks,
    build_dataset_level_checks,
    build_prediction_checks,
    build_variant_check,
    judge_detection_power,
)
from cleanlab_assets.orchestration.tabular.model_level import pipeline_factory


@family_check(FAMILY, dataset_level.training_set, DATASET)
def every_class_in_every_part(
    context: dg.AssetCheckExecutionContext, training_set: pd.DataFrame
) -> dg.AssetCheckResult:
    """Every class has enough rows for every fold and for the test rows."""
    notes = training_set.attrs["notes"]
    description = "; ".join(notes) or "every class is in every fold and among the test rows"
    return judge(context, passed=not notes, description=description, metadata={"n_notes": len(notes)})


@family_check(FAMILY, model_level.predictions, MODEL, blocking=True)
def probabilities_are_valid(
    context: dg.AssetCheckExecutionContext,  # noqa: ARG001
    predictions: pd.DataFrame,
) -> dg.AssetCheckResult:
    """Probabilities are numbers from 0 to 1, calibrated or not."""
    probabilities = np.hstack(
        [to_label_set_probabilities(predictions, calibrated=calibrated) for calibrated in (True, False)]
    )
    with np.errstate(invalid="ignore"):
        is_invalid = np.asarray(~((probabilities >= 0) & (probabilities <= 1)).all(axis=1))
    invalid = predictions["row_id"][is_invalid]
    return dg.AssetCheckResult(
        passed=invalid.empty,
        description=f"{len(invalid):,} of {len(predictions):,} rows have invalid probabilities",
        metadata={"n_invalid": len(invalid), "rows": invalid.head(20).tolist()},
    )


@family_check(FAMILY, model_level.label_issues, MODEL, heavy=True)
def detection_power(context: dg.AssetCheckExecutionContext, label_issues: pd.DataFrame) -> dg.AssetCheckResult:
    """Planted label errors rank far worse than by chance: the detector has signal."""
    seed = label_issues.attrs["seed"]
    build = pipeline_factory(FAMILY, context, seed, label_issues.attrs["model_parameters"])
    rows = label_issues
    if "true_label" in label_issues:
        rows = label_issues.assign(given_label=label_issues["true_label"])
    power = measure_label_set_detection_power(
        rows,
        build.features,
        class_names=get_dataset(dataset_of(context)).class_names,
        build=build,
        find_issues=model_level.same_audit(label_issues),
        calibration=label_issues.attrs["calibration_method"],
        seed=seed,
    )
    return judge_detection_power(power)


@family_check(FAMILY, dataset_level.training_set, DATASET)
def class_imbalance(context: dg.AssetCheckExecutionContext, training_set: pd.DataFrame) -> dg.AssetCheckResult:
    """The rarest class is not too rare to learn and to audit."""
    names = get_dataset(dataset_of(context)).class_names
    shares = pd.Series(encode_given_labels(train_rows(training_set), names).mean(axis=0), index=list(names))
    limit = gates_of(context).rarest_class_share
    return judge(
        context,
        passed=bool(shares.min() >= limit),
        description=f"{shares.idxmin()} has the fewest rows, {shares.min():.2%}; at least {limit:.2%} wanted",
        metadata={"rarest_class": str(shares.idxmin()), "share": float(shares.min()), "limit": f"{limit:g}"},
    )


CHECKS = (
    *build_raw_dataset_checks(FAMILY, dataset_level.raw_dataset),
    *build_dataset_level_checks(FAMILY, dataset_level.training_set, dataset_level.neighbor_graph),
    every_class_in_every_part,
    class_imbalance,
    probabilities_are_valid,
    *build_prediction_checks(FAMILY, model_level.predictions, model_level.label_issues),
    detection_power,
    *build_datalab_checks(FAMILY, model_level.datalab_issues),
    build_variant_check(FAMILY, retraining.variant_comparison),
    *build_ai_summary_checks(FAMILY, summaries.ai_summary),
    *build_comparison_checks(FAMILY, summaries.COMPARISON_ASSETS[0]),
)
