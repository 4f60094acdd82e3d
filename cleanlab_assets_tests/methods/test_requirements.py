"""Every function on rows refuses numbers that are none, arrays of other rows, and classes that there are not."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets import methods
from cleanlab_assets.datasets.dataset import NumericLabel
from cleanlab_assets.families.multilabel.label_set_quality import find_label_set_issues
from cleanlab_assets.families.regression.value_quality import find_value_issues
from cleanlab_assets.methods.bootstrap import compare_to_baseline, weigh
from cleanlab_assets.methods.class_codes import encode_labels
from cleanlab_assets.methods.class_metrics import ScoredPredictions
from cleanlab_assets.methods.flagged_cases import LabelVotes, name_cases
from cleanlab_assets.methods.label_issues import find_label_issues
from cleanlab_assets.methods.planted_errors import PlantedErrors, uniform_confusion

if TYPE_CHECKING:
    from collections.abc import Iterator

N_ROWS = 40
ROWS = {"row_id": [f"f:{row}" for row in range(N_ROWS)], "split": pd.Categorical(["train"] * N_ROWS)}
FEATURES = pd.DataFrame({"x": np.arange(N_ROWS)})


def judge_classes(damage: float | None, features: pd.DataFrame) -> Any:
    truth = np.arange(N_ROWS) % 2
    table = pd.DataFrame({**ROWS, "given_label": pd.Categorical(np.array(["a", "b"])[truth])})
    table["probability_a"], table["probability_b"] = 0.9 - 0.8 * truth, 0.1 + 0.8 * truth
    if damage is not None:
        table.loc[7, ["probability_a", "probability_b"]] = damage
    return find_label_issues(table, features, np.arange(N_ROWS) // 2 % 2)


def judge_sets(damage: float | None, features: pd.DataFrame) -> Any:
    truth = np.arange(N_ROWS) % 2
    table = pd.DataFrame({**ROWS, "given_label": np.array(["a", "a|b"])[truth]})
    for name, values in (("a", np.full(N_ROWS, 0.9) - 0.1 * truth), ("b", 0.1 + 0.8 * truth)):
        table[f"probability_{name}"] = table[f"uncalibrated_{name}"] = values
    if damage is not None:
        table.loc[7, "probability_b"] = damage
    return find_label_set_issues(table, features)


def judge_values(damage: float | None, features: pd.DataFrame) -> Any:
    values = np.sin(np.arange(N_ROWS))
    table = pd.DataFrame({**ROWS, "given_label": values + 0.1, "predicted_value": values, "uncertainty": 0.2})
    if damage is not None:
        table.loc[7, "predicted_value"] = damage
    return find_value_issues(table, features, domain=NumericLabel(), flag_by="cleanlab")


JUDGES = [judge_classes, judge_sets, judge_values]


@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize("damage", [np.nan, np.inf])
def test_a_prediction_that_is_no_number_is_refused_with_its_row(judge: Any, damage: float) -> None:
    with pytest.raises(ValueError, match=r"of row 'f:7': found .*expected finite numbers; 1 of 40 rows have others"):
        judge(damage, FEATURES)


@pytest.mark.parametrize("judge", JUDGES)
def test_features_of_other_rows_are_refused(judge: Any) -> None:
    with pytest.raises(ValueError, match="found features of 39 rows, expected those of the 40 rows judged"):
        judge(None, FEATURES.iloc[1:])


@pytest.mark.parametrize("judge", JUDGES)
def test_sound_predictions_are_judged(judge: Any) -> None:
    assert len(judge(None, FEATURES).table) == N_ROWS


def test_a_missing_label_is_not_the_last_class() -> None:
    labels = pd.Series(pd.Categorical(["a", None, "b"], categories=["a", "b"]))
    with pytest.raises(ValueError, match="1 of 3 labels are missing, the first in row 2"):
        encode_labels(labels)


CODES = np.arange(N_ROWS) % 3
PROBABILITIES = np.full((N_ROWS, 3), 0.2) + 0.4 * np.eye(3)[CODES]
NUMBERS = np.linspace(0.1, 0.9, N_ROWS)
FLAGS = np.arange(N_ROWS) % 4 == 0
INDICATORS = np.column_stack([FLAGS, ~FLAGS])
LABELS = pd.Series(pd.Categorical(np.array(["a", "b", "c"])[CODES]))
TABLE = pd.DataFrame({**ROWS, "given_label": LABELS, "x": NUMBERS})


def _build() -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline

    return Pipeline([("estimator", LogisticRegression())])


SHARES = {"shares": [0.5, 0.5], "seed": 0}
CALLS: dict[str, dict[str, Any]] = {
    "flagged_cases.name_cases": {
        "is_flagged": FLAGS,
        "votes": LabelVotes(margin=NUMBERS, typical_margin=0.5, lead=NUMBERS, typical_lead=0.5),
        "bad": np.full(N_ROWS, "", dtype=object),
    },
    "flagged_cases.find_far_rows": {"distances": PROBABILITIES, "is_train": FLAGS},
    "flagged_cases.find_near_empty_texts": {"texts": LABELS.astype(str), "is_train": FLAGS},
    "flagged_cases.find_rows_with_gaps": {"features": TABLE, "is_train": FLAGS},
    "stacking.fit_stack": {"probabilities": {"a": PROBABILITIES}, "labels": CODES},
    "stacking.stack_probabilities": {"probabilities": {"a": PROBABILITIES}, "weights": {"a": 1.0}},
    "bootstrap.weigh": {"rows": ScoredPredictions(CODES, PROBABILITIES), "weights": NUMBERS},
    "bootstrap.compare_to_baseline": {
        "baseline": ScoredPredictions(CODES, PROBABILITIES),
        "others": {},
        "n_resamples": 2,
        "seed": 0,
    },
    "calibration.calibrate_by_temperature": {
        "labels": CODES,
        "probabilities": PROBABILITIES,
        "folds": np.arange(N_ROWS) % 2,
    },
    "calibration.fit_platt": {"probabilities": NUMBERS, "is_true": FLAGS, "weights": NUMBERS},
    "calibration.fit_temperature": {"labels": CODES, "probabilities": PROBABILITIES, "weights": NUMBERS},
    "calibration.scale_by_temperature": {"probabilities": PROBABILITIES, "temperature": 2.0},
    "calibration.measure_reliability": {"confidence": NUMBERS, "is_right": FLAGS},
    "class_codes.decode_labels": {"codes": CODES, "like": LABELS},
    "class_codes.encode_labels": {"labels": LABELS},
    "class_metrics.ScoredPredictions": {"labels": CODES, "probabilities": PROBABILITIES},
    "class_metrics.rank_scores": {"is_positive": FLAGS, "scores": NUMBERS},
    "class_metrics.measure_calibration": {"labels": CODES, "probabilities": PROBABILITIES},
    "class_metrics.calibrated_log_loss": {"labels": CODES, "probabilities": PROBABILITIES, "weights": NUMBERS},
    "class_predictions.predict_out_of_sample": {
        "features": TABLE[["x"]],
        "labels": CODES,
        "folds": np.arange(N_ROWS) // 4 % 2,
        "weights": NUMBERS,
        "n_classes": 3,
        "build": _build,
    },
    "class_predictions.to_predictions_table": {"rows": TABLE, "probabilities": PROBABILITIES, "class_names": "abc"},
    "cross_validation.hold_out_each_fold": {"folds": np.arange(N_ROWS) % 2, "weights": NUMBERS},
    "detection_power.score_detection_power": {"quality": NUMBERS, "is_flagged": FLAGS, "is_planted": FLAGS},
    "detection_power.score_detection_power_by_kind": {
        "quality": NUMBERS,
        "is_flagged": FLAGS,
        "kinds": pd.Series(["swapped" if flag else None for flag in FLAGS]),
    },
    "detection_verdict.score_kinds": {
        "quality": NUMBERS,
        "is_flagged": FLAGS,
        "kinds": pd.Series(["swapped" if flag else None for flag in FLAGS]),
        "gross": [],
    },
    "detection_verdict.measure_agreement": {"quality": NUMBERS, "again": NUMBERS, "n_worst": 2},
    "detection_verdict.judge_copy": {
        "before": pd.DataFrame({"label_quality": NUMBERS, "is_label_issue": FLAGS}),
        "audited": pd.DataFrame({"label_quality": NUMBERS, "is_label_issue": FLAGS}),
        "planted": PlantedErrors(CODES, FLAGS, pd.Categorical(["swapped" if flag else None for flag in FLAGS])),
        "gross": [],
        "without_model": {},
        "among": "rows",
    },
    "detection_power.measure_average_precision": {"quality": NUMBERS, "is_planted": FLAGS},
    "error_bracket.bracket_class_errors": {
        "labels": CODES,
        "probabilities": PROBABILITIES,
        "expected_disagreements": 1.0,
    },
    "error_bracket.count_sure_contradictions": {"labels": CODES, "probabilities": PROBABILITIES},
    "error_bracket.find_sure_contradictions": {"labels": CODES, "probabilities": PROBABILITIES},
    "fitting.fit_pipeline": {"build": _build, "features": TABLE[["x"]], "targets": CODES, "weights": NUMBERS},
    "fitting.combine_weights": {"first": NUMBERS, "second": NUMBERS},
    "folds.divide_rows": {"labels": CODES, "groups": np.arange(N_ROWS), **SHARES},
    "folds.join_groups": {"first": np.arange(N_ROWS), "second": CODES},
    "folds.divide_by_time": {"times": NUMBERS, "shares": [0.5, 0.5]},
    "folds.divide_groups_by_time": {"times": NUMBERS, "groups": np.arange(N_ROWS), "shares": [0.5, 0.5]},
    "folds.bin_by_quantile": {"values": NUMBERS, "n_bins": 3},
    "intervals.bound_shares": {"hits": PROBABILITIES[:, 0], "counts": np.ones(N_ROWS)},
    "label_issues.find_label_issues": {
        "predictions": TABLE.assign(**{f"probability_{name}": PROBABILITIES[:, i] for i, name in enumerate("abc")}),
        "features": TABLE[["x"]],
        "folds": np.arange(N_ROWS) % 2,
    },
    "label_issues.count_flags_by_rule": {
        "predictions": TABLE.assign(**{f"probability_{name}": PROBABILITIES[:, i] for i, name in enumerate("abc")}),
        "folds": np.arange(N_ROWS) % 2,
    },
    "label_issues.estimate_noise_matrix": {"labels": CODES, "probabilities": PROBABILITIES},
    "label_issues.find_error_probabilities": {
        "labels": CODES,
        "probabilities": PROBABILITIES,
        "noise_matrix": np.eye(3),
    },
    "label_set_folds.divide_label_sets": {"indicators": INDICATORS, "groups": np.arange(N_ROWS), **SHARES},
    "planted_errors.plant_label_errors": {
        "labels": CODES,
        "confusion": uniform_confusion(3),
        "fraction": 1.0,
        "seed": 0,
    },
    "planted_errors.plant_class_errors_of_all_kinds": {
        "labels": CODES,
        "probabilities": PROBABILITIES,
        "noise_matrix": np.eye(3),
        "n_of_each": 1,
        "seed": 0,
    },
    "planted_errors.class_pair_confusion": {"encoded": PROBABILITIES, "labels": CODES, "n_classes": 3},
    "telling_features.find_telling_features": {"rows": TABLE, "features": ["x"], "labels": CODES, "seed": 0},
    "planted_errors.draw_classes": {"likelihoods": PROBABILITIES, "rng": np.random.default_rng(0)},
    "noise_posterior.believe_true": {"probabilities": PROBABILITIES, "noise_matrix": np.eye(3)},
    "noise_posterior.estimate_noise_by_em": {"labels": CODES, "probabilities": PROBABILITIES},
    "noise_posterior.score_by_noise": {"labels": CODES, "probabilities": PROBABILITIES, "noise_matrix": np.eye(3)},
    "noise_posterior.draw_labels_like_these": {
        "labels": CODES,
        "probabilities": PROBABILITIES,
        "noise_matrix": np.eye(3),
        "seed": 0,
    },
    "label_issues.score_labels": {
        "labels": CODES,
        "probabilities": PROBABILITIES,
        "calibrated": PROBABILITIES,
        "method": "self_confidence",
    },
    "quality_choice.choose_quality_method": {
        "predictions": TABLE.assign(**{f"probability_{name}": PROBABILITIES[:, i] for i, name in enumerate("abc")}),
        "folds": np.arange(N_ROWS) % 2,
        "seed": 0,
    },
    "score_choice.choose_score": {
        "scores": {"usual": NUMBERS, "other": 1 - NUMBERS},
        "is_error": FLAGS,
        "default": "usual",
        "seed": 0,
    },
    "variants.remove_worst_and_random": {"is_issue": FLAGS, "rank": NUMBERS, "prune_fraction": 0.1, "seed": 0},
}
"""A sound call of every function of ``methods`` that takes numbers, labels or features of rows."""
ON_ONE_THING = {
    "draw_stratified_sample",
    "draw_label_set_sample",
    "decode_label_sets",
    "draw_weighted",
    "encode_label_sets",
    "group_equal_rows",
    "judge_beside_train_rows",
    "keep_given_classes",
    "krippendorff_alpha",
    "name_parts",
    "number_label_sets",
    "put_planted_errors",
    "rank_by_quality",
    "split_noise_matrix",
    "take_weights",
    "to_label_lists",
}
"""Functions on rows to which any whole numbers, flags or texts are sound; NaN ranks last by ``rank_by_quality``."""
IS_WRONG = "found|expected|missing|has the class code"


def _damage(call: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a call with one number that is none, one array of other rows, or one code of no class."""
    given = {name: value for name, value in call.items() if isinstance(value, np.ndarray | pd.DataFrame | pd.Series)}
    of_rows = [name for name, value in given.items() if len(value) == N_ROWS and name != "like"]
    for name in of_rows if len(of_rows) > 1 else []:
        yield call | {name: given[name][1:]}
    for name, value in given.items():
        if isinstance(value, np.ndarray) and value.dtype.kind == "f" and len(value) == N_ROWS:
            for damage in (np.nan, np.inf):
                yield call | {name: np.concatenate([value[:1] * damage, value[1:]])}
        if (
            name in ("codes", "labels")
            and isinstance(value, np.ndarray)
            and call.keys() & {"like", "probabilities", "n_classes", "confusion"}
        ):
            for code in (-1, 3):
                yield call | {name: np.concatenate([[code], value[1:]])}


