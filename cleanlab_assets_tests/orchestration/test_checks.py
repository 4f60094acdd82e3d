"""Each check passes on sound data and fails on the fault it is there for."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import pytest

from cleanlab_assets.datasets.dataset import Gates
from cleanlab_assets.families.raw_dataset import SourceFacts
from cleanlab_assets.methods.issue_summary import NOT_ASKED_FOR
from cleanlab_assets.orchestration import assets
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets_tests.orchestration.chains import PLANTED

if TYPE_CHECKING:
    from cleanlab_assets.methods.result import Result
    from cleanlab_assets_tests.conftest import Workbench

PARTITIONED_BY_MODEL = {"predictions", "label_issues", "datalab_issues", "variant_comparison"}


def _evaluate(bench: Workbench, check: str, **results: Result[Any, Any]) -> dg.AssetCheckResult:
    """Run one check by name on the given results."""
    definition = next(item for item in bench.family.checks if item.check_key.name == check)
    partition = PLANTED if definition.check_key.asset_key.path[-1] in PARTITIONED_BY_MODEL else "breast_cancer"
    # Dagster's own context for direct calls knows no partitions.
    context = SimpleNamespace(
        partition_key=partition, instance=bench.instance, resources=SimpleNamespace(settings=bench.settings)
    )
    function: Any = definition.op.compute_fn
    result = function.decorated_fn(context, **results)
    assert isinstance(result, dg.AssetCheckResult)
    assert result.description, "a check says its result in one line"
    return result


def _patch_dataset(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    changed = replace(get_dataset("breast_cancer"), **changes)
    monkeypatch.setattr(assets, "get_dataset", lambda _name: changed)


def _with_facts(result: Result[Any, Any], **changes: Any) -> Result[Any, Any]:
    return replace(result, facts=result.facts.model_copy(update=changes))


def _with_issue_type(result: Result[Any, Any], *names: str, **changes: Any) -> Result[Any, Any]:
    """Change what Datalab's run says of some issue types."""
    summary = [item.model_copy(update=changes) if item.issue_type in names else item for item in result.facts.summary]
    return _with_facts(result, summary=summary)


@pytest.fixture
def raw(audited: Workbench) -> Result[Any, Any]:
    return audited.result("raw_dataset", "breast_cancer")


@pytest.mark.parametrize("check", ["source_hash", "schema", "row_count", "label_domain"])
def test_checks_of_the_source_pass_on_the_source(audited: Workbench, raw: Result[Any, Any], check: str) -> None:
    assert _evaluate(audited, check, raw_dataset=raw).passed


def test_another_file_than_the_catalogues_fails_by_its_hash(audited: Workbench, raw: Result[Any, Any]) -> None:
    other = {"breast_cancer.csv": SourceFacts(sha256="0" * 64, bytes=1)}
    result = _evaluate(audited, "source_hash", raw_dataset=_with_facts(raw, sources=other))
    assert not result.passed
    assert "breast_cancer.csv" in str(result.description)


def test_a_value_out_of_range_fails_the_schema_and_is_named(audited: Workbench, raw: Result[Any, Any]) -> None:
    raw.value.loc[7, "mean_radius"] = -5.0
    result = _evaluate(audited, "schema", raw_dataset=raw)
    assert not result.passed
    assert "mean_radius" in str(result.description)


def test_a_missing_row_fails_the_row_count(audited: Workbench, raw: Result[Any, Any]) -> None:
    result = _evaluate(audited, "row_count", raw_dataset=replace(raw, value=raw.value.iloc[1:]))
    assert not result.passed
    assert result.description == "568 rows found, 569 expected"


def test_a_foreign_label_fails_and_is_named_with_its_row(audited: Workbench, raw: Result[Any, Any]) -> None:
    raw.value["diagnosis"] = raw.value["diagnosis"].astype(object)
    raw.value.loc[3, "diagnosis"] = "unknown"
    result = _evaluate(audited, "label_domain", raw_dataset=raw)
    assert not result.passed
    assert result.metadata["foreign"].value == {"breast_cancer.csv:5": "unknown"}
    assert str(result.description).endswith("; the first is 'unknown' in breast_cancer.csv:5")


def test_a_row_in_both_splits_fails(audited: Workbench) -> None:
    result = audited.result("training_set", "breast_cancer")
    assert _evaluate(audited, "no_row_in_both_splits", training_set=result).passed
    table = result.value
    table.loc[table["split"] == "test", "row_id"] = table.loc[table["split"] == "train", "row_id"].iloc[0]
    assert not _evaluate(audited, "no_row_in_both_splits", training_set=result).passed


