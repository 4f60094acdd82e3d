"""The task families. Registering a family is one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.families.classification.family import CLASSIFICATION
from cleanlab_assets.families.multiannotator.family import MULTIANNOTATOR
from cleanlab_assets.families.multilabel.family import MULTILABEL
from cleanlab_assets.families.object_detection.family import OBJECT_DETECTION
from cleanlab_assets.families.regression.family import REGRESSION
from cleanlab_assets.families.segmentation.family import SEGMENTATION
from cleanlab_assets.families.token_classification.family import TOKEN_CLASSIFICATION

if TYPE_CHECKING:
    from cleanlab_assets.families.family import TaskFamily

FAMILIES: tuple[TaskFamily, ...] = (
    CLASSIFICATION,
    REGRESSION,
    MULTILABEL,
    TOKEN_CLASSIFICATION,
    MULTIANNOTATOR,
    OBJECT_DETECTION,
    SEGMENTATION,
)


def family_of(name: str) -> TaskFamily:
    """Return the family of a name.

    Raises:
        KeyError: there is none.
    """
    return {family.name: family for family in FAMILIES}[name]
