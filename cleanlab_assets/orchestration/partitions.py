"""Partitions of a task family: its datasets, and its datasets times its models.

Within a family every model of the catalogue fits every dataset; one of the user's own fits those that name it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import dagster as dg

from cleanlab_assets.families.step import DATASET, MODEL
from cleanlab_assets.models.catalogue import models_for, models_of
from cleanlab_assets.orchestration.datasets import datasets_of

if TYPE_CHECKING:
    from cleanlab_assets.families.step import Level


@dataclass(frozen=True)
class Partition:
    """A dataset, on the model level with a model; as text the partition key, such as ``adult_income|knn``."""

    dataset: str
    model: str = ""

    @classmethod
    def parse(cls, key: str) -> Partition:
        """Read a partition key of any level."""
        dataset, _, model = key.partition("|")
        return cls(dataset, model)

    def __str__(self) -> str:
        return f"{self.dataset}|{self.model}" if self.model else self.dataset

    @property
    def title(self) -> str:
        """The partition as people read it, such as ``adult_income / knn``."""
        return f"{self.dataset} / {self.model}" if self.model else self.dataset

    @property
    def command(self) -> str:
        """The command that makes what is missing of the partition."""
        return f"cleanlab-demo run -d {self.dataset}" + (f" -m {self.model}" if self.model else "")

    @property
    def tags(self) -> dict[str, str]:
        """The tags by which Dagster finds the runs of the partition."""
        tags = {"dagster/partition": str(self)}
        if self.model:
            tags |= {"dagster/partition/dataset": self.dataset, "dagster/partition/model": self.model}
        return tags


@cache
def dataset_partitions(family: str) -> dg.StaticPartitionsDefinition:
    """One partition for each dataset of the family."""
    return dg.StaticPartitionsDefinition(list(datasets_of(family)))


@cache
def model_partitions(family: str) -> dg.MultiPartitionsDefinition:
    """One partition for each dataset and model of the family, such as ``adult_income|random_forest``."""
    models = dg.StaticPartitionsDefinition(_list_models(family))
    return dg.MultiPartitionsDefinition({DATASET: dataset_partitions(family), MODEL: models})


def partitions_of(family: str, level: Level) -> dg.PartitionsDefinition:
    """The partitions of a level of the family's chain."""
    return model_partitions(family) if level == MODEL else dataset_partitions(family)


def partition_keys(dataset: str, model: str) -> dict[Level, str]:
    """The partition key of a dataset and model on each level of the audit, the dataset level first."""
    return {DATASET: dataset, MODEL: str(Partition(dataset, model))}


def upstream_partitions(family: str, upstream: Level, partition: str) -> list[str]:
    """The partitions on an upstream level that a partition reads.

    Args:
        family: task family.
        upstream: level that is read.
        partition: partition that reads, of any level.

    Returns:
        One partition; or those of all models where a dataset's partition reads from the model level.
    """
    found = Partition.parse(partition)
    if upstream != MODEL:
        return [found.dataset]
    models = [found.model] if found.model else _list_models(family)
    return [str(Partition(found.dataset, name)) for name in models]


def _list_models(family: str) -> list[str]:
    """The models of the catalogue, then those of the user's own that a dataset of the family names."""
    own = (name for dataset in datasets_of(family).values() for name in models_for(family, dataset))
    return list(dict.fromkeys((*models_of(family), *own)))
