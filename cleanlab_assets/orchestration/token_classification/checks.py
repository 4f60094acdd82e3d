"""The checks of the token chain: blocking ones for nonsense, gates for data quality, and detection power."""

from functools import partial

import dagster as dg
import pandas as pd

from cleanlab_assets.families.token_classification.plant import draw_sentences
from cleanlab_assets.methods.detection_power import measure_detection_power
from cleanlab_assets.methods.label_issues import find_label_issues
from cleanlab_assets.orchestration.ai_summary import build_ai_summary_checks
from cleanlab_assets.orchestration.check_results import family_check, judge
from cleanlab_assets.orchestration.model_comparison import build_comparison_checks
from cleanlab_assets.orchestration.partitions import DATASET, MODEL
from cleanlab_assets.orchestration.raw_dataset import build_raw_dataset_checks
from cleanlab_assets.orchestration.tabular.checks import (
    build_prediction_checks,
    build_probability_check,
    build_variant_check,
    judge_detection_power,
)
from cleanlab_assets.orchestration.tabular.model_level import pipeline_factory
from cleanlab_assets.orchestration.token_classification import dataset_level, model_level, retraining, summaries
from cleanlab_assets.orchestration.token_classification.dataset_level import FAMILY

DETECTION_TOKENS = 10_000
"""Tokens, of whole sentences, that detection power is measured on."""


@family_check(FAMILY, dataset_level.training_set, DATASET, blocking=True)
def no_sentence_in_two_parts(
    context: dg.AssetCheckExecutionContext,  # noqa: ARG001
    training_set: pd.DataFrame,
) -> dg.AssetCheckResult:
    """No sentence is in two splits or two folds, and no row id occurs twice."""
    part = training_set.groupby("sentence_id", observed=True)[["split", "fold"]].nunique()
    torn = part.index[(part > 1).any(axis=1)].astype(str)
    repeated = training_set.loc[training_set["row_id"].duplicated(), "row_id"]
    return dg.AssetCheckResult(
        passed=len(torn) == 0 and repeated.empty,
        description=f"{len(torn):,} of {len(part):,} sentences are in two parts, {len(repeated):,} row ids occur twice",
        metadata={"n_torn": len(torn), "n_repeated": len(repeated), "examples": [*torn[:10], *repeated.head(10)]},
    )


@family_check(FAMILY, dataset_level.training_set, DATASET)
def every_class_in_every_part(
    context: dg.AssetCheckExecutionContext, training_set: pd.DataFrame
) -> dg.AssetCheckResult:
    """Every tag has train rows in two folds or more, and test rows."""
    notes = [note for note in training_set.attrs["notes"] if " tag '" in f" {note}"]
    description = "; ".join(notes) or "every tag is in several folds and among the test rows"
    return judge(context, passed=not notes, description=description, metadata={"n_notes": len(notes)})


@family_check(FAMILY, model_level.label_issues, MODEL, heavy=True)
def detection_power(context: dg.AssetCheckExecutionContext, label_issues: pd.DataFrame) -> dg.AssetCheckResult:
    """Planted tag errors rank far worse than by chance: the detector has signal. Measured on a sample of sentences."""
    seed = label_issues.attrs["seed"]
    build = pipeline_factory(FAMILY, context, seed, label_issues.attrs["model_parameters"])
    rows = label_issues[draw_sentences(label_issues, DETECTION_TOKENS, seed=seed)].reset_index(drop=True)
    if "true_label" in rows:
        rows = rows.assign(given_label=rows["true_label"])
    rules = {name: label_issues.attrs[name] for name in ("filter_by", "quality_method")}
    power = measure_detection_power(
        rows,
        build.features,
        build=build,
        seed=seed,
        max_rows=len(rows),
        find_issues=partial(find_label_issues, **rules),
        keep_together=["sentence"],
    )
    return judge_detection_power(power, among=f" in {len(rows):,} tokens")


CHECKS = (
    *build_raw_dataset_checks(FAMILY, dataset_level.raw_dataset),
    no_sentence_in_two_parts,
    every_class_in_every_part,
    build_probability_check(FAMILY, model_level.predictions),
    *build_prediction_checks(FAMILY, model_level.predictions, model_level.label_issues),
    detection_power,
    build_variant_check(FAMILY, retraining.variant_comparison),
    *build_ai_summary_checks(FAMILY, summaries.ai_summary),
    *build_comparison_checks(FAMILY, summaries.COMPARISON_ASSETS[0]),
)
