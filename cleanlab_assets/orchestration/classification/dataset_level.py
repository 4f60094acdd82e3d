"""The dataset level of the classification chain: rows under audit and their neighbour graph, shared by every model."""

import dagster as dg
import pandas as pd

from cleanlab_assets.audit.neighbor_graph import METRIC, build_neighbor_graph, measure_split_leakage, to_graph_table
from cleanlab_assets.audit.training_set import build_training_set
from cleanlab_assets.datasets.catalogue import get_dataset
from cleanlab_assets.evaluation.planted_errors import plant_errors_in_training_set
from cleanlab_assets.models.encoding import FeatureKinds, encode_for_distance
from cleanlab_assets.orchestration.classification.config import NeighborGraphConfig, TrainingSetConfig
from cleanlab_assets.orchestration.contracts import NEIGHBOR_GRAPH, TRAINING_SET
from cleanlab_assets.orchestration.family_asset import StepResult, family_asset
from cleanlab_assets.orchestration.metadata import as_table
from cleanlab_assets.orchestration.partitions import DATASET, dataset_of
from cleanlab_assets.orchestration.raw_dataset import build_raw_dataset

FAMILY = "classification"
LEAKAGE_EXAMPLES = 20

raw_dataset = build_raw_dataset(FAMILY)


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
            "notes": dg.MetadataValue.md("\n".join(f"- {note}" for note in built.notes) or "none"),
        },
    )


@family_asset(
    FAMILY,
    level=DATASET,
    storage="parquet",
    code_version="1",
    kinds={"faiss", "parquet"},
    contract=NEIGHBOR_GRAPH,
    heavy=True,
)
def neighbor_graph(
    context: dg.AssetExecutionContext, config: NeighborGraphConfig, training_set: pd.DataFrame
) -> StepResult:
    """The nearest train rows of every row, computed once and shared by every model.

    Features are encoded, imputed and robustly scaled, so that Euclidean distance means dissimilarity. Exact up to a
    row limit, approximate above it with its recall measured.
    """
    kinds = FeatureKinds.of(get_dataset(dataset_of(context)).columns)
    is_train = (training_set["split"] == "train").to_numpy()
    encoded = encode_for_distance(training_set, kinds, fit_on=is_train)
    graph, test_graph = build_neighbor_graph(
        encoded[is_train],
        encoded[~is_train],
        k=config.k,
        exact_row_limit=config.exact_row_limit,
        seed=training_set.attrs["seed"],
    )
    table = to_graph_table(training_set, graph, test_graph)
    table.attrs = {"metric": METRIC, "k": config.k, "method": graph.method, "recall": graph.recall}
    leakage = measure_split_leakage(table)
    return StepResult(
        table,
        {
            "metric": METRIC,
            "k": config.k,
            "method": graph.method,
            "recall": graph.recall,
            "encoded_features": encoded.shape[1],
            "near_duplicates_across_splits": leakage.share,
            "nearest_pairs_across_splits": as_table(leakage.pairs, LEAKAGE_EXAMPLES),
            "preview": as_table(table, columns=["row_id", "split", "neighbor_1", "distance_1"]),
        },
    )
