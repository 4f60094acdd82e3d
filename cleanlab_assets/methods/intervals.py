"""Intervals for counts: of a finite set of which a random sample was looked at, and of what the next rows will hold."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from cleanlab_assets.methods.requirements import require_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LEVEL = 0.95


class Interval(BaseModel):
    """An estimate with the ends of its interval, by default one of 95 %."""

    model_config = ConfigDict(frozen=True)

    estimate: float
    low: float
    high: float

    def scale(self, factor: float) -> Interval:
        """Return estimate and ends, each times a factor."""
        return Interval(estimate=self.estimate * factor, low=self.low * factor, high=self.high * factor)


def estimate_count(n_found: int, n_drawn: int, n_all: int, *, level: float = LEVEL) -> Interval:
    """Estimate how many of a finite set have a property, from a simple random sample without replacement.

    The interval is the exact one of the hypergeometric distribution: it holds every number under which neither as few
    nor as many as were found would be an event of a probability below half of what is left of the level. It covers in
    at least as many of 100 samples as it says. Source: Buonaccorsi, A note on confidence intervals for proportions in
    finite populations, The American Statistician 41, 1987; the finite counterpart of Clopper and Pearson, 1934.

    Args:
        n_found: those with the property in the sample.
        n_drawn: size of the sample, at least 1 unless the set is empty.
        n_all: size of the set.
        level: how often the interval covers.

    Raises:
        ValueError: the numbers contradict each other, or nothing was drawn of a set that is not empty.
    """
    if not 0 <= n_found <= n_drawn <= n_all or (n_drawn == 0 and n_all > 0):
        raise ValueError(f"found {n_found} of {n_drawn} of {n_all}, expected each at most the next, and one drawn")
    if n_drawn == n_all:
        return Interval(estimate=n_found, low=n_found, high=n_found)
    from scipy.stats import hypergeom

    tail = (1 - level) / 2
    least, most = n_found, n_all - (n_drawn - n_found)
    low = _find_first(least, most, lambda number: hypergeom.sf(n_found - 1, n_all, number, n_drawn) > tail)
    beyond = _find_first(least, most + 1, lambda number: hypergeom.cdf(n_found, n_all, number, n_drawn) <= tail)
    return Interval(estimate=n_all * n_found / n_drawn, low=low, high=beyond - 1)


def estimate_share(n_found: int, n_drawn: int, *, level: float = LEVEL) -> Interval:
    """Estimate how often something happens, from independent draws, with the exact interval of the binomial.

    Source: Clopper and Pearson, The use of confidence or fiducial limits, Biometrika 26, 1934.

    Args:
        n_found: draws in which it happened.
        n_drawn: all draws, at least 1.
        level: how often the interval covers.

    Raises:
        ValueError: nothing was drawn, or it happened in more draws than there are.
    """
    if not 0 <= n_found <= n_drawn or n_drawn == 0:
        raise ValueError(f"found {n_found} of {n_drawn}, expected at most as many, and one drawn")
    from scipy.stats import binomtest

    ends = binomtest(n_found, n_drawn).proportion_ci(confidence_level=level, method="exact")
    return Interval(estimate=n_found / n_drawn, low=float(ends.low), high=float(ends.high))


def _find_first(start: int, end: int, holds: Callable[[int], bool]) -> int:
    """Return the first number from a start on for which something holds, as it does for all others; else the end."""
    while start < end:
        middle = (start + end) // 2
        if holds(middle):
            end = middle
        else:
            start = middle + 1
    return start


def add_estimates(parts: Sequence[Interval]) -> Interval:
    """Add independent estimates, such as those of the parts of a set, each from a sample of its own.

    Each end lies as far from the sum as the ends of the parts together, by the root of the sum of their squares: the
    method of variance estimates recovery, which needs no normal distribution. Source: Zou, Huang and Zhang, A note on
    confidence interval estimation for a linear function of binomial proportions, Computational Statistics and Data
    Analysis 53, 2009.
    """
    total = sum(part.estimate for part in parts)
    below = math.sqrt(sum((part.estimate - part.low) ** 2 for part in parts))
    above = math.sqrt(sum((part.high - part.estimate) ** 2 for part in parts))
    return Interval(estimate=total, low=max(total - below, 0.0), high=total + above)


def predict_count(n_found: int, n_seen: int, n_next: int, *, level: float = LEVEL) -> Interval:
    """Predict how many of the next rows have a property, if they are like those that were seen.

    The interval is that of the beta-binomial distribution which follows from Jeffreys' prior. Source: Brown, Cai and
    DasGupta, Interval estimation for a binomial proportion, Statistical Science 16, 2001 (the prior); Geisser,
    Predictive Inference, 1993.

    Args:
        n_found: those with the property of the rows that were seen.
        n_seen: rows that were seen.
        n_next: rows to come.
        level: how often the interval holds the number.
    """
    from scipy.stats import betabinom

    hits, misses = n_found + 0.5, n_seen - n_found + 0.5
    low, high = betabinom.ppf([(1 - level) / 2, (1 + level) / 2], n_next, hits, misses)
    return Interval(estimate=n_next * hits / (hits + misses), low=float(low), high=float(high))


def bound_shares(hits: np.ndarray, counts: np.ndarray, *, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray]:
    """Return the low and high ends of the intervals of shares, of which any may be of few items.

    The interval is that of Jeffreys' prior, with the ends 0 and 1 where none or all hit. Source: Brown, Cai and
    DasGupta, Interval estimation for a binomial proportion, Statistical Science 16, 2001.

    Args:
        hits: items that have the property, or how many are expected to have it, shape (n,).
        counts: items that were looked at, at least 1, shape (n,).
        level: how often the interval covers.

    Raises:
        ValueError: a count is below 1 or its hits, hits are negative, either is no number, or they are of other items.
    """
    from scipy.stats import beta

    require_rows(len(hits), counts=counts)
    is_sound = np.isfinite(counts) & (counts >= 1) & (hits >= 0) & (hits <= counts)
    if not is_sound.all():
        place = int(np.flatnonzero(~is_sound)[0])
        raise ValueError(f"found {hits[place]} of {counts[place]}, expected from 0 to the count, which is at least 1")
    tail = (1 - level) / 2
    low, high = beta.ppf([[tail], [1 - tail]], hits + 0.5, counts - hits + 0.5)
    return np.where(hits == 0, 0.0, low), np.where(hits == counts, 1.0, high)
