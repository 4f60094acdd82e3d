"""The datasets of the configured data directory, by name."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from cleanlab_assets.datasets.catalogue import find_datasets
from cleanlab_assets.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cleanlab_assets.datasets.dataset import Dataset


class UnknownDatasetError(ValueError):
    """A dataset name that the catalogue does not hold."""


@cache
def all_datasets() -> Mapping[str, Dataset]:
    """Return every dataset by name, in alphabetical order; raises what ``find_datasets`` raises."""
    return find_datasets(load_settings().data_dir)


def datasets_of(family: str) -> Mapping[str, Dataset]:
    """Return the datasets of a task family by name; empty when the family has none."""
    return {name: dataset for name, dataset in all_datasets().items() if family in dataset.families}


def get_dataset(name: str) -> Dataset:
    """Return the dataset of that name.

    Raises:
        UnknownDatasetError: the catalogue has no such dataset; the message lists those it has.
    """
    datasets = all_datasets()
    if name not in datasets:
        raise UnknownDatasetError(f"unknown dataset {name!r}: expected one of {', '.join(datasets)}")
    return datasets[name]
