"""The checks of the chain of panels: blocking ones for nonsense, gates for quality, and detection power."""

import dagster as dg
import numpy as np
import pandas as pd

from cleanlab_assets.families.multiannotator.annotations import panel_of, put_votes
from cleanlab_assets.families.multiannotator.plant import measure_annotation_detection_power
from cleanlab_assets.methods.class_predictions import to_probabilities
from cleanlab_assets.methods.training_set import train_rows
from cleanlab_assets.orchestration.ai_summary import build_ai_summary_checks
from cleanlab_assets.orchestration.check_results import family_check, judge
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.metadata import as_numbers
from cleanlab_assets.orchestration.model_comparison import build_comparison_checks
from cleanlab_assets.orchestration.multiannotator import dataset_level, model_level, retraining, summaries
from cleanlab_assets.orchestration.multiannotator.dataset_level import CURVE_METRIC, FAMILY
from cleanlab_assets.orchestration.multiannotator.model_level import build_panel_model
from cleanlab_assets.orchestration.partitions import DATASET, MODEL, dataset_of
from cleanlab_assets.orchestration.raw_dataset import build_raw_dataset_checks
from cleanlab_assets.orchestration.tabular.checks import (
    build_prediction_checks,
    build_variant_check,
    judge_detection_power,
)

GUESSING_MARGIN = 0.05


@family_check(FAMILY, dataset_level.training_set, DATASET, blocking=True)
def no_row_in_both_splits(
    context: dg.AssetCheckExecutionContext,  # noqa: ARG001
    training_set: pd.DataFrame,
) -> dg.AssetCheckResult:
    """No example is in both splits, and none occurs twice."""
    repeated = training_set.loc[training_set["row_id"].duplicated(keep=False), "row_id"]
    return dg.AssetCheckResult(
        passed=repeated.empty,
        description=f"{repeated.nunique():,} of {len(training_set):,} examples occur more than once",
        metadata={"n_repeated": len(repeated), "repeated": repeated.head(20).tolist()},
    )


@family_check(FAMILY, dataset_level.annotations, DATASET)
def annotators_agree_beyond_chance(
    context: dg.AssetCheckExecutionContext, annotations: pd.DataFrame
) -> dg.AssetCheckResult:
    """Annotators agree beyond chance: else there is no consensus to find."""
    agreement = annotations.attrs["agreement"]
    named = ", ".join(f"{name.replace('_', ' ')} {value:.2f}" for name, value in agreement.items())
    best = max(agreement.values())
    return judge(
        context,
        passed=bool(best > GUESSING_MARGIN),
        description=f"Krippendorff's alpha: {named}; 0 is chance, more than {GUESSING_MARGIN} wanted",
        metadata=as_numbers(agreement),
    )


@family_check(FAMILY, dataset_level.learning_curve, DATASET)
def active_learning_beats_random(
    context: dg.AssetCheckExecutionContext, learning_curve: pd.DataFrame
) -> dg.AssetCheckResult:
    """Where the truth is known, labels chosen by active learning teach more than random ones."""
    if learning_curve.empty:
        return judge(context, passed=True, description=learning_curve.attrs["why_empty"], metadata={"n_seeds": 0})
    found = learning_curve.attrs["active_pairs"][CURVE_METRIC]
    return judge(
        context,
        passed=found["low"] > 0,
        description=f"area between the curves {found['area']:+.4f}, 95 % interval {found['low']:+.4f} to "
        f"{found['high']:+.4f} over {found['n_seeds']} seeds; the whole interval above 0 wanted",
        metadata=found,
    )


@family_check(FAMILY, model_level.predictions, MODEL, blocking=True)
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


