"""Paired bootstrap intervals of a difference between two models on the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict

from cleanlab_assets.methods.requirements import require_rows, require_weights
from cleanlab_assets.methods.seeding import seed_generator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Verdict = Literal["improves", "harms", "no effect shown", "not compared"]
CONFIDENCE = 0.95
MINIMUM_BLOCKS = 10
"""Fewest blocks of dependent rows that an effect can be shown with: the spread of fewer is hardly known."""


class ScoredRows(Protocol):
    """Labels and predictions of any task family, prepared so that metrics on any row weights are cheap."""

    @property
    def n_rows(self) -> int:
        """Number of rows."""

    @property
    def lower_is_better(self) -> frozenset[str]:
        """The metrics of which less is better."""

    def compute(self, weights: np.ndarray | None = None) -> dict[str, float]:
        """Return every metric by name; ``weights`` are those of a resample, shape (n_rows,), None weighs all rows 1."""


@dataclass(frozen=True)
class WeightedRows:
    """Scored rows that count by weights of their own: in a resample a row counts by its weight for each draw."""

    rows: ScoredRows
    weights: np.ndarray

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return self.rows.n_rows

    @property
    def lower_is_better(self) -> frozenset[str]:
        """The metrics of which less is better."""
        return self.rows.lower_is_better

    def compute(self, weights: np.ndarray | None = None) -> dict[str, float]:
        """Return every metric by name, see ``ScoredRows``; NaN where no row has a weight above 0."""
        combined = self.weights if weights is None else self.weights * weights
        if not combined.any():
            return dict.fromkeys(self.rows.compute(), float("nan"))
        return self.rows.compute(combined)


def weigh(rows: ScoredRows, weights: np.ndarray | None) -> ScoredRows:
    """Let scored rows count by their weights, shape (n_rows,); None leaves them as they are.

    Raises:
        ValueError: a weight is no finite number of at least 0, or they are of other rows.
    """
    require_weights(rows.n_rows, weights)
    return rows if weights is None else WeightedRows(rows, weights)


class Difference(BaseModel):
    """Difference of one metric to the baseline with its 95 % interval, and what it shows."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")

    metric: str
    difference: float
    low: float
    high: float
    verdict: Verdict


def compare_to_baseline(
    baseline: ScoredRows,
    others: Mapping[str, ScoredRows],
    *,
    n_resamples: int,
    seed: int,
    blocks: np.ndarray | None = None,
) -> dict[str, list[Difference]]:
    """Bootstrap the differences of every metric to the baseline, on the same resampled rows for all models.

    Rows that resemble their neighbours, as those of a series do, hold less than as many independent ones: resampled one
    by one they make intervals too narrow. Whole blocks of neighbours are resampled instead.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993: percentile interval of paired differences.
    Carlstein 1986 (non-overlapping blocks of a series) and Künsch 1989: the block bootstrap.

    Args:
        baseline: predictions of the baseline on the test rows.
        others: predictions of the other models on the same rows.
        n_resamples: number of bootstrap resamples.
        seed: seed of the resampling.
        blocks: block of each row, integers of shape (n_rows,), where rows of a block depend on each other, such as the
            hours of a week or the words of a sentence: blocks are drawn whole; None draws single rows.

    Returns:
        For each other model the difference of each metric, with interval and verdict. The verdict is ``improves`` or
        ``harms`` only where the whole interval lies on one side of zero, and never with fewer than ``MINIMUM_BLOCKS``
        blocks.

    Raises:
        ValueError: another model, or the blocks, are of other rows.
    """
    if not others:
        return {}
    if other := next((name for name, model in others.items() if model.n_rows != baseline.n_rows), None):
        raise ValueError(f"found {others[other].n_rows:,} rows of {other}, expected the baseline's {baseline.n_rows:,}")
    require_rows(baseline.n_rows, blocks=blocks)
    members, n_units = np.arange(baseline.n_rows), baseline.n_rows
    if blocks is not None:
        members = np.unique(blocks, return_inverse=True)[1]
        n_units = int(members.max()) + 1
    can_show = blocks is None or n_units >= MINIMUM_BLOCKS
    models = {"baseline": baseline, **others}
    metrics = list(baseline.compute())
    observed = {name: _to_array(model.compute(), metrics) for name, model in models.items()}
    drawn = _compute_resampled(models, metrics, _draw_weights(members, n_units, n_resamples, seed=seed))
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
                verdict=_judge(
                    float(low[column]), float(high[column]), lower_is_better=metric in baseline.lower_is_better
                )
                if can_show
                else "no effect shown",
            )
            for column, metric in enumerate(metrics)
        ]
    return result


def find_intervals(
    models: Mapping[str, ScoredRows], *, n_resamples: int, seed: int
) -> dict[str, dict[str, tuple[float, float]]]:
    """Bootstrap the metrics of models on the rows that ``compare_to_baseline`` draws by the same seed.

    Args:
        models: predictions of each model on the same rows.
        n_resamples: number of bootstrap resamples.
        seed: seed of the resampling.

    Returns:
        For each model the lower and upper end of the 95 % percentile interval of each metric; NaN where a metric has a
        value in no resample.
    """
    result = {}
    for name, model in models.items():
        metrics, members = list(model.compute()), np.arange(model.n_rows)
        weights = _draw_weights(members, model.n_rows, n_resamples, seed=seed)
        ends = _find_interval(_compute_resampled({name: model}, metrics, weights)[name])
        result[name] = {metric: (float(low), float(high)) for metric, low, high in zip(metrics, *ends, strict=True)}
    return result


def _compute_resampled(
    models: Mapping[str, ScoredRows], metrics: list[str], resamples: Iterator[np.ndarray]
) -> dict[str, np.ndarray]:
    """Return the metrics of each model in each resample, shape (n_resamples, n_metrics)."""
    drawn: dict[str, list[np.ndarray]] = {name: [] for name in models}
    for weights in resamples:
        for name, model in models.items():
            drawn[name].append(_to_array(model.compute(weights), metrics))
    return {name: np.array(values).reshape(-1, len(metrics)) for name, values in drawn.items()}


def _find_interval(drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower and upper end for each column; NaN where a metric has a value in no resample."""
    tail = (1 - CONFIDENCE) / 2
    ends = np.full((2, drawn.shape[1]), np.nan)
    has_value = ~np.isnan(drawn).all(axis=0)
    ends[:, has_value] = np.nanquantile(drawn[:, has_value], [tail, 1 - tail], axis=0)
    return ends[0], ends[1]


def _to_array(values: Mapping[str, float], metrics: list[str]) -> np.ndarray:
    return np.array([values[metric] for metric in metrics])


def _draw_weights(members: np.ndarray, n_units: int, n_resamples: int, *, seed: int) -> Iterator[np.ndarray]:
    """Draw how often each row counts, from draws of ``n_units`` units; ``members`` says which unit a row belongs to."""
    rng = seed_generator(seed, "bootstrap")
    for _ in range(n_resamples):
        yield np.bincount(rng.integers(n_units, size=n_units), minlength=n_units).astype(np.float64)[members]


def _judge(low: float, high: float, *, lower_is_better: bool) -> Verdict:
    if low > 0 or high < 0:
        return "improves" if (low > 0) != lower_is_better else "harms"
    return "no effect shown"
