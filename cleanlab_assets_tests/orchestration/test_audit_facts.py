from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import pytest

from cleanlab_assets.families.tables.steps import collect_data_issues
from cleanlab_assets.methods.provenance import hash_result
from cleanlab_assets.methods.split_counts import count_by_split
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.reports.audit_facts import AuditFacts, collect_facts
from cleanlab_assets_tests.orchestration.chains import PLANTED

if TYPE_CHECKING:
    import pandas as pd

    from cleanlab_assets.methods.result import Result
    from cleanlab_assets.methods.variants import VariantComparison
    from cleanlab_assets_tests.conftest import Workbench


@pytest.fixture(scope="module")
def results(audited: Workbench) -> dict[str, Result[Any, Any]]:
    names = ("predictions", "label_issues", "detection_power", "datalab_summary", "duplicate_sets", "flagged_cases")
    return {
        "training_set": audited.result("training_set", "breast_cancer"),
        **{name: audited.result(name, PLANTED) for name in names},
    }


@pytest.fixture(scope="module")
def tables(results: dict[str, Result[Any, Any]]) -> dict[str, pd.DataFrame]:
    return {name: result.value for name, result in results.items()}


@pytest.fixture(scope="module")
def comparison(audited: Workbench) -> VariantComparison:
    found: VariantComparison = audited.read("variant_comparison", PLANTED)
    return found


@pytest.fixture(scope="module")
def facts(results: dict[str, Result[Any, Any]], comparison: VariantComparison) -> AuditFacts:
    return collect(results, comparison)


def collect(results: dict[str, Result[Any, Any]], comparison: VariantComparison) -> AuditFacts:
    return collect_facts(
        family="classification",
        unit="row",
        report_asset="datalab_report",
        dataset=get_dataset("breast_cancer"),
        model="logistic_regression",
        training_set=results["training_set"],
        predictions=results["predictions"],
        label_issues=results["label_issues"],
        comparison=comparison,
        data_issues=collect_data_issues(
            results["datalab_summary"], results["duplicate_sets"], results["flagged_cases"]
        ),
        detection_power=results["detection_power"].value,
    )


def test_counts_are_those_of_the_tables(facts: AuditFacts, tables: dict[str, pd.DataFrame]) -> None:
    split = tables["training_set"]["split"].value_counts()
    assert (facts.n_train, facts.n_test, facts.n_features) == (split["train"], split["test"], 30)
    assert facts.n_label_issues == tables["label_issues"]["is_label_issue"].sum()
    assert facts.label_issue_rate == pytest.approx(facts.n_label_issues / facts.n_audited)
    assert facts.by_split == count_by_split(tables["label_issues"])
    assert facts.n_audited == len(tables["training_set"])
    assert sum(facts.label_distribution.values()) == facts.n_train
    assert sum(facts.kinds_of_case.values()) == facts.n_label_issues
    assert facts.n_duplicate_rows == len(tables["duplicate_sets"])


def test_the_stored_facts_are_those_of_the_tables(facts: AuditFacts, audited: Workbench) -> None:
    assert audited.read("audit_facts", PLANTED) == facts


def test_planted_errors_and_their_detection_are_among_the_facts(
    facts: AuditFacts, tables: dict[str, pd.DataFrame]
) -> None:
    assert facts.detection is not None
    assert facts.detection.n_planted == tables["training_set"]["planted_error"].sum()
    assert facts.detection.average_precision > 5 * facts.detection.planted_share


def test_the_baseline_has_no_difference_and_the_others_have_that_of_the_primary_metric(
    facts: AuditFacts, comparison: VariantComparison
) -> None:
    assert facts.variant("baseline").difference is None
    expected = next(item for item in comparison.result("pruned").differences if item.metric == facts.primary_metric)
    pruned = facts.variant("pruned")
    assert (pruned.difference, pruned.low, pruned.high) == (expected.difference, expected.low, expected.high)
    with pytest.raises(KeyError):
        facts.variant("polished")


def test_undefined_metrics_of_variants_are_left_out(
    results: dict[str, Result[Any, Any]], comparison: VariantComparison
) -> None:
    first, *others = comparison.variants
    undefined = first.model_copy(update={"metrics": {**first.metrics, "roc_auc": float("nan")}})
    facts = collect(results, comparison.model_copy(update={"variants": [undefined, *others]}))
    assert facts.variants[0].metrics == {name: value for name, value in first.metrics.items() if name != "roc_auc"}
    assert facts.variants[1].metrics == others[0].metrics


def test_worst_rows_are_the_lowest_ranks(facts: AuditFacts, tables: dict[str, pd.DataFrame]) -> None:
    ranked = tables["label_issues"].sort_values("rank")
    assert [row.row_id for row in facts.worst_rows] == ranked["row_id"].head(10).tolist()


def test_limits_and_calibration_are_those_of_the_dataset_and_the_predictions(
    facts: AuditFacts, results: dict[str, Result[Any, Any]]
) -> None:
    assert facts.limits == asdict(get_dataset("breast_cancer").gates)
    reliability = results["predictions"].facts.reliability
    assert facts.expected_calibration_error == reliability.expected_calibration_error


def test_durations_are_told_beside_the_facts_and_change_no_hash(facts: AuditFacts, audited: Workbench) -> None:
    stored = audited.result("audit_facts", PLANTED)
    assert stored.origin.durations == audited.provenance("predictions", PLANTED).durations
    assert stored.origin.durations["fit_seconds"] > 0
    assert "fit_seconds" not in facts.model_dump()
    changed = replace(stored, value=facts.model_copy(update={"n_label_issues": 99}))
    assert hash_result(changed, {}) != hash_result(stored, {})
