"""How far a review is: what of a queue is decided, how precise the flags are so far, and when to stop."""

from __future__ import annotations

from enum import IntEnum
from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

LAST_DECISIONS = 50
Z = 1.959964
"""Standard deviations on either side of the mean of a normal distribution that hold 95 % of it."""
FEW_ERRORS = 2
"""So many errors among the last decisions say that the worst rows are behind the reviewer."""


class Outcome(IntEnum):
    """What was decided of a row, as far as measurements go."""

    OPEN = 0
    RIGHT = 1
    ERROR = 2
    UNCLEAR = 3
    EXCLUDED = 4
    CONFLICT = 5


class Precision(NamedTuple):
    """How many of the flagged rows of a random sample are errors, with the bounds of the 95 % interval."""

    n_errors: int
    n_rows: int
    share: float
    low: float
    high: float


def measure_precision(outcomes: np.ndarray, was_asked: np.ndarray) -> Precision | None:
    """Measure the precision of the flags by the rows of the random queue.

    The sample is the rows of the queue's order up to the last one that was decided in this queue, as far as they have
    a definite answer, whoever gave it and wherever: up to any place the order is a simple random sample.
    Interval: Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA 1927.

    Args:
        outcomes: ``Outcome`` of each row of the queue in its order, shape (n_rows,).
        was_asked: whether each row was decided in this queue, bool of shape (n_rows,).

    Returns:
        None while there is no definite answer.
    """
    asked = np.flatnonzero(was_asked)
    sample = outcomes[: asked[-1] + 1] if len(asked) else outcomes[:0]
    n_errors, n_right = int((sample == Outcome.ERROR).sum()), int((sample == Outcome.RIGHT).sum())
    n_rows = n_errors + n_right
    if n_rows == 0:
        return None
    share = n_errors / n_rows
    scale = 1 + Z**2 / n_rows
    middle = (share + Z**2 / (2 * n_rows)) / scale
    half = Z * sqrt(share * (1 - share) / n_rows + Z**2 / (4 * n_rows**2)) / scale
    return Precision(n_errors, n_rows, share, max(middle - half, 0.0), min(middle + half, 1.0))


def advise_to_stop(latest: Sequence[Outcome]) -> str:
    """Say that the worst rows are behind the reviewer; empty while they are not.

    Args:
        latest: what was decided in the queue of the worst rows, in the order of the decisions.
    """
    last = latest[-LAST_DECISIONS:]
    n_errors = sum(outcome == Outcome.ERROR for outcome in last)
    if len(last) < LAST_DECISIONS or n_errors > FEW_ERRORS:
        return ""
    return f"stop here: the last {LAST_DECISIONS} held {n_errors} {'error' if n_errors == 1 else 'errors'}"
