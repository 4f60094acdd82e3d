"""The task families. Adding a family adds its package and one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.models.catalogue import models_of
from cleanlab_assets.orchestration.classification.family import CLASSIFICATION
from cleanlab_assets.orchestration.multiannotator.family import MULTIANNOTATOR
from cleanlab_assets.orchestration.multilabel.family import MULTILABEL
from cleanlab_assets.orchestration.object_detection.family import OBJECT_DETECTION
from cleanlab_assets.orchestration.regression.family import REGRESSION
from cleanlab_assets.orchestration.segmentation.family import SEGMENTATION
from cleanlab_assets.orchestration.token_classification.family import TOKEN_CLASSIFICATION

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.orchestration.family import Family

FAMILIES: tuple[Family, ...] = (
    CLASSIFICATION,
    REGRESSION,
    MULTILABEL,
    TOKEN_CLASSIFICATION,
    MULTIANNOTATOR,
    OBJECT_DETECTION,
    SEGMENTATION,
)


def family_of(dataset: Dataset, models: Iterable[str] = ()) -> Family:
    """Return the first family of a dataset that has all of some models; if none has, its first family.

    Raises:
        ValueError: no family of this version audits the dataset.
    """
    by_name = {family.name: family for family in FAMILIES}
    candidates = [by_name[name] for name in dataset.families if name in by_name]
    if not candidates:
        raise ValueError(f"no task family audits {dataset.name!r}; it belongs to {', '.join(dataset.families)}")
    wanted = set(models)
    return next((family for family in candidates if wanted <= models_of(family.name).keys()), candidates[0])


def get_family(name: str) -> Family:
    """Return the family of that name.

    Raises:
        ValueError: there is no such family.
    """
    for family in FAMILIES:
        if family.name == name:
            return family
    raise ValueError(f"unknown task family {name!r}: expected one of {', '.join(family.name for family in FAMILIES)}")
