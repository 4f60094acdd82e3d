"""What a step gets that reads several models: their results by model. Dagster reads annotations: they stay objects."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pandas as pd
import pytest
from upath import UPath

from cleanlab_assets.families.step import COMPARISON, MODEL, Step
from cleanlab_assets.methods.result import NoFacts, Result
from cleanlab_assets.orchestration.assets import input_of
from cleanlab_assets.orchestration.storage import ParquetIOManager


def never_run() -> Result[Any, Any]:
    raise NotImplementedError


SCORES = Step(name="scores", level=MODEL, run=never_run, code_version="1", kinds=frozenset())


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
def test_a_step_of_several_models_gets_the_results_of_those_that_exist(
    tmp_path: Path, models: list[str], existing: list[str]
) -> None:
    gotten: dict[str, list[str]] = {}
    partitions = [f"pets|{model}" for model in models]

    @dg.asset(key_prefix="test", partitions_def=dg.StaticPartitionsDefinition(partitions), io_manager_key="parquet")
    def scores(context: dg.AssetExecutionContext) -> Any:
        table = pd.DataFrame({"model": [context.partition_key]})
        return Result(value=table, facts=NoFacts())

    ins = {"scores": input_of("test", SCORES, reader=COMPARISON)}

    @dg.asset(key_prefix="test", ins=ins, io_manager_key="parquet")
    def gathered(scores: Any) -> Any:
        gotten.update({model: result.value["model"].tolist() for model, result in scores.items()})
        return Result(value=pd.DataFrame(), facts=NoFacts())

    family: Any = SimpleNamespace(step=lambda _name: SCORES, columns={})
    resources = {"parquet": ParquetIOManager(UPath(tmp_path), {"test": family})}
    for model in existing:
        assert dg.materialize([scores], partition_key=f"pets|{model}", resources=resources).success
    assert dg.materialize([scores, gathered], selection=[gathered], resources=resources).success

    assert gotten == {model: [f"pets|{model}"] for model in existing}
