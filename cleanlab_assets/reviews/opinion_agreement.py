"""How second opinions agree with reviewers, and whether they find errors better than the label quality alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from cleanlab_assets.methods.bootstrap import Difference, compare_to_baseline
from cleanlab_assets.methods.intervals import Interval, estimate_share
from cleanlab_assets.reviews.second_opinions import measure_doubt

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import pandas as pd

    from cleanlab_assets.reviews.statistics import Outcome

ENOUGH_ROWS = 50
"""Rows with a verdict and a decision from which on second opinions may order a queue."""
AUROC = "auroc"
_RESAMPLES = 1_000
_SEED = 0


class ErrorRanking(BaseModel):
    """How well a score puts errors before right labels: 1 is perfect; by chance 0.5, and the share of errors."""

    model_config = ConfigDict(frozen=True)

    auroc: float
    average_precision: float


class OpinionAgreement(BaseModel):
    """What reviewers' decisions say of second opinions.

    Attributes:
        n_verdicts: rows with a verdict.
        n_rows: those of them whose given label reviewers found right or wrong.
        n_errors: those of these that they found wrong.
        n_agree: those of which verdict and reviewers say the same of the given label.
        share: this share with its exact 95 % interval; None without a row.
        by_opinion: how well the verdicts find the errors; None unless there are errors and right labels.
        by_quality: how well the label quality does, on the same rows.
        advantage: how much more the AUROC of the verdicts is, with its paired bootstrap interval of 95 %; None for
            fewer than ``ENOUGH_ROWS`` rows.
    """

    model_config = ConfigDict(frozen=True)

    n_verdicts: int
    n_rows: int
    n_errors: int
    n_agree: int
    share: Interval | None = None
    by_opinion: ErrorRanking | None = None
    by_quality: ErrorRanking | None = None
    advantage: Difference | None = None

    @property
    def may_order(self) -> bool:
        """Whether second opinions may order a queue: on enough rows they find errors better than the quality."""
        return self.advantage is not None and self.advantage.verdict == "improves"


@dataclass(frozen=True)
class _Ranking:
    """A score of rows that are errors or right; a ``ScoredRows`` of the bootstrap.

    The AUROC is the share of pairs of an error and a right row in which the error has the higher score; equal scores
    count half. Source: Hanley and McNeil, Radiology 143, 1982. A resample weighs the pairs, which are compared once.
    """

    is_error: np.ndarray
    score: np.ndarray

    @property
    def n_rows(self) -> int:
        return len(self.score)

    @property
    def lower_is_better(self) -> frozenset[str]:
        return frozenset()

    @cached_property
    def _pairs(self) -> np.ndarray:
        """1 where the error has the higher score, 0.5 where it has the same, shape (n_errors, n_right)."""
        errors, right = self.score[self.is_error, None], self.score[None, ~self.is_error]
        return np.asarray((errors > right) + 0.5 * (errors == right))

    def compute(self, weights: np.ndarray | None = None) -> dict[str, float]:
        drawn = np.ones(self.n_rows) if weights is None else weights
        errors, right = drawn[self.is_error], drawn[~self.is_error]
        n_pairs = float(errors.sum() * right.sum())
        return {AUROC: float(errors @ self._pairs @ right) / n_pairs if n_pairs else float("nan")}


def measure_agreement(
    opinions: pd.DataFrame, outcomes: Mapping[str, Outcome], *, left_out: Collection[str] = ()
) -> OpinionAgreement:
    """Measure how second opinions agree with reviewers.

    Args:
        opinions: of an audit, see ``tabulate_opinions``.
        outcomes: what came of each decided row, by its key, see ``find_outcomes``; errors and right ones count.
        left_out: keys of rows whose verdict is of another label than the decision, such as planted errors.
    """
    found = opinions[(opinions["outcome"] == "verdict") & ~opinions["row_key"].isin(left_out)]
    came = found["row_key"].map(dict(outcomes))
    decided = found[came.isin(["error", "right"])]
    is_error = (came[decided.index] == "error").to_numpy(dtype=bool)
    n_rows, n_errors = len(decided), int(is_error.sum())
    n_agree = int((~decided["is_given_defensible"].to_numpy(dtype=bool) == is_error).sum())
    agreement = OpinionAgreement(n_verdicts=len(found), n_rows=n_rows, n_errors=n_errors, n_agree=n_agree)
    if not n_rows:
        return agreement
    measured = {"share": estimate_share(n_agree, n_rows)}
    if not 0 < n_errors < n_rows:
        return agreement.model_copy(update=measured)
    doubt, quality = measure_doubt(decided).to_numpy(), decided["label_quality"].to_numpy()
    rankings = {"by_opinion": _rank(is_error, doubt), "by_quality": _rank(is_error, -quality)}
    return agreement.model_copy(update={**measured, **rankings, "advantage": _compare(is_error, doubt, -quality)})


def _rank(is_error: np.ndarray, score: np.ndarray) -> ErrorRanking:
    from sklearn.metrics import average_precision_score

    precision = min(1.0, float(average_precision_score(is_error, score)))  # a sum that rounds up
    return ErrorRanking(auroc=_Ranking(is_error, score).compute()[AUROC], average_precision=precision)


def _compare(is_error: np.ndarray, doubt: np.ndarray, badness: np.ndarray) -> Difference | None:
    if len(is_error) < ENOUGH_ROWS:
        return None
    rankings = {"opinion": _Ranking(is_error, doubt)}
    compared = compare_to_baseline(_Ranking(is_error, badness), rankings, n_resamples=_RESAMPLES, seed=_SEED)
    return compared["opinion"][0]


def describe_agreement(found: OpinionAgreement) -> list[str]:
    """Say in words how second opinions agree with reviewers, a line each."""
    if not found.n_verdicts:
        return ["there is no second opinion on any row"]
    if found.share is None:
        return [f"how right the {found.n_verdicts:,} verdicts are is not known: no row of them was reviewed yet"]
    share = found.share
    lines = [
        f"verdict and reviewers agree on {found.n_agree:,} of {found.n_rows:,} rows: {share.estimate:.0%} "
        f"({share.low:.0%} to {share.high:.0%})"
    ]
    if found.by_opinion is not None and found.by_quality is not None:
        lines.append(
            f"errors found: AUROC {found.by_opinion.auroc:.2f} by the verdicts, {found.by_quality.auroc:.2f} by label "
            f"quality on the same rows; average precision {found.by_opinion.average_precision:.2f} and "
            f"{found.by_quality.average_precision:.2f}"
        )
    return [*lines, explain_no_order(found) or "second opinions may order a queue"]


def explain_no_order(found: OpinionAgreement | None) -> str:
    """Say why second opinions do not order a queue; empty where they may."""
    if found is None or not found.n_verdicts:
        return "there is no second opinion on any row"
    if found.may_order:
        return ""
    if found.n_rows < ENOUGH_ROWS:
        return f"{found.n_rows:,} rows with a verdict were reviewed, expected {ENOUGH_ROWS}"
    if found.advantage is None:
        return "the reviewed rows with a verdict are all errors, or all right"
    gained = found.advantage
    return (
        f"no better than the label quality alone: AUROC {gained.difference:+.2f} ({gained.low:+.2f} to "
        f"{gained.high:+.2f})"
    )