def test_equal_rows_on_both_sides_of_the_split_fail(audited: Workbench) -> None:
    training_set = audited.result("training_set", "breast_cancer")
    assert _evaluate(audited, "no_equal_rows_across_splits", training_set=training_set).passed
    table = training_set.value
    features = [column.name for column in get_dataset("breast_cancer").features]
    one_train = table.index[table["split"] == "train"][0]
    one_test = table.index[table["split"] == "test"][0]
    table.loc[one_test, features] = table.loc[one_train, features]
    result = _evaluate(audited, "no_equal_rows_across_splits", training_set=training_set)
    assert not result.passed
    assert set(result.metadata["rows"].value) == {table.loc[one_train, "row_id"], table.loc[one_test, "row_id"]}  # type: ignore[arg-type]


def test_a_note_on_a_small_class_becomes_a_warning(audited: Workbench) -> None:
    training_set = audited.result("training_set", "breast_cancer")
    assert _evaluate(audited, "every_class_in_every_part", training_set=training_set).passed
    noted = _with_facts(training_set, small_classes=["class 'x' has 2 train rows"])
    result = _evaluate(audited, "every_class_in_every_part", training_set=noted)
    assert not result.passed
    assert result.severity == dg.AssetCheckSeverity.WARN
    assert result.description == "class 'x' has 2 train rows"


def test_other_notes_are_no_fault_of_a_class(audited: Workbench) -> None:
    training_set = audited.result("training_set", "breast_cancer")
    noted = _with_facts(training_set, notes=["rows of one customer stay together: 9 groups"])
    assert _evaluate(audited, "every_class_in_every_part", training_set=noted).passed


def test_near_copies_across_the_split_fail(audited: Workbench) -> None:
    graph = audited.result("neighbor_graph", "breast_cancer")
    assert _evaluate(audited, "near_duplicates_across_splits", neighbor_graph=graph).passed
    is_test = graph.value["split"] == "test"
    graph.value.loc[graph.value.index[is_test][:20], "distance_1"] = 0.0
    assert not _evaluate(audited, "near_duplicates_across_splits", neighbor_graph=graph).passed


def test_a_search_that_misses_neighbours_fails(audited: Workbench) -> None:
    graph = audited.result("neighbor_graph", "breast_cancer")
    assert _evaluate(audited, "neighbor_recall", neighbor_graph=graph).passed
    blind = _with_facts(graph, recall=0.5)
    assert not _evaluate(audited, "neighbor_recall", neighbor_graph=blind).passed


@pytest.mark.parametrize("fault", [np.nan, np.inf, 0.9])
def test_impossible_probabilities_fail(audited: Workbench, fault: float) -> None:
    predictions = audited.result("predictions", PLANTED)
    assert _evaluate(audited, "probabilities_are_valid", predictions=predictions).passed
    predictions.value.loc[5, ["probability_malignant", "probability_benign"]] = fault
    result = _evaluate(audited, "probabilities_are_valid", predictions=predictions)
    assert not result.passed
    assert result.metadata["rows"].value == [predictions.value.loc[5, "row_id"]]


def test_a_row_predicted_twice_or_never_fails(audited: Workbench) -> None:
    predictions = audited.result("predictions", PLANTED)
    training_set = audited.result("training_set", "breast_cancer")
    check = "each_row_predicted_once"
    assert _evaluate(audited, check, predictions=predictions, training_set=training_set).passed
    missing = replace(predictions, value=predictions.value.iloc[1:])
    assert not _evaluate(audited, check, predictions=missing, training_set=training_set).passed
    predictions.value.loc[0, "row_id"] = predictions.value.loc[1, "row_id"]
    assert not _evaluate(audited, check, predictions=predictions, training_set=training_set).passed


