"""Run settings of the object detection chain beside those that families on images share."""

from typing import Literal

from pydantic import Field

from cleanlab_assets.orchestration.vision import config as vision


class TrainingSetConfig(vision.TrainingSetConfig):
    """Which images are audited, how they are divided, and which errors are planted in their boxes."""

    planted_error_kind: Literal["mixed", "dropped_box", "shifted_box", "wrong_class", "extra_box"] = Field(
        "mixed", description="Kind of the planted errors; mixed takes all in turn."
    )


class VariantComparisonConfig(vision.VariantComparisonConfig):
    """The experiment that shows whether cleaning helps, and the metric that decides."""

    primary_metric: Literal["map_50", "map_75"] = Field(
        "map_50", description="Metric of the verdict and of the choice of the final model."
    )
