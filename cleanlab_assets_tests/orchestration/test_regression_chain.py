"""What only the chain of regression has, on the audit of diabetes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes

from cleanlab_assets.families.regression.issues import ValueLabelIssuesFacts
from cleanlab_assets.reports.audit_facts import AuditFacts

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from cleanlab_assets.datasets.dataset import NumericLabel
    from cleanlab_assets.families.regression.value_quality import ValueIssues
    from cleanlab_assets_tests.orchestration.chains import Audited, Audits


@pytest.fixture(scope="session")
def values(audits: Audits) -> Audited:
    return audits["regression"]


def test_a_row_id_leads_to_the_true_value_of_the_source(values: Audited) -> None:
    """Straight from scikit-learn: line 1 of the file is its first row."""
    issues = values.read("label_issues")
    lines = issues["row_id"].str.rsplit(":", n=1).str[1].astype(int).to_numpy()
    assert (issues["true_label"].to_numpy() == load_diabetes().target[lines - 1]).all()


def test_planted_errors_are_told_by_kind(values: Audited) -> None:
    planted = values.facts("label_issues").planted
    by_kind = {power.kind: power for power in planted.by_kind}
    assert set(by_kind) == {"digit_slip", "swap", "unit_error", "noise"}
    assert by_kind["digit_slip"].average_precision > 0.4
    assert all(power.auroc > 0.6 for power in by_kind.values())
    assert sum(power.n_planted for power in by_kind.values()) == planted.overall.n_planted
    facts = values.read("audit_facts")
    assert [kind.model_dump() for kind in facts.detection.by_kind] == [power.model_dump() for power in planted.by_kind]
    assert "AUROC by kind" in values.read("ai_summary").model_dump_json()
    assert "how well the ranking separates each kind" in values.read("datalab_report")


def test_facts_that_an_older_version_stored_are_still_read(values: Audited) -> None:
    stored = values.read("audit_facts").model_dump(mode="json")
    del stored["detection"]["by_kind"]
    assert AuditFacts.model_validate(stored).detection is not None


def test_both_cuts_are_reported_and_the_chosen_one_flags(values: Audited) -> None:
    issues, facts = values.read("label_issues"), values.facts("label_issues")
    assert (issues["is_label_issue"] == issues["is_below_calibrated_cut"]).all(), "the calibrated cut is the default"
    expected = issues["label_quality"] < 0.05 * issues["label_quality"].median()
    assert (issues["is_below_cleanlab_cut"] == expected).mean() > 0.99
    calibrated = facts.calibrated_cut
    assert (issues["is_below_calibrated_cut"] == (issues["label_quality"] < calibrated.cut)).all()
    assert facts.false_flag_rate == 0.01
    assert 0 <= calibrated.measured_false_flag_rate < 0.05
    assert 0 < calibrated.recall <= 1


def test_removing_the_worst_rows_is_shown_to_help_on_untouched_test_rows(values: Audited) -> None:
    rmse = {
        item.variant: next(difference for difference in item.differences if difference.metric == "rmse")
        for item in values.read("variant_comparison").variants
        if item.differences
    }
    assert rmse["pruned"].verdict == "improves"
    assert rmse["pruned"].high < 0
    assert rmse["random_removal"].difference > rmse["pruned"].difference / 10, "chance removal hardly helps"


def test_the_model_predicts_values_in_the_range_of_the_labels(values: Audited) -> None:
    trained, rows = values.read("retrained_model"), values.read("training_set")
    test = rows[rows["split"] == "test"]
    assert np.corrcoef(trained.pipeline.predict(test), test["given_label"])[0, 1] > 0.4
    assert trained.card["label"] == "whole numbers of at least 0"


def test_report_and_summary_speak_of_values(values: Audited) -> None:
    page = values.read("datalab_report")
    for text in ("calibrated", "cleanlab", "digit_slip", "diabetes progression"):
        assert text in page.lower(), text
    assert "http-equiv" in page
    text = values.read("ai_summary").model_dump_json()
    assert "AUC" not in text
    assert "RMSE" in text


def test_the_facts_hold_quantiles_of_the_label_and_lower_is_better(values: Audited) -> None:
    facts = values.read("audit_facts")
    assert facts.primary_metric == "rmse"
    assert facts.lower_is_better
    assert facts.label_distribution["minimum"] <= facts.label_distribution["median"]
    assert facts.flag_rule.startswith("a cut that flags ")
    assert facts.flag_rule.endswith(" of right labels")
    rate = facts.by_split["train"].n_flagged / facts.n_train
    assert f" {rate:.1%} " in facts.flag_rule, "all that is flagged of the train rows bounds what right labels are"
    bracket = facts.error_bracket
    assert bracket is not None
    assert 0 <= bracket.low <= bracket.high < 2 * facts.detection.n_planted


def test_datalab_finds_the_outliers_that_were_planted_and_is_compared_with_other_detectors(values: Audited) -> None:
    table = values.read("outlier_detectors")
    assert set(table["detector"]) == {"datalab", "isolation_forest", "local_outlier_factor"}
    assert sorted(set(table["planted_share"])) == values.audit.settings["outlier_detectors"]["budgets"]
    assert (table.loc[table["detector"] == "datalab", "recall_at_budget"] >= 0.9).all()


def test_a_label_detector_without_signal_fails(values: Audited, monkeypatch: pytest.MonkeyPatch) -> None:
    seeing: Any = ValueLabelIssuesFacts.same_audit

    def blind(facts: ValueLabelIssuesFacts, domain: NumericLabel) -> Callable[..., ValueIssues]:
        audit = seeing(facts, domain)

        def shuffle(predictions: pd.DataFrame, features: pd.DataFrame) -> ValueIssues:
            found: ValueIssues = audit(predictions, features)
            order = np.random.default_rng(0).permutation(len(found.table))
            found.table["label_quality"] = found.table["label_quality"].to_numpy()[order]
            return found

        return shuffle

    monkeypatch.setattr(ValueLabelIssuesFacts, "same_audit", blind)
    result = values.measure_power()
    assert not result.passed, result.description
    assert result.severity == "error", result.description


def test_an_outlier_detector_without_signal_fails(values: Audited) -> None:
    result = values.result("outlier_detectors")
    table = result.value
    assert values.judge("outlier_detection_power").passed
    nothing = values.judge("outlier_detection_power", outlier_detectors=replace(result, value=table.head(0)))
    assert nothing.passed
    assert "nothing was measured" in nothing.description
    blind = replace(result, value=table.assign(average_precision=table["planted_share"]))
    found = values.judge("outlier_detection_power", outlier_detectors=blind)
    assert not found.passed
    assert found.severity == "error"


@pytest.mark.parametrize(("column", "fault"), [("predicted_value", np.nan), ("uncertainty", 0.0)])
def test_impossible_values_fail(values: Audited, column: str, fault: float) -> None:
    assert values.judge("values_are_valid").passed
    predictions = values.result("predictions")
    predictions.value.loc[5, column] = fault
    result = values.judge("values_are_valid", predictions=predictions)
    assert not result.passed
    assert result.figures["n_invalid"] == 1
