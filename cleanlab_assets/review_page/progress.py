"""How far a review is: what of a queue is decided, how precise the flags are so far, and when to stop."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.reviews.statistics import RandomSample

if TYPE_CHECKING:
    from collections.abc import Sequence

LAST_DECISIONS = 50
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


def read_sample(outcomes: np.ndarray, was_asked: np.ndarray) -> RandomSample:
    """Read the queue of random flagged rows, see ``reviews.statistics.read_sample``.

    Args:
        outcomes: ``Outcome`` of each row of the queue in its order, shape (n_rows,).
        was_asked: whether each row was decided in this queue, bool of shape (n_rows,).
    """
    asked = np.flatnonzero(was_asked)
    end = int(asked[-1]) + 1 if len(asked) else 0
    if not (outcomes == Outcome.OPEN).any():
        end = len(outcomes)
    counts = np.bincount(outcomes[:end], minlength=len(Outcome))
    return RandomSample(
        n_rows=len(outcomes),
        n_errors=int(counts[Outcome.ERROR]),
        n_right=int(counts[Outcome.RIGHT]),
        n_excluded=int(counts[Outcome.EXCLUDED]),
        n_unclear=int(counts[Outcome.UNCLEAR]),
        n_conflicts=int(counts[Outcome.CONFLICT]),
        n_skipped=int(counts[Outcome.OPEN]),
    )


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
