"""The task families. Adding a family adds its package and one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.orchestration.classification.family import CLASSIFICATION
from cleanlab_assets.orchestration.multiannotator.family import MULTIANNOTATOR
from cleanlab_assets.orchestration.regression.family import REGRESSION

if TYPE_CHECKING:
    from cleanlab_assets.datasets.catalogue import Dataset
    from cleanlab_assets.orchestration.family import Family

FAMILIES: tuple[Family, ...] = (CLASSIFICATION, REGRESSION, MULTIANNOTATOR)


def family_of(dataset: Dataset) -> Family:
    """Return the first family that audits a dataset.

    Raises:
        ValueError: no family of this version audits it.
    """
    for family in FAMILIES:
        if family.name in dataset.families:
            return family
    raise ValueError(f"no task family audits {dataset.name!r}; it belongs to {', '.join(dataset.families)}")


def get_family(name: str) -> Family:
    """Return the family of that name.

    Raises:
        ValueError: there is no such family.
    """
    for family in FAMILIES:
        if family.name == name:
            return family
    raise ValueError(f"unknown task family {name!r}: expected one of {', '.join(family.name for family in FAMILIES)}")
