from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from cleanlab_assets.definitions import defs
from cleanlab_assets.orchestration.families import FAMILIES

if TYPE_CHECKING:
    from cleanlab_assets.orchestration.family import Family

DATASETS = ["adult_income", "breast_cancer", "covtype", "digits"]
MODELS = ["extra_trees", "hist_gradient_boosting", "knn", "logistic_regression", "random_forest"]
DATASET_LEVEL = ["raw_dataset", "training_set", "neighbor_graph"]
MODEL_LEVEL = [
    "predictions",
    "label_issues",
    "datalab_issues",
    "datalab_summary",
    "duplicate_sets",
    "datalab_report",
    "variant_comparison",
    "retrained_model",
]
CHECKS = {
    "raw_dataset": {"source_hash", "schema", "row_count", "label_domain"},
    "training_set": {
        "no_row_in_both_splits",
        "no_equal_rows_across_splits",
        "every_class_in_every_part",
        "class_imbalance",
    },
    "neighbor_graph": {"near_duplicates_across_splits", "neighbor_recall"},
    "predictions": {"probabilities_are_valid", "each_train_row_predicted_once", "calibration"},
    "label_issues": {"label_issue_rate", "detection_power"},
    "datalab_issues": {"outlier_rate", "near_duplicate_rate", "non_iid", "every_issue_type_ran"},
    "variant_comparison": {"not_worse_than_baseline"},
}
BLOCKING = {
    "source_hash",
    "schema",
    "row_count",
    "label_domain",
    "no_row_in_both_splits",
    "no_equal_rows_across_splits",
    "probabilities_are_valid",
    "each_train_row_predicted_once",
}
CLASSIFICATION = next(family for family in FAMILIES if family.name == "classification")


def test_the_code_location_is_loadable() -> None:
    dg.Definitions.validate_loadable(defs)


def test_asset_keys_and_partitions_are_those_that_users_know() -> None:
    graph = defs.resolve_asset_graph()
    expected = {dg.AssetKey(["classification", name]) for name in [*DATASET_LEVEL, *MODEL_LEVEL]}
    assert graph.get_all_asset_keys() == expected
    for name in DATASET_LEVEL:
        assert _partitions(graph, name) == DATASETS
    for name in MODEL_LEVEL:
        assert _partitions(graph, name) == [f"{dataset}|{model}" for dataset in DATASETS for model in MODELS]


def _partitions(graph: Any, name: str) -> list[str]:
    partitions = graph.get(dg.AssetKey(["classification", name])).partitions_def
    assert partitions is not None
    return list(partitions.get_partition_keys())


def test_checks_are_those_that_gates_rely_on() -> None:
    found: dict[str, set[str]] = {}
    blocking = set()
    for check in CLASSIFICATION.checks:
        for spec in check.check_specs:
            found.setdefault(spec.asset_key.path[-1], set()).add(spec.name)
            assert spec.description, spec.name
            if spec.blocking:
                blocking.add(spec.name)
    assert found == CHECKS
    assert blocking == BLOCKING


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_asset_says_what_it_is(family: Family) -> None:
    for asset in family.assets:
        spec = asset.get_asset_spec()
        assert spec.description, spec.key
        assert spec.group_name == family.name
        assert spec.kinds, spec.key
        assert spec.code_version, spec.key
        assert not spec.owners


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_settings_listed_for_a_family_are_those_of_its_steps(family: Family) -> None:
    for asset in family.assets:
        takes_settings = "config" in inspect.signature(asset.op.compute_fn.decorated_fn).parameters  # type: ignore[union-attr]
        assert takes_settings == (asset.key.path[-1] in family.configs), asset.key
