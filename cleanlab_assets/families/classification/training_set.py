"""The training set of the classification family."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

import pandas as pd
from pydantic import Field

from cleanlab_assets.families.step import DATASET, StepContext, TrainingSetTable, step
from cleanlab_assets.families.tables import settings as tables
from cleanlab_assets.families.tables.training_set import TRAINING_SET, make_training_set
from cleanlab_assets.methods.facts import TrainingSetFacts
from cleanlab_assets.methods.planted_errors import plant_errors_in_training_set
from cleanlab_assets.methods.shown import TableView
from cleanlab_assets.models.encoding import FeatureKinds

if TYPE_CHECKING:
    from cleanlab_assets.families.raw_dataset import RawDatasetTable
    from cleanlab_assets.methods.shown import Shown


class TrainingSetSettings(tables.TrainingSetSettings):
    """Which rows are audited, how they are divided, and which label errors are planted."""

    planted_error_kind: Literal["uniform", "class_pairs"] = Field(
        "uniform", description="Any other class, or a class whose rows resemble the row's class."
    )


@step(
    "pandas",
    level=DATASET,
    code_version="4",
    facts=TrainingSetFacts,
    contract=TRAINING_SET,
    settings=TrainingSetSettings,
)
def training_set(context: StepContext, settings: TrainingSetSettings, raw_dataset: RawDatasetTable) -> TrainingSetTable:
    """The rows under audit: an optional sample, the split into train and test rows, and the folds of the train rows.

    Rows with equal features stay on one side of the split and in one fold. Label errors can be planted in the train
    rows to measure how well they are found; test labels are never touched.
    """
    kinds = FeatureKinds.of(context.dataset.columns)
    plant = partial(plant_errors_in_training_set, kinds=kinds, kind=settings.planted_error_kind)
    return make_training_set(context, settings, raw_dataset, plant=plant, show=show_class_balance)


def show_class_balance(table: pd.DataFrame) -> dict[str, Shown]:
    """Show the rows of each class by split."""
    balance = pd.crosstab(table["given_label"], table["split"]).reset_index().astype({"given_label": str})
    return {"class_balance": TableView(balance, len(balance))}
