"""True labels that the user states, in every family on tables: they measure the audit, and no model sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets import audit
from cleanlab_assets.datasets.errors import UnreadableInputError
from cleanlab_assets.methods.detection_power import TruthDetection, measure_against_truth

if TYPE_CHECKING:
    from typing import Any

    from cleanlab_assets import AuditRun

N_ROWS, N_WRONG, N_UNKNOWN = 160, 10, 30
FAMILIES = ("classification", "multilabel", "regression")
LEAN = {"training_set.folds": 3, "variant_comparison.resamples": 100}


def make_table(family: str) -> tuple[pd.DataFrame, str, np.ndarray]:
    """Return rows with some wrong labels, the true label of most, the model, and which labels are known to be wrong."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N_ROWS, 2))
    wrong, unknown = np.split(rng.permutation(N_ROWS)[: N_WRONG + N_UNKNOWN], [N_WRONG])
    unknown = np.append(unknown, wrong[:2])
    if family == "regression":
        truth = x.sum(axis=1).round(3)
        given = np.where(np.isin(np.arange(N_ROWS), wrong), truth + 9, truth)
    else:
        names = np.array(["", "a", "a;b"] if family == "multilabel" else ["low", "middle", "high"], dtype=object)
        codes = (x > 0).sum(axis=1)
        truth, given = names[codes], names[np.where(np.isin(np.arange(N_ROWS), wrong), (codes + 1) % 3, codes)]
    table = pd.DataFrame({"p": x[:, 0], "q": x[:, 1], "y": given})
    if family == "multilabel":  # a list says that there is no class; a missing one, that the truth is unknown
        table["y"] = [[name for name in text.split(";") if name] for text in given]
        truth = np.array([[name for name in text.split(";") if name] for text in truth], dtype=object)
    table["truth"] = pd.Series(list(truth))
    table.loc[unknown, "truth"] = None
    return table, "ridge" if family == "regression" else "logistic_regression", wrong[2:]


@pytest.fixture(scope="module", params=FAMILIES)
def run(request: pytest.FixtureRequest) -> AuditRun:
    table, model, _ = make_table(request.param)
    return audit(table, label="y", truth="truth", task=request.param, model=model, settings=LEAN)


def test_the_audit_is_measured_by_the_rows_whose_true_label_is_known(run: AuditRun) -> None:
    table, _, wrong = make_table(run.family)
    issues = run.label_issues
    row = issues["row_id"].str.rpartition(":")[2].astype(int) - 1
    is_known, is_wrong = table["truth"].notna().to_numpy()[row], np.isin(row, wrong)
    assert issues["true_label"].notna().tolist() == is_known.tolist()
    flagged = issues["is_label_issue"].to_numpy() & is_known
    ranks = np.sort(issues.loc[is_known, "rank"].rank()[is_wrong[is_known]])
    found = run.facts.by_truth

    assert found is not None
    assert (found.n_known, found.n_wrong) == (N_ROWS - N_UNKNOWN - 2, N_WRONG - 2)
    assert found.precision == pytest.approx((flagged & is_wrong).sum() / flagged.sum())
    assert found.recall == pytest.approx((flagged & is_wrong).sum() / is_wrong.sum())
    average_precision = float(np.mean(np.arange(1, len(ranks) + 1) / ranks))
    assert average_precision > 4 * found.error_share
    assert found.average_precision == pytest.approx(average_precision)


def test_the_figures_are_in_shell_summary_report_and_figures(run: AuditRun) -> None:
    told = f"known for {N_ROWS - N_UNKNOWN - 2} given ones, {N_WRONG - 2} of which are wrong; average precision "
    assert any(line.startswith(f"true labels: {told}") for line in str(run).splitlines())
    (finding,) = (one for one in run.summary.findings if one.title == "Measured by true labels")
    assert finding.evidence.startswith(f"True labels are {told}")
    assert run.summary.key_figures["truth_n_wrong"] == N_WRONG - 2
    page = run.report().content
    assert "Wrong labels flagged" in page
    assert f"true labels are {told}" in page
    shown = run.result("label_issues").show()
    assert shown["truth_recall"] == run.facts.by_truth.recall  # type: ignore[union-attr]


