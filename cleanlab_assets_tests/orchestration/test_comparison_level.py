"""The comparison level over real partitions: compared, failed, missing and out-of-date models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
import pytest

from cleanlab_assets.orchestration import history
from cleanlab_assets.orchestration.freshness import find_stale_assets
from cleanlab_assets.orchestration.runs import RunOutcome, resolve_configs
from cleanlab_assets_tests.conftest import build_workbench, open_instance

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pandas as pd

    from cleanlab_assets.reports.model_comparison import ModelComparison
    from cleanlab_assets_tests.conftest import Workbench

pytestmark = pytest.mark.slow

DATASET_CONFIG = {
    "ops": {
        "regression__training_set": {"config": {"folds": 2}},
        "regression__outlier_detectors": {"config": {"budgets": [0.1]}},
    }
}


def _audit(bench: Workbench, model: str, *, flags: dict[str, object] | None = None, **parameters: object) -> RunOutcome:
    steps = {
        "regression__label_issues": {"config": flags or {}},
        "regression__predictions": {"config": {"parameters": parameters}},
        "regression__variant_comparison": {"config": {"compare_cleaning": False, "resamples": 100}},
    }
    return bench.materialize("model", f"diabetes|{model}", {"ops": steps})


def _compare(bench: Workbench) -> ModelComparison:
    assert bench.materialize("comparison", "diabetes", force=True).success
    comparison: ModelComparison = bench.read("model_comparison", "diabetes")
    return comparison


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A workbench where ridge and knn are audited and compared, and extra_trees failed."""
    directory = tmp_path_factory.mktemp("compared")
    with open_instance(directory) as instance:
        found = build_workbench(directory, instance, "regression")
        assert found.materialize("dataset", "diabetes", DATASET_CONFIG).success
        for model in ("ridge", "knn"):
            assert _audit(found, model).success
        assert not _audit(found, "extra_trees", max_depth="deep").success
        yield found


@pytest.fixture(scope="module")
def comparison(bench: Workbench) -> ModelComparison:
    """The comparison of these models."""
    return _compare(bench)


def test_every_model_of_the_family_is_told_with_what_became_of_it(comparison: ModelComparison) -> None:
    assert {result.model: result.status for result in comparison.results} == {
        "ridge": "compared",
        "knn": "compared",
        "extra_trees": "failed",
        "hist_gradient_boosting": "not materialized",
        "random_forest": "not materialized",
    }
    assert "max_depth" in str(comparison.result("extra_trees").error)


def test_the_best_cross_validated_model_is_selected(bench: Workbench, comparison: ModelComparison) -> None:
    rmse = {
        model: bench.facts("predictions", f"diabetes|{model}").cross_validation["rmse"] for model in ("ridge", "knn")
    }
    assert comparison.selected == min(rmse, key=lambda model: rmse[model])
    assert comparison.result("knn").cv_metric == pytest.approx(rmse["knn"])


def test_agreement_is_that_of_the_flags(bench: Workbench, comparison: ModelComparison) -> None:
    flags = {
        model: bench.read("label_issues", f"diabetes|{model}")["is_label_issue"].to_numpy()
        for model in ("ridge", "knn")
    }
    both, either = (flags["ridge"] & flags["knn"]).sum(), (flags["ridge"] | flags["knn"]).sum()
    pair = comparison.agreement[0]
    assert pair.n_both == both
    assert pair.jaccard == (pytest.approx(both / either) if either else None)
    consensus: pd.DataFrame = bench.read("consensus_issues", "diabetes")
    assert (consensus["n_models_flagging"].to_numpy() == flags["ridge"].astype(int) + flags["knn"]).all()
    ranked = consensus.sort_values("rank")["n_models_flagging"]
    assert ranked.is_monotonic_decreasing


def test_the_page_and_the_check_name_the_model_that_failed(bench: Workbench) -> None:
    outcome = bench.materialize("comparison", "diabetes", force=True)
    page = bench.read("comparison_report", "diabetes")
    assert "extra_trees" in page
    assert "max_depth" in page
    check = next(check for check in outcome.checks if check.check == "every_model_compared")
    assert not check.passed
    assert check.severity == "WARN"
    assert "extra_trees failed" in check.description


