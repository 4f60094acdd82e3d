"""Which of several scores ranks: the one that finds more known errors, where it is shown that it does.

Known are errors that were planted, or that reviewers found in random rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from cleanlab_assets.methods.bootstrap import compare_to_baseline, find_intervals, weigh
from cleanlab_assets.methods.requirements import require_finite, require_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

LEAST_ERRORS = 10
"""Fewest errors by which scores are told apart: the spread of fewer is hardly known."""
N_RESAMPLES = 500


class ScoreFigures(BaseModel):
    """Average precision of the known errors by one score, and its difference to that of the default.

    ``average_precision_low`` and ``average_precision_high``, and ``low`` and ``high`` of the difference, are 95 %
    intervals over the same resampled rows. The default itself has no difference.
    """

    model_config = ConfigDict(frozen=True)

    score: str
    average_precision: float
    average_precision_low: float
    average_precision_high: float
    difference: float | None = None
    low: float | None = None
    high: float | None = None


class ScoreChoice(BaseModel):
    """The score that was chosen to rank, and how well each finds known errors; ``figures`` has the default first.

    ``figures`` is empty where too few errors are known to tell scores apart: ``note`` says so.
    """

    model_config = ConfigDict(frozen=True)

    chosen: str
    n_errors: int
    figures: list[ScoreFigures]
    note: str = ""

    def to_table(self) -> pd.DataFrame:
        """Return a row for each score, with the fields of ``ScoreFigures`` as columns."""
        columns = list(ScoreFigures.model_fields)
        return pd.DataFrame.from_records([figures.model_dump() for figures in self.figures], columns=columns)


def choose_score(
    scores: Mapping[str, np.ndarray],
    is_error: np.ndarray,
    *,
    default: str,
    seed: int,
    preferred: str | None = None,
    weights: np.ndarray | None = None,
    n_resamples: int = N_RESAMPLES,
) -> ScoreChoice:
    """Choose the score by which known errors rank worst; the default, unless another is shown to find more of them.

    Another score is chosen where the bootstrap interval of its difference to the default in average precision, on the
    same resampled rows, lies above zero (``compare_to_baseline``); of several such the preferred one, else that of the
    highest average precision.

    Args:
        scores: label quality by the name of the score, lower is more likely wrong, shape (n_rows,) each.
        is_error: rows that hold an error, bool of shape (n_rows,).
        default: name of the score that stays where no other is shown to be better.
        seed: seed of the resampling.
        preferred: score that is chosen wherever it is shown to be better than the default.
        weights: how much each row counts, shape (n_rows,); None weighs all alike.
        n_resamples: number of bootstrap resamples.

    Returns:
        The choice with its figures; the default without figures where fewer than ``LEAST_ERRORS`` rows, or all, hold an
        error.

    Raises:
        ValueError: the default is none of the scores, a score is not finite, or something is of other rows.
    """
    if default not in scores:
        raise ValueError(f"found the scores {', '.join(scores)}, expected the default {default} among them")
    for name, quality in scores.items():
        require_rows(len(is_error), **{name: quality})
        require_finite(name, quality)
    n_errors = int(is_error.sum())
    if n_errors < LEAST_ERRORS or n_errors == len(is_error):
        note = f"{n_errors} of {len(is_error):,} rows hold a known error: too few or too many to choose a score by"
        return ScoreChoice(chosen=default, n_errors=n_errors, figures=[], note=note)
    ranked = {name: weigh(_RankedErrors(quality, is_error), weights) for name, quality in scores.items()}
    others = {name: rows for name, rows in ranked.items() if name != default}
    compared = compare_to_baseline(ranked[default], others, n_resamples=n_resamples, seed=seed)
    intervals = find_intervals(ranked, n_resamples=n_resamples, seed=seed)
    figures = []
    for name in (default, *others):
        low, high = intervals[name][_METRIC]
        (difference,) = compared.get(name, [None])
        figures.append(
            ScoreFigures(
                score=name,
                average_precision=ranked[name].compute()[_METRIC],
                average_precision_low=low,
                average_precision_high=high,
                difference=difference and difference.difference,
                low=difference and difference.low,
                high=difference and difference.high,
            )
        )
    better = {found.score: found.average_precision for found in figures if found.low is not None and found.low > 0}
    best = preferred if preferred in better else max(better, key=better.__getitem__, default=default)
    return ScoreChoice(chosen=best, n_errors=n_errors, figures=figures)


_METRIC = "average_precision"


class _RankedErrors:
    """Rows ranked once by a score, so that the average precision of a resample takes no sorting."""

    lower_is_better: frozenset[str] = frozenset()

    def __init__(self, quality: np.ndarray, is_error: np.ndarray) -> None:
        self.n_rows = len(quality)
        self._order = np.argsort(quality, kind="stable")
        self._is_error = is_error[self._order]
        self._ends = np.append(np.diff(quality[self._order]) != 0, True)  # rows of equal score share their precision

    def compute(self, weights: np.ndarray | None = None) -> dict[str, float]:
        """Return the average precision, see ``ScoredRows``; NaN where no error has a weight above 0."""
        weights = np.ones(self.n_rows) if weights is None else weights[self._order]
        hits, ranked = (np.cumsum(each)[self._ends] for each in (weights * self._is_error, weights))
        if hits[-1] == 0:
            return {_METRIC: float("nan")}
        precision = np.divide(hits, ranked, out=np.zeros_like(hits), where=ranked > 0)
        return {_METRIC: float((np.diff(hits, prepend=0) * precision).sum() / hits[-1])}
