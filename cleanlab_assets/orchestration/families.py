"""The task families of the code location, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.datasets.errors import quote
from cleanlab_assets.families import registry
from cleanlab_assets.models.catalogue import models_of
from cleanlab_assets.orchestration.chain import build_family

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.orchestration.family import Family


def all_families() -> tuple[Family, ...]:
    """Return the chain of every registered family."""
    return tuple(build_family(task) for task in registry.FAMILIES)


def family_of(dataset: Dataset, models: Iterable[str] = ()) -> Family:
    """Return the first family of a dataset that has all of some models; if none has, its first family.

    Raises:
        ValueError: no family of this version audits the dataset.
    """
    by_name = {task.name: task for task in registry.FAMILIES}
    candidates = [by_name[name] for name in dataset.families if name in by_name]
    if not candidates:
        raise ValueError(f"no task family audits {dataset.name!r}; it belongs to {', '.join(dataset.families)}")
    wanted = set(models)
    found = next((task for task in candidates if wanted <= models_of(task.name).keys()), candidates[0])
    return build_family(found)


def get_family(name: str) -> Family:
    """Return the family of that name.

    Raises:
        ValueError: there is no such family.
    """
    by_name = {task.name: task for task in registry.FAMILIES}
    if name not in by_name:
        raise ValueError(f"unknown task family {quote(name)}: expected one of {', '.join(by_name)}")
    return build_family(by_name[name])
