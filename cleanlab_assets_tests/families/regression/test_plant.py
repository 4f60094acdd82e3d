from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanlab_assets.datasets.dataset import NumericLabel
from cleanlab_assets.families.regression.plant import (
    MINIMUM_CHANGE,
    PLANTED_KINDS,
    ValueErrorKind,
    plant_errors_in_numeric_training_set,
    plant_value_errors,
)

if TYPE_CHECKING:
    from cleanlab_assets.methods.planted_errors import PlantedErrors

COUNTS = NumericLabel(minimum=0, is_integer=True)
CAPPED = NumericLabel(minimum=0, maximum=5.00001)
ANY = NumericLabel()
KINDS: tuple[ValueErrorKind, ...] = (*PLANTED_KINDS, "mixed")


def counts(n_rows: int, *, seed: int = 0) -> np.ndarray:
    """Hourly rentals: skewed, many small ones, some zero."""
    rng = np.random.default_rng(seed)
    return np.floor(rng.gamma(1.1, 170, size=n_rows)) * (rng.random(n_rows) > 0.03)


def house_values(n_rows: int, *, seed: int = 0) -> np.ndarray:
    """Positive values with a cap that 5 % of the rows reach."""
    return np.minimum(np.random.default_rng(seed).gamma(3.2, 0.65, size=n_rows) + 0.15, CAPPED.maximum)


def signed(n_rows: int, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 3, size=n_rows)


SOURCES = {"counts": (counts, COUNTS), "house_values": (house_values, CAPPED), "signed": (signed, ANY)}


def robust_deviation(labels: np.ndarray) -> float:
    low, high = np.quantile(labels, [0.25, 0.75])
    return float(high - low) / 1.349


@settings(max_examples=80, deadline=None)
@given(
    source=st.sampled_from(sorted(SOURCES)),
    kind=st.sampled_from(KINDS),
    n_rows=st.integers(60, 400),
    fraction=st.floats(0, 0.3),
    seed=st.integers(0, 2**32 - 1),
)
def test_exactly_the_asked_share_changes_noticeably_within_the_domain(
    source: str, kind: ValueErrorKind, n_rows: int, fraction: float, seed: int
) -> None:
    draw, domain = SOURCES[source]
    labels = draw(n_rows)
    before = labels.copy()

    planted = plant_value_errors(labels, domain, fraction=fraction, kind=kind, seed=seed)

    assert planted.is_planted.sum() == round(fraction * n_rows)
    change = np.abs(planted.labels - labels)
    assert (change[~planted.is_planted] == 0).all()
    assert (change[planted.is_planted] >= MINIMUM_CHANGE * robust_deviation(labels)).all()
    assert domain.find_allowed(planted.labels).all()
    assert np.array_equal(pd.notna(planted.kinds), planted.is_planted)
    assert kind == "mixed" or set(pd.Series(planted.kinds).dropna()) <= {kind}
    assert np.array_equal(labels, before), "the labels given are left as they are"


def plant(labels: np.ndarray, domain: NumericLabel, kind: ValueErrorKind, fraction: float = 0.2) -> PlantedErrors:
    return plant_value_errors(labels, domain, fraction=fraction, kind=kind, seed=1)


@pytest.mark.parametrize(("kind", "factor"), [("digit_slip", 10), ("unit_error", 2.54)])
def test_slips_and_unit_errors_go_both_ways_by_their_factor(kind: ValueErrorKind, factor: float) -> None:
    labels = np.random.default_rng(0).uniform(50, 100, size=500)

    planted = plant(labels, ANY, kind)

    ratio = (planted.labels / labels)[planted.is_planted]
    upward = ratio > 1
    np.testing.assert_allclose(ratio[upward], factor)
    np.testing.assert_allclose(ratio[~upward], 1 / factor)
    assert 0.3 < upward.mean() < 0.7


def test_a_slip_out_of_the_domain_goes_the_other_way() -> None:
    labels = np.random.default_rng(0).uniform(2, 5, size=300)

    planted = plant(labels, CAPPED, "digit_slip")

    np.testing.assert_allclose(planted.labels[planted.is_planted], labels[planted.is_planted] / 10)


def test_a_unit_error_has_the_factor_asked_for() -> None:
    labels = np.random.default_rng(0).uniform(50, 100, size=100)

    planted = plant_value_errors(labels, ANY, fraction=0.1, kind="unit_error", seed=0, unit_factor=1000)

    ratio = (planted.labels / labels)[planted.is_planted]
    assert {round(abs(float(power)), 6) for power in np.log10(ratio)} == {3}


