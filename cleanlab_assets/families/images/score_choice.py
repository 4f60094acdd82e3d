"""Which score ranks annotated images: chosen by errors planted in a copy of their annotations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.methods.planted_errors import PlantingError
from cleanlab_assets.methods.ranking import rank_by_quality
from cleanlab_assets.methods.score_choice import ScoreChoice, choose_score

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    from cleanlab_assets.datasets.images import AnnotatedImage

PLANTED_SHARE = 0.25


def choose_image_score(
    images: Sequence[AnnotatedImage],
    *,
    plant: Callable[..., tuple[list[AnnotatedImage], pd.DataFrame]],
    score: Callable[[Sequence[AnnotatedImage], np.ndarray], Mapping[str, np.ndarray]],
    default: str,
    seed: int,
) -> ScoreChoice:
    """Plant errors in a copy of the annotations, score the copy, and choose the score that finds most of them.

    Predictions stay those of the audit, of models that never saw the images: nothing is trained again. The errors are
    another draw than those of the check ``detection_power``, which measures what is chosen here.

    Args:
        images: train images with their given annotations; errors that these already hold count as right.
        plant: returns images with planted errors, and these errors, from images, ``fraction`` and ``seed``.
        score: returns the scores by name of images with planted errors, lower is worse, shape (n_images,) each; it is
            also given which images hold one, bool of shape (n_images,).
        default: name of the score that stays where no other is shown to be better.
        seed: seed of planted errors and resamples.

    Returns:
        See ``choose_score``; the default with a note where too few images can hold an error.
    """
    try:
        planted, truth = plant(images, fraction=PLANTED_SHARE, seed=seed + 1)
    except PlantingError as error:
        return ScoreChoice(chosen=default, n_errors=0, figures=[], note=str(error))
    is_planted = np.isin([image.row_id for image in images], truth["row_id"].to_numpy())
    return choose_score(score(planted, is_planted), is_planted, default=default, seed=seed)


def rank_by_score(table: pd.DataFrame, score: str) -> pd.DataFrame:
    """Return a table of images with the label quality, and the ranks (1 is the worst), of the score that is named.

    Args:
        table: one row for each image, with ``is_label_issue`` and the score in ``<score>_quality``.
        score: name of the score.
    """
    quality = table[f"{score}_quality"]
    ranked = table.drop(columns=["label_quality", "rank"], errors="ignore")
    place = list(ranked.columns).index("is_label_issue")
    ranked.insert(place, "label_quality", quality)
    ranked.insert(place + 2, "rank", rank_by_quality(quality.to_numpy(dtype=np.float64)))
    return ranked
