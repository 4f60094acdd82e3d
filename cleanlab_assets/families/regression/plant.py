"""Planted errors of numeric labels with known truth: the slips that people and instruments make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd

from cleanlab_assets.methods.planted_errors import PlantedErrors, put_planted_errors
from cleanlab_assets.methods.requirements import require_finite, require_rows
from cleanlab_assets.methods.seeding import seed_generator
from cleanlab_assets.methods.training_set import train_rows

if TYPE_CHECKING:
    from cleanlab_assets.datasets.dataset import NumericLabel

PlantedKind = Literal["digit_slip", "unit_error", "swap", "noise"]
ValueErrorKind = Literal["digit_slip", "unit_error", "swap", "noise", "mixed"]
PLANTED_KINDS: tuple[PlantedKind, ...] = get_args(PlantedKind)
UNIT_FACTOR = 2.54
"""Centimetres of an inch. Most confused units lie so far apart: pounds and kilograms 2.2, feet and metres 3.3."""
MINIMUM_CHANGE = 0.5
"""Least change of a planted error, in robust standard deviations of the labels: less is within ordinary scatter."""
NOISE_RANGE = (1.0, 3.0)
"""Size of additive noise, in robust standard deviations of the labels, which wrong labels do not stretch."""
OWN_KINDS = ("residual", "drift")
"""Kinds of errors that are as the data's own would be: single values, and runs of a series that go wrong together."""
LARGE_RESIDUALS = 0.75
"""Errors have the size of residuals above this quantile: those of real errors are among them."""
N_RUNS = 3
"""Into how many runs of neighbouring rows the errors of a drift are divided."""
_PAIRING_ROUNDS = 20


def plant_value_errors(
    labels: np.ndarray,
    domain: NumericLabel,
    *,
    fraction: float,
    kind: ValueErrorKind,
    seed: int,
    unit_factor: float = UNIT_FACTOR,
) -> PlantedErrors:
    """Make the labels of random rows wrong.

    - ``digit_slip``: ten times or a tenth of the value.
    - ``unit_error``: the value times or divided by ``unit_factor``.
    - ``swap``: two rows exchange their labels; of an odd number the last takes another row's label.
    - ``noise``: one to three standard deviations of the labels are added or taken away.
    - ``mixed``: equal shares of all kinds; where too few rows can take a kind, the kinds after it get its share.

    Every error is noticeable and none is impossible: it changes the value by at least ``MINIMUM_CHANGE`` robust
    standard deviations (interquartile range / 1.349; the standard deviation where that is zero), and its value, rounded
    where labels are whole numbers, lies in the domain, since others would be refused at entry. A row that cannot take
    an error in either direction is passed over.

    Args:
        labels: allowed values, shape (n_rows,).
        domain: the values that a label may take.
        fraction: share of the rows to corrupt; ``round(fraction * n_rows)`` labels change.
        kind: kind of the errors.
        seed: seed of rows, kinds and sizes.
        unit_factor: ratio of the confused units.

    Returns:
        The labels with errors, float64 of shape (n_rows,), and the kinds of the errors, of ``PLANTED_KINDS``.

    Raises:
        ValueError: fewer rows than asked for can take such an error.
    """
    rng = seed_generator(seed, "planted errors")
    labels = labels.astype(np.float64)
    n_planted = round(fraction * len(labels))
    planter = _Planter(labels, domain, unit_factor=unit_factor, rng=rng)
    kinds: tuple[str, ...] = PLANTED_KINDS if kind == "mixed" else (kind,)
    planted, codes = labels.copy(), np.full(len(labels), -1)
    left = n_planted
    for number, name in enumerate(kinds):
        share = left // (len(kinds) - number)
        if name == "swap" and kind == "mixed":
            share -= share % 2
        rows, values = planter.plant(name, np.flatnonzero(codes < 0), share)
        planted[rows], codes[rows] = values, PLANTED_KINDS.index(name)
        left -= len(rows)
    if left:
        raise ValueError(
            f"{n_planted - left} of {len(labels)} labels can take an error of kind {kind!r} that stays in the domain "
            f"({domain}) and changes the value by at least {planter.minimum_change:g}; {n_planted} are asked for"
        )
    kinds_of_rows = pd.Categorical.from_codes(codes.tolist(), dtype=pd.CategoricalDtype(list(PLANTED_KINDS)))
    return PlantedErrors(labels=planted, is_planted=codes >= 0, kinds=kinds_of_rows)


