"""How well the audit of masks finds planted errors, kind by kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.families.segmentation.issues import find_mask_issues
from cleanlab_assets.families.segmentation.plant import plant_mask_errors
from cleanlab_assets.methods.detection_power import measure_detection_by_kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from cleanlab_assets.datasets.images import AnnotatedImage


def measure_mask_detection_power(
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
        One row for each kind of error that was planted, see ``measure_detection_by_kind``.
    """
    planted, truth = plant_mask_errors(images, fraction=fraction, seed=seed)
    kind_of = dict(zip(truth["row_id"], truth["planted_kind"], strict=True))
    table = find_mask_issues(planted, predictions).table
    return measure_detection_by_kind(
        table["label_quality"].to_numpy(dtype=np.float64),
        table["is_label_issue"].to_numpy(dtype=bool),
        table["row_id"].map(kind_of),
    )