@pytest.mark.parametrize("name", CALLS)
def test_every_function_on_rows_refuses_what_is_no_number_of_other_rows_or_of_no_class(name: str) -> None:
    module, function = name.split(".")
    call = getattr(importlib.import_module(f"{methods.__name__}.{module}"), function)
    call(**CALLS[name])
    for damaged in _damage(CALLS[name]):
        with pytest.raises(ValueError, match=IS_WRONG):
            call(**damaged)


def test_no_function_on_rows_is_forgotten() -> None:
    known = {name.split(".")[1] for name in CALLS} | ON_ONE_THING
    found = set()
    for info in pkgutil.iter_modules(methods.__path__):
        module = importlib.import_module(f"{methods.__name__}.{info.name}")
        for name, function in vars(module).items():
            if inspect.isfunction(function) and function.__module__ == module.__name__ and not name.startswith("_"):
                kinds = [str(one.annotation) for one in inspect.signature(function).parameters.values()]
                takes_rows = any("ndarray" in kind and not kind.startswith("Callable") for kind in kinds)
                if takes_rows and not name.startswith("require_"):
                    found.add(name)
    assert found - known == set()


def test_models_and_blocks_of_other_rows_are_not_compared() -> None:
    baseline = ScoredPredictions(CODES, PROBABILITIES)
    shorter = ScoredPredictions(CODES[1:], PROBABILITIES[1:])
    with pytest.raises(ValueError, match="found 39 rows of other, expected the baseline's 40"):
        compare_to_baseline(baseline, {"other": shorter}, n_resamples=2, seed=0)
    with pytest.raises(ValueError, match="found blocks of 39 rows"):
        compare_to_baseline(baseline, {"other": baseline}, n_resamples=2, seed=0, blocks=CODES[1:])


@pytest.mark.parametrize("name", ["margin", "lead"])
@pytest.mark.parametrize("damaged", [NUMBERS[1:], np.where(FLAGS, np.nan, NUMBERS)])
def test_votes_of_other_rows_or_that_are_no_numbers_are_refused(name: str, damaged: np.ndarray) -> None:
    changed: dict[str, Any] = {name: damaged}
    votes = replace(LabelVotes(margin=NUMBERS, lead=NUMBERS, typical_lead=0.5), **changed)
    with pytest.raises(ValueError, match=IS_WRONG):
        name_cases(FLAGS, votes, np.full(N_ROWS, "", dtype=object))


def test_a_weight_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match=r"weight of row 1: found -1\.0, expected a number of at least 0"):
        weigh(ScoredPredictions(CODES, PROBABILITIES), np.concatenate([[-1.0], NUMBERS[1:]]))
