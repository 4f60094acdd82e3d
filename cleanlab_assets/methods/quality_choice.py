"""Which score ranks labels that are classes: the one that finds more errors of the kind that these labels have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.methods.calibration import calibrate_by_temperature
from cleanlab_assets.methods.class_codes import encode_labels
from cleanlab_assets.methods.class_predictions import to_probabilities
from cleanlab_assets.methods.folds import draw_stratified_sample
from cleanlab_assets.methods.label_issues import (
    QualityMethod,
    estimate_noise_matrix,
    keep_given_classes,
    score_labels,
)
from cleanlab_assets.methods.noise_posterior import draw_labels_like_these
from cleanlab_assets.methods.requirements import require_finite, require_rows
from cleanlab_assets.methods.score_choice import choose_score
from cleanlab_assets.methods.training_set import is_train_row

if TYPE_CHECKING:
    import pandas as pd

    from cleanlab_assets.methods.score_choice import ScoreChoice

SCORE_COLUMNS: dict[QualityMethod, str] = {
    "self_confidence": "given_label_probability",
    "normalized_margin": "normalized_margin",
    "noise_posterior": "noise_posterior",
}
"""The scores to choose among, the usual one first, and where a table of label issues holds each."""
CHOSEN_AMONG = tuple(SCORE_COLUMNS)
MOST_TO_CHOOSE_BY = 10_000
"""Rows by which a score is chosen."""


def choose_quality_method(predictions: pd.DataFrame, folds: np.ndarray, *, seed: int) -> ScoreChoice:
    """Choose the score that ranks by errors that an estimated noise matrix makes of the train labels.

    They stand in labels that are drawn like the given ones (``draw_labels_like_these``), by the noise matrix of the
    confident joint: that of ``noise_posterior``, which is estimated anew from the drawn labels, would judge itself. See
    ``choose_score``: self-confidence, unless another score is shown to find more of them.

    Args:
        predictions: predictions table, see ``find_label_issues``.
        folds: fold of each row, shape (n_rows,), -1 on rows of none.
        seed: seed of the sample, the errors and the resampling.

    Returns:
        The choice, made on at most ``MOST_TO_CHOOSE_BY`` rows.

    Raises:
        ValueError: see ``find_label_issues``.
    """
    require_rows(len(predictions), folds=folds)
    all_probabilities, is_train = to_probabilities(predictions), is_train_row(predictions)
    require_finite("predicted probabilities", all_probabilities, predictions["row_id"].tolist())
    codes = encode_labels(predictions["given_label"])[is_train]
    n_rows = max(MOST_TO_CHOOSE_BY, len(np.unique(codes)))
    sample = draw_stratified_sample(codes, n_rows, seed=seed)
    _, labels, probabilities = keep_given_classes(codes[sample], all_probabilities[is_train][sample])
    calibrated = calibrate_by_temperature(labels, probabilities, folds[is_train][sample]).probabilities
    drawn = draw_labels_like_these(labels, calibrated, estimate_noise_matrix(labels, probabilities), seed=seed)
    _, drawn_labels, of_drawn = keep_given_classes(drawn.labels, probabilities)
    calibrated_of_drawn = keep_given_classes(drawn.labels, calibrated)[2]
    scores: dict[str, np.ndarray] = {
        method: score_labels(drawn_labels, of_drawn, calibrated_of_drawn, method) for method in CHOSEN_AMONG
    }
    return choose_score(scores, drawn.is_planted, default=CHOSEN_AMONG[0], preferred="noise_posterior", seed=seed)
