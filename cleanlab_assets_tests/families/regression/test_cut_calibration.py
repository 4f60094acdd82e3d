from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.datasets.dataset import Column, NumericLabel
from cleanlab_assets.families.regression.cut_calibration import (
    LARGEST_ERROR_SHARE,
    CalibratedCut,
    calibrate_cut,
    plant_and_audit_values,
)
from cleanlab_assets.families.regression.issues import LabelIssuesSettings, label_issues
from cleanlab_assets.families.regression.plant import PLANTED_KINDS, plant_errors_in_numeric_training_set
from cleanlab_assets.families.regression.predictions import (
    ValuePredictionsFacts,
    predict_values_out_of_sample,
    to_value_predictions_table,
)
from cleanlab_assets.families.regression.value_quality import find_value_issues, score_value_quality
from cleanlab_assets.families.step import StepContext
from cleanlab_assets.methods.calibration import measure_reliability
from cleanlab_assets.methods.detection_verdict import CAN_FIND, CANNOT_TELL, ONLY_GROSS
from cleanlab_assets.methods.facts import TrainingSetFacts
from cleanlab_assets.methods.result import Result
from cleanlab_assets_tests.known_data import make_value_dataset
from cleanlab_assets_tests.known_values import FEATURES, build_linear, value_rows

if TYPE_CHECKING:
    from pathlib import Path

    from cleanlab_assets.methods.detection_verdict import DetectionReport

DOMAIN = NumericLabel(minimum=0)


def calibrate(
    rows: pd.DataFrame, *, seed: int = 0, false_flag_rate: float = 0.01, max_rows: int = 5000
) -> CalibratedCut:
    return calibrate_cut(
        rows,
        FEATURES,
        build=build_linear,
        domain=DOMAIN,
        false_flag_rate=false_flag_rate,
        max_rows=max_rows,
        seed=seed,
    )


def score(rows: pd.DataFrame) -> np.ndarray:
    labels = rows["given_label"].to_numpy()
    predicted = predict_values_out_of_sample(rows[FEATURES], labels, rows["fold"].to_numpy(), build=build_linear)
    return score_value_quality(labels, predicted.values, predicted.uncertainty)


# Measured over seeds 0 to 4: rates of 0.008 to 0.011 and of 0.050 to 0.052; on rows of another draw, without errors,
# 0.014 to 0.022 and 0.053 to 0.080, since the planted errors make the model a little less sure.
@pytest.mark.parametrize("false_flag_rate", [0.01, 0.05])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_cut_flags_about_the_wanted_share_of_rows_that_it_has_not_seen(seed: int, false_flag_rate: float) -> None:
    calibrated = calibrate(value_rows(4000, seed=seed), seed=seed, false_flag_rate=false_flag_rate)

    assert calibrated.false_flag_rate == false_flag_rate
    allowed = 4 * np.sqrt(false_flag_rate / 3800)  # four standard errors of a share of 3,800 rows
    assert calibrated.measured_false_flag_rate == pytest.approx(false_flag_rate, abs=allowed)
    fresh = (score(value_rows(4000, seed=seed + 100)) < calibrated.cut).mean()
    assert 0.5 * false_flag_rate < fresh < 3 * false_flag_rate


def test_the_cut_finds_most_planted_errors_of_every_kind() -> None:
    calibrated = calibrate(value_rows(4000, seed=0))

    assert (calibrated.n_planted, calibrated.n_rows) == (200, 4000)
    assert calibrated.recall > 0.9
    assert {found.kind for found in calibrated.by_kind} == set(PLANTED_KINDS)
    assert sum(found.n_planted for found in calibrated.by_kind) == 200
    total = sum(found.n_planted * found.recall for found in calibrated.by_kind)
    assert total == pytest.approx(200 * calibrated.recall)
    assert CalibratedCut.model_validate_json(calibrated.model_dump_json()) == calibrated


@pytest.mark.parametrize("share", [0.0, 0.05, 0.1])
def test_the_share_of_errors_that_the_data_held_before_is_estimated_and_taken_out(share: float) -> None:
    rows = value_rows(4000, seed=0).assign(split="train")
    is_wrong = np.zeros(len(rows), dtype=bool)
    if share:
        rows = plant_errors_in_numeric_training_set(rows, DOMAIN, fraction=share, kind="mixed", seed=5)
        is_wrong = rows["planted_error"].to_numpy()

    calibrated = calibrate(rows)

    assert calibrated.estimated_error_share == pytest.approx(share, abs=0.025)
    is_flagged = score(rows) < calibrated.cut
    assert is_flagged[~is_wrong].mean() < 0.03
    assert not share or is_flagged[is_wrong].mean() > 0.8


