"""Run settings of the chain of panels beside those that families on tables share."""

import dagster as dg
from pydantic import Field

from cleanlab_assets.orchestration.classification.config import VariantComparisonConfig as ClassVariantConfig
from cleanlab_assets.orchestration.tabular import config as tabular


class TrainingSetConfig(tabular.TrainingSetConfig):
    """Which annotators and examples are audited, how these are divided, and which single labels are made wrong.

    Limits that are absent are those of the dataset's catalogue entry.
    """

    max_rows: int | None = Field(
        None, ge=20, le=100_000_000, description="Most examples: those with the most labels; the dataset's if absent."
    )
    max_annotators: int | None = Field(None, ge=2, description="Most annotators: those with the most labels.")
    min_labels_per_example: int | None = Field(None, ge=1, description="Examples with fewer labels are left out.")
    min_labels_per_annotator: int | None = Field(None, ge=1, description="Annotators with fewer labels are left out.")


class VariantComparisonConfig(ClassVariantConfig):
    """The experiment that shows whether a better consensus helps a model."""

    prune_fraction: float = Field(0.02, ge=0.0, le=0.2, description="Share of the train examples pruned.")


class LabelingBatchConfig(dg.Config):
    """The next examples to label."""

    batch_size: int = Field(20, ge=1, le=10_000, description="Examples of a batch.")


class LearningCurveConfig(dg.Config):
    """The experiment with active learning on data with known truth."""

    seeds: int = Field(4, ge=2, le=100, description="Repetitions, each on examples drawn anew.")
    max_examples: int = Field(1000, ge=50, description="Most examples whose labels are revealed.")
    start: int = Field(400, ge=10, description="Examples with a label at the beginning.")
    batch_size: int = Field(80, ge=1, description="Labels for each round.")
    rounds: int = Field(5, ge=1, le=100, description="Rounds after the beginning.")