def test_a_model_that_fails_and_is_mended_makes_the_comparison_stale_each_time(bench: Workbench) -> None:
    configs = resolve_configs(bench.family, {})
    _compare(bench)
    assert not _audit(bench, "knn", n_neighbors=1_000_000).success
    stale = find_stale_assets(bench.instance, bench.family, "comparison", "diabetes", configs, bench.settings)
    assert stale[dg.AssetKey(["regression", "model_comparison"])] == "knn is now failed"
    assert _compare(bench).result("knn").status == "failed"
    assert _audit(bench, "knn").success
    assert find_stale_assets(bench.instance, bench.family, "comparison", "diabetes", configs, bench.settings)
    assert _compare(bench).result("knn").status == "compared"


def test_a_model_that_flags_by_other_rules_than_most_is_told_and_not_compared(bench: Workbench) -> None:
    assert _audit(bench, "extra_trees").success
    assert _compare(bench).n_models_compared == 3
    assert _audit(bench, "knn", flags={"flag_by": "cleanlab", "false_flag_rate": 0.02}).success
    comparison = _compare(bench)
    assert comparison.result("knn").status == "out of date"
    assert comparison.result("knn").error == (
        "false_flag_rate is 0.02, that of most is 0.01; flag_by is cleanlab, that of most is calibrated"
    )
    assert {result.model for result in comparison.compared} == {"ridge", "extra_trees"}
    assert set(bench.read("consensus_issues", "diabetes")["n_models_flagging"]) <= {0, 1, 2}
    assert _audit(bench, "knn").success
    assert _compare(bench).n_models_compared == 3


def test_what_is_stale_is_found_with_one_look_at_each_partition(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[tuple[str, str]] = []
    fetch = history._fetch_record

    def count(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str) -> object:
        looked.append((key.to_user_string(), partition))
        return fetch(instance, key, partition)

    monkeypatch.setattr(history, "_fetch_record", count)
    find_stale_assets(
        bench.instance, bench.family, "comparison", "diabetes", resolve_configs(bench.family, {}), bench.settings
    )
    assert len(looked) == len(set(looked)) > 0
    _compare(bench)
    before = len(looked)
    find_stale_assets(
        bench.instance, bench.family, "comparison", "diabetes", resolve_configs(bench.family, {}), bench.settings
    )
    assert len(looked) > before, "the next look is a new one"


def test_the_comparison_is_fresh_until_a_model_changes_and_tells_a_model_of_another_training_set(
    bench: Workbench,
) -> None:
    configs = resolve_configs(bench.family, {})
    _compare(bench)
    assert find_stale_assets(bench.instance, bench.family, "comparison", "diabetes", configs, bench.settings) == {}
    other = {"ops": {**DATASET_CONFIG["ops"], "regression__training_set": {"config": {"folds": 2, "seed": 7}}}}
    assert bench.materialize("dataset", "diabetes", other).success
    assert _audit(bench, "ridge").success
    stale = find_stale_assets(bench.instance, bench.family, "comparison", "diabetes", configs, bench.settings)
    assert {key.path[-1] for key in stale} == {"model_comparison", "consensus_issues", "comparison_report"}
    comparison = _compare(bench)
    assert comparison.result("ridge").status == "compared"
    assert comparison.result("knn").status == "out of date"
    assert comparison.selected == "ridge"


def test_models_that_predict_classes_judge_as_one(tmp_path: Path) -> None:
    """Planted errors are ranked by the stack at least about as well as by the best model, and its facts say how."""
    planted = {"ops": {"classification__training_set": {"config": {"folds": 3, "planted_error_fraction": 0.1}}}}
    baseline = {"classification__variant_comparison": {"config": {"compare_cleaning": False, "resamples": 100}}}
    models = ("logistic_regression", "knn")
    with open_instance(tmp_path) as instance:
        bench = build_workbench(tmp_path, instance)
        assert bench.materialize("dataset", "breast_cancer", planted).success
        for model in models:
            assert bench.materialize("model", f"breast_cancer|{model}", {"ops": baseline}).success
        assert bench.materialize("comparison", "breast_cancer").success
        consensus, facts = (
            bench.read("consensus_issues", "breast_cancer"),
            bench.facts("consensus_issues", "breast_cancer"),
        )
        page = bench.read("comparison_report", "breast_cancer")

    assert set(facts.stack.weights) == set(models)
    assert facts.stack.log_loss <= facts.stack.best_log_loss
    assert 0.04 < facts.stack.share_wrong < 0.25
    assert facts.stack.planted["stack"] > max(facts.stack.planted[model] for model in models) - 0.02
    assert (consensus.sort_values("rank")["stack_label_quality"].diff().dropna() >= 0).all()
    assert "The models as one" in page
