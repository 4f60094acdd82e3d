"""Run settings of the regression chain beside those that families on tables share."""

from typing import Literal

import dagster as dg
from pydantic import Field

from cleanlab_assets.orchestration.tabular import config as tabular


class TrainingSetConfig(tabular.TrainingSetConfig):
    """Which rows are audited, how they are divided, and which label errors are planted."""

    planted_error_kind: Literal["mixed", "digit_slip", "swap", "unit_error", "noise"] = Field(
        "mixed", description="x10 or /10, two labels exchanged, another unit, 1 to 3 standard deviations, or all four."
    )


class LabelIssuesConfig(dg.Config):
    """How label issues are flagged."""

    flag_by: Literal["calibrated", "cleanlab"] = Field(
        "calibrated", description="The cut that flags: one of a known false-flag rate, or cleanlab's own."
    )
    false_flag_rate: float = Field(
        0.01, ge=0.001, le=0.2, description="Share of right labels that the calibrated cut may flag."
    )


class OutlierDetectorsConfig(dg.Config):
    """How outliers are planted to compare detectors."""

    budgets: list[float] = Field([0.01, 0.02, 0.05, 0.1], description="Shares of the rows that become outliers.")
    factor: float = Field(50.0, ge=2.0, le=1000.0, description="What a value is multiplied by.")
    max_rows: int = Field(20_000, ge=200, le=1_000_000, description="Largest number of train rows; a sample above.")


class VariantComparisonConfig(tabular.VariantComparisonConfig):
    """The experiment that shows whether cleaning helps, and the metric that decides."""

    primary_metric: Literal["rmse", "mae", "r2"] = Field(
        "rmse", description="Metric of the verdict and of the choice of the final model."
    )
