"""What a step gets that takes several partitions of an asset. Dagster reads the annotations, so they stay objects."""

from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
from upath import UPath

from cleanlab_assets.orchestration.storage import ParquetIOManager


@pytest.mark.parametrize(
    ("models", "existing"),
    [
        (["ridge"], []),
        (["ridge"], ["ridge"]),  # a family of a single model
        (["ridge", "knn"], []),
        (["ridge", "knn"], ["knn"]),
        (["ridge", "knn"], ["ridge", "knn"]),
    ],
)
def test_a_step_of_several_partitions_gets_those_that_exist_by_key(
    tmp_path: Path, models: list[str], existing: list[str]
) -> None:
    gotten: dict[str, list[str]] = {}

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(models), io_manager_key="parquet")
    def scores(context: dg.AssetExecutionContext) -> pd.DataFrame:
        return pd.DataFrame({"model": [context.partition_key]})

    @dg.asset(ins={"scores": dg.AssetIn(metadata={"allow_missing_partitions": True})}, io_manager_key="parquet")
    def gathered(scores: dict[str, pd.DataFrame]) -> pd.DataFrame:
        gotten.update({key: table["model"].tolist() for key, table in scores.items()})
        return pd.DataFrame()

    resources = {"parquet": ParquetIOManager(UPath(tmp_path))}
    for model in existing:
        assert dg.materialize([scores], partition_key=model, resources=resources).success
    assert dg.materialize([scores, gathered], selection=[gathered], resources=resources).success

    assert gotten == {model: [model] for model in existing}