def plant_value_errors_of_all_kinds(
    labels: np.ndarray,
    residuals: np.ndarray,
    domain: NumericLabel,
    *,
    time_order: np.ndarray | None = None,
    n_of_each: int,
    seed: int,
) -> PlantedErrors:
    """Plant gross errors and such as the data's own would be, each in rows of its own.

    To the kinds of ``plant_value_errors`` come:

    - ``residual``: a value that is off by the size of one of the large residuals, up or down.
    - ``drift``, in a series: runs of neighbouring rows that are off together by such a size, by all of it from the
      first row on or by more from row to row, as of a sensor that runs away.

    Args:
        labels: allowed values, shape (n_rows,).
        residuals: given label less out-of-sample prediction, shape (n_rows,).
        domain: the values that a label may take.
        time_order: positions of the rows in the order of time, shape (n_rows,); None where they are no series.
        n_of_each: how many errors of each kind to plant; fewer where fewer rows can take them and stay in the domain.
        seed: seed of rows, kinds and sizes.

    Returns:
        The labels with errors, float64 of shape (n_rows,), and the kinds of the errors.

    Raises:
        ValueError: too few rows can take a gross error, or something is not finite or of other rows.
    """
    require_rows(len(labels), residuals=residuals)
    require_finite("residuals", residuals)
    rng = seed_generator(seed, "planted value errors of all kinds")
    names = (*PLANTED_KINDS, *(OWN_KINDS if time_order is not None else OWN_KINDS[:1]))
    gross = plant_value_errors(
        labels, domain, fraction=len(PLANTED_KINDS) * n_of_each / len(labels), kind="mixed", seed=seed
    )
    planted = gross.labels.copy()
    codes = gross.number_kinds(names)
    sizes = np.abs(residuals)
    sizes = sizes[sizes >= np.quantile(sizes, LARGE_RESIDUALS)]

    def shift(rows: np.ndarray, by: np.ndarray, kind: str) -> None:
        values = planted[rows] + by
        values = np.round(values) if domain.is_integer else values
        can_take = domain.find_allowed(values) & (values != planted[rows])
        planted[rows[can_take]], codes[rows[can_take]] = values[can_take], names.index(kind)

    if time_order is not None:
        length = max(2, n_of_each // N_RUNS)
        for _ in range(max(1, n_of_each // length)):
            free = _find_free_runs(codes[time_order] < 0, length)
            if len(free) == 0:
                break
            start = rng.choice(free)
            ramp = np.linspace(1 / length, 1.0, length) if rng.random() < 0.5 else np.ones(length)  # noqa: PLR2004
            shift(time_order[start : start + length], ramp * rng.choice(sizes) * rng.choice([-1, 1]), "drift")
    rows = rng.permutation(np.flatnonzero(codes < 0))[:n_of_each]
    shift(rows, rng.choice(sizes, size=len(rows)) * rng.choice([-1, 1], size=len(rows)), "residual")
    kinds = pd.Categorical.from_codes(codes.tolist(), dtype=pd.CategoricalDtype(list(names)))
    return PlantedErrors(labels=planted, is_planted=codes >= 0, kinds=kinds)


def _find_free_runs(is_free: np.ndarray, length: int) -> np.ndarray:
    """Return where runs of so many free places start."""
    if len(is_free) < length:
        return np.empty(0, dtype=np.int64)
    free_in_run = np.convolve(is_free, np.ones(length, dtype=np.int64), mode="valid")
    return np.flatnonzero(free_in_run == length)


def plant_errors_in_numeric_training_set(
    training_set: pd.DataFrame, domain: NumericLabel, *, fraction: float, kind: ValueErrorKind, seed: int
) -> pd.DataFrame:
    """Corrupt train labels of a training set; test labels are never touched.

    Args:
        training_set: training-set table without planted errors.
        domain: the values that a label may take.
        fraction: share of the train rows whose label becomes wrong.
        kind: kind of the errors, see ``plant_value_errors``.
        seed: seed of the draw.

    Returns:
        See ``put_planted_errors``.

    Raises:
        ValueError: the fraction is less than one row, or too few rows can take such an error.
    """
    true_labels = train_rows(training_set)["given_label"].to_numpy()
    planted = plant_value_errors(true_labels, domain, fraction=fraction, kind=kind, seed=seed)
    return put_planted_errors(training_set, planted, planted.labels.astype(true_labels.dtype), fraction=fraction)


class _Planter:
    """Finds rows that can take an error, and the value that each gets."""

    def __init__(
        self, labels: np.ndarray, domain: NumericLabel, *, unit_factor: float, rng: np.random.Generator
    ) -> None:
        self.labels, self.domain, self.unit_factor, self.rng = labels, domain, unit_factor, rng
        low, high = np.quantile(labels, [0.25, 0.75]) if len(labels) else (0.0, 0.0)
        # Labels of which most are equal have a quartile range of 0.
        self.deviation = float((high - low) / 1.349) or (float(labels.std()) if len(labels) else 0.0)
        # Equal labels have no spread: any change counts, however small.
        self.minimum_change = MINIMUM_CHANGE * self.deviation or float(np.finfo(float).tiny)

    def plant(self, kind: str, free: np.ndarray, n_rows: int) -> tuple[np.ndarray, np.ndarray]:
        """Return at most ``n_rows`` of the free rows, and their new values."""
        if kind == "swap":
            return self._swap(free, n_rows)
        free = self.rng.permutation(free)
        values = self.labels[free]
        if kind == "noise":
            size = self.rng.uniform(*NOISE_RANGE, size=len(free)) * self.deviation
            altered = self._alter(values, values + size, values - size)
        else:
            factor = 10 if kind == "digit_slip" else self.unit_factor
            altered = self._alter(values, values * factor, values / factor)
        chosen = np.flatnonzero(~np.isnan(altered))[:n_rows]
        return free[chosen], altered[chosen]

    def _alter(self, values: np.ndarray, upward: np.ndarray, downward: np.ndarray) -> np.ndarray:
        """Return one of two wrong values for each row, at random where both are possible; NaN where none is."""
        candidates = np.stack([upward, downward])
        if self.domain.is_integer:
            candidates = np.round(candidates)
        is_possible = self.domain.find_allowed(candidates) & (np.abs(candidates - values) >= self.minimum_change)
        candidates[~is_possible] = np.nan
        first = self.rng.integers(2, size=len(values))
        rows = np.arange(len(values))
        preferred, other = candidates[first, rows], candidates[1 - first, rows]
        return np.where(np.isnan(preferred), other, preferred)

    def _swap(self, free: np.ndarray, n_rows: int) -> tuple[np.ndarray, np.ndarray]:
        """Pair random rows whose labels differ enough; rows left over are shuffled and paired again."""
        pairs = np.empty((0, 2), dtype=np.int64)
        for _ in range(_PAIRING_ROUNDS):
            if 2 * len(pairs) >= n_rows:
                break
            free = self.rng.permutation(free)
            tried = free[: len(free) // 2 * 2].reshape(-1, 2)
            differs = np.abs(self.labels[tried[:, 0]] - self.labels[tried[:, 1]]) >= self.minimum_change
            pairs = np.vstack([pairs, tried[differs]])
            free = np.concatenate([tried[~differs].ravel(), free[tried.size :]])
        return pairs.ravel()[:n_rows], self.labels[pairs[:, ::-1].ravel()[:n_rows]]