@family_check(FAMILY, model_level.label_quality, MODEL, also=("training_set", "annotations", "predictions"), heavy=True)
def detection_power(
    context: dg.AssetCheckExecutionContext,
    label_quality: pd.DataFrame,
    training_set: pd.DataFrame,
    annotations: pd.DataFrame,
    predictions: pd.DataFrame,
) -> dg.AssetCheckResult:
    """Planted errors in single labels rank far worse than by chance: the detector has signal."""
    seed = label_quality.attrs["seed"]
    build = build_panel_model(context, seed, predictions.attrs["model_parameters"])
    known, train = annotations, train_rows(training_set)
    if "planted_error" in annotations:
        known = annotations.assign(given_label=annotations["true_label"])
        train = put_votes(train, known)
    power = measure_annotation_detection_power(train, known, features=build.features, build=build, seed=seed)
    is_preference = panel_of(get_dataset(dataset_of(context))).is_preference
    # Of tastes a detector can know little: that is no fault of its own.
    severity = dg.AssetCheckSeverity.WARN if is_preference else dg.AssetCheckSeverity.ERROR
    return judge_detection_power(power, severity=severity)


@family_check(FAMILY, model_level.consensus_labels, MODEL)
def consensus_not_worse_than_majority(
    context: dg.AssetCheckExecutionContext, consensus_labels: pd.DataFrame
) -> dg.AssetCheckResult:
    """Where the truth is known, CROWDLAB's consensus is at least as accurate as majority vote and model alone."""
    found = consensus_labels.attrs.get("with_truth")
    if found is None:
        return judge(context, passed=True, description="no truth is known to measure with", metadata={})
    crowdlab, vote, model = (found[f"accuracy_{name}"] for name in ("crowdlab", "majority_vote", "model_alone"))
    return judge(
        context,
        passed=crowdlab >= max(vote, model),
        description=f"accuracy {crowdlab:.3f}; majority vote {vote:.3f}, model alone {model:.3f}",
        metadata=as_numbers(found),
    )


@family_check(FAMILY, model_level.annotator_quality, MODEL)
def no_annotator_is_guessing(
    context: dg.AssetCheckExecutionContext, annotator_quality: pd.DataFrame
) -> dg.AssetCheckResult:
    """Every annotator agrees with the consensus more often than by guessing."""
    n_classes = len(get_dataset(dataset_of(context)).class_names)
    limit = 1 / n_classes + GUESSING_MARGIN
    guessing = annotator_quality[annotator_quality["agreement_with_consensus"] <= limit]
    names = ", ".join(guessing["annotator"].astype(str).head(10))
    return judge(
        context,
        passed=guessing.empty,
        description=f"{len(guessing)} of {len(annotator_quality)} annotators agree with the consensus no more often "
        f"than by guessing (limit {limit:.2f})" + (f": {names}" if names else ""),
        metadata={"n_guessing": len(guessing), "annotators": guessing["annotator"].astype(str).head(50).tolist()},
    )


@family_check(FAMILY, model_level.labeling_batch, MODEL)
def something_to_label(context: dg.AssetCheckExecutionContext, labeling_batch: pd.DataFrame) -> dg.AssetCheckResult:
    """The next batch holds examples to label."""
    return judge(
        context,
        passed=len(labeling_batch) > 0,
        description=f"{len(labeling_batch):,} examples to label" if len(labeling_batch) else "all is labelled by all",
        metadata={"n_examples": len(labeling_batch)},
    )


CHECKS = (
    *build_raw_dataset_checks(FAMILY, dataset_level.raw_dataset),
    no_row_in_both_splits,
    annotators_agree_beyond_chance,
    active_learning_beats_random,
    probabilities_are_valid,
    *build_prediction_checks(FAMILY, model_level.predictions, model_level.label_issues),
    detection_power,
    consensus_not_worse_than_majority,
    no_annotator_is_guessing,
    something_to_label,
    build_variant_check(FAMILY, retraining.variant_comparison),
    *build_ai_summary_checks(FAMILY, summaries.ai_summary),
    *build_comparison_checks(FAMILY, summaries.COMPARISON_ASSETS[0]),
)
