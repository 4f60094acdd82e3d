"""The dataset level of the classification chain: rows under audit and their neighbour graph, shared by every model."""

import dagster as dg
import pandas as pd

from cleanlab_assets.methods.planted_errors import plant_errors_in_training_set
from cleanlab_assets.methods.training_set import build_training_set
from cleanlab_assets.models.encoding import FeatureKinds
from cleanlab_assets.orchestration.classification.config import TrainingSetConfig
from cleanlab_assets.orchestration.contracts import TRAINING_SET
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.family_asset import StepResult, family_asset
from cleanlab_assets.orchestration.metadata import as_notes, as_table
from cleanlab_assets.orchestration.partitions import DATASET, dataset_of
from cleanlab_assets.orchestration.raw_dataset import build_raw_dataset
from cleanlab_assets.orchestration.tabular.dataset_level import build_neighbor_graph_asset

FAMILY = "classification"

raw_dataset = build_raw_dataset(FAMILY)
neighbor_graph = build_neighbor_graph_asset(FAMILY)


@family_asset(
    FAMILY,
    level=DATASET,
    storage="parquet",
    code_version="1",
    kinds={"pandas", "parquet"},
    contract=TRAINING_SET,
)
def training_set(context: dg.AssetExecutionContext, config: TrainingSetConfig, raw_dataset: pd.DataFrame) -> StepResult:
    """The rows under audit: an optional sample, the split into train and test rows, and the folds of the train rows.

    Rows with equal features stay on one side of the split and in one fold. Label errors can be planted in the train
    rows to measure how well they are found; test labels are never touched.
    """
    dataset = get_dataset(dataset_of(context))
    built = build_training_set(
        raw_dataset,
        dataset,
        max_rows=config.max_rows,
        test_fraction=config.test_fraction,
        folds=config.folds,
        seed=config.seed,
    )
    table = built.table
    if config.planted_error_fraction > 0:
        table = plant_errors_in_training_set(
            table,
            FeatureKinds.of(dataset.columns),
            fraction=config.planted_error_fraction,
            kind=config.planted_error_kind,
            seed=config.seed,
        )
    table.attrs = {"seed": config.seed, "folds": config.folds, "notes": list(built.notes)}
    balance = pd.crosstab(table["given_label"], table["split"]).reset_index().astype({"given_label": str})
    return StepResult(
        table,
        {
            "train_rows": int((table["split"] == "train").sum()),
            "test_rows": int((table["split"] == "test").sum()),
            "planted_errors": int(table["planted_error"].sum()) if "planted_error" in table else 0,
            "class_balance": as_table(balance, len(balance)),
            "preview": as_table(table, columns=["row_id", "given_label", "split", "fold"]),
            "notes": as_notes(built.notes),
        },
    )
