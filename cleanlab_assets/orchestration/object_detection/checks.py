"""The checks of the object detection chain."""

import dagster as dg
import numpy as np
import pandas as pd

from cleanlab_assets.audit.object_detection import read_predictions_table
from cleanlab_assets.audit.training_set import train_rows
from cleanlab_assets.datasets.catalogue import get_dataset
from cleanlab_assets.evaluation.box_detection import measure_box_detection_power
from cleanlab_assets.orchestration.ai_summary import build_ai_summary_checks
from cleanlab_assets.orchestration.check_results import family_check
from cleanlab_assets.orchestration.metadata import as_table
from cleanlab_assets.orchestration.model_comparison import build_comparison_checks
from cleanlab_assets.orchestration.object_detection import dataset_level, model_level, retraining
from cleanlab_assets.orchestration.object_detection.dataset_level import FAMILY, read_boxed_images
from cleanlab_assets.orchestration.partitions import DATASET, MODEL, dataset_of
from cleanlab_assets.orchestration.raw_dataset import build_raw_dataset_checks
from cleanlab_assets.orchestration.tabular.checks import MINIMUM_LIFT, build_prediction_checks, build_variant_check


@family_check(FAMILY, dataset_level.training_set, DATASET, blocking=True)
def no_equal_images_across_splits(
    context: dg.AssetCheckExecutionContext,  # noqa: ARG001
    training_set: pd.DataFrame,
) -> dg.AssetCheckResult:
    """No row id comes twice, and images of equal bytes lie on one side of the split."""
    groups = pd.factorize(training_set["image"])[0]
    straddles = (training_set["split"].cat.codes.groupby(groups).transform("nunique") > 1).to_numpy()
    repeated = training_set["row_id"].duplicated(keep=False).to_numpy()
    wrong = straddles | repeated
    return dg.AssetCheckResult(
        passed=not wrong.any(),
        description=f"{straddles.sum():,} of {len(training_set):,} images have an equal one on the other side, "
        f"{repeated.sum():,} share their row id",
        metadata={"n_wrong": int(wrong.sum()), "rows": training_set.loc[wrong, "row_id"].head(20).tolist()},
    )


@family_check(FAMILY, model_level.predictions, MODEL, blocking=True, also=("training_set",))
def boxes_are_valid(
    context: dg.AssetCheckExecutionContext, predictions: pd.DataFrame, training_set: pd.DataFrame
) -> dg.AssetCheckResult:
    """Predicted boxes are finite, have an area and lie in their image; probabilities are between 0 and 1."""
    names = get_dataset(dataset_of(context)).class_names
    sizes = train_rows(training_set).set_index("row_id")[["width", "height"]]
    wrong = []
    for row_id, found in zip(predictions["row_id"], read_predictions_table(predictions, names), strict=True):
        limits = np.tile(sizes.loc[row_id].to_numpy(dtype=np.float64), 2)
        is_inside = np.isfinite(found.boxes).all() and (found.boxes >= 0).all() and (found.boxes <= limits + 1).all()
        if not is_inside or not (found.boxes[:, 2:] > found.boxes[:, :2]).all():
            wrong.append(row_id)
    return dg.AssetCheckResult(
        passed=not wrong,
        description=f"{len(wrong):,} of {len(predictions):,} images have an invalid predicted box",
        metadata={"n_invalid": len(wrong), "rows": wrong[:20]},
    )


@family_check(FAMILY, model_level.box_issues, MODEL, heavy=True, also=("training_set", "predictions"))
def detection_power(
    context: dg.AssetCheckExecutionContext,
    box_issues: pd.DataFrame,  # noqa: ARG001 - the asset that is checked
    training_set: pd.DataFrame,
    predictions: pd.DataFrame,
) -> dg.AssetCheckResult:
    """Errors planted in the boxes rank far worse than by chance, each kind for itself: the detector has signal."""
    name = dataset_of(context)
    power = measure_box_detection_power(
        read_boxed_images(train_rows(training_set), name),
        read_predictions_table(predictions, get_dataset(name).class_names),
        seed=training_set.attrs["seed"],
    )
    weak = power[power["average_precision"] < MINIMUM_LIFT * power["chance"]]
    shown = ", ".join(
        f"{kind} {value:.2f} (chance {chance:.2f})"
        for kind, value, chance in power[["kind", "average_precision", "chance"]].itertuples(index=False)
    )
    return dg.AssetCheckResult(
        passed=weak.empty,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"average precision by kind: {shown}; at least {MINIMUM_LIFT:g} times chance wanted",
        metadata={"by_kind": as_table(power, len(power), columns=list(power.columns))},
    )


CHECKS = (
    *build_raw_dataset_checks(FAMILY, dataset_level.raw_dataset),
    no_equal_images_across_splits,
    boxes_are_valid,
    *build_prediction_checks(FAMILY, model_level.predictions, model_level.label_issues),
    detection_power,
    build_variant_check(FAMILY, retraining.variant_comparison),
    *build_ai_summary_checks(FAMILY, retraining.ai_summary),
    *build_comparison_checks(FAMILY, retraining.COMPARISON_ASSETS[0]),
)
