"""How far annotators agree beyond chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.families.multiannotator.annotations import count_votes
from cleanlab_assets.methods.agreement import krippendorff_alpha

if TYPE_CHECKING:
    import numpy as np

    from cleanlab_assets.methods.agreement import Scale


def measure_agreement(labels: np.ndarray, *, n_classes: int, scale: Scale) -> float:
    """Return Krippendorff's alpha, see ``krippendorff_alpha``. Examples with a single label do not count.

    Args:
        labels: class codes, -1 where an annotator gave no label, shape (n_examples, n_annotators).
        n_classes: number of classes.
        scale: ``nominal`` or ``ordinal``.

    Returns:
        Alpha; NaN where no example has two labels or all labels are of one class.
    """
    return krippendorff_alpha(count_votes(labels, n_classes=n_classes), scale=scale)
