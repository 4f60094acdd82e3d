from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
import pytest

from cleanlab_assets.datasets.grammar_sentences import DATASET as GRAMMAR
from cleanlab_assets.methods.variants import VariantComparison
from cleanlab_assets.orchestration.token_classification.family import TOKEN_CLASSIFICATION
from cleanlab_assets.reports.audit_facts import AuditFacts
from cleanlab_assets_tests.conftest import Workbench, build_workbench

if TYPE_CHECKING:
    from collections.abc import Iterator

PLANTED = "grammar_sentences|logistic_regression"
CONFIG = {
    "ops": {
        "token_classification__training_set": {"config": {"planted_error_fraction": 0.05, "folds": 3, "seed": 3}},
        "token_classification__variant_comparison": {"config": {"resamples": 100}},
    }
}


@pytest.fixture(scope="module")
def audited_tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A workbench where the grammar's sentences, with a twentieth of their tags wrong, are audited and compared."""
    directory = tmp_path_factory.mktemp("audited_tokens")
    with dg.DagsterInstance.ephemeral(tempdir=str(directory)) as instance:
        bench = build_workbench(directory, instance, TOKEN_CLASSIFICATION)
        for level, partition in (("dataset", GRAMMAR.name), ("model", PLANTED), ("comparison", GRAMMAR.name)):
            outcome = bench.materialize(level, partition, CONFIG)  # type: ignore[arg-type]
            assert outcome.success, outcome.error
            failed = {check.check for check in outcome.checks if check.is_error}
            assert not failed
        yield bench


def test_only_train_tags_are_made_wrong(audited_tokens: Workbench) -> None:
    truth = GRAMMAR.load({}).set_index("row_id")["tag"].astype(str)
    rows = audited_tokens.read("training_set", GRAMMAR.name)
    is_wrong = rows["given_label"].astype(str).to_numpy() != truth.loc[rows["row_id"]].to_numpy()
    assert (is_wrong == rows["planted_error"]).all()
    assert not rows.loc[rows["split"] != "train", "planted_error"].any()
    assert rows["planted_error"].sum() == round(0.05 * (rows["split"] == "train").sum())


def test_a_document_lies_in_one_split_and_one_fold(audited_tokens: Workbench) -> None:
    rows = audited_tokens.read("training_set", GRAMMAR.name)
    parts = rows.groupby("document", observed=True)[["split", "fold"]].nunique()
    assert (parts == 1).all(axis=None)


def test_planted_errors_are_found_and_repaired(audited_tokens: Workbench) -> None:
    issues = audited_tokens.read("label_issues", PLANTED)
    detection = issues.attrs["detection"]
    assert detection["average_precision"] > 0.8
    assert detection["recall"] > 0.7
    caught = issues[issues["is_label_issue"] & issues["planted_error"]]
    assert (caught["suggested_label"] == caught["true_label"]).mean() > 0.9


def test_the_worst_token_scores_its_sentence(audited_tokens: Workbench) -> None:
    issues = audited_tokens.read("label_issues", PLANTED)
    sentences = audited_tokens.read("sentence_issues", PLANTED).set_index("sentence_id")
    worst = issues.groupby(issues["sentence_id"].astype(str))["label_quality"].min()
    assert (sentences["label_quality"] == worst.loc[sentences.index]).all()
    assert sorted(sentences["rank"]) == list(range(1, len(sentences) + 1))


def test_common_errors_count_the_flagged_tokens(audited_tokens: Workbench) -> None:
    issues = audited_tokens.read("label_issues", PLANTED)
    counts = audited_tokens.read("common_errors", PLANTED)
    assert counts["count"].sum() == issues["is_label_issue"].sum()
    assert counts["count"].is_monotonic_decreasing


def test_the_report_marks_the_token_in_its_sentence(audited_tokens: Workbench) -> None:
    page = audited_tokens.read("token_report", PLANTED)
    worst = audited_tokens.read("label_issues", PLANTED).sort_values("rank").iloc[0]
    assert f"<mark>{worst['token']}</mark>" in page
    assert worst["row_id"] in page


