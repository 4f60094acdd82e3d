"""The training set of the regression family."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from cleanlab_assets.families.contracts import FOLD, ROW_ID, SPLIT, TableContract, number
from cleanlab_assets.families.regression.plant import plant_errors_in_numeric_training_set
from cleanlab_assets.families.step import DATASET, StepContext, TrainingSetTable, step
from cleanlab_assets.families.tables import settings as tables
from cleanlab_assets.families.tables.training_set import make_training_set
from cleanlab_assets.methods.facts import TrainingSetFacts
from cleanlab_assets.methods.shown import Plots, TableView
from cleanlab_assets.reports.label_plots import plot_label_distribution

if TYPE_CHECKING:
    import pandas as pd

    from cleanlab_assets.families.raw_dataset import RawDatasetTable
    from cleanlab_assets.methods.shown import Shown

VALUE = number("given_label")


class TrainingSetSettings(tables.TrainingSetSettings):
    """Which rows are audited, how they are divided, and which label errors are planted."""

    planted_error_kind: Literal["mixed", "digit_slip", "swap", "unit_error", "noise"] = Field(
        "mixed", description="x10 or /10, two labels exchanged, another unit, 1 to 3 standard deviations, or all four."
    )


@step(
    "pandas",
    level=DATASET,
    code_version="4",
    facts=TrainingSetFacts,
    contract=TableContract(
        "ValueTrainingSet",
        "Rows under audit with a numeric label: row id, features, given label, split and fold (-1 on test rows).",
        (ROW_ID, VALUE, SPLIT, FOLD),
    ),
    settings=TrainingSetSettings,
)
def training_set(context: StepContext, settings: TrainingSetSettings, raw_dataset: RawDatasetTable) -> TrainingSetTable:
    """The rows under audit: an optional sample, the split into train and test rows, and the folds of the train rows.

    Where the dataset is a series, the test rows are the latest and the folds are blocks of time; else rows with equal
    features stay together. Label errors can be planted in the train rows; test labels are never touched.
    """
    domain = context.dataset.label_domain
    plant = partial(plant_errors_in_numeric_training_set, domain=domain, kind=settings.planted_error_kind)

    def show(table: pd.DataFrame) -> dict[str, Shown]:
        described = table.groupby("split", observed=False)["given_label"].describe()
        plot = plot_label_distribution(table["given_label"].to_numpy(), domain.unit)
        return {
            "label_distribution": TableView.whole(described.reset_index().astype({"split": str})),
            "plots": Plots({"Label distribution": plot}),
        }

    return make_training_set(
        context,
        settings,
        raw_dataset,
        plant=plant,
        show=show,
    )
