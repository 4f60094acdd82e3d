"""What only the chain of token classification has, on the audit of the grammar's sentences."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from cleanlab_assets.datasets.dataset import Gates
from cleanlab_assets.families.raw_dataset import raw_dataset
from cleanlab_assets.families.settings import PredictionsSettings
from cleanlab_assets.families.token_classification.issues import (
    count_common_errors,
    find_sentence_issues,
    label_issues,
)
from cleanlab_assets.families.token_classification.predictions import predictions
from cleanlab_assets.families.token_classification.report import token_report
from cleanlab_assets.families.token_classification.training_set import TrainingSetSettings, training_set
from cleanlab_assets.methods.split_counts import count_by_split, say_by_split
from cleanlab_assets_tests.conftest import empty_plots

if TYPE_CHECKING:
    import pandas as pd

    from cleanlab_assets.families.step import StepContext
    from cleanlab_assets.methods.result import Result
    from cleanlab_assets_tests.orchestration.chains import Audited, Audits


@pytest.fixture(scope="session")
def tokens(audits: Audits) -> Audited:
    return audits["token_classification"]


def test_a_document_lies_in_one_split_and_one_fold(tokens: Audited) -> None:
    parts = tokens.read("training_set").groupby("document", observed=True)[["split", "fold"]].nunique()
    assert (parts == 1).all(axis=None)


def test_flagged_tags_are_repaired(tokens: Audited) -> None:
    issues = tokens.read("label_issues")
    assert tokens.facts("label_issues").planted.overall.recall > 0.7
    caught = issues[issues["is_label_issue"] & issues["planted_error"]]
    assert (caught["suggested_label"] == caught["true_label"]).mean() > 0.9


def test_the_worst_token_scores_its_sentence(tokens: Audited) -> None:
    issues = tokens.read("label_issues")
    sentences = tokens.read("sentence_issues").set_index("sentence_id")
    worst = issues.groupby(issues["sentence_id"].astype(str))["label_quality"].min()
    assert (sentences["label_quality"] == worst.loc[sentences.index]).all()
    assert sorted(sentences["rank"]) == list(range(1, len(sentences) + 1))


def test_common_errors_count_the_flagged_tokens(tokens: Audited) -> None:
    counts = tokens.read("common_errors")["count"]
    assert counts.sum() == tokens.read("label_issues")["is_label_issue"].sum()
    assert counts.is_monotonic_decreasing


def test_the_report_marks_the_token_in_its_sentence(tokens: Audited) -> None:
    worst = tokens.read("label_issues").sort_values("rank").iloc[0]
    assert f"<mark>{worst['token']}</mark>" in tokens.read("token_report")


def test_the_comparison_judges_tagging_of_untouched_sentences(tokens: Audited) -> None:
    baseline = tokens.read("variant_comparison").result("baseline").metrics
    assert baseline["accuracy"] > 0.9
    assert {"macro_f1", "f1_NOUN", "f1_VERB"} <= baseline.keys()


@pytest.mark.slow
def test_a_models_confusion_plants_tags_that_the_right_ones_are_mistaken_for_and_they_are_found(
    tokens: Audited,
) -> None:
    context = tokens.context
    settings = TrainingSetSettings(planted_error_fraction=0.05, planted_error_kind="model_confusion", folds=3, seed=3)
    training = training_set.run(context, settings, raw_dataset.run(context))
    rows = training.value
    planted = rows[rows["planted_error"]]
    assert len(planted) == round(0.05 * (rows["split"] == "train").sum())
    assert (planted["split"] == "train").all()
    assert (planted["given_label"].astype(str) != planted["true_label"].astype(str)).all()
    ambiguous = planted[planted["true_label"].isin(["NOUN", "VERB"])]
    is_other_one = ambiguous["given_label"].isin(["NOUN", "VERB"])
    assert is_other_one.mean() > 0.35  # some words are noun and verb; a ninth is expected where any tag may come

    predicted = predictions.run(context, PredictionsSettings(), training)
    assert label_issues.settings is not None
    found = label_issues.run(context, label_issues.settings(), training, predicted)
    issues = found.value
    assert found.facts.planted.overall.average_precision > 0.8
    assert found.facts.planted.overall.recall > 0.7
    caught = issues[issues["is_label_issue"] & issues["planted_error"]]
    assert (caught["suggested_label"] == caught["true_label"]).mean() > 0.9


def write_report(tokens: Audited, context: StepContext | None = None, **others: Result[Any, Any]) -> str:
    """Write the report of the audit, with some results replaced by others."""
    results = {name: others.get(name) or tokens.result(name) for name in token_report.inputs}
    with empty_plots():
        page: str = token_report.run(context or tokens.context, **results).value
    return page


def with_flags(tokens: Audited, issues: pd.DataFrame) -> dict[str, Result[Any, Any]]:
    """The results that a report shows of label issues."""
    return {
        "label_issues": replace(tokens.result("label_issues"), value=issues),
        "sentence_issues": replace(tokens.result("sentence_issues"), value=find_sentence_issues(issues)),
        "common_errors": replace(tokens.result("common_errors"), value=count_common_errors(issues)),
    }


def test_the_report_counts_the_flags_and_shows_the_worst_with_their_truth(tokens: Audited) -> None:
    issues = tokens.read("label_issues")
    flagged = issues[issues["is_label_issue"]].sort_values("rank")
    page = write_report(tokens)
    assert f"{say_by_split(count_by_split(issues), 'token')}; limit" in page
    for row in flagged.head(10).itertuples():
        assert str(row.row_id) in page
        assert f"<mark>{row.token}</mark>" in page
    assert "corrupted on purpose are highlighted" in page
    without = issues.drop(columns=["planted_error", "true_label"])
    assert "corrupted on purpose" not in write_report(tokens, None, **with_flags(tokens, without))


def test_likely_errors_ask_for_attention_above_their_limit_and_not_at_it(tokens: Audited) -> None:
    flags = tokens.read("label_issues")["is_label_issue"]
    rate = flags.sum() / len(flags)
    for limit, tone in ((rate, "good"), (np.nextafter(rate, 0), "warn")):
        dataset = replace(tokens.context.dataset, gates=Gates(label_issue_rate=float(limit)))
        page = write_report(tokens, replace(tokens.context, dataset=dataset))
        assert re.findall(r'class="tile (\w+)">\s*<dt>Likely tag errors', page) == [tone]


def test_a_report_where_nothing_is_flagged_says_so(tokens: Audited) -> None:
    nothing = tokens.read("label_issues").assign(is_label_issue=False)
    page = write_report(tokens, None, **with_flags(tokens, nothing))
    assert f"{say_by_split(count_by_split(nothing), 'token')}; limit" in page


def test_markup_in_a_sentence_stays_text(tokens: Audited) -> None:
    issues = tokens.read("label_issues").astype({"sentence": object})
    worst = issues["rank"].idxmin()
    words = issues.loc[worst, "sentence"].split()
    words[(issues.loc[worst, "position"] + 1) % len(words)] = "<b>bold</b>"
    issues.loc[worst, "sentence"] = " ".join(words)
    page = write_report(tokens, None, **with_flags(tokens, issues.assign(is_label_issue=issues["rank"] == 1)))
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert "<b>bold</b>" not in page
