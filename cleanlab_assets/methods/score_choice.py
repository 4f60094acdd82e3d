"""Which of several scores ranks: the one that finds more planted errors, where it is shown that it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from cleanlab_assets.methods.bootstrap import compare_to_baseline
from cleanlab_assets.methods.requirements import require_finite, require_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

LEAST_PLANTED = 10
"""Fewest planted errors by which scores are told apart: the spread of fewer is hardly known."""
N_RESAMPLES = 500


class ScoreFigures(BaseModel):
    """Average precision of the planted errors by one score, and its difference to the default with its 95 % interval.

    The default itself has no difference.
    """

    model_config = ConfigDict(frozen=True)

    score: str
    average_precision: float
    difference: float | None = None
    low: float | None = None
    high: float | None = None


class ScoreChoice(BaseModel):
    """The score that was chosen to rank, and how well each finds planted errors; ``figures`` has the default first.

    ``figures`` is empty where too few errors could be planted to tell scores apart: ``note`` says so.
    """

    model_config = ConfigDict(frozen=True)

    chosen: str
    n_planted: int
    figures: list[ScoreFigures]
    note: str = ""

    def to_table(self) -> pd.DataFrame:
        """Return a row for each score, with the fields of ``ScoreFigures`` as columns."""
        columns = list(ScoreFigures.model_fields)
        return pd.DataFrame.from_records([figures.model_dump() for figures in self.figures], columns=columns)


def choose_score(
    scores: Mapping[str, np.ndarray],
    is_planted: np.ndarray,
    *,
    default: str,
    seed: int,
    n_resamples: int = N_RESAMPLES,
) -> ScoreChoice:
    """Choose the score by which planted errors rank worst; the default, unless another is shown to find more of them.

    Another score is chosen where the bootstrap interval of its difference to the default in average precision, on the
    same resampled rows, lies above zero (``compare_to_baseline``); of several such the one of the highest average
    precision.

    Args:
        scores: label quality by the name of the score, lower is more likely wrong, shape (n_rows,) each.
        is_planted: rows that hold a planted error, bool of shape (n_rows,).
        default: name of the score that stays where no other is shown to be better.
        seed: seed of the resampling.
        n_resamples: number of bootstrap resamples.

    Returns:
        The choice with its figures; the default without figures where fewer than ``LEAST_PLANTED`` rows, or all, hold a
        planted error.

    Raises:
        ValueError: the default is none of the scores, a score is not finite, or something is of other rows.
    """
    if default not in scores:
        raise ValueError(f"found the scores {', '.join(scores)}, expected the default {default} among them")
    for name, quality in scores.items():
        require_rows(len(is_planted), **{name: quality})
        require_finite(name, quality)
    n_planted = int(is_planted.sum())
    if n_planted < LEAST_PLANTED or n_planted == len(is_planted):
        note = f"{n_planted} of {len(is_planted):,} rows hold a planted error: too few or too many to choose a score by"
        return ScoreChoice(chosen=default, n_planted=n_planted, figures=[], note=note)
    ranked = {name: _RankedErrors(quality, is_planted) for name, quality in scores.items()}
    others = {name: rows for name, rows in ranked.items() if name != default}
    compared = compare_to_baseline(ranked[default], others, n_resamples=n_resamples, seed=seed)
    reached = {name: rows.compute()[_METRIC] for name, rows in ranked.items()}
    figures = [ScoreFigures(score=default, average_precision=reached[default])]
    better = [default]
    for name, (difference,) in compared.items():
        figures.append(
            ScoreFigures(
                score=name,
                average_precision=reached[name],
                difference=difference.difference,
                low=difference.low,
                high=difference.high,
            )
        )
        if difference.verdict == "improves":
            better.append(name)
    return ScoreChoice(chosen=max(better, key=reached.__getitem__), n_planted=n_planted, figures=figures)


_METRIC = "average_precision"


class _RankedErrors:
    """Rows ranked once by a score, so that the average precision of a resample takes no sorting."""

    lower_is_better: frozenset[str] = frozenset()

    def __init__(self, quality: np.ndarray, is_planted: np.ndarray) -> None:
        self.n_rows = len(quality)
        self._order = np.argsort(quality, kind="stable")
        self._is_planted = is_planted[self._order]
        self._ends = np.append(np.diff(quality[self._order]) != 0, True)  # rows of equal score share their precision

    def compute(self, weights: np.ndarray | None = None) -> dict[str, float]:
        """Return the average precision, see ``ScoredRows``; NaN where no planted error has a weight above 0."""
        weights = np.ones(self.n_rows) if weights is None else weights[self._order]
        hits, ranked = (np.cumsum(each)[self._ends] for each in (weights * self._is_planted, weights))
        if hits[-1] == 0:
            return {_METRIC: float("nan")}
        precision = np.divide(hits, ranked, out=np.zeros_like(hits), where=ranked > 0)
        return {_METRIC: float((np.diff(hits, prepend=0) * precision).sum() / hits[-1])}
