"""The checks of the classification chain: blocking ones for nonsense, gates for data quality, and detection power."""

from functools import partial

import dagster as dg
import pandas as pd

from cleanlab_assets.methods.detection_power import measure_detection_power
from cleanlab_assets.methods.label_issues import find_label_issues
from cleanlab_assets.methods.training_set import train_rows
from cleanlab_assets.orchestration.ai_summary import build_ai_summary_checks
from cleanlab_assets.orchestration.check_results import family_check, gates_of, judge
from cleanlab_assets.orchestration.classification import dataset_level, model_level, retraining, summaries
from cleanlab_assets.orchestration.classification.dataset_level import FAMILY
from cleanlab_assets.orchestration.model_comparison import build_comparison_checks
from cleanlab_assets.orchestration.partitions import DATASET, MODEL
from cleanlab_assets.orchestration.raw_dataset import build_raw_dataset_checks
from cleanlab_assets.orchestration.tabular.checks import (
    build_datalab_checks,
    build_dataset_level_checks,
    build_prediction_checks,
    build_probability_check,
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


@family_check(FAMILY, model_level.label_issues, MODEL, heavy=True)
def detection_power(context: dg.AssetCheckExecutionContext, label_issues: pd.DataFrame) -> dg.AssetCheckResult:
    """Planted label errors rank far worse than by chance: the detector has signal."""
    seed = label_issues.attrs["seed"]
    build = pipeline_factory(FAMILY, context, seed, label_issues.attrs["model_parameters"])
    rows = label_issues
    if "true_label" in label_issues:
        rows = label_issues.assign(given_label=label_issues["true_label"])
    rules = {name: label_issues.attrs[name] for name in ("filter_by", "quality_method")}
    power = measure_detection_power(
        rows, build.features, build=build, seed=seed, find_issues=partial(find_label_issues, **rules)
    )
    return judge_detection_power(power)


@family_check(FAMILY, dataset_level.training_set, DATASET)
def class_imbalance(context: dg.AssetCheckExecutionContext, training_set: pd.DataFrame) -> dg.AssetCheckResult:
    """The rarest class is not too rare to learn and to audit."""
    shares = train_rows(training_set)["given_label"].value_counts(normalize=True)
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
    build_probability_check(FAMILY, model_level.predictions),
    *build_prediction_checks(FAMILY, model_level.predictions, model_level.label_issues),
    detection_power,
    *build_datalab_checks(FAMILY, model_level.datalab_issues),
    build_variant_check(FAMILY, retraining.variant_comparison),
    *build_ai_summary_checks(FAMILY, summaries.ai_summary),
    *build_comparison_checks(FAMILY, summaries.COMPARISON_ASSETS[0]),
)
