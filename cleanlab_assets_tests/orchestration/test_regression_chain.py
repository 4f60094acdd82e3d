from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import pytest
from sklearn.datasets import load_diabetes

from cleanlab_assets.methods.variants import VariantComparison
from cleanlab_assets.orchestration.regression import model_level
from cleanlab_assets.orchestration.regression.family import REGRESSION
from cleanlab_assets.orchestration.runs import evaluate_checks
from cleanlab_assets.reports.audit_facts import AuditFacts
from cleanlab_assets.reports.audit_summary import AuditSummary
from cleanlab_assets_tests.conftest import PLANTED_VALUES

if TYPE_CHECKING:
    import pandas as pd

    from cleanlab_assets.families.regression.issues import ValueIssues
    from cleanlab_assets_tests.conftest import Workbench


def _truth(row_ids: pd.Series[str]) -> np.ndarray:
    """The true labels of diabetes rows, straight from scikit-learn: line 1 of the file is its first row."""
    target: np.ndarray = load_diabetes().target
    return target[row_ids.str.rsplit(":", n=1).str[1].astype(int).to_numpy() - 1]


def test_a_row_id_leads_to_the_true_value_of_the_source(audited_values: Workbench) -> None:
    issues = audited_values.read("label_issues", PLANTED_VALUES)
    assert (issues["true_label"].to_numpy() == _truth(issues["row_id"])).all()


def test_test_labels_are_the_true_ones_although_train_labels_were_corrupted(audited_values: Workbench) -> None:
    rows = audited_values.read("training_set", "diabetes")
    is_right = rows["given_label"].to_numpy() == _truth(rows["row_id"])
    is_test = (rows["split"] == "test").to_numpy()
    assert is_right[is_test].all()
    assert (~is_right).sum() == rows["planted_error"].sum() == round(0.1 * (~is_test).sum())


def test_every_train_row_is_in_every_table_in_the_same_order(audited_values: Workbench) -> None:
    rows = audited_values.read("training_set", "diabetes")
    expected = rows.loc[rows["split"] == "train", "row_id"].tolist()
    for name in ("predictions", "label_issues", "datalab_issues"):
        assert audited_values.read(name, PLANTED_VALUES)["row_id"].tolist() == expected


def test_planted_errors_are_found_and_told_by_kind(audited_values: Workbench) -> None:
    attrs = audited_values.read("label_issues", PLANTED_VALUES).attrs
    assert attrs["detection"]["n_planted"] == 35
    assert attrs["detection"]["average_precision"] > 0.4
    by_kind = {record["kind"]: record for record in attrs["detection_by_kind"]}
    assert set(by_kind) == {"digit_slip", "swap", "unit_error", "noise"}
    assert by_kind["digit_slip"]["average_precision"] > 0.4
    assert all(record["auroc"] > 0.6 for record in by_kind.values())
    assert sum(record["n_planted"] for record in by_kind.values()) == 35


def test_the_facts_and_the_report_tell_each_kind_of_planted_error(audited_values: Workbench) -> None:
    issues = audited_values.read("label_issues", PLANTED_VALUES)
    facts: AuditFacts = audited_values.read("audit_facts", PLANTED_VALUES, AuditFacts)
    assert facts.detection is not None
    assert [item.model_dump() for item in facts.detection.by_kind] == issues.attrs["detection_by_kind"]
    summary: AuditSummary = audited_values.read("ai_summary", PLANTED_VALUES, AuditSummary)
    assert "AUROC by kind" in summary.model_dump_json()
    assert "how well the ranking tells each kind" in audited_values.read("datalab_report", PLANTED_VALUES)


def test_facts_that_an_older_version_stored_are_still_read(audited_values: Workbench) -> None:
    facts: AuditFacts = audited_values.read("audit_facts", PLANTED_VALUES, AuditFacts)
    stored = facts.model_dump(mode="json")
    del stored["detection"]["by_kind"]
    assert AuditFacts.model_validate(stored).detection is not None


def test_both_cuts_are_reported_and_the_chosen_one_flags(audited_values: Workbench) -> None:
    issues = audited_values.read("label_issues", PLANTED_VALUES)
    assert (issues["is_label_issue"] == issues["is_below_calibrated_cut"]).all(), "the calibrated cut is the default"
    expected = issues["label_quality"] < 0.05 * issues["label_quality"].median()
    assert (issues["is_below_cleanlab_cut"] == expected).mean() > 0.99
    calibrated = issues.attrs["calibrated_cut"]
    assert (issues["is_below_calibrated_cut"] == (issues["label_quality"] < calibrated["cut"])).all()
    assert calibrated["false_flag_rate"] == 0.01
    assert 0 <= calibrated["measured_false_flag_rate"] < 0.05
    assert 0 < calibrated["recall"] <= 1


def test_removing_the_worst_rows_is_shown_to_help_on_untouched_test_rows(audited_values: Workbench) -> None:
    comparison: VariantComparison = audited_values.read("variant_comparison", PLANTED_VALUES, VariantComparison)
    rmse = {
        item.variant: next(difference for difference in item.differences if difference.metric == "rmse")
        for item in comparison.variants
        if item.differences
    }
    assert rmse["pruned"].verdict == "improves"
    assert rmse["pruned"].high < 0
    assert rmse["random_removal"].difference > rmse["pruned"].difference / 10, "chance removal hardly helps"


