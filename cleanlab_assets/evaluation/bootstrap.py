"""Paired bootstrap intervals of a difference between two models on the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from cleanlab_assets.audit.seeding import seed_generator
from cleanlab_assets.evaluation.metrics import LOWER_IS_BETTER, METRICS, ScoredPredictions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Verdict = Literal["improves", "harms", "no effect shown"]
CONFIDENCE = 0.95


class Difference(BaseModel):
    """Difference of one metric to the baseline with its 95 % interval, and what it shows."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")

    metric: str
    difference: float
    low: float
    high: float
    verdict: Verdict


def compare_to_baseline(
    baseline: ScoredPredictions, others: Mapping[str, ScoredPredictions], *, n_resamples: int, seed: int
) -> dict[str, list[Difference]]:
    """Bootstrap the differences of every metric to the baseline, on the same resampled rows for all models.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993: percentile interval of paired differences.

    Args:
        baseline: predictions of the baseline on the test rows.
        others: predictions of the other models on the same rows.
        n_resamples: number of bootstrap resamples.
        seed: seed of the resampling.

    Returns:
        For each other model the difference of each metric, with interval and verdict. The verdict is ``improves`` or
        ``harms`` only where the whole interval lies on one side of zero.
    """
    models = {"baseline": baseline, **others}
    observed = {name: _to_array(model.compute()) for name, model in models.items()}
    drawn = {name: np.empty((n_resamples, len(METRICS))) for name in models}
    for number, weights in enumerate(_draw_weights(baseline.n_rows, n_resamples, seed=seed)):
        for name, model in models.items():
            drawn[name][number] = _to_array(model.compute(weights))
    result = {}
    for name in others:
        low, high = _find_interval(drawn[name] - drawn["baseline"])
        difference = observed[name] - observed["baseline"]
        result[name] = [
            Difference(
                metric=metric,
                difference=float(difference[column]),
                low=float(low[column]),
                high=float(high[column]),
                verdict=_judge(metric, float(low[column]), float(high[column])),
            )
            for column, metric in enumerate(METRICS)
        ]
    return result


def _find_interval(drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower and upper end for each column; NaN where a metric has a value in no resample."""
    tail = (1 - CONFIDENCE) / 2
    ends = np.full((2, drawn.shape[1]), np.nan)
    has_value = ~np.isnan(drawn).all(axis=0)
    ends[:, has_value] = np.nanquantile(drawn[:, has_value], [tail, 1 - tail], axis=0)
    return ends[0], ends[1]


def _to_array(metrics: Mapping[str, float]) -> np.ndarray:
    return np.array([metrics[metric] for metric in METRICS])


def _draw_weights(n_rows: int, n_resamples: int, *, seed: int) -> Iterator[np.ndarray]:
    rng = seed_generator(seed, "bootstrap")
    for _ in range(n_resamples):
        yield np.bincount(rng.integers(n_rows, size=n_rows), minlength=n_rows).astype(np.float64)


def _judge(metric: str, low: float, high: float) -> Verdict:
    if low > 0 or high < 0:
        is_better = (low > 0) != (metric in LOWER_IS_BETTER)
        return "improves" if is_better else "harms"
    return "no effect shown"
