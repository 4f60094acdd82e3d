"""Generated rows of four classes with wrong labels of known kinds, and the predictions of strong and weak models."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np

Noise = Literal["uniform", "by class", "near the border", "left out"]
N_CLASSES = 4


@dataclass(frozen=True)
class NoisyClasses:
    """Given labels, which of them are wrong, out-of-sample probabilities, and the folds that they are of."""

    given: np.ndarray
    is_wrong: np.ndarray
    probabilities: np.ndarray
    folds: np.ndarray


@cache
def draw_noisy_classes(
    noise: Noise, *, is_strong: bool, rate: float, n_rows: int = 2000, seed: int = 0
) -> NoisyClasses:
    """Draw rows and labels, and predict them out of sample.

    Args:
        noise: whether labels are wrong anywhere alike, at another rate in each class and then the next one, or mostly
            near the border to the nearest other class, which they then name; ``left out`` are labels of the others that
            became the first class, which is never mistaken itself.
        is_strong: a model that sees all features, right in 0.9 to 0.97 of the rows; a weak one sees a quarter of them
            and is right in 0.7 to 0.8.
        rate: share of wrong labels, on average.
        n_rows: number of rows.
        seed: of everything random.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold

    rng = np.random.default_rng(seed)
    truth, centres = rng.integers(N_CLASSES, size=n_rows), rng.normal(size=(N_CLASSES, 12))
    features = centres[truth] + rng.normal(size=(n_rows, 12)) * 0.8
    if noise == "near the border":
        distances = ((features[:, None] - centres) ** 2).sum(axis=2)
        own = distances[np.arange(n_rows), truth]
        distances[np.arange(n_rows), truth] = np.inf
        margin = distances.min(axis=1) - own
        chance = np.exp(-1.5 * margin / margin.std())
        chance, wrong = (chance * rate / chance.mean()).clip(0, 0.8), distances.argmin(axis=1)
    elif noise == "left out":
        chance, wrong = rate * (truth > 0) * N_CLASSES / (N_CLASSES - 1), np.zeros_like(truth)
    elif noise == "by class":
        chance, wrong = rate * np.array([2, 0.5, 1.5, 0])[truth], (truth + 1) % N_CLASSES
    else:
        chance, wrong = np.full(n_rows, rate), (truth + rng.integers(1, N_CLASSES, size=n_rows)) % N_CLASSES
    given = np.where(rng.random(n_rows) < chance, wrong, truth)
    seen = features if is_strong else features[:, :3]
    folds, probabilities = np.empty(n_rows, dtype=np.int64), np.empty((n_rows, N_CLASSES))
    for fold, (others, held_out) in enumerate(StratifiedKFold(5, shuffle=True, random_state=seed).split(seen, given)):
        model = LogisticRegression(max_iter=300).fit(seen[others], given[others])
        folds[held_out], probabilities[held_out] = fold, model.predict_proba(seen[held_out])
    return NoisyClasses(given=given, is_wrong=given != truth, probabilities=probabilities, folds=folds)


SETTINGS: list[tuple[Noise, bool, float]] = [
    (noise, is_strong, rate)
    for noise in ("uniform", "by class", "near the border")
    for is_strong in (True, False)
    for rate in (0.05, 0.15)
]
"""Kind of the noise, whether the model is strong, and the rate."""
