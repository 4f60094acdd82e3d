"""Each check passes on sound data and fails on the fault it is there for."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import pytest

from cleanlab_assets.datasets.dataset import Gates
from cleanlab_assets.families.tables.datalab import NOT_ASKED_FOR
from cleanlab_assets.methods.variants import VariantComparison
from cleanlab_assets.orchestration import check_results
from cleanlab_assets.orchestration import raw_dataset as raw_module
from cleanlab_assets.orchestration.classification.family import CLASSIFICATION
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets_tests.conftest import PLANTED

if TYPE_CHECKING:
    import pandas as pd

    from cleanlab_assets_tests.conftest import Workbench

PARTITIONED_BY_MODEL = {"predictions", "label_issues", "datalab_issues", "variant_comparison"}


def _evaluate(bench: Workbench, check: str, **artifacts: Any) -> dg.AssetCheckResult:
    """Run one check by name on the given artifacts."""
    definition = next(item for item in CLASSIFICATION.checks if item.check_key.name == check)
    partition = PLANTED if definition.check_key.asset_key.path[-1] in PARTITIONED_BY_MODEL else "breast_cancer"
    # Dagster's own context for direct calls knows no partitions.
    context = SimpleNamespace(partition_key=partition, resources=SimpleNamespace(settings=bench.settings))
    function: Any = definition.op.compute_fn
    result = function.decorated_fn(context, **artifacts)
    assert isinstance(result, dg.AssetCheckResult)
    assert result.description, "a check says its result in one line"
    return result


def _patched_dataset(monkeypatch: pytest.MonkeyPatch, module: Any, **changes: Any) -> None:
    changed = replace(get_dataset("breast_cancer"), **changes)
    monkeypatch.setattr(module, "get_dataset", lambda _name: changed)


@pytest.fixture
def raw(audited: Workbench) -> pd.DataFrame:
    table: pd.DataFrame = audited.read("raw_dataset", "breast_cancer")
    return table


@pytest.mark.parametrize("check", ["source_hash", "schema", "row_count", "label_domain"])
def test_checks_of_the_source_pass_on_the_source(audited: Workbench, raw: pd.DataFrame, check: str) -> None:
    assert _evaluate(audited, check, raw_dataset=raw).passed


def test_another_file_than_the_catalogues_fails_by_its_hash(audited: Workbench, raw: pd.DataFrame) -> None:
    raw.attrs["sources"]["breast_cancer.csv"]["sha256"] = "0" * 64
    result = _evaluate(audited, "source_hash", raw_dataset=raw)
    assert not result.passed
    assert "breast_cancer.csv" in str(result.description)


def test_a_value_out_of_range_fails_the_schema_and_is_named(audited: Workbench, raw: pd.DataFrame) -> None:
    raw.loc[7, "mean_radius"] = -5.0
    result = _evaluate(audited, "schema", raw_dataset=raw)
    assert not result.passed
    assert "mean_radius" in str(result.description)


def test_a_missing_row_fails_the_row_count(audited: Workbench, raw: pd.DataFrame) -> None:
    result = _evaluate(audited, "row_count", raw_dataset=raw.iloc[1:])
    assert not result.passed
    assert result.description == "568 rows found, 569 expected"


def test_a_foreign_label_fails_and_is_named_with_its_row(audited: Workbench, raw: pd.DataFrame) -> None:
    raw["diagnosis"] = raw["diagnosis"].astype(object)
    raw.loc[3, "diagnosis"] = "unknown"
    result = _evaluate(audited, "label_domain", raw_dataset=raw)
    assert not result.passed
    assert result.metadata["foreign"].value == {"breast_cancer.csv:5": "unknown"}


def test_a_row_in_both_splits_fails(audited: Workbench) -> None:
    table = audited.read("training_set", "breast_cancer")
    assert _evaluate(audited, "no_row_in_both_splits", training_set=table).passed
    table.loc[table["split"] == "test", "row_id"] = table.loc[table["split"] == "train", "row_id"].iloc[0]
    assert not _evaluate(audited, "no_row_in_both_splits", training_set=table).passed


def test_equal_rows_on_both_sides_of_the_split_fail(audited: Workbench) -> None:
    table = audited.read("training_set", "breast_cancer")
    assert _evaluate(audited, "no_equal_rows_across_splits", training_set=table).passed
    features = [column.name for column in get_dataset("breast_cancer").features]
    one_train = table.index[table["split"] == "train"][0]
    one_test = table.index[table["split"] == "test"][0]
    table.loc[one_test, features] = table.loc[one_train, features]
    result = _evaluate(audited, "no_equal_rows_across_splits", training_set=table)
    assert not result.passed
    assert set(result.metadata["rows"].value) == {table.loc[one_train, "row_id"], table.loc[one_test, "row_id"]}  # type: ignore[arg-type]


def test_a_note_on_a_small_class_becomes_a_warning(audited: Workbench) -> None:
    table = audited.read("training_set", "breast_cancer")
    assert _evaluate(audited, "every_class_in_every_part", training_set=table).passed
    table.attrs["notes"] = ["class 'x' has 2 train rows"]
    result = _evaluate(audited, "every_class_in_every_part", training_set=table)
    assert not result.passed
    assert result.severity == dg.AssetCheckSeverity.WARN
    assert result.description == "class 'x' has 2 train rows"


def test_near_copies_across_the_split_fail(audited: Workbench) -> None:
    graph = audited.read("neighbor_graph", "breast_cancer")
    assert _evaluate(audited, "near_duplicates_across_splits", neighbor_graph=graph).passed
    is_test = graph["split"] == "test"
    graph.loc[graph.index[is_test][:20], "distance_1"] = 0.0
    assert not _evaluate(audited, "near_duplicates_across_splits", neighbor_graph=graph).passed


def test_a_search_that_misses_neighbours_fails(audited: Workbench) -> None:
    graph = audited.read("neighbor_graph", "breast_cancer")
    assert _evaluate(audited, "neighbor_recall", neighbor_graph=graph).passed
    graph.attrs["recall"] = 0.5
    assert not _evaluate(audited, "neighbor_recall", neighbor_graph=graph).passed


@pytest.mark.parametrize("fault", [np.nan, np.inf, 0.9])
def test_impossible_probabilities_fail(audited: Workbench, fault: float) -> None:
    predictions = audited.read("predictions", PLANTED)
    assert _evaluate(audited, "probabilities_are_valid", predictions=predictions).passed
    predictions.loc[5, ["probability_malignant", "probability_benign"]] = fault
    result = _evaluate(audited, "probabilities_are_valid", predictions=predictions)
    assert not result.passed
    assert result.metadata["rows"].value == [predictions.loc[5, "row_id"]]


def test_a_row_predicted_twice_or_never_fails(audited: Workbench) -> None:
    predictions = audited.read("predictions", PLANTED)
    table = audited.read("training_set", "breast_cancer")
    check = "each_train_row_predicted_once"
    assert _evaluate(audited, check, predictions=predictions, training_set=table).passed
    assert not _evaluate(audited, check, predictions=predictions.iloc[1:], training_set=table).passed
    predictions.loc[0, "row_id"] = predictions.loc[1, "row_id"]
    assert not _evaluate(audited, check, predictions=predictions, training_set=table).passed


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
    artifact = audited.read(asset, partition)
    lenient = Gates(
        label_issue_rate=1,
        outlier_rate=1,
        expected_calibration_error=1,
        rarest_class_share=0,
        non_iid_p_value=-1,
    )
    _patched_dataset(monkeypatch, check_results, gates=lenient)
    assert _evaluate(audited, check, **{asset: artifact}).passed
    _patched_dataset(monkeypatch, check_results, gates=gates)
    result = _evaluate(audited, check, **{asset: artifact})
    assert not result.passed
    assert result.severity == dg.AssetCheckSeverity.WARN
    strict = replace(audited, settings=audited.settings.model_copy(update={"gate_severity": "error"}))
    assert _evaluate(strict, check, **{asset: artifact}).severity == dg.AssetCheckSeverity.ERROR


def test_near_duplicates_within_the_train_rows_fail(audited: Workbench) -> None:
    issues = audited.read("datalab_issues", PLANTED)
    assert _evaluate(audited, "near_duplicate_rate", datalab_issues=issues).passed
    issues.loc[: len(issues) // 10, "is_near_duplicate_issue"] = True
    assert not _evaluate(audited, "near_duplicate_rate", datalab_issues=issues).passed


def test_an_issue_type_that_did_not_run_fails_with_its_reason(audited: Workbench) -> None:
    issues = audited.read("datalab_issues", PLANTED)
    assert _evaluate(audited, "every_issue_type_ran", datalab_issues=issues).passed
    row = next(row for row in issues.attrs["summary"] if row["issue_type"] == "outlier")
    row["status"], row["reason"] = "not run", "too few rows"
    result = _evaluate(audited, "every_issue_type_ran", datalab_issues=issues)
    assert not result.passed
    assert result.description == "outlier did not run: too few rows"
    outliers = _evaluate(audited, "outlier_rate", datalab_issues=issues.drop(columns="is_outlier_issue"))
    assert not outliers.passed


def test_a_model_without_signal_fails_detection_power(audited: Workbench) -> None:
    issues = audited.read("label_issues", PLANTED)
    assert _evaluate(audited, "detection_power", label_issues=issues).passed
    rng = np.random.default_rng(0)
    for column in get_dataset("breast_cancer").features:
        issues[column.name] = rng.normal(size=len(issues))
    result = _evaluate(audited, "detection_power", label_issues=issues)
    assert not result.passed
    assert result.severity == dg.AssetCheckSeverity.ERROR


def test_a_retrained_model_that_is_shown_to_be_worse_fails(audited: Workbench) -> None:
    comparison: VariantComparison = audited.read("variant_comparison", PLANTED, VariantComparison)
    assert _evaluate(audited, "not_worse_than_baseline", variant_comparison=comparison).passed
    worse = comparison.model_copy(update={"verdict": "harms"})
    assert not _evaluate(audited, "not_worse_than_baseline", variant_comparison=worse).passed


def test_a_failed_blocking_check_stops_what_follows(workbench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    _patched_dataset(monkeypatch, raw_module, expected_rows=570)
    outcome = workbench.materialize("dataset", "breast_cancer")
    assert not outcome.success
    failed = [check for check in outcome.checks if not check.passed]
    assert [check.check for check in failed] == ["row_count"]
    assert failed[0].is_error
    again = workbench.materialize("dataset", "breast_cancer")
    assert not again.success, "running again does not get round a blocking check"
    assert not workbench.instance.get_materialized_partitions(dg.AssetKey(["classification", "training_set"]))


def test_an_issue_type_that_nobody_asked_for_fails_no_gate_and_one_that_did_not_run_does(audited: Workbench) -> None:
    issues = audited.read("datalab_issues", PLANTED).drop(columns="is_outlier_issue")
    assert not _evaluate(audited, "outlier_rate", datalab_issues=issues).passed
    for row in issues.attrs["summary"]:
        if row["issue_type"] in ("outlier", "non_iid"):
            row |= {"status": "not run", "reason": NOT_ASKED_FOR, "score": None}
    for check in ("outlier_rate", "non_iid"):
        result = _evaluate(audited, check, datalab_issues=issues)
        assert result.passed
        assert "not asked for" in str(result.description)
