from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import pytest

from cleanlab_assets.datasets.synthetic_topics import CLASS_NAMES, LABEL, load_synthetic_topics
from cleanlab_assets.methods.label_sets import encode_given_labels
from cleanlab_assets.methods.variants import VariantComparison
from cleanlab_assets.orchestration.multilabel import model_level
from cleanlab_assets.orchestration.multilabel.family import MULTILABEL
from cleanlab_assets.orchestration.partitions import DATASET, MODEL, Level
from cleanlab_assets.orchestration.runs import read_latest_checks
from cleanlab_assets_tests.conftest import PLANTED_SETS

if TYPE_CHECKING:
    import pandas as pd

    from cleanlab_assets.families.multilabel.issues import LabelSetIssues
    from cleanlab_assets_tests.conftest import Workbench


def test_truth_is_kept_and_test_labels_are_untouched(audited_sets: Workbench) -> None:
    rows = audited_sets.read("training_set", "synthetic_topics")
    truth = rows["row_id"].map(load_synthetic_topics({}).set_index("row_id")[LABEL])
    assert (rows["true_label"] == truth).all()
    is_wrong = rows["given_label"] != truth
    assert not is_wrong[rows["split"] == "test"].any()
    assert is_wrong.tolist() == rows["planted_error"].tolist()
    assert is_wrong.sum() == round(0.1 * (rows["split"] == "train").sum())
    assert set(rows["planted_kind"].dropna()) == {"missing", "extra", "swapped", "whole_set"}


def test_planted_errors_are_found(audited_sets: Workbench) -> None:
    detection = audited_sets.read("label_issues", PLANTED_SETS).attrs["detection"]
    assert detection["average_precision"] > 3 * detection["planted_share"]
    assert detection["auroc"] > 0.7
    assert detection["recall"] > 0.6


def test_a_suggestion_is_the_given_label_with_what_is_missing_and_without_what_is_extra(
    audited_sets: Workbench,
) -> None:
    issues = audited_sets.read("label_issues", PLANTED_SETS)
    given, suggested, missing, extra = (
        encode_given_labels(issues, CLASS_NAMES, column=name)
        for name in ("given_label", "suggested_label", "missing_labels", "extra_labels")
    )
    assert (suggested == ((given | missing) & ~extra)).all()
    assert (issues["is_label_issue"] == (missing | extra).any(axis=1)).all()


def test_the_long_table_says_the_same_as_the_rows(audited_sets: Workbench) -> None:
    issues = audited_sets.read("label_issues", PLANTED_SETS)
    by_class = audited_sets.read("label_issues_by_class", PLANTED_SETS)
    assert len(by_class) == len(issues) * len(CLASS_NAMES)
    flagged = by_class.groupby("row_id", sort=False)["is_label_issue"].any()
    assert flagged.tolist() == issues["is_label_issue"].tolist()
    worst = by_class.sort_values("label_quality").iloc[0]
    assert worst["rank"] == 1


def test_calibration_lowers_the_error_or_leaves_it_small_and_both_flag_rates_are_told(audited_sets: Workbench) -> None:
    attrs = audited_sets.read("label_issues", PLANTED_SETS).attrs
    assert attrs["calibration_error"] < max(attrs["uncalibrated_error"], 0.04)
    assert 0 < attrs["uncalibrated_flag_rate"] < 1


def test_the_stored_model_predicts_as_well_as_its_card_says(audited_sets: Workbench) -> None:
    model = audited_sets.read("retrained_model", PLANTED_SETS)
    rows = audited_sets.read("training_set", "synthetic_topics")
    test = rows[rows["split"] == "test"]
    predicted = model.pipeline.predict(test[model.card["features"]]).astype(bool)
    named = encode_given_labels(test.reset_index(drop=True), CLASS_NAMES)
    accuracy = (predicted == named).all(axis=1).mean()
    assert accuracy == pytest.approx(model.card["test_metrics"]["subset_accuracy"], abs=1e-9)


def test_the_comparison_names_the_rows_that_each_variant_changed(audited_sets: Workbench) -> None:
    comparison: VariantComparison = audited_sets.read("variant_comparison", PLANTED_SETS, VariantComparison)
    issues = audited_sets.read("label_issues", PLANTED_SETS).set_index("row_id")
    relabelled = comparison.result("relabelled").relabelled_rows
    assert set(relabelled) == set(comparison.result("pruned").removed_rows)
    assert issues.loc[list(relabelled), "suggested_label"].to_dict() == relabelled


def test_the_report_shows_the_worst_row_and_the_classes_in_doubt(audited_sets: Workbench) -> None:
    page = audited_sets.read("datalab_report", PLANTED_SETS)
    issues = audited_sets.read("label_issues", PLANTED_SETS)
    flagged = issues[issues["is_label_issue"]].sort_values("rank")
    assert flagged.iloc[0]["row_id"] in page
    assert "Classes in doubt" in page
    assert "Before and after calibration" in page


def test_every_check_was_evaluated_and_none_failed_with_an_error(audited_sets: Workbench) -> None:
    levels: dict[Level, str] = {DATASET: "synthetic_topics", MODEL: PLANTED_SETS}
    for level, partition in levels.items():
        for asset in MULTILABEL.asset_keys(level):
            outcomes = read_latest_checks(audited_sets.instance, MULTILABEL, asset, partition)
            assert [outcome.check for outcome in outcomes] == [spec.name for spec in MULTILABEL.checks_of(asset)]
            assert [outcome.check for outcome in outcomes if outcome.is_error] == []


def test_a_detector_without_signal_fails(audited_sets: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    issues = audited_sets.read("label_issues", PLANTED_SETS)
    seeing = model_level.same_audit

    def blind(label_issues: pd.DataFrame) -> object:
        audit = seeing(label_issues)

        def shuffle(predictions: pd.DataFrame, features: pd.DataFrame) -> LabelSetIssues:
            found = audit(predictions, features)
            order = np.random.default_rng(0).permutation(len(found.table))
            found.table["label_quality"] = found.table["label_quality"].to_numpy()[order]
            return found

        return shuffle

    definition = next(item for item in MULTILABEL.checks if item.check_key.name == "detection_power")
    context = SimpleNamespace(partition_key=PLANTED_SETS, resources=SimpleNamespace(settings=audited_sets.settings))
    function: Any = definition.op.compute_fn
    assert function.decorated_fn(context, label_issues=issues).passed
    monkeypatch.setattr(model_level, "same_audit", blind)
    result = function.decorated_fn(context, label_issues=issues)
    assert not result.passed
    assert result.severity == dg.AssetCheckSeverity.ERROR