def test_the_model_predicts_values_in_the_range_of_the_labels(audited_values: Workbench) -> None:
    trained = audited_values.read("retrained_model", PLANTED_VALUES)
    rows = audited_values.read("training_set", "diabetes")
    test = rows[rows["split"] == "test"]
    predicted = trained.pipeline.predict(test)
    assert np.corrcoef(predicted, test["given_label"])[0, 1] > 0.4
    assert trained.card["label"] == "whole numbers of at least 0"


def test_the_report_tells_both_cuts_and_stands_alone(audited_values: Workbench) -> None:
    page = audited_values.read("datalab_report", PLANTED_VALUES)
    assert page.startswith("<!DOCTYPE html>")
    for text in ("calibrated", "cleanlab", "digit_slip", "diabetes progression"):
        assert text in page.lower(), text
    assert "http-equiv" in page
    assert "<script src" not in page


def test_the_summary_speaks_of_rmse_and_never_of_auc(audited_values: Workbench) -> None:
    summary: AuditSummary = audited_values.read("ai_summary", PLANTED_VALUES, AuditSummary)
    assert summary.written_by == "rules"
    text = summary.model_dump_json()
    assert "AUC" not in text
    assert "RMSE" in text


def test_the_facts_hold_quantiles_of_the_label_and_lower_is_better(audited_values: Workbench) -> None:
    facts: AuditFacts = audited_values.read("audit_facts", PLANTED_VALUES, AuditFacts)
    assert facts.primary_metric == "rmse"
    assert facts.lower_is_better
    assert facts.label_distribution["minimum"] <= facts.label_distribution["median"]
    assert facts.flag_rule.startswith("a cut that flags ")
    assert facts.flag_rule.endswith(" of right labels")
    assert f" {facts.label_issue_rate:.1%} " in facts.flag_rule, "all that is flagged bounds what right labels are"
    assert facts.estimated_errors is not None
    assert 0 < facts.estimated_errors < 2 * 35


def test_datalab_finds_the_outliers_that_were_planted_and_is_compared_with_other_detectors(
    audited_values: Workbench,
) -> None:
    table = audited_values.read("outlier_detectors", "diabetes")
    assert set(table["detector"]) == {"datalab", "isolation_forest", "local_outlier_factor"}
    assert sorted(set(table["planted_share"])) == [0.01, 0.02, 0.05, 0.1]
    datalab = table[table["detector"] == "datalab"]
    assert (datalab["recall_at_budget"] >= 0.9).all()


def test_all_error_checks_pass_on_the_audited_partition(audited_values: Workbench) -> None:
    outcomes = evaluate_checks(
        audited_values.definitions, audited_values.instance, audited_values.family, "diabetes", "ridge"
    )
    checks = {check.check: check for outcome in outcomes for check in outcome.checks}
    assert {"detection_power", "outlier_detection_power", "values_are_valid"} <= set(checks)
    assert [check.check for check in checks.values() if check.is_error] == []


def _evaluate(bench: Workbench, name: str, partition: str, **tables: pd.DataFrame) -> dg.AssetCheckResult:
    definition = next(item for item in REGRESSION.checks if item.check_key.name == name)
    # Dagster's own context for direct calls knows no partitions.
    context = SimpleNamespace(partition_key=partition, resources=SimpleNamespace(settings=bench.settings))
    function: Any = definition.op.compute_fn
    result = function.decorated_fn(context, **tables)
    assert isinstance(result, dg.AssetCheckResult)
    return result


def test_a_label_detector_without_signal_fails(audited_values: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    issues = audited_values.read("label_issues", PLANTED_VALUES)
    rows = audited_values.read("training_set", "diabetes")
    seeing = model_level.same_audit

    def blind(label_issues: pd.DataFrame, domain: object) -> object:
        audit = seeing(label_issues, domain)  # type: ignore[arg-type]

        def shuffle(predictions: pd.DataFrame, features: pd.DataFrame) -> ValueIssues:
            found = audit(predictions, features)
            order = np.random.default_rng(0).permutation(len(found.table))
            found.table["label_quality"] = found.table["label_quality"].to_numpy()[order]
            return found

        return shuffle

    monkeypatch.setattr(model_level, "same_audit", blind)
    result = _evaluate(audited_values, "detection_power", PLANTED_VALUES, label_issues=issues, training_set=rows)
    assert not result.passed
    assert result.severity == dg.AssetCheckSeverity.ERROR


def test_an_outlier_detector_without_signal_fails(audited_values: Workbench) -> None:
    table = audited_values.read("outlier_detectors", "diabetes")
    assert _evaluate(audited_values, "outlier_detection_power", "diabetes", outlier_detectors=table).passed
    nothing = _evaluate(audited_values, "outlier_detection_power", "diabetes", outlier_detectors=table.head(0))
    assert nothing.passed
    assert "nothing was measured" in str(nothing.description)
    blind = table.assign(average_precision=table["planted_share"])
    result = _evaluate(audited_values, "outlier_detection_power", "diabetes", outlier_detectors=blind)
    assert not result.passed
    assert result.severity == dg.AssetCheckSeverity.ERROR


@pytest.mark.parametrize(("column", "fault"), [("predicted_value", np.nan), ("uncertainty", 0.0)])
def test_impossible_values_fail(audited_values: Workbench, column: str, fault: float) -> None:
    predictions = audited_values.read("predictions", PLANTED_VALUES)
    assert _evaluate(audited_values, "values_are_valid", PLANTED_VALUES, predictions=predictions).passed
    predictions.loc[5, column] = fault
    result = _evaluate(audited_values, "values_are_valid", PLANTED_VALUES, predictions=predictions)
    assert not result.passed
    assert result.metadata["rows"].value == [predictions.loc[5, "row_id"]]
