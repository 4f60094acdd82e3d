"""The dataset level that families on tables share: the neighbour graph of the rows under audit."""

import dagster as dg
import pandas as pd

from cleanlab_assets.families.tables.neighbor_graph import (
    METRIC,
    build_neighbor_graph,
    measure_split_leakage,
    to_graph_table,
)
from cleanlab_assets.models.encoding import FeatureKinds, encode_for_distance
from cleanlab_assets.orchestration.contracts import NEIGHBOR_GRAPH
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.family_asset import StepResult, family_asset
from cleanlab_assets.orchestration.metadata import as_table
from cleanlab_assets.orchestration.partitions import DATASET, dataset_of
from cleanlab_assets.orchestration.tabular.config import NeighborGraphConfig

LEAKAGE_EXAMPLES = 20


def build_neighbor_graph_asset(family: str) -> dg.AssetsDefinition:
    """Build ``<family>/neighbor_graph``."""

    @family_asset(
        family,
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

        Features are encoded, imputed and robustly scaled, so that Euclidean distance means dissimilarity. Exact up to
        a row limit, approximate above it with its recall measured.
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

    return neighbor_graph