@pytest.mark.parametrize("n_planted", [1, 40, 41])
def test_swapped_rows_exchange_their_labels(n_planted: int) -> None:
    labels = np.random.default_rng(0).permutation(200.0 + np.arange(200))

    planted = plant(labels, ANY, "swap", fraction=n_planted / 200)

    changed = np.flatnonzero(planted.is_planted).tolist()
    partners = {row: int(np.flatnonzero(labels == planted.labels[row])[0]) for row in changed}
    exchanged = [row for row in changed if partners.get(partners[row]) == row]
    assert len(changed) == n_planted
    assert len(exchanged) == n_planted // 2 * 2, "of an odd number the last takes another row's label"


def test_noise_is_one_to_three_standard_deviations_either_way() -> None:
    labels = np.random.default_rng(0).normal(0, 4, size=2000)

    planted = plant(labels, ANY, "noise")

    low, high = np.quantile(labels, [0.25, 0.75])
    change = (planted.labels - labels)[planted.is_planted] / ((high - low) / 1.349)
    assert np.abs(change).min() >= 1 - 1e-9
    assert np.abs(change).max() <= 3 + 1e-9
    assert 0.4 < (change > 0).mean() < 0.6
    assert np.abs(change).mean() == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("source", sorted(SOURCES))
def test_mixed_errors_have_equal_shares_of_all_kinds(source: str) -> None:
    draw, domain = SOURCES[source]

    kinds = plant(draw(1000), domain, "mixed").kinds

    shares = pd.Series(kinds).value_counts()
    assert shares.sum() == 200
    assert shares.reindex(PLANTED_KINDS).between(50, 51).all() or source == "signed"
    assert shares.min() >= 25


def test_kinds_that_few_rows_can_take_leave_their_share_to_the_others() -> None:
    grades = NumericLabel(minimum=1, maximum=5, is_integer=True)
    labels = np.random.default_rng(0).integers(1, 6, size=400).astype(float)

    planted = plant(labels, grades, "mixed")

    shares = pd.Series(planted.kinds).value_counts()
    assert planted.is_planted.sum() == 80
    assert shares["digit_slip"] == 0, "no grade times or by ten is a grade"
    assert shares["swap"] > 0


def test_zeros_do_not_slip() -> None:
    labels = np.repeat([0.0, 40.0, 80.0], 100)

    planted = plant(labels, COUNTS, "digit_slip", fraction=0.6)

    assert not planted.is_planted[:100].any()
    assert planted.is_planted.sum() == 180


def test_labels_without_spread_can_still_slip() -> None:
    planted = plant(np.full(50, 7.0), COUNTS, "digit_slip")

    assert set(planted.labels[planted.is_planted]) == {70, 1}


def test_too_few_rows_that_can_take_the_error_is_an_error() -> None:
    labels = np.repeat([0.0, 40.0, 80.0], 10)

    with pytest.raises(ValueError, match=r"20 of 30 labels can take an error of kind 'digit_slip' .* 24 are asked for"):
        plant(labels, COUNTS, "digit_slip", fraction=0.8)


def test_the_seed_decides_the_errors() -> None:
    first, same, other = (
        plant_value_errors(counts(300), COUNTS, fraction=0.2, kind="mixed", seed=seed).labels for seed in (1, 1, 2)
    )

    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


@pytest.fixture
def training_set() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "row_id": [f"a:{row}" for row in range(500)],
            "x": np.arange(500.0),
            "given_label": counts(500),
            "split": pd.Categorical(np.where(np.arange(500) % 5 == 0, "test", "train")),
            "fold": 0,
        },
        index=np.arange(500) + 7,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_test_rows_are_untouched_and_the_truth_is_beside_the_train_rows(
    training_set: pd.DataFrame, kind: ValueErrorKind
) -> None:
    planted = plant_errors_in_numeric_training_set(training_set, COUNTS, fraction=0.1, kind=kind, seed=1)

    is_test = planted["split"] == "test"
    assert planted["planted_error"].sum() == 40
    assert not planted.loc[is_test, "planted_error"].any()
    assert (planted["true_label"] == training_set["given_label"]).all()
    assert ((planted["given_label"] != planted["true_label"]) == planted["planted_error"]).all()
    assert (planted["planted_kind"].notna() == planted["planted_error"]).all()
    assert planted["planted_kind"].cat.categories.tolist() == list(PLANTED_KINDS)
    assert planted["given_label"].dtype == training_set["given_label"].dtype
    added = ["given_label", "planted_error", "true_label", "planted_kind"]
    pd.testing.assert_frame_equal(planted.drop(columns=added), training_set.drop(columns="given_label"))


def test_a_fraction_of_less_than_one_row_is_an_error(training_set: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match=r"0\.001 of 400 train rows is less than one planted error"):
        plant_errors_in_numeric_training_set(training_set, COUNTS, fraction=0.001, kind="mixed", seed=0)
