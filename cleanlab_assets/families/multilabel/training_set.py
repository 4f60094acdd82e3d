"""The training set of the multilabel family."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from cleanlab_assets.families.multilabel.plant import plant_label_set_errors
from cleanlab_assets.families.step import DATASET, StepContext, TrainingSetTable, step
from cleanlab_assets.families.tables import settings as tables
from cleanlab_assets.families.tables.training_set import TRAINING_SET, make_training_set
from cleanlab_assets.methods.facts import TrainingSetFacts
from cleanlab_assets.methods.label_sets import decode_label_sets, encode_given_labels
from cleanlab_assets.methods.planted_errors import put_planted_errors
from cleanlab_assets.methods.shown import TableView
from cleanlab_assets.methods.training_set import train_rows

if TYPE_CHECKING:
    from cleanlab_assets.families.raw_dataset import RawDatasetTable
    from cleanlab_assets.methods.shown import Shown


class TrainingSetSettings(tables.TrainingSetSettings):
    """Which rows are audited, how they are divided, and which label errors are planted."""

    planted_error_kind: Literal["mixed", "missing", "extra", "swapped", "whole_set"] = Field(
        "mixed", description="A class left out, put in, or exchanged for another; the set of another row; or all kinds."
    )


@step(
    "pandas",
    level=DATASET,
    code_version="3",
    facts=TrainingSetFacts,
    contract=TRAINING_SET,
    settings=TrainingSetSettings,
)
def training_set(context: StepContext, settings: TrainingSetSettings, raw_dataset: RawDatasetTable) -> TrainingSetTable:
    """The rows under audit: an optional sample, the split into train and test rows, and the folds of the train rows.

    Split and folds are stratified by class and, as far as the counts allow, by combination of classes; rows with equal
    features stay together. Label errors can be planted in the train rows; test labels are never touched.
    """
    names = context.dataset.class_names

    def plant(table: pd.DataFrame, *, fraction: float, seed: int) -> pd.DataFrame:
        named = encode_given_labels(train_rows(table), names)
        planted = plant_label_set_errors(named, fraction=fraction, kind=settings.planted_error_kind, seed=seed)
        return put_planted_errors(table, planted, decode_label_sets(planted.labels, names), fraction=fraction)

    def show(table: pd.DataFrame) -> dict[str, Shown]:
        named, is_train = encode_given_labels(table, names), (table["split"] == "train").to_numpy()
        balance = pd.DataFrame(
            {"class_name": names, "train": named[is_train].sum(axis=0), "test": named[~is_train].sum(axis=0)}
        )
        return {
            "classes_per_row": float(named.sum(axis=1).mean()),
            "rows_without_class": int(np.sum(~named.any(axis=1))),
            "class_balance": TableView(balance, len(balance)),
        }

    return make_training_set(context, settings, raw_dataset, plant=plant, show=show)
