"""The training set of the object detection family: the images under audit, shared by every model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from cleanlab_assets.datasets.images import AnnotatedImage, read_image_table
from cleanlab_assets.families.contracts import FOLD, GIVEN_LABEL, ROW_ID, SPLIT, TableContract, filled
from cleanlab_assets.families.images import settings as image_settings
from cleanlab_assets.families.images.steps import (
    ImagesTrainingSetFacts,
    ImagesTrainingSetTable,
    make_image_training_set,
)
from cleanlab_assets.families.object_detection.plant import BOX_ERROR_KINDS, TRUE_COLUMNS, plant_box_errors
from cleanlab_assets.families.step import DATASET, AnyTable, StepContext, step

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from cleanlab_assets.methods.shown import Shown

_MASKS = ["instance_mask", "class_mask"]


class TrainingSetSettings(image_settings.TrainingSetSettings):
    """Which images are audited, how they are divided, and which errors are planted in their boxes."""

    planted_error_kind: Literal["mixed", "dropped_box", "shifted_box", "wrong_class", "extra_box"] = Field(
        "mixed", description="Kind of the planted errors; mixed takes all in turn."
    )


def read_boxed_images(table: pd.DataFrame, class_names: Sequence[str]) -> list[AnnotatedImage]:
    """Return the images of a training set with their given boxes; masks are no part of this family's labels."""
    return read_image_table(table.assign(**dict.fromkeys(_MASKS)), class_names)


@step(
    "pandas",
    level=DATASET,
    code_version="3",
    facts=ImagesTrainingSetFacts,
    contract=TableContract(
        "BoxTrainingSet",
        "Images under audit: picture, given boxes with their classes, split and fold (-1 on test images).",
        (ROW_ID, GIVEN_LABEL, *filled("image", "boxes", "box_labels"), SPLIT, FOLD),
    ),
    settings=TrainingSetSettings,
)
def training_set(context: StepContext, settings: TrainingSetSettings, raw_dataset: AnyTable) -> ImagesTrainingSetTable:
    """The images under audit: an optional sample, the split into train and test images, and the folds.

    Errors can be planted in the boxes of train images to measure how well they are found; the annotations of the test
    images are never touched.
    """

    def show(table: pd.DataFrame) -> dict[str, Shown]:
        return {"given_boxes": int(table["box_labels"].map(lambda text: len(json.loads(text))).sum())}

    return make_image_training_set(
        context,
        settings,
        raw_dataset.value,
        left_out=_MASKS,
        read=read_boxed_images,
        plant=plant_box_errors,
        kinds=BOX_ERROR_KINDS,
        true_columns=TRUE_COLUMNS,
        show=show,
    )
