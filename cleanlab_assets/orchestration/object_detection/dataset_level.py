"""The dataset level of the object detection chain: the images under audit, shared by every model."""

import json

import dagster as dg
import pandas as pd

from cleanlab_assets.datasets.images import AnnotatedImage, read_image_table
from cleanlab_assets.families.images.training_set import build_image_training_set
from cleanlab_assets.families.object_detection.plant import BOX_ERROR_KINDS, plant_box_errors
from cleanlab_assets.methods.training_set import TRAIN
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.family_asset import StepResult, family_asset
from cleanlab_assets.orchestration.metadata import as_notes, as_table
from cleanlab_assets.orchestration.object_detection.config import TrainingSetConfig
from cleanlab_assets.orchestration.object_detection.contracts import BOX_TRAINING_SET
from cleanlab_assets.orchestration.partitions import DATASET, dataset_of
from cleanlab_assets.orchestration.raw_dataset import build_raw_dataset
from cleanlab_assets.orchestration.vision.image_issues import build_image_issues

FAMILY = "object_detection"
_MASKS = ["instance_mask", "class_mask"]

raw_dataset = build_raw_dataset(FAMILY)
image_issues = build_image_issues(FAMILY)


def read_boxed_images(table: pd.DataFrame, dataset: str) -> list[AnnotatedImage]:
    """Return the images of a training set with their given boxes; masks are no part of this family's labels."""
    return read_image_table(table.assign(**dict.fromkeys(_MASKS)), get_dataset(dataset).class_names)


@family_asset(
    FAMILY,
    level=DATASET,
    storage="parquet",
    code_version="1",
    kinds={"pandas", "parquet"},
    contract=BOX_TRAINING_SET,
)
def training_set(context: dg.AssetExecutionContext, config: TrainingSetConfig, raw_dataset: pd.DataFrame) -> StepResult:
    """The images under audit: an optional sample, the split into train and test images, and the folds.

    Errors can be planted in the boxes of train images to measure how well they are found; the annotations of the test
    images are never touched.
    """
    dataset = get_dataset(dataset_of(context))
    built = build_image_training_set(
        raw_dataset,
        dataset,
        max_rows=config.max_rows,
        test_fraction=config.test_fraction,
        folds=config.folds,
        seed=config.seed,
    )
    table = built.table.drop(columns=_MASKS)
    planted: list[dict[str, object]] = []
    if config.planted_error_fraction > 0:
        is_train = (table["split"] == TRAIN).to_numpy()
        kinds = BOX_ERROR_KINDS if config.planted_error_kind == "mixed" else (config.planted_error_kind,)
        images = read_boxed_images(table[is_train], dataset.name)
        changed, truth = plant_box_errors(images, fraction=config.planted_error_fraction, seed=config.seed, kinds=kinds)
        planted = json.loads(truth.to_json(orient="records"))
        table = table.assign(true_boxes=table["boxes"], true_box_labels=table["box_labels"])
        for column, values in (
            ("boxes", [json.dumps(image.boxes.tolist()) for image in changed]),
            ("box_labels", [json.dumps(list(image.box_labels)) for image in changed]),
        ):
            table.loc[is_train, column] = values
        kind_of = dict(zip(truth["row_id"], truth["planted_kind"], strict=True))
        table["planted_kind"] = table["row_id"].map(kind_of)
        table["planted_error"] = table["planted_kind"].notna()
        table["true_label"] = table["given_label"]
    table.attrs = {"seed": config.seed, "folds": config.folds, "notes": list(built.notes), "planted": planted}
    shown = ["row_id", "width", "height", "given_label", "split", "fold"]
    log = pd.DataFrame.from_records(planted)
    return StepResult(
        table,
        {
            "train_images": int((table["split"] == TRAIN).sum()),
            "test_images": int((table["split"] != TRAIN).sum()),
            "given_boxes": int(table["box_labels"].map(lambda text: len(json.loads(text))).sum()),
            "planted_errors": len(planted),
            **({"planted": as_table(log, len(log))} if planted else {}),
            "preview": as_table(table, columns=shown),
            "notes": as_notes(built.notes),
        },
    )
