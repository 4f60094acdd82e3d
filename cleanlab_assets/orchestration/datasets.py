"""The datasets of the configured data directory, by name."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from cleanlab_assets.datasets.catalogue import find_datasets
from cleanlab_assets.datasets.descriptions import OwnDatasetError
from cleanlab_assets.datasets.errors import quote
from cleanlab_assets.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cleanlab_assets.datasets.dataset import Dataset


class UnknownDatasetError(ValueError):
    """A dataset name that the catalogue does not hold."""


@cache
def _find_all() -> Mapping[str, Dataset | OwnDatasetError]:
    return find_datasets(load_settings().data_dir)


def forget_datasets() -> None:
    """Look for the datasets anew when they are asked for next."""
    _find_all.cache_clear()


def all_datasets() -> Mapping[str, Dataset]:
    """Return every dataset by name, in alphabetical order, but for the user's own that cannot be described."""
    return {name: entry for name, entry in _find_all().items() if not isinstance(entry, OwnDatasetError)}


def broken_datasets() -> Mapping[str, OwnDatasetError]:
    """Return why some of the user's own datasets cannot be described, by name."""
    return {name: entry for name, entry in _find_all().items() if isinstance(entry, OwnDatasetError)}


def datasets_of(family: str) -> Mapping[str, Dataset]:
    """Return the datasets of a task family by name; empty when the family has none."""
    return {name: dataset for name, dataset in all_datasets().items() if family in dataset.families}


def types_trusted_by_the_user() -> frozenset[str]:
    """Return the types that stored models of the user's own may hold, as the descriptions of all datasets say."""
    return frozenset().union(*(dataset.trusted_types for dataset in all_datasets().values()))


def get_dataset(name: str) -> Dataset:
    """Return the dataset of that name.

    Raises:
        UnknownDatasetError: the catalogue has no such dataset; the message lists those it has.
        OwnDatasetError: the dataset cannot be described.
    """
    if name in (broken := broken_datasets()):
        raise broken[name]
    datasets = all_datasets()
    if name not in datasets:
        raise UnknownDatasetError(f"unknown dataset {quote(name)}: expected one of {', '.join(datasets)}")
    return datasets[name]
