from __future__ import annotations

import numpy as np
import pytest

from cleanlab_assets.families.regression.metrics import VALUE_METRICS, ScoredValues
from cleanlab_assets.methods.bootstrap import MINIMUM_BLOCKS, Difference, compare_to_baseline, weigh
from cleanlab_assets.methods.class_metrics import METRICS, ScoredPredictions


def model_of_accuracy(accuracy: float, labels: np.ndarray, *, seed: int, confidence: float = 0.9) -> ScoredPredictions:
    rng = np.random.default_rng(seed)
    answer = np.where(rng.random(len(labels)) < accuracy, labels, 1 - labels)
    given = rng.uniform(confidence - 0.05, confidence + 0.05, size=len(labels))
    probabilities = np.where(answer[:, None] == np.arange(2), given[:, None], 1 - given[:, None])
    return ScoredPredictions(labels, probabilities)


def labels_of(n_rows: int, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(2, size=n_rows)


def compare(
    baseline: ScoredPredictions, other: ScoredPredictions, *, n_resamples: int = 300, seed: int = 0
) -> dict[str, Difference]:
    compared = compare_to_baseline(baseline, {"other": other}, n_resamples=n_resamples, seed=seed)
    assert [difference.metric for difference in compared["other"]] == list(METRICS)
    return {difference.metric: difference for difference in compared["other"]}


def test_identical_models_show_no_effect_with_zero_difference() -> None:
    labels = labels_of(200)

    compared = compare(model_of_accuracy(0.8, labels, seed=1), model_of_accuracy(0.8, labels, seed=1))

    for difference in compared.values():
        assert (difference.difference, difference.low, difference.high) == (0, 0, 0)
        assert difference.verdict == "no effect shown"


def test_a_better_model_improves_every_metric_and_the_worse_one_harms_it() -> None:
    labels = labels_of(2000)
    worse, better = model_of_accuracy(0.75, labels, seed=1), model_of_accuracy(0.9, labels, seed=2)

    forward, backward = compare(worse, better), compare(better, worse)

    assert {difference.verdict for difference in forward.values()} == {"improves"}
    assert {difference.verdict for difference in backward.values()} == {"harms"}
    assert forward["log_loss"].high < 0 < forward["accuracy"].low


def test_a_lower_log_loss_improves_and_a_higher_one_harms() -> None:
    labels = labels_of(1000)
    timid, bold = (model_of_accuracy(0.95, labels, seed=1, confidence=given) for given in (0.6, 0.9))

    assert compare(timid, bold)["log_loss"].verdict == "improves"
    assert compare(bold, timid)["log_loss"].verdict == "harms"
    assert compare(timid, bold)["accuracy"].verdict == "no effect shown"


@pytest.mark.slow
def test_the_interval_covers_the_known_difference_nearly_always() -> None:
    covered = []
    for seed in range(40):
        labels = labels_of(400, seed=seed)
        baseline = model_of_accuracy(0.75, labels, seed=1000 + seed)
        other = model_of_accuracy(0.85, labels, seed=2000 + seed)
        difference = compare(baseline, other, n_resamples=100, seed=seed)["accuracy"]
        covered.append(difference.low <= 0.1 <= difference.high)

    assert np.mean(covered) >= 0.85  # 0.95 is expected; three standard errors of 40 draws are 0.10


@pytest.mark.slow
def test_equally_good_models_are_rarely_told_apart() -> None:
    shown = []
    for seed in range(40):
        labels = labels_of(400, seed=seed)
        models = [model_of_accuracy(0.8, labels, seed=start + seed) for start in (1000, 2000)]
        shown.append(compare(*models, n_resamples=100, seed=seed)["accuracy"].verdict != "no effect shown")

    assert np.mean(shown) <= 0.15  # 0.05 is expected


def test_the_difference_lies_within_its_interval_and_the_seed_decides_it() -> None:
    labels = labels_of(300)
    models = model_of_accuracy(0.75, labels, seed=1), model_of_accuracy(0.85, labels, seed=2)

    first, same, other = (compare(*models, seed=seed) for seed in (1, 1, 2))

    assert first == same
    assert first != other
    assert all(difference.low <= difference.difference <= difference.high for difference in first.values())


def test_the_interval_is_as_wide_as_that_of_a_mean_difference() -> None:
    """Differences of absolute errors are independent here: their mean has the standard error of any mean."""
    rng = np.random.default_rng(0)
    labels, gains = np.zeros(900), rng.normal(size=900)
    baseline, other = ScoredValues(labels, np.full(900, 10.0)), ScoredValues(labels, 10.0 - gains)

    compared = compare_to_baseline(baseline, {"other": other}, n_resamples=3000, seed=0)["other"]

    error = next(difference for difference in compared if difference.metric == "mae")
    assert error.high - error.low == pytest.approx(2 * 1.96 * gains.std() / 30, rel=0.06)


def test_a_metric_without_a_value_shows_no_effect_and_survives_storage() -> None:
    labels = np.zeros(50, dtype=int)

    compared = compare(model_of_accuracy(0.7, labels, seed=1), model_of_accuracy(0.9, labels, seed=2))

    assert np.isnan(compared["roc_auc"].difference)
    assert compared["roc_auc"].verdict == "no effect shown"
    assert np.isnan(Difference.model_validate_json(compared["roc_auc"].model_dump_json()).low)


@pytest.mark.parametrize("n_others", [1, 3])
def test_every_other_model_is_compared(n_others: int) -> None:
    labels = labels_of(100)
    others = {f"m{number}": model_of_accuracy(0.8, labels, seed=number) for number in range(n_others)}

    compared = compare_to_baseline(model_of_accuracy(0.8, labels, seed=9), others, n_resamples=20, seed=0)

    assert list(compared) == list(others)


def test_without_others_nothing_is_compared() -> None:
    assert compare_to_baseline(model_of_accuracy(0.8, labels_of(50), seed=0), {}, n_resamples=20, seed=0) == {}


def test_smaller_errors_of_values_improve_every_metric() -> None:
    rng = np.random.default_rng(0)
    labels = rng.normal(size=500)
    far, near = (ScoredValues(labels, labels + rng.normal(0, size, 500)) for size in (1.0, 0.5))

    forward = compare_to_baseline(far, {"near": near}, n_resamples=200, seed=0)["near"]
    backward = compare_to_baseline(near, {"far": far}, n_resamples=200, seed=0)["far"]

    assert [difference.metric for difference in forward] == list(VALUE_METRICS)
    assert {difference.verdict for difference in forward} == {"improves"}
    assert {difference.verdict for difference in backward} == {"harms"}


N_SERIES = 1500
BLOCKS = np.arange(N_SERIES) // 50


def errors_of_a_series(*, correlation: float, seed: int) -> np.ndarray:
    """Absolute errors around a mean of 3 that follow an AR(1) of variance 0.25, so that none is negative."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(scale=0.5 * np.sqrt(1 - correlation**2), size=N_SERIES)
    steps[0] = rng.normal(scale=0.5)
    for row in range(1, N_SERIES):
        steps[row] += correlation * steps[row - 1]
    return 3 + steps


def compare_series(correlation: float, seed: int, blocks: np.ndarray | None) -> Difference:
    """Compare two models whose true mean absolute errors are equal."""
    labels = np.random.default_rng(seed).normal(scale=10, size=N_SERIES)
    errors = (errors_of_a_series(correlation=correlation, seed=1000 * seed + number) for number in (1, 2))
    baseline, other = (ScoredValues(labels, labels + error) for error in errors)
    compared = compare_to_baseline(baseline, {"other": other}, n_resamples=150, seed=seed, blocks=blocks)["other"]
    return next(difference for difference in compared if difference.metric == "mae")


@pytest.mark.slow
def test_blocks_give_the_width_that_the_dependence_of_a_series_demands_and_single_rows_do_not() -> None:
    correlation = 0.8
    # The variance of a mean of an AR(1) is (1 + r) / (1 - r) times that of independent rows: here 9, so 3 in width.
    true_width = 2 * 1.96 * np.sqrt(2 * 0.25 / N_SERIES * (1 + correlation) / (1 - correlation))
    widths: dict[bool, list[float]] = {True: [], False: []}
    covered: dict[bool, list[bool]] = {True: [], False: []}
    for seed in range(60):
        for has_blocks in (True, False):
            found = compare_series(correlation, seed, BLOCKS if has_blocks else None)
            widths[has_blocks].append(found.high - found.low)
            covered[has_blocks].append(found.low <= 0 <= found.high)

    assert np.mean(widths[True]) == pytest.approx(true_width, rel=0.15)
    assert np.mean(widths[False]) == pytest.approx(true_width / 3, rel=0.15)
    assert np.mean(covered[True]) >= 0.83  # 0.95 is expected; three standard errors of 60 draws are 0.08
    assert np.mean(covered[False]) <= 0.7  # 0.49 is expected


def test_blocks_change_little_where_rows_are_independent() -> None:
    with_blocks, without = (compare_series(0.0, 5, blocks) for blocks in (BLOCKS, None))

    assert with_blocks.difference == without.difference
    assert with_blocks.high - with_blocks.low == pytest.approx(without.high - without.low, rel=0.4)


def test_blocks_of_one_row_are_single_rows() -> None:
    assert compare_series(0.5, 3, np.arange(N_SERIES)) == compare_series(0.5, 3, None)


@pytest.mark.parametrize(
    ("n_blocks", "verdict"), [(MINIMUM_BLOCKS - 1, "no effect shown"), (MINIMUM_BLOCKS, "improves")]
)
def test_few_blocks_show_nothing(n_blocks: int, verdict: str) -> None:
    labels = np.random.default_rng(0).normal(size=N_SERIES)
    far, near = (ScoredValues(labels, labels + error) for error in (1.0, 0.1))
    blocks = np.arange(N_SERIES) * n_blocks // N_SERIES

    compared = compare_to_baseline(far, {"near": near}, n_resamples=100, seed=0, blocks=blocks)["near"]

    assert {difference.verdict for difference in compared} == {verdict}


def test_rows_of_weight_two_are_two_rows_that_are_drawn_together_and_of_weight_zero_none() -> None:
    labels = labels_of(400)
    weights = np.random.default_rng(3).integers(0, 3, len(labels))
    times, blocks = np.repeat(np.arange(400), weights), np.arange(400)
    predicted = [np.random.default_rng(seed).dirichlet([1, 1], 400) for seed in (1, 2)]

    weighted = [weigh(ScoredPredictions(labels, found), weights.astype(float)) for found in predicted]
    repeated = [ScoredPredictions(labels[times], found[times]) for found in predicted]

    assert weighted[0].compute() == pytest.approx(repeated[0].compute())
    draw = np.random.default_rng(4).integers(0, 3, 400).astype(float)
    assert weighted[0].compute(draw) == pytest.approx(repeated[0].compute(draw[times]))
    found = compare_to_baseline(weighted[0], {"other": weighted[1]}, n_resamples=100, seed=0, blocks=blocks)["other"]
    plain = compare_to_baseline(repeated[0], {"other": repeated[1]}, n_resamples=100, seed=0)["other"]
    assert [one.difference for one in found] == pytest.approx([one.difference for one in plain])
    assert weigh(repeated[0], None) is repeated[0]


def test_a_resample_of_rows_without_weight_has_no_metric() -> None:
    scored = weigh(ScoredPredictions(np.array([0, 1]), np.array([[0.9, 0.1], [0.4, 0.6]])), np.array([0.0, 1.0]))
    assert np.isnan(list(scored.compute(np.array([2.0, 0.0])).values())).all()
    assert scored.compute(np.array([1.0, 1.0]))["accuracy"] == 1