def test_the_comparison_judges_tagging_of_untouched_sentences(audited_tokens: Workbench) -> None:
    comparison: VariantComparison = audited_tokens.read("variant_comparison", PLANTED, VariantComparison)
    issues = audited_tokens.read("label_issues", PLANTED).set_index("row_id")
    assert {result.variant for result in comparison.variants} == {"baseline", "pruned", "relabelled", "random_removal"}
    baseline = comparison.result("baseline").metrics
    assert baseline["accuracy"] > 0.97
    assert {"macro_f1", "f1_NOUN", "f1_VERB"} <= baseline.keys()
    pruned = comparison.result("pruned").removed_rows
    assert issues.loc[pruned, "is_label_issue"].all()
    assert len(comparison.result("random_removal").removed_rows) == len(pruned)


def test_the_stored_model_tags_as_well_as_its_card_says(audited_tokens: Workbench) -> None:
    model = audited_tokens.read("retrained_model", PLANTED)
    rows = audited_tokens.read("training_set", GRAMMAR.name)
    test = rows[rows["split"] == "test"]
    accuracy = (model.pipeline.predict(test[model.card["features"]]) == test["given_label"].astype(str)).mean()
    assert accuracy == pytest.approx(model.card["test_metrics"]["accuracy"], abs=1e-9)


@pytest.fixture(scope="module")
def confused_tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A workbench where the grammar's sentences are audited with tags that a model mistakes for the right ones."""
    directory = tmp_path_factory.mktemp("confused_tokens")
    planting = {"planted_error_fraction": 0.05, "planted_error_kind": "model_confusion", "folds": 3, "seed": 3}
    config = {
        "ops": {
            "token_classification__training_set": {"config": planting},
            "token_classification__variant_comparison": {"config": {"compare_cleaning": False}},
        }
    }
    with dg.DagsterInstance.ephemeral(tempdir=str(directory)) as instance:
        bench = build_workbench(directory, instance, TOKEN_CLASSIFICATION)
        for level, partition in (("dataset", GRAMMAR.name), ("model", PLANTED)):
            outcome = bench.materialize(level, partition, config)  # type: ignore[arg-type]
            assert outcome.success, outcome.error
        yield bench


def test_a_models_confusion_plants_tags_that_the_right_ones_are_mistaken_for(confused_tokens: Workbench) -> None:
    rows = confused_tokens.read("training_set", GRAMMAR.name)
    planted = rows[rows["planted_error"]]
    assert len(planted) == round(0.05 * (rows["split"] == "train").sum())
    assert (planted["split"] == "train").all()
    assert (planted["given_label"].astype(str) != planted["true_label"].astype(str)).all()
    ambiguous = planted[planted["true_label"].isin(["NOUN", "VERB"])]
    is_other_one = ambiguous["given_label"].isin(["NOUN", "VERB"])
    assert is_other_one.mean() > 0.35  # some words are noun and verb; a ninth is expected where any tag may come


def test_confused_tags_are_found_and_repaired(confused_tokens: Workbench) -> None:
    issues = confused_tokens.read("label_issues", PLANTED)
    detection = issues.attrs["detection"]
    assert detection["average_precision"] > 0.8
    assert detection["recall"] > 0.7
    caught = issues[issues["is_label_issue"] & issues["planted_error"]]
    assert (caught["suggested_label"] == caught["true_label"]).mean() > 0.9
    facts = confused_tokens.read("audit_facts", PLANTED, AuditFacts)
    assert facts.detection is not None
    assert facts.detection.average_precision == pytest.approx(detection["average_precision"], abs=1e-6)


def test_models_that_were_not_run_are_named_in_the_comparison(audited_tokens: Workbench) -> None:
    comparison = audited_tokens.latest("model_comparison", GRAMMAR.name).metadata
    assert comparison["selected"].value == "logistic_regression"
    assert "bilstm" in str(comparison["not_compared"].value)
