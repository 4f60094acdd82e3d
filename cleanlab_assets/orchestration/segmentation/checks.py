"""The checks of the segmentation chain."""

import dagster as dg
import numpy as np
import pandas as pd

from cleanlab_assets.families.segmentation.detection_power import measure_mask_detection_power
from cleanlab_assets.families.segmentation.issues import SUM_TOLERANCE, unpack_probabilities
from cleanlab_assets.methods.training_set import train_rows
from cleanlab_assets.orchestration.ai_summary import build_ai_summary_checks
from cleanlab_assets.orchestration.check_results import family_check
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.model_comparison import build_comparison_checks
from cleanlab_assets.orchestration.partitions import MODEL, dataset_of
from cleanlab_assets.orchestration.raw_dataset import build_raw_dataset_checks
from cleanlab_assets.orchestration.segmentation import dataset_level, model_level, retraining
from cleanlab_assets.orchestration.segmentation.dataset_level import FAMILY, read_masked_images
from cleanlab_assets.orchestration.tabular.checks import build_prediction_checks, build_variant_check
from cleanlab_assets.orchestration.vision.checks import build_split_check, judge_detection_power_by_kind
from cleanlab_assets.orchestration.vision.image_issues import build_image_issue_checks


@family_check(FAMILY, model_level.predictions, MODEL, blocking=True, also=("training_set",))
def probabilities_are_valid(
    context: dg.AssetCheckExecutionContext, predictions: pd.DataFrame, training_set: pd.DataFrame
) -> dg.AssetCheckResult:
    """Every pixel of every image has probabilities of all classes, finite and not negative, that sum to 1."""
    n_ids = len(get_dataset(dataset_of(context)).class_names) + 1
    sizes = train_rows(training_set).set_index("row_id")[["height", "width"]]
    wrong = []
    for row_id, content in zip(predictions["row_id"], predictions["probabilities"], strict=True):
        found = unpack_probabilities(content)
        height, width = sizes.loc[row_id]
        # A value that is not a number is no less than any limit.
        is_valid = found.shape == (n_ids, height, width) and bool((found >= 0).all())
        if not is_valid or not np.abs(found.sum(axis=0) - 1).max() <= SUM_TOLERANCE:
            wrong.append(row_id)
    return dg.AssetCheckResult(
        passed=not wrong,
        description=f"{len(wrong):,} of {len(predictions):,} images have invalid probabilities",
        metadata={"n_invalid": len(wrong), "rows": wrong[:20]},
    )


@family_check(FAMILY, model_level.label_issues, MODEL, heavy=True, also=("training_set", "predictions"))
def detection_power(
    context: dg.AssetCheckExecutionContext,
    label_issues: pd.DataFrame,  # noqa: ARG001 - the asset that is checked
    training_set: pd.DataFrame,
    predictions: pd.DataFrame,
) -> dg.AssetCheckResult:
    """Errors planted in the masks rank far worse than by chance, each kind for itself: the detector has signal.

    Errors that the training set holds on purpose are taken out first, or they would count as right.
    """
    rows = train_rows(training_set)
    if "true_mask" in rows:
        rows = rows.assign(class_mask=rows["true_mask"])
    power = measure_mask_detection_power(
        read_masked_images(rows, dataset_of(context)),
        predictions["probabilities"].tolist(),
        seed=training_set.attrs["seed"],
    )
    return judge_detection_power_by_kind(power)


CHECKS = (
    *build_raw_dataset_checks(FAMILY, dataset_level.raw_dataset),
    build_split_check(FAMILY, dataset_level.training_set),
    *build_image_issue_checks(FAMILY, dataset_level.image_issues),
    probabilities_are_valid,
    *build_prediction_checks(FAMILY, model_level.predictions, model_level.label_issues),
    detection_power,
    build_variant_check(FAMILY, retraining.variant_comparison),
    *build_ai_summary_checks(FAMILY, retraining.ai_summary),
    *build_comparison_checks(FAMILY, retraining.COMPARISON_ASSETS[0]),
)
