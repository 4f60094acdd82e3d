"""How well the audit of masks finds planted errors, kind by kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.families.segmentation.mask_quality import find_mask_issues
from cleanlab_assets.families.segmentation.plant import plant_mask_errors
from cleanlab_assets.methods.detection_power import score_detection_power_by_kind, to_power_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from cleanlab_assets.datasets.images import AnnotatedImage


def plant_and_audit_masks(
    images: Sequence[AnnotatedImage], predictions: Sequence[bytes], *, seed: int, fraction: float = 0.25
) -> pd.DataFrame:
    """Plant errors in a copy of the given masks, audit it with the stored predictions, and measure what ranks worst.

    The predictions are of models that never saw the images, so errors that are planted in them now are as new to the
    models as those that were there before: nothing needs to be trained again.

    Args:
        images: train images; errors that their masks already hold count as right.
        predictions: their packed out-of-sample probabilities.
        seed: seed of the planted errors.
        fraction: share of the images that get an error.

    Returns:
        One row for each kind of error that was planted, see ``to_power_table``.
    """
    planted, truth = plant_mask_errors(images, fraction=fraction, seed=seed)
    kind_of = dict(zip(truth["row_id"], truth["planted_kind"], strict=True))
    table = find_mask_issues(planted, predictions).table
    powers = score_detection_power_by_kind(
        table["label_quality"].to_numpy(dtype=np.float64),
        table["is_label_issue"].to_numpy(dtype=bool),
        table["row_id"].map(kind_of),
    )
    return to_power_table(powers)
