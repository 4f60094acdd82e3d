"""The training set of the segmentation family: the images under audit, shared by every model."""

from __future__ import annotations

from functools import partial
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
from cleanlab_assets.families.segmentation.plant import MASK_ERROR_KINDS, TRUE_COLUMNS, plant_mask_errors
from cleanlab_assets.families.step import DATASET, AnyTable, StepContext, step

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd


_NO_OBJECTS = {"boxes": "[]", "box_labels": "[]", "instance_mask": None}


class TrainingSetSettings(image_settings.TrainingSetSettings):
    """Which images are audited, how they are divided, and which errors are planted in their masks."""

    planted_error_kind: Literal[
        "mixed", "dropped_object", "dilated_object", "eroded_object", "swapped_class", "shifted_object"
    ] = Field("mixed", description="Kind of the planted errors; mixed takes all in turn.")
    planted_size_share: float = Field(
        0.4, ge=0.05, le=0.9, description="Share of its pixels that a dilated object wins or an eroded one loses."
    )


def read_masked_images(table: pd.DataFrame, class_names: Sequence[str]) -> list[AnnotatedImage]:
    """Return the images of a training set with their given class masks; boxes are no part of this family's labels."""
    return read_image_table(table.assign(**_NO_OBJECTS), class_names)


@step(
    "pandas",
    level=DATASET,
    code_version="3",
    facts=ImagesTrainingSetFacts,
    contract=TableContract(
        "MaskTrainingSet",
        "Images under audit: picture, given class mask, split and fold (-1 on test images).",
        (ROW_ID, GIVEN_LABEL, *filled("image", "class_mask"), SPLIT, FOLD),
    ),
    settings=TrainingSetSettings,
)
def training_set(context: StepContext, settings: TrainingSetSettings, raw_dataset: AnyTable) -> ImagesTrainingSetTable:
    """The images under audit: an optional sample, the split into train and test images, and the folds.

    Errors can be planted in the masks of train images to measure how well they are found; the masks of the test images
    are never touched.
    """
    raw, dataset = raw_dataset.value, context.dataset
    lacking = raw.loc[raw["class_mask"].isna(), "row_id"]
    if len(lacking):
        raise ValueError(
            f"{dataset.name}: {len(lacking)} of {len(raw)} images have no class mask, such as "
            f"{lacking.iloc[0]!r}: expected one for each image"
        )
    return make_image_training_set(
        context,
        settings,
        raw,
        left_out=_NO_OBJECTS,
        read=read_image_table,
        plant=partial(plant_mask_errors, size_share=settings.planted_size_share),
        kinds=MASK_ERROR_KINDS,
        true_columns=TRUE_COLUMNS,
    )