def test_features_without_signal_find_few_errors_at_the_same_cost() -> None:
    rows = value_rows(4000, seed=0)
    blind = rows.assign(**{name: rows[name].to_numpy()[::-1] for name in FEATURES})

    calibrated, with_signal = calibrate(blind), calibrate(rows)

    assert calibrated.measured_false_flag_rate == pytest.approx(0.01, abs=0.01)
    assert calibrated.recall < with_signal.recall - 0.2


def test_the_cut_is_the_highest_that_flags_no_more_than_the_wanted_share() -> None:
    calibrated = calibrate(value_rows(1000, seed=0), false_flag_rate=0.02)

    assert calibrated.estimated_error_share == 0
    assert calibrated.highest_false_flag_rate == 0.02, "19 of 950"


def test_the_rate_is_measured_on_rows_that_did_not_choose_the_cut() -> None:
    """On those that chose it, it never exceeds what was wanted."""
    found = [calibrate(value_rows(400, seed=seed), seed=seed, false_flag_rate=0.05) for seed in range(4)]

    assert max(calibrated.measured_false_flag_rate for calibrated in found) > 0.055


def test_planted_errors_so_bad_that_their_quality_is_0_are_told_from_right_labels() -> None:
    calibrated = calibrate(value_rows(1000, seed=0, noise=0.005))

    assert calibrated.recall == 1
    assert calibrated.estimated_error_share == 0


def test_errors_are_never_taken_for_more_than_half_of_the_labels() -> None:
    """Labels of which nothing is known lie farther from their predictions than planted errors do."""
    rows, rng = value_rows(1000, seed=0), np.random.default_rng(1)
    rows["given_label"] = np.where(rng.random(1000) < 0.5, rng.uniform(0, 1, 1000), rng.uniform(9, 10, 1000))

    found = calibrate_cut(
        rows, FEATURES, build=build_linear, domain=NumericLabel(minimum=0, maximum=10), false_flag_rate=0.05, seed=0
    )

    assert found.estimated_error_share == LARGEST_ERROR_SHARE == 0.5
    assert 0 <= found.measured_false_flag_rate <= 0.2
    assert found.cleanlab_false_flag_rate == 0


# Measured over seeds 0 to 2: told 0.010 to 0.011, at most 0.028, while 0.088 to 0.089 of the right labels are flagged.
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_where_the_model_misfits_a_group_only_the_share_of_all_flags_bounds_the_rate(seed: int) -> None:
    rows = value_rows(4000, seed=seed)
    is_group = np.random.default_rng(9).random(len(rows)) < 0.1  # the labels are right, the features do not tell
    rows["given_label"] = rows["given_label"].where(~is_group, 3 * rows["given_label"])

    calibrated = calibrate(rows, seed=seed)
    is_flagged = score(rows) < calibrated.cut

    assert calibrated.estimated_error_share == pytest.approx(0.1, abs=0.02), "the group is taken for errors"
    assert is_flagged[~is_group].mean() < 0.02, "where the model fits the told rate holds"
    assert is_flagged.mean() > 2 * calibrated.highest_false_flag_rate, "over all right labels it does not"


def test_a_sample_bounds_the_rows_the_table_stays_and_the_seed_decides() -> None:
    rows = value_rows(1000, seed=0)
    before = rows.copy()

    first, same, other = (calibrate(rows, seed=seed, max_rows=600) for seed in (1, 1, 2))

    assert (first.n_rows, first.n_planted) == (600, 30)
    assert first == same
    assert first.cut != other.cut
    pd.testing.assert_frame_equal(rows, before)


def test_errors_of_the_same_seed_are_not_planted_over_each_other() -> None:
    rows = plant_errors_in_numeric_training_set(
        value_rows(2000, seed=0), DOMAIN, fraction=0.05, kind="digit_slip", seed=3
    )

    calibrated = calibrate(rows, seed=3)

    # Were the same rows hit again, those without planted error would all be right and the cut that of clean rows.
    assert calibrated.cut < calibrate(value_rows(2000, seed=0), seed=3).cut / 10
    assert calibrated.estimated_error_share > 0.03


def test_errors_of_the_same_seed_and_kinds_are_those_of_other_rows() -> None:
    rows = plant_errors_in_numeric_training_set(value_rows(1000, seed=0), DOMAIN, fraction=0.05, kind="mixed", seed=3)

    assert calibrate(rows, seed=3).estimated_error_share == pytest.approx(0.05, abs=0.02)


