from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from cleanlab_assets.datasets.dataset import Column, Dataset
from cleanlab_assets.methods.model_agreement import build_consensus_issues
from cleanlab_assets.methods.stacking import StackFacts
from cleanlab_assets.reports.comparison_report import build_comparison_report
from cleanlab_assets.reports.html import render_report
from cleanlab_assets.reports.model_comparison import compare_models
from cleanlab_assets_tests.conftest import empty_plots
from cleanlab_assets_tests.reports.test_model_comparison import make_facts, make_issues

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cleanlab_assets.reports.html import Report, Section, Table
    from cleanlab_assets.reports.model_comparison import ModelComparison, NotCompared

ATTACK = "<script>alert(1)</script>"
FAILED: dict[str, tuple[NotCompared, str]] = {"svm": ("failed", f"ValueError: {ATTACK}")}
DATASET = Dataset(
    name="pets",
    families=("classification",),
    title="Pets",
    description="Animals by colour.",
    homepage="example.org/pets",
    licence="CC0",
    citation="Nobody (2000)",
    files=(),
    load=lambda _files: make_issues("x"),
    label="kind",
    class_names=("cat", "dog"),
    columns=(Column(name="colour", kind="categorical"),),
    expected_rows=6,
)
FLAGS = {"forest": "xxx...", "knn": "xx.x..", "ridge": "x....."}
CV = {"forest": 0.9, "knn": 0.8, "ridge": 0.7}


def build(
    flags: Mapping[str, str] = FLAGS,
    not_compared: Mapping[str, tuple[NotCompared, str]] | None = None,
    columns: Mapping[str, Any] | None = None,
    **options: Any,
) -> Report:
    """A report on models with these flags; each row has a colour."""
    comparison, consensus = compare_flags(flags, not_compared or {}, columns or {})
    with empty_plots():
        return build_comparison_report(comparison, consensus, **{"dataset": DATASET, "facts": {"Seed": 0}, **options})


def compare_flags(
    flags: Mapping[str, str], not_compared: Mapping[str, tuple[NotCompared, str]], columns: Mapping[str, Any]
) -> tuple[ModelComparison, pd.DataFrame]:
    issues = {model: make_issues(rows, colour=[ATTACK] * 6, **columns) for model, rows in flags.items()}
    facts = {
        model: make_facts(model, {"roc_auc": CV[model], "log_loss": 0.3}, {"roc_auc": 0.85, "log_loss": 0.4})
        for model in flags
    }
    comparison = compare_models(
        facts,
        not_compared,
        issues,
        fit_seconds=dict.fromkeys(flags, 1.5),
        family="classification",
        dataset="pets",
        title=DATASET.title,
    )
    return comparison, build_consensus_issues(issues, features=["colour"])


@pytest.fixture(scope="module")
def compared() -> Report:
    return build()


def section(report: Report, key: str) -> Section:
    return next(part for part in report.sections if part.key == key)


def table(report: Report, key: str, title: str) -> Table:
    return next(item for item in section(report, key).tables if item.title == title)


def tiles(report: Report) -> dict[str, str]:
    return {tile.label: tile.value for tile in report.tiles}


def test_the_summary_names_the_selected_model_and_counts_flagged_rows(compared: Report) -> None:
    assert tiles(compared) == {
        "Models compared": "3 of 3",
        "Selected model": "forest",
        "Cross-validated ROC AUC": "0.9",
        "Rows flagged by any model": "4",
        "Rows flagged by all models": "1",
    }


def test_failed_models_are_counted_and_shown_with_their_error() -> None:
    report = build(not_compared=FAILED)

    warned = [tile for tile in report.tiles if tile.tone == "warn"]
    assert [(tile.label, tile.value, tile.hint) for tile in warned] == [("Models not compared", "1", "svm: failed")]
    assert table(report, "models", "All models").frame["model"].tolist() == ["forest", "knn", "ridge", "svm"]
    reasons = table(report, "models", "Models that could not be compared").frame
    assert reasons["reason"].tolist() == [f"ValueError: {ATTACK}"]
    assert "1 of 4 models could not be compared: svm (failed)" in report.notes[0]


def test_only_the_selected_model_is_highlighted() -> None:
    models = table(build(not_compared=FAILED), "models", "All models")

    assert models.highlight == "selected"
    assert models.frame.loc[models.frame["selected"], "model"].tolist() == ["forest"]


def test_every_metric_of_train_and_test_is_shown(compared: Report) -> None:
    metrics = table(compared, "models", "All metrics").frame

    forest = metrics[metrics["model"] == "forest"].set_index("rows")
    assert forest["roc_auc"].to_dict() == {"train, cross-validated": 0.9, "test": 0.85}
    assert forest["log_loss"].to_dict() == {"train, cross-validated": 0.3, "test": 0.4}


def test_columns_that_hold_nothing_are_left_out(compared: Report) -> None:
    assert "planted_average_precision" not in table(compared, "models", "All models").frame


def test_pairs_come_with_the_agreement_that_chance_would_give(compared: Report) -> None:
    pairs = table(compared, "agreement", "Pairs of models").frame.set_index(["model_a", "model_b"])

    assert pairs.index[0] == ("forest", "knn")
    assert pairs["jaccard"].to_dict()[("forest", "knn")] == 0.5
    # Two times 3 of 6 rows at random: 1.5 rows in common, 4.5 in either.
    assert pairs["by_chance"].to_dict()[("forest", "knn")] == pytest.approx(1 / 3)


