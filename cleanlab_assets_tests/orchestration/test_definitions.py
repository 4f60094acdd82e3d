from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from cleanlab_assets.definitions import defs
from cleanlab_assets.orchestration.families import FAMILIES

if TYPE_CHECKING:
    from cleanlab_assets.orchestration.family import Family

TABULAR_MODELS = ["extra_trees", "hist_gradient_boosting", "knn", "logistic_regression", "random_forest"]
GRID = {
    "classification": (["adult_income", "breast_cancer", "covtype", "digits"], TABULAR_MODELS),
    "regression": (
        ["bike_sharing", "california_housing", "diabetes"],
        ["extra_trees", "hist_gradient_boosting", "knn", "random_forest", "ridge"],
    ),
    "multilabel": (["emotions", "synthetic_topics"], ["classifier_chain", *TABULAR_MODELS]),
    "token_classification": (["grammar_sentences", "ud_english_ewt"], ["bilstm", "logistic_regression"]),
    "multiannotator": (["digits_panel", "movielens_100k"], ["annotators_only", *TABULAR_MODELS]),
    "object_detection": (
        ["digit_scenes", "penn_fudan_ped"],
        ["fasterrcnn_mobilenet_v3_large_fpn", "maskrcnn_resnet50_fpn", "small_detector"],
    ),
    "segmentation": (
        ["digit_scenes", "penn_fudan_ped"],
        ["deeplabv3_mobilenet_v3_large", "maskrcnn_resnet50_fpn", "small_unet"],
    ),
}
TABULAR_MODEL_LEVEL = [
    *("predictions", "label_issues", "datalab_issues", "datalab_summary", "duplicate_sets", "datalab_report"),
    *("variant_comparison", "retrained_model", "audit_facts", "ai_summary"),
]
COMPARISON = ["model_comparison", "consensus_issues", "comparison_report"]
ASSETS = {
    "classification": {
        "dataset": ["raw_dataset", "training_set", "neighbor_graph"],
        "model": TABULAR_MODEL_LEVEL,
        "comparison": COMPARISON,
    },
    "regression": {
        "dataset": ["raw_dataset", "training_set", "neighbor_graph", "outlier_detectors"],
        "model": TABULAR_MODEL_LEVEL,
        "comparison": COMPARISON,
    },
    "multilabel": {
        "dataset": ["raw_dataset", "training_set", "neighbor_graph"],
        "model": [*TABULAR_MODEL_LEVEL[:2], "label_issues_by_class", *TABULAR_MODEL_LEVEL[2:]],
        "comparison": COMPARISON,
    },
    "token_classification": {
        "dataset": ["raw_dataset", "training_set"],
        "model": [
            *("predictions", "label_issues", "sentence_issues", "common_errors", "token_report"),
            *("variant_comparison", "retrained_model", "audit_facts", "ai_summary"),
        ],
        "comparison": COMPARISON,
    },
    "multiannotator": {
        "dataset": ["raw_dataset", "training_set", "annotations", "learning_curve"],
        "model": [
            *("predictions", "label_quality", "consensus_labels", "annotator_quality", "label_issues"),
            *("labeling_batch", "audit_report"),
            *("variant_comparison", "retrained_model", "audit_facts", "ai_summary"),
        ],
        "comparison": COMPARISON,
    },
    "object_detection": {
        "dataset": ["raw_dataset", "training_set", "image_issues"],
        "model": [
            *("predictions", "box_issues", "label_issues", "box_report"),
            *("variant_comparison", "retrained_model", "audit_facts", "ai_summary"),
        ],
        "comparison": COMPARISON,
    },
    "segmentation": {
        "dataset": ["raw_dataset", "training_set", "image_issues"],
        "model": [
            *("predictions", "pixel_issues", "label_issues", "class_summary", "class_confusions", "mask_report"),
            *("variant_comparison", "retrained_model", "audit_facts", "ai_summary"),
        ],
        "comparison": COMPARISON,
    },
}
COMMON_CHECKS = {
    "raw_dataset": {"source_hash", "schema", "row_count", "label_domain", "verified_lately"},
    "predictions": {"each_train_row_predicted_once", "calibration"},
    "label_issues": {"label_issue_rate"},
    "variant_comparison": {"not_worse_than_baseline"},
    "ai_summary": {"written_as_asked", "summary_is_grounded"},
    "model_comparison": {"every_model_compared"},
}
TABULAR_CHECKS = {
    "training_set": {"no_row_in_both_splits", "no_equal_rows_across_splits"},
    "neighbor_graph": {"near_duplicates_across_splits", "neighbor_recall"},
    "label_issues": {"detection_power"},
    "datalab_issues": {"outlier_rate", "near_duplicate_rate", "non_iid", "every_issue_type_ran"},
}
CLASS_CHECKS = {
    "training_set": {"every_class_in_every_part", "class_imbalance"},
    "predictions": {"probabilities_are_valid"},
}
IMAGE_CHECKS = {"outlier_rate", "near_duplicate_rate", "no_equal_images_across_splits", "every_issue_type_ran"}
OWN_CHECKS = {
    "classification": [TABULAR_CHECKS, CLASS_CHECKS],
    "regression": [
        TABULAR_CHECKS,
        {"predictions": {"values_are_valid"}, "outlier_detectors": {"outlier_detection_power"}},
    ],
    "multilabel": [TABULAR_CHECKS, CLASS_CHECKS],
    "token_classification": [
        {
            "training_set": {"no_sentence_in_two_parts", "every_class_in_every_part"},
            "predictions": {"probabilities_are_valid"},
            "label_issues": {"detection_power"},
        }
    ],
    "multiannotator": [
        {
            "training_set": {"no_row_in_both_splits"},
            "annotations": {"annotators_agree_beyond_chance"},
            "learning_curve": {"active_learning_beats_random"},
            "predictions": {"probabilities_are_valid"},
            "label_quality": {"detection_power"},
            "consensus_labels": {"consensus_not_worse_than_majority"},
            "annotator_quality": {"no_annotator_is_guessing"},
            "labeling_batch": {"something_to_label"},
        }
    ],
    "object_detection": [
        {
            "training_set": {"no_equal_images_across_splits"},
            "predictions": {"boxes_are_valid"},
            "box_issues": {"detection_power"},
            "image_issues": IMAGE_CHECKS,
        }
    ],
    "segmentation": [
        {
            "training_set": {"no_equal_images_across_splits"},
            "predictions": {"probabilities_are_valid"},
            "label_issues": {"detection_power"},
            "image_issues": IMAGE_CHECKS,
        }
    ],
}
BLOCKING = {"source_hash", "schema", "row_count", "label_domain", "each_train_row_predicted_once"}
TABULAR_BLOCKING = {"no_row_in_both_splits", "no_equal_rows_across_splits"}
OWN_BLOCKING = {
    "classification": {"probabilities_are_valid"} | TABULAR_BLOCKING,
    "regression": {"values_are_valid"} | TABULAR_BLOCKING,
    "multilabel": {"probabilities_are_valid"} | TABULAR_BLOCKING,
    "token_classification": {"probabilities_are_valid", "no_sentence_in_two_parts"},
    "multiannotator": {"probabilities_are_valid", "no_row_in_both_splits"},
    "object_detection": {"boxes_are_valid", "no_equal_images_across_splits"},
    "segmentation": {"probabilities_are_valid", "no_equal_images_across_splits"},
}
every_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)


