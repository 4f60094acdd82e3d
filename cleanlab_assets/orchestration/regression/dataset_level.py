"""The dataset level of the regression chain: rows under audit, their neighbour graph, and detectors of outliers."""

import dagster as dg
import pandas as pd

from cleanlab_assets.families.regression.outlier_detectors import compare_detectors_at_budgets
from cleanlab_assets.families.regression.plant import plant_errors_in_numeric_training_set
from cleanlab_assets.families.regression.plots import plot_label_distribution
from cleanlab_assets.methods.training_set import build_training_set, train_rows
from cleanlab_assets.models.encoding import FeatureKinds
from cleanlab_assets.orchestration.contracts import OUTLIER_DETECTORS, VALUE_TRAINING_SET
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.family_asset import StepResult, family_asset
from cleanlab_assets.orchestration.metadata import as_notes, as_plots, as_table
from cleanlab_assets.orchestration.partitions import DATASET, dataset_of
from cleanlab_assets.orchestration.raw_dataset import build_raw_dataset
from cleanlab_assets.orchestration.regression.config import OutlierDetectorsConfig, TrainingSetConfig
from cleanlab_assets.orchestration.tabular.dataset_level import build_neighbor_graph_asset

FAMILY = "regression"

raw_dataset = build_raw_dataset(FAMILY)
neighbor_graph = build_neighbor_graph_asset(FAMILY)


@family_asset(
    FAMILY, level=DATASET, storage="parquet", code_version="2", kinds={"pandas", "parquet"}, contract=VALUE_TRAINING_SET
)
def training_set(context: dg.AssetExecutionContext, config: TrainingSetConfig, raw_dataset: pd.DataFrame) -> StepResult:
    """The rows under audit: an optional sample, the split into train and test rows, and the folds of the train rows.

    Where the dataset is a series, the test rows are the latest and the folds are blocks of time; else rows with equal
    features stay together. Label errors can be planted in the train rows; test labels are never touched.
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
        table = plant_errors_in_numeric_training_set(
            table,
            dataset.label_domain,
            fraction=config.planted_error_fraction,
            kind=config.planted_error_kind,
            seed=config.seed,
        )
    table.attrs = {"seed": config.seed, "folds": config.folds, "notes": list(built.notes)}
    labels = table["given_label"].to_numpy()
    distribution = table.groupby("split", observed=False)["given_label"].describe().reset_index().astype({"split": str})
    return StepResult(
        table,
        {
            "train_rows": int((table["split"] == "train").sum()),
            "test_rows": int((table["split"] == "test").sum()),
            "planted_errors": int(table["planted_error"].sum()) if "planted_error" in table else 0,
            "label_distribution": as_table(distribution, columns=list(distribution.columns)),
            "plots": as_plots({"Label distribution": plot_label_distribution(labels, dataset.label_domain.unit)}),
            "preview": as_table(table, columns=["row_id", "given_label", "split", "fold"]),
            "notes": as_notes(built.notes),
        },
    )


@family_asset(
    FAMILY,
    level=DATASET,
    storage="parquet",
    code_version="1",
    kinds={"scikitlearn", "parquet"},
    contract=OUTLIER_DETECTORS,
    heavy=True,
)
def outlier_detectors(
    context: dg.AssetExecutionContext,
    config: OutlierDetectorsConfig,
    training_set: pd.DataFrame,
    neighbor_graph: pd.DataFrame,
) -> StepResult:
    """How well outliers are found that were planted in a copy of the train rows: one column multiplied.

    Datalab's score on the neighbour graph's encoding against an isolation forest and the local outlier factor, at
    several shares of outliers.
    """
    kinds = FeatureKinds.of(get_dataset(dataset_of(context)).columns)
    rows = train_rows(training_set)[kinds.names]
    if len(rows) > config.max_rows:
        rows = rows.sample(config.max_rows, random_state=training_set.attrs["seed"]).reset_index(drop=True)
    table = compare_detectors_at_budgets(
        rows,
        kinds,
        budgets=config.budgets,
        factor=config.factor,
        k=neighbor_graph.attrs["k"],
        seed=training_set.attrs["seed"],
    )
    left_out = sorted(set(config.budgets) - set(table["planted_share"]))
    notes = [f"no numeric column has values other than zero in {budget:.0%} of the rows" for budget in left_out]
    return StepResult(
        table,
        {"detectors": as_table(table, len(table), columns=list(table.columns)), "notes": as_notes(notes)},
    )
