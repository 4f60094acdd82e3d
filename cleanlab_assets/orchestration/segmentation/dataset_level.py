"""The dataset level of the segmentation chain: the images under audit, shared by every model."""

import json

import dagster as dg
import pandas as pd

from cleanlab_assets.datasets.images import SEPARATOR, AnnotatedImage, read_image_table
from cleanlab_assets.families.images.training_set import build_image_training_set
from cleanlab_assets.families.segmentation.plant import MASK_ERROR_KINDS, plant_mask_errors
from cleanlab_assets.methods.training_set import TRAIN
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.family_asset import StepResult, family_asset
from cleanlab_assets.orchestration.metadata import as_notes, as_table
from cleanlab_assets.orchestration.partitions import DATASET, dataset_of
from cleanlab_assets.orchestration.raw_dataset import build_raw_dataset
from cleanlab_assets.orchestration.segmentation.config import TrainingSetConfig
from cleanlab_assets.orchestration.segmentation.contracts import MASK_TRAINING_SET
from cleanlab_assets.orchestration.vision.image_issues import build_image_issues

FAMILY = "segmentation"
_NO_OBJECTS = {"boxes": "[]", "box_labels": "[]", "instance_mask": None}

raw_dataset = build_raw_dataset(FAMILY)
image_issues = build_image_issues(FAMILY)


def read_masked_images(table: pd.DataFrame, dataset: str) -> list[AnnotatedImage]:
    """Return the images of a training set with their given class masks; boxes are no part of this family's labels."""
    return read_image_table(table.assign(**_NO_OBJECTS), get_dataset(dataset).class_names)


@family_asset(
    FAMILY,
    level=DATASET,
    storage="parquet",
    code_version="1",
    kinds={"pandas", "parquet"},
    contract=MASK_TRAINING_SET,
)
def training_set(context: dg.AssetExecutionContext, config: TrainingSetConfig, raw_dataset: pd.DataFrame) -> StepResult:
    """The images under audit: an optional sample, the split into train and test images, and the folds.

    Errors can be planted in the masks of train images to measure how well they are found; the masks of the test images
    are never touched.
    """
    dataset = get_dataset(dataset_of(context))
    lacking = raw_dataset.loc[raw_dataset["class_mask"].isna(), "row_id"]
    if len(lacking):
        raise ValueError(
            f"{dataset.name}: {len(lacking)} of {len(raw_dataset)} images have no class mask, such as "
            f"{lacking.iloc[0]!r}: expected one for each image"
        )
    built = build_image_training_set(
        raw_dataset,
        dataset,
        max_rows=config.max_rows,
        test_fraction=config.test_fraction,
        folds=config.folds,
        seed=config.seed,
    )
    table = built.table
    planted: list[dict[str, object]] = []
    if config.planted_error_fraction > 0:
        is_train = (table["split"] == TRAIN).to_numpy()
        kinds = MASK_ERROR_KINDS if config.planted_error_kind == "mixed" else (config.planted_error_kind,)
        changed, truth = plant_mask_errors(
            read_image_table(table[is_train], dataset.class_names),
            fraction=config.planted_error_fraction,
            seed=config.seed,
            kinds=kinds,
            size_share=config.planted_size_share,
        )
        planted = json.loads(truth.to_json(orient="records"))
        kind_of = dict(zip(truth["row_id"], truth["planted_kind"], strict=True))
        table["planted_kind"] = table["row_id"].map(kind_of)
        table["planted_error"] = table["planted_kind"].notna()
        table["true_label"], table["true_mask"] = table["given_label"], table["class_mask"]
        given = {image.row_id: image for image in changed}
        has_error = table["planted_error"].to_numpy()
        ids = table.loc[has_error, "row_id"]
        table.loc[has_error, "class_mask"] = [given[row_id].to_row()["class_mask"] for row_id in ids]
        table.loc[has_error, "given_label"] = [SEPARATOR.join(given[row_id].classes) for row_id in ids]
    table = table.drop(columns=list(_NO_OBJECTS))
    table.attrs = {"seed": config.seed, "folds": config.folds, "notes": list(built.notes), "planted": planted}
    shown = ["row_id", "width", "height", "given_label", "split", "fold"]
    log = pd.DataFrame.from_records(planted)
    return StepResult(
        table,
        {
            "train_images": int((table["split"] == TRAIN).sum()),
            "test_images": int((table["split"] != TRAIN).sum()),
            "planted_errors": len(planted),
            **({"planted": as_table(log, len(log), columns=list(log.columns))} if planted else {}),
            "preview": as_table(table, columns=shown),
            "notes": as_notes(built.notes),
        },
    )