def test_the_code_location_is_loadable() -> None:
    dg.Definitions.validate_loadable(defs)


def test_every_asset_belongs_to_a_family() -> None:
    graph = defs.resolve_asset_graph()
    assert graph.get_all_asset_keys() == {asset.key for family in FAMILIES for asset in family.all_assets}


@every_family
def test_asset_keys_and_partitions_are_those_that_users_know(family: Family) -> None:
    datasets, models = GRID[family.name]
    found = {level: [key.path[-1] for key in family.asset_keys(level)] for level in family.assets}
    assert found == ASSETS[family.name]
    for level, assets in family.assets.items():
        expected = [f"{dataset}|{model}" for dataset in datasets for model in models] if level == "model" else datasets
        for asset in assets:
            assert asset.key.path[0] == family.name
            assert asset.partitions_def is not None
            assert list(asset.partitions_def.get_partition_keys()) == expected, asset.key


@every_family
def test_checks_are_those_that_gates_rely_on(family: Family) -> None:
    found: dict[str, set[str]] = {}
    blocking = set()
    for check in family.checks:
        for spec in check.check_specs:
            found.setdefault(spec.asset_key.path[-1], set()).add(spec.name)
            assert spec.description, spec.name
            if spec.blocking:
                blocking.add(spec.name)
    expected: dict[str, set[str]] = {}
    for table in (COMMON_CHECKS, *OWN_CHECKS[family.name]):
        for name, checks in table.items():
            expected[name] = expected.get(name, set()) | checks
    assert found == expected
    assert blocking == BLOCKING | OWN_BLOCKING[family.name]


@every_family
def test_every_asset_says_what_it_is(family: Family) -> None:
    for asset in family.all_assets:
        spec = asset.get_asset_spec()
        assert spec.description, spec.key
        assert spec.group_name == family.name
        assert spec.kinds, spec.key
        assert spec.code_version, spec.key
        assert not spec.owners


@every_family
def test_settings_listed_for_a_family_are_those_of_its_steps(family: Family) -> None:
    for asset in family.all_assets:
        takes_settings = "config" in inspect.signature(asset.op.compute_fn.decorated_fn).parameters  # type: ignore[union-attr]
        assert takes_settings == (asset.key.path[-1] in family.configs), asset.key
