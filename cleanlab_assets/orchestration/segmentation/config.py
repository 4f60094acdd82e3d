"""Run settings of the segmentation chain beside those that families on images share."""

from typing import Literal

from pydantic import Field

from cleanlab_assets.orchestration.vision import config as vision


class TrainingSetConfig(vision.TrainingSetConfig):
    """Which images are audited, how they are divided, and which errors are planted in their masks."""

    planted_error_kind: Literal[
        "mixed", "dropped_object", "dilated_object", "eroded_object", "swapped_class", "shifted_object"
    ] = Field("mixed", description="Kind of the planted errors; mixed takes all in turn.")
    planted_size_share: float = Field(
        0.4, ge=0.05, le=0.9, description="Share of its pixels that a dilated object wins or an eroded one loses."
    )


class VariantComparisonConfig(vision.VariantComparisonConfig):
    """The experiment that shows whether cleaning helps, and the metric that decides."""

    primary_metric: Literal["mean_iou", "pixel_accuracy"] = Field(
        "mean_iou", description="Metric of the verdict and of the choice of the final model."
    )