def test_no_model_sees_the_truth(run: AuditRun) -> None:
    table, model, _ = make_table(run.family)
    assert run.columns["truth"][0] == "truth"
    assert [column.name for column in run.dataset.features] == ["p", "q"]
    without = audit(table.drop(columns="truth"), label="y", task=run.family, model=model, settings=LEAN)
    pd.testing.assert_frame_equal(run.label_issues.drop(columns="true_label"), without.label_issues)
    assert run.result("retrained_model").value.card["features"] == ["p", "q"]
    assert without.facts.by_truth is None


def test_errors_are_not_planted_beside_true_labels(run: AuditRun) -> None:
    table, model, _ = make_table(run.family)
    planted = {**LEAN, "training_set.planted_error_fraction": 0.1}
    asked = audit(table, label="y", truth="truth", task=run.family, model=model, settings=planted)
    with pytest.raises(UnreadableInputError, match="found errors to plant beside the true labels of 'truth', expected"):
        asked.result("training_set")


@pytest.mark.parametrize("name", ["truth", "true_label", "planted_error", "label_true"])
def test_a_column_that_is_named_like_a_truth_is_none_unless_it_is_said(name: str) -> None:
    table, model, _ = make_table("classification")
    named = table.assign(truth=table["truth"].fillna("low")).rename(columns={"truth": name})
    asked = audit(named, label="y", model=model, settings=LEAN)
    assert asked.facts.by_truth is None
    assert asked.facts.detection is None
    assert "true_label" not in asked.label_issues
    assert [column.name.rstrip("_") for column in asked.dataset.features] == ["p", "q", name], (
        "it is a column like others"
    )
    said = audit(named, label="y", truth=name, model=model, settings=LEAN)
    assert said.facts.by_truth is not None
    assert said.facts.by_truth.n_known == N_ROWS


def test_a_class_that_only_the_truth_names_is_a_class() -> None:
    table, model, _ = make_table("classification")
    table.loc[table["truth"].notna().idxmax(), "truth"] = "unheard"
    asked = audit(table, label="y", truth="truth", model=model, settings=LEAN)
    assert asked.dataset.class_names == ("high", "low", "middle", "unheard")
    assert asked.facts.by_truth is not None
    assert asked.facts.by_truth.n_wrong == N_WRONG - 1


def issues_of(given: list[Any], *, is_flagged: list[bool], rank: list[int]) -> pd.DataFrame:
    ids = [f"row:{number}" for number in range(len(given))]
    return pd.DataFrame({"row_id": ids, "given_label": given, "is_label_issue": is_flagged, "rank": rank})


def test_precision_recall_and_average_precision_are_those_of_the_known_rows_by_hand() -> None:
    issues = issues_of(["a", "b", "a", "b", "a"], is_flagged=[True, True, False, True, False], rank=[2, 3, 4, 1, 5])
    # Rows 0 and 2 are wrong; row 3, the worst, is unknown. Among the others rows 0, 1, 2 are ranks 1, 2 and 3.
    rows = pd.DataFrame({"row_id": issues["row_id"][::-1], "true_label": ["a", None, "b", "b", "b"]})
    table, found = measure_against_truth(issues, rows)
    assert table["true_label"].tolist() == ["b", "b", "b", None, "a"]
    average_precision = (1 / 1 + 2 / 3) / 2
    expected = TruthDetection(n_known=4, n_wrong=2, precision=0.5, recall=0.5, average_precision=average_precision)
    assert found == expected
    assert found.error_share == 0.5


@pytest.mark.parametrize("truth", [["a", "b"], ["b", "a"], [None, None]])
def test_where_no_known_label_is_wrong_or_every_one_nothing_is_measured(truth: list[str | None]) -> None:
    issues = issues_of(["a", "b"], is_flagged=[True, False], rank=[1, 2])
    _, found = measure_against_truth(issues, pd.DataFrame({"row_id": issues["row_id"], "true_label": truth}))
    assert found.n_known == sum(one is not None for one in truth)
    assert (found.precision, found.recall, found.average_precision) == (None, None, None)