def test_the_rows_shown_are_the_flagged_ones_with_the_models_that_flag_them(compared: Report) -> None:
    rows = table(compared, "rows", "Rows to look at first")

    assert rows.frame["row_id"].tolist() == ["pets.csv:2", "pets.csv:3", "pets.csv:4", "pets.csv:5"]
    assert rows.frame["flagged_by"].tolist() == ["all models", "forest, knn", "forest", "knn"]
    assert (rows.n_features, rows.frame.columns[-1]) == (1, "colour")


def test_cut_rows_say_how_many_are_left_and_where() -> None:
    page = render_report(build(top_rows=2, full_table="consensus.parquet"))

    assert "First 2 of 4 rows. The full table: consensus.parquet." in page


def test_planted_errors_are_announced_and_counted_by_agreement() -> None:
    planted = {"planted_error": [True, True, False, False, False, True], "true_label": ["dog"] * 6}

    report = build(columns=planted)

    assert "3 of the 6 train rows carry a planted error" in report.notes[0]
    counts = table(report, "agreement", "Agreement and planted errors").frame
    assert counts.to_numpy().tolist() == [[3, 1, 1, 1], [2, 1, 1, 1], [1, 2, 0, 0], [0, 2, 1, 0.5]]
    assert "true_label" in table(report, "rows", "Rows to look at first").frame


def test_text_from_data_and_errors_never_becomes_markup() -> None:
    page = render_report(build(not_compared=FAILED))

    assert ATTACK not in page
    assert page.count("&lt;script&gt;alert(1)") > 1


def test_a_single_model_has_no_agreement_to_show() -> None:
    report = build({"knn": "xx...."})

    assert "Only one model was compared" in section(report, "agreement").explanation
    assert not [*section(report, "agreement").figures, *section(report, "agreement").tables]
    assert list(section(report, "reading").advice) == ["Selection", "Cross-validation against test"]
    assert "Rows flagged by all models" not in tiles(report)
    assert "&lt;script&gt;" in render_report(report)


def test_a_page_is_made_even_where_every_model_failed() -> None:
    report = build({}, FAILED)

    assert [part.key for part in report.sections] == ["models"]
    assert tiles(report) == {"Models compared": "0 of 1", "Models not compared": "1", "Selected model": "none"}
    assert "ValueError" in render_report(report)


def test_the_page_says_so_where_no_model_flags_a_row() -> None:
    report = build({"forest": "......", "knn": "......"})

    assert section(report, "agreement").notes == ["No model flags any row."]
    assert not section(report, "agreement").figures
    assert section(report, "rows").badge == "none"
    assert "No rows." in render_report(report)


def test_the_page_states_source_licence_and_how_it_was_made() -> None:
    facts = build(facts={"Seed": 7}).facts

    assert (facts["Licence"], facts["Seed"], facts["Train rows"]) == ("CC0", "7", "6")


def test_a_consensus_of_other_models_or_rows_is_refused() -> None:
    comparison, consensus = compare_flags(FLAGS, {}, {})
    options: dict[str, Any] = {"dataset": DATASET, "facts": {}}

    with pytest.raises(ValueError, match=r"consensus lacks the columns \['flagged_knn'\]"):
        build_comparison_report(comparison, consensus.drop(columns="flagged_knn"), **options)
    with pytest.raises(ValueError, match="consensus is not that of the comparison"):
        build_comparison_report(comparison, consensus.head(3), **options)


def test_the_page_says_how_models_are_weighed_and_which_rows_only_they_together_find() -> None:
    issues = {model: make_issues(rows, colour=[ATTACK] * 6) for model, rows in FLAGS.items()}
    first = issues["forest"]
    stacked = pd.DataFrame(
        {
            "row_id": first["row_id"],
            "suggested_label": first["suggested_label"],
            "label_quality": [0.2, 0.9, 0.9, 0.9, 0.9, 0.1],
            "is_label_issue": [True, False, False, False, False, True],
            "rank": [2, 3, 4, 5, 6, 1],
        }
    )
    comparison, _ = compare_flags(FLAGS, {}, {})
    facts = StackFacts(
        weights={"forest": 0.8, "knn": 0.3, "ridge": 0.0},
        share_wrong=0.1,
        log_loss=0.3,
        best_model="forest",
        best_log_loss=0.4,
        planted={"forest": 0.5, "stack": 0.6},
    )
    with empty_plots():
        report = build_comparison_report(
            comparison,
            build_consensus_issues(issues, features=["colour"], stacked=stacked),
            dataset=DATASET,
            facts={},
            stack=facts,
        )

    weights = table(report, "stack", "Weights").frame
    assert weights["model"].tolist() == ["forest", "knn", "ridge", "stack"]
    assert weights["planted_average_precision"].tolist()[-1] == 0.6
    assert table(report, "stack", "Rows that only the stack flags").frame["row_id"].tolist() == ["pets.csv:7"]
    rows = table(report, "rows", "Rows to look at first").frame
    assert rows["row_id"].tolist()[:2] == ["pets.csv:7", "pets.csv:2"], "ranked by the stack"
    assert ATTACK not in render_report(report)
