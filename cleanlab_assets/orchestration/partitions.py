"""Partitions of a task family: its datasets, and its datasets times its models.

Belongs here: partitions definitions and the wording of partition keys. Within a family every model fits every
dataset, so the grid has no impossible cells.
"""

from __future__ import annotations

from functools import cache
from typing import Final, Literal

import dagster as dg

from cleanlab_assets.models.catalogue import models_of
from cleanlab_assets.orchestration.datasets import datasets_of

Level = Literal["dataset", "model", "comparison"]
DATASET: Final = "dataset"
MODEL: Final = "model"
COMPARISON: Final = "comparison"
"""The level above the models: one partition for each dataset, read from all of its models."""


@cache
def dataset_partitions(family: str) -> dg.StaticPartitionsDefinition:
    """One partition for each dataset of the family."""
    return dg.StaticPartitionsDefinition(list(datasets_of(family)))


@cache
def model_partitions(family: str) -> dg.MultiPartitionsDefinition:
    """One partition for each dataset and model of the family, such as ``adult_income|random_forest``."""
    models = dg.StaticPartitionsDefinition(list(models_of(family)))
    return dg.MultiPartitionsDefinition({DATASET: dataset_partitions(family), MODEL: models})


def partitions_of(family: str, level: Level) -> dg.PartitionsDefinition:
    """The partitions of a level of the family's chain."""
    return model_partitions(family) if level == MODEL else dataset_partitions(family)


def partition_keys(dataset: str, model: str) -> dict[Level, str]:
    """The partition key of a dataset and model on each level of the audit, the dataset level first."""
    return {DATASET: dataset, MODEL: f"{dataset}|{model}"}


def upstream_partitions(family: str, upstream: Level, partition: str) -> list[str]:
    """The partitions on an upstream level that a partition reads.

    Args:
        family: task family.
        upstream: level that is read.
        partition: partition that reads, of any level.

    Returns:
        One partition; or those of all models where a dataset's partition reads from the model level.
    """
    dataset, _, model = partition.partition("|")
    if upstream != MODEL:
        return [dataset]
    return [f"{dataset}|{name}" for name in ([model] if model else models_of(family))]


def dataset_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> str:
    """The dataset of the partition that is being materialized or checked."""
    return str(context.partition_key).partition("|")[0]


def model_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> str:
    """The model of the model-level partition that is being materialized or checked."""
    return str(context.partition_key).partition("|")[2]
