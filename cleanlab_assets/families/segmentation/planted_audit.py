"""How well the audit of masks finds planted errors, kind by kind, and by which score it finds most of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.families.images.score_choice import choose_image_score, rank_by_score
from cleanlab_assets.families.segmentation.mask_quality import (
    CONTRADICTION,
    MASK_SCORES,
    find_mask_issues,
    score_mask,
)
from cleanlab_assets.families.segmentation.plant import plant_mask_errors
from cleanlab_assets.methods.detection_power import score_detection_power_by_kind, to_power_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from cleanlab_assets.datasets.images import AnnotatedImage
    from cleanlab_assets.methods.score_choice import ScoreChoice


def plant_and_audit_masks(
    images: Sequence[AnnotatedImage],
    predictions: Sequence[bytes],
    *,
    seed: int,
    fraction: float = 0.25,
    score: str = CONTRADICTION,
) -> pd.DataFrame:
    """Plant errors in a copy of the given masks, audit it with the stored predictions, and measure what ranks worst.

    The predictions are of models that never saw the images, so errors that are planted in them now are as new to the
    models as those that were there before: nothing needs to be trained again.

    Args:
        images: train images; errors that their masks already hold count as right.
        predictions: their packed out-of-sample probabilities.
        seed: seed of the planted errors.
        fraction: share of the images that get an error.
        score: one of ``MASK_SCORES``, that ranks.

    Returns:
        One row for each kind of error that was planted, see ``to_power_table``.
    """
    planted, truth = plant_mask_errors(images, fraction=fraction, seed=seed)
    kind_of = dict(zip(truth["row_id"], truth["planted_kind"], strict=True))
    table = rank_by_score(find_mask_issues(planted, predictions).table, score)
    powers = score_detection_power_by_kind(
        table["label_quality"].to_numpy(dtype=np.float64),
        table["is_label_issue"].to_numpy(dtype=bool),
        table["row_id"].map(kind_of),
    )
    return to_power_table(powers)


def choose_mask_score(
    images: Sequence[AnnotatedImage], predictions: Sequence[bytes], table: pd.DataFrame, *, seed: int
) -> ScoreChoice:
    """Choose the score that ranks masks by errors planted in a copy of them, see ``choose_score``.

    Args:
        images: train images with their given masks; errors that these already hold count as right.
        predictions: their packed out-of-sample probabilities.
        table: what ``find_mask_issues`` says of them, so that only masks with a planted error are scored anew.
        seed: seed of planted errors and resamples.
    """

    def score(planted: Sequence[AnnotatedImage], is_planted: np.ndarray) -> dict[str, np.ndarray]:
        scores = {name: table[f"{name}_quality"].to_numpy(dtype=np.float64, copy=True) for name in MASK_SCORES}
        for position in np.flatnonzero(is_planted).tolist():
            for name, quality in score_mask(planted[position], predictions[position]).items():
                scores[name][position] = quality
        return scores

    return choose_image_score(images, plant=plant_mask_errors, score=score, default=CONTRADICTION, seed=seed)