def measure_power(rows: pd.DataFrame, *, seed: int, max_rows: int = 3000) -> DetectionReport:
    predicted = predict_values_out_of_sample(
        rows[FEATURES], rows["given_label"].to_numpy(), rows["fold"].to_numpy(), build=build_linear
    )
    find_issues = partial(find_value_issues, domain=DOMAIN, flag_by="calibrated", calibrated_cut=0.01)
    issues = find_issues(to_value_predictions_table(rows, predicted), rows[FEATURES]).table
    judged = issues[["residual", "label_quality", "is_label_issue"]]
    return plant_and_audit_values(
        rows.assign(**judged),
        FEATURES,
        build=build_linear,
        domain=DOMAIN,
        find_issues=find_issues,
        max_rows=max_rows,
        seed=seed,
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_a_model_can_find_is_told_from_what_stands_out_without_it(seed: int) -> None:
    rows = value_rows(1500, seed=seed)
    blind = rows.assign(**{name: rows[name].to_numpy()[::-1] for name in FEATURES})

    seeing, guessing = measure_power(rows, seed=seed), measure_power(blind, seed=seed)

    assert seeing.verdict == CAN_FIND
    assert guessing.verdict == CANNOT_TELL
    found = {kind.kind: kind for kind in guessing.kinds}
    assert found["digit_slip"].average_precision > 5 * found["digit_slip"].chance, "it stands out without a model"
    assert found["swap"].average_precision < 3 * found["swap"].chance
    assert {kind.kind for kind in seeing.kinds} == {*PLANTED_KINDS, "residual"}


def test_a_model_that_explains_a_third_finds_only_gross_errors() -> None:
    rows = value_rows(1500, seed=0)
    spread = rows["given_label"].std()
    rows["given_label"] += np.random.default_rng(5).normal(0, 1.5 * spread, len(rows))

    assert measure_power(rows, seed=0).verdict == ONLY_GROSS


def test_a_sensor_that_follows_another_one_that_drifts_cannot_show_a_drift() -> None:
    """The errors of a series are runs that go wrong together, of which a model with its neighbours' values learns."""
    rng = np.random.default_rng(0)
    n_rows = 2000
    level = 100 + np.cumsum(rng.normal(0, 0.3, n_rows))
    rows = value_rows(n_rows, seed=0).assign(
        **{FEATURES[0]: level, FEATURES[1]: rng.normal(size=n_rows)},
        given_label=np.clip(level + rng.normal(0, 1.0, n_rows), 1, None),
        time_block=np.arange(n_rows) // 24,
        fold=np.arange(n_rows) * 5 // n_rows,
    )

    report = measure_power(rows, seed=0)

    found = {kind.kind: kind for kind in report.kinds}
    assert found["swap"].is_found
    assert found["drift"].average_precision < found["swap"].average_precision
    assert report.verdict in {CAN_FIND, ONLY_GROSS}
    assert report.weakest.kind in {"drift", "residual"}, "the weakest kind counts"


def test_a_sample_bounds_the_rows_of_the_power_check() -> None:
    report = measure_power(value_rows(1000, seed=0), seed=0, max_rows=400)

    assert report.among == "400 rows"
    assert sum(kind.n_planted for kind in report.kinds) == pytest.approx(40, abs=3)


def test_a_cut_that_flags_nothing_is_told_by_one_rate_and_not_by_a_range(tmp_path: Path) -> None:
    """Labels lie within a narrow band around the line, so that none is far from its prediction."""
    rows = value_rows(400, seed=0, noise=0)
    rows["given_label"] += np.random.default_rng(0).uniform(-1, 1, 400)
    predicted = predict_values_out_of_sample(
        rows[FEATURES], rows["given_label"].to_numpy(), rows["fold"].to_numpy(), build=build_linear
    )
    told = ValuePredictionsFacts(
        seed=0,
        model_parameters={},
        cross_validation={},
        reliability=measure_reliability(np.zeros(1), np.ones(1)),
        n_left_out=0,
    )
    dataset = make_value_dataset([Column(name=name, kind="numeric") for name in FEATURES], DOMAIN)

    found = label_issues.run(
        StepContext(family="regression", dataset=dataset, model="ridge", data_dir=tmp_path),
        LabelIssuesSettings(flag_by="cleanlab"),
        training_set=Result(value=rows, facts=TrainingSetFacts(seed=0, folds=5, notes=[])),
        predictions=Result(value=to_value_predictions_table(rows, predicted), facts=told),
    )

    assert not found.value["is_label_issue"].any()
    assert found.facts.flag_rule == "cleanlab's cut, which flags at most 0.0% of right labels"
