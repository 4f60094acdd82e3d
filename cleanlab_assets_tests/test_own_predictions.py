"""Audits by predictions of the user's own, in every family that takes some: no model is fitted, and that is said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets import AuditRun, UnknownResultError, audit
from cleanlab_assets.datasets.errors import UnreadableInputError
from cleanlab_assets.families.chain import checks_of
from cleanlab_assets.families.registry import FAMILIES, family_of
from cleanlab_assets.families.step import StepContext
from cleanlab_assets.models.catalogue import models_for, models_of

if TYPE_CHECKING:
    from cleanlab_assets.families.step import CheckResult

N_ROWS, N_WRONG = 200, 10
CLASSES = ["cat", "dog", "eel"]
WITHOUT_A_MODEL = "the predictions are your own, so that no model is fitted"


@dataclass(frozen=True)
class Case:
    """Rows with some wrong labels, and predictions that know nothing of them."""

    family: str
    table: pd.DataFrame
    label: str | list[str]
    honest: np.ndarray
    in_sample: np.ndarray
    wrong: np.ndarray


def make_classes() -> Case:
    rng = np.random.default_rng(0)
    truth, wrong = rng.integers(3, size=N_ROWS), rng.choice(N_ROWS, N_WRONG, replace=False)
    given = truth.copy()
    given[wrong] = (truth[wrong] + 1) % 3
    honest = np.full((N_ROWS, 3), 0.1)
    honest[np.arange(N_ROWS), truth] = 0.8
    table = pd.DataFrame({"x": truth + rng.normal(0, 0.2, N_ROWS), "y": np.array(CLASSES)[given]})
    return Case("classification", table, "y", honest, np.eye(3)[given], wrong)


def make_values() -> Case:
    rng = np.random.default_rng(0)
    truth, wrong = rng.normal(0, 5, N_ROWS), rng.choice(N_ROWS, N_WRONG, replace=False)
    given = truth + rng.normal(0, 0.3, N_ROWS)
    given[wrong] += 8
    table = pd.DataFrame({"x": truth + rng.normal(0, 0.5, N_ROWS), "y": given})
    return Case("regression", table, "y", truth, given + rng.normal(0, 0.01, N_ROWS), wrong)


def make_label_sets() -> Case:
    rng = np.random.default_rng(0)
    truth, wrong = rng.random((N_ROWS, 3)) < 0.4, rng.choice(N_ROWS, N_WRONG, replace=False)
    given = truth.copy()
    given[wrong, 0] = ~truth[wrong, 0]
    honest = np.where(truth, 0.9, 0.1) + rng.uniform(-0.05, 0.05, truth.shape)
    features = pd.DataFrame(truth + rng.normal(0, 0.25, truth.shape), columns=["x0", "x1", "x2"])
    table = features.assign(**{f"is_{name}": given[:, code].astype(int) for code, name in enumerate(CLASSES)})
    return Case("multilabel", table, "is_*", honest, np.where(given, 0.99, 0.01), wrong)


CASES = {case.family: case for case in (make_classes(), make_values(), make_label_sets())}
SETTINGS = {"training_set.folds": 3}


@pytest.fixture(scope="module", params=list(CASES))
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@pytest.fixture(scope="module")
def run(case: Case) -> AuditRun:
    return audit(case.table, label=case.label, pred_probs=case.honest, settings=SETTINGS)


def judge(run: AuditRun, name: str) -> CheckResult:
    family = family_of(run.family)
    check = next(check for check in checks_of(family) if check.name == name)
    context = StepContext(family=run.family, dataset=run.dataset, model=run.model, data_dir=__file__)  # type: ignore[arg-type]
    return check.run(context, **{step: run.result(step) for step in check.inputs})


def test_every_family_that_takes_predictions_is_tried_here() -> None:
    taking = {family.name for family in FAMILIES if "own_predictions" in models_of(family.name)}
    assert taking == CASES.keys() | {"token_classification"}, "those of tokens have a test of their own"


def test_wrong_labels_rank_first_and_no_row_is_kept_for_testing(case: Case, run: AuditRun) -> None:
    assert (run.family, run.model) == (case.family, "own_predictions")
    ranked = run.label_issues.sort_values("rank")["row_id"]
    assert set(ranked.head(N_WRONG)) == {f"table:{row + 1}" for row in case.wrong}
    assert set(run.result("training_set").value["split"]) == {"train"}


def test_predictions_are_taken_as_they_are_whatever_their_form(case: Case, run: AuditRun) -> None:
    table = run.result("predictions").value
    columns = [name for name in table if str(name).startswith(("probability_", "uncalibrated_", "predicted_value"))]
    own = [name for name in columns if not (case.family == "multilabel" and name.startswith("probability_"))]
    np.testing.assert_allclose(table[own].to_numpy(), case.honest.reshape(N_ROWS, -1), rtol=1e-6)
    names = ["value"] if case.family == "regression" else CLASSES
    frame = pd.DataFrame(case.honest.reshape(N_ROWS, -1), columns=names)[names[::-1]]
    same = audit(case.table, label=case.label, pred_probs=frame, settings=SETTINGS)
    pd.testing.assert_frame_equal(same.result("predictions").value, table)


def test_that_nothing_was_compared_or_retrained_is_said(run: AuditRun) -> None:
    assert run.comparison.verdict == "not compared"
    assert run.facts.why_not_compared == WITHOUT_A_MODEL
    assert f"does cleaning help? not compared: {WITHOUT_A_MODEL}" in str(run).splitlines()
    assert any(WITHOUT_A_MODEL in finding.evidence for finding in run.summary.findings)
    with pytest.raises(UnknownResultError, match="own_predictions is not fitted: there is nothing to retrain"):
        run.result("retrained_model")
    assert "not measured" in judge(run, "detection_power").description


def test_honest_predictions_are_not_suspected(run: AuditRun) -> None:
    assert judge(run, "predictions_are_out_of_sample").passed
    assert not run.facts.looks_in_sample
    assert run.report().content.count("look in-sample") == 0


def test_predictions_that_repeat_the_labels_are_suspected_first_of_all(case: Case) -> None:
    run = audit(case.table, label=case.label, pred_probs=case.in_sample, settings=SETTINGS)
    judged = judge(run, "predictions_are_out_of_sample")
    assert not judged.passed
    assert judged.severity == "warn"
    assert "the predictions look in-sample: they miss " in judged.description
    assert str(run).splitlines()[1] == f"warning: {judged.description}"
    assert (run.summary.findings[0].title, run.summary.findings[0].severity) == (
        "Predictions look in-sample",
        "critical",
    )
    page = run.report().content
    assert page.index("the predictions look in-sample") < page.index("Rows audited")


def test_other_models_are_fitted_on_the_same_rows_and_see_nothing_of_the_predictions(case: Case, run: AuditRun) -> None:
    other = run.with_model("knn")
    fitted = other.result("predictions").value
    assert fitted["row_id"].tolist() == run.result("predictions").value["row_id"].tolist()
    features = [name for name in case.table if str(name).startswith("x")]
    assert [column.name for column in run.dataset.features] == features
    assert other.comparison.notes == ["no variants were compared: no test rows are kept"]
    assert other.result("retrained_model").value.card["variant"] == "baseline"


def test_rows_without_a_label_get_the_one_that_is_predicted() -> None:
    case = CASES["classification"]
    table = case.table.assign(y=case.table["y"].where(np.arange(N_ROWS) >= 3))
    run = audit(table, label="y", pred_probs=case.honest, settings=SETTINGS)
    suggested = run.result("suggested_labels").value.set_index("row_id")["suggested_label"]
    expected = np.array(CLASSES)[case.honest[:3].argmax(axis=1)]
    assert suggested.reindex(["table:1", "table:2", "table:3"]).tolist() == expected.tolist()


def test_features_of_their_own_take_the_place_of_the_columns() -> None:
    case = CASES["classification"]
    embeddings = np.random.default_rng(1).normal(size=(N_ROWS, 4)) + case.honest.argmax(axis=1)[:, None] * 5
    run = audit(case.table, label="y", pred_probs=case.honest, features=embeddings, settings=SETTINGS)
    assert [column.name for column in run.dataset.features] == [f"feature_{number}" for number in range(1, 5)]
    assert run.columns["x"] == ("ignored", "features come from features")
    rows = run.result("training_set").value
    np.testing.assert_allclose(rows[[f"feature_{number}" for number in range(1, 5)]], embeddings, rtol=1e-6)
    assert run.with_model("logistic_regression").result("predictions").facts.cross_validation["accuracy"] > 0.9


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.full((N_ROWS, 2), 0.5), "found 2 columns of predictions, expected one for each of the 3 classes"),
        (np.full((N_ROWS - 1, 3), 1 / 3), f"found {N_ROWS - 1} rows, expected {N_ROWS}"),
        (np.full((N_ROWS, 3), 0.5), "pred_probs, row 1: the probabilities sum to 1.5, expected 1"),
    ],
)
def test_predictions_that_do_not_fit_are_named(given: np.ndarray, message: str) -> None:
    with pytest.raises(UnreadableInputError) as caught:
        _ = audit(CASES["classification"].table, label="y", pred_probs=given).label_issues
    assert message in str(caught.value)


def test_only_a_dataset_with_predictions_has_them_as_a_model(run: AuditRun) -> None:
    assert "own_predictions" in models_for(run.family, run.dataset)
    without = audit(CASES[run.family].table, label=CASES[run.family].label, model="knn").dataset
    assert "own_predictions" not in models_for(run.family, without)