@pytest.mark.parametrize(
    ("check", "asset", "gates"),
    [
        ("label_issue_rate", "label_issues", Gates(label_issue_rate=0.0)),
        ("outlier_rate", "datalab_issues", Gates(outlier_rate=0.0)),
        ("calibration", "predictions", Gates(expected_calibration_error=0.0)),
        ("class_imbalance", "training_set", Gates(rarest_class_share=0.49)),
        ("non_iid", "datalab_issues", Gates(non_iid_p_value=1.1)),
    ],
)
def test_a_gate_fails_when_its_threshold_is_crossed_and_is_an_error_on_demand(
    audited: Workbench, monkeypatch: pytest.MonkeyPatch, check: str, asset: str, gates: Gates
) -> None:
    partition = PLANTED if asset in PARTITIONED_BY_MODEL else "breast_cancer"
    artifact = audited.result(asset, partition)
    lenient = Gates(
        label_issue_rate=1,
        outlier_rate=1,
        expected_calibration_error=1,
        rarest_class_share=0,
        non_iid_p_value=-1,
    )
    _patch_dataset(monkeypatch, gates=lenient)
    assert _evaluate(audited, check, **{asset: artifact}).passed
    _patch_dataset(monkeypatch, gates=gates)
    result = _evaluate(audited, check, **{asset: artifact})
    assert not result.passed
    assert result.severity == dg.AssetCheckSeverity.WARN
    strict = replace(audited, settings=audited.settings.model_copy(update={"gate_severity": "error"}))
    assert _evaluate(strict, check, **{asset: artifact}).severity == dg.AssetCheckSeverity.ERROR


def test_near_duplicates_within_the_train_rows_fail(audited: Workbench) -> None:
    issues = audited.result("datalab_issues", PLANTED)
    assert _evaluate(audited, "near_duplicate_rate", datalab_issues=issues).passed
    issues.value.loc[: len(issues.value) // 10, "is_near_duplicate_issue"] = True
    assert not _evaluate(audited, "near_duplicate_rate", datalab_issues=issues).passed


def test_an_issue_type_that_did_not_run_fails_with_its_reason(audited: Workbench) -> None:
    issues = audited.result("datalab_issues", PLANTED)
    assert _evaluate(audited, "every_issue_type_ran", datalab_issues=issues).passed
    broken = _with_issue_type(issues, "outlier", status="not run", reason="too few rows")
    result = _evaluate(audited, "every_issue_type_ran", datalab_issues=broken)
    assert not result.passed
    assert result.description == "outlier did not run: too few rows"
    assert not _evaluate(audited, "outlier_rate", datalab_issues=broken).passed


def test_a_model_without_signal_fails_detection_power(audited: Workbench) -> None:
    report = audited.result("detection_power", PLANTED)
    assert _evaluate(audited, "detection_power", detection_power=report).passed
    blind = [found.model_copy(update={"average_precision": found.chance}) for found in report.value.kinds]
    unfound = replace(report, value=report.value.model_copy(update={"kinds": blind}))
    result = _evaluate(audited, "detection_power", detection_power=unfound)
    assert not result.passed
    assert result.severity == dg.AssetCheckSeverity.ERROR


def test_a_retrained_model_that_is_shown_to_be_worse_fails(audited: Workbench) -> None:
    comparison = audited.result("variant_comparison", PLANTED)
    assert _evaluate(audited, "not_worse_than_baseline", variant_comparison=comparison).passed
    worse = replace(comparison, value=comparison.value.model_copy(update={"verdict": "harms"}))
    assert not _evaluate(audited, "not_worse_than_baseline", variant_comparison=worse).passed


def test_a_failed_blocking_check_stops_what_follows(workbench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    _patch_dataset(monkeypatch, expected_rows=570)
    outcome = workbench.materialize("dataset", "breast_cancer")
    assert not outcome.success
    failed = [check for check in outcome.checks if not check.passed]
    assert [check.check for check in failed] == ["row_count"]
    assert failed[0].is_error
    again = workbench.materialize("dataset", "breast_cancer")
    assert not again.success, "running again does not get round a blocking check"
    assert not workbench.instance.get_materialized_partitions(dg.AssetKey(["classification", "training_set"]))


def test_an_issue_type_that_nobody_asked_for_fails_no_gate_and_one_that_did_not_run_does(audited: Workbench) -> None:
    issues = audited.result("datalab_issues", PLANTED)
    without = _with_issue_type(
        replace(issues, value=issues.value.drop(columns="is_outlier_issue")),
        *("outlier", "non_iid"),
        status="not run",
        score=None,
    )
    for check in ("outlier_rate", "non_iid"):
        failed = _with_issue_type(without, "outlier", "non_iid", reason="too few rows")
        assert not _evaluate(audited, check, datalab_issues=failed).passed
        unwanted = _with_issue_type(without, "outlier", "non_iid", reason=NOT_ASKED_FOR)
        result = _evaluate(audited, check, datalab_issues=unwanted)
        assert result.passed
        assert "not asked for" in str(result.description)
