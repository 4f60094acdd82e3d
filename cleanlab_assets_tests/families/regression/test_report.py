from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from cleanlab_assets.families.regression.report import say_rate
from cleanlab_assets.reports.html import render_report
from cleanlab_assets_tests.reports.conftest import (
    CALIBRATION,
    N_CAPPED,
    N_TEST,
    N_TRAIN,
    RAN_ON_VALUES,
    WHY_NOT,
    WRONG_ROWS,
)

if TYPE_CHECKING:
    from cleanlab_assets.reports.html import Report, Section, Table
    from cleanlab_assets_tests.reports.conftest import AuditedValues


def section(report: Report, key: str) -> Section:
    return next(part for part in report.sections if part.key == key)


def table(report: Report, key: str, title: str) -> Table:
    return next(item for item in section(report, key).tables if item.title == title)


def tiles(report: Report, key: str) -> dict[str, str]:
    return {tile.label: tile.value for tile in section(report, key).tiles}


def row_ids(positions: list[int]) -> list[str]:
    return [f"pets.csv:{position + 2}" for position in positions]


def test_each_type_that_ran_has_a_section_and_the_label_is_described(values_report: Report) -> None:
    keys = [part.key for part in values_report.sections]

    assert sorted(keys[:-1]) == sorted([*RAN_ON_VALUES, "label_distribution"])
    assert (keys[0], keys[-1]) == ("label", "not_run")


def test_the_flagged_values_are_shown_worst_first(audited_values: AuditedValues, values_report: Report) -> None:
    shown = table(values_report, "label", "Flagged rows").frame
    issues = audited_values.label_issues.iloc[WRONG_ROWS].sort_values("rank")

    assert shown["row_id"].tolist() == issues["row_id"].tolist()
    assert values_report.tiles[1].value == str(len(WRONG_ROWS))


def test_a_value_can_be_judged_without_a_join(audited_values: AuditedValues, values_report: Report) -> None:
    shown = table(values_report, "label", "Flagged rows").frame
    worst = audited_values.label_issues.set_index("row_id").loc[shown["row_id"].iloc[0]]
    labels = audited_values.training_set.set_index("row_id")["given_label"]

    first = shown.iloc[0]
    assert first["given_label"] == pytest.approx(worst["given_label"])
    assert first["predicted_value"] == pytest.approx(worst["predicted_value"])
    assert first["residual/uncertainty"] == pytest.approx(worst["residual"] / 2)
    assert first["nearest_neighbor_label"] == pytest.approx(labels[first["nearest_neighbor"]])
    assert {"uncertainty", "suggested_label", "reason", "weight", "colour"} <= set(shown.columns)


def test_the_suggested_label_is_shown_only_where_it_says_more_than_the_prediction(
    audited_values: AuditedValues,
) -> None:
    same = audited_values.label_issues.assign(suggested_label=audited_values.label_issues["predicted_value"])

    shown = table(replace(audited_values, label_issues=same).report(), "label", "Flagged rows").frame

    assert "suggested_label" not in shown


def test_an_uncertainty_of_zero_gives_no_ratio(audited_values: AuditedValues) -> None:
    sure = audited_values.label_issues.assign(uncertainty=0.0)

    shown = table(replace(audited_values, label_issues=sure).report(), "label", "Flagged rows").frame

    assert shown["residual/uncertainty"].isna().all()


def test_both_cuts_are_compared_and_the_deciding_one_is_marked(values_report: Report) -> None:
    cuts = table(values_report, "label", "Where to cut")

    assert cuts.frame["rule"].tolist() == ["calibrated", "cleanlab"]
    assert cuts.frame["flagged"].tolist() == [4, 7]
    assert cuts.frame["decides"].tolist() == [True, False]
    assert cuts.frame["false_flag_rate"].iloc[0] == 0.012
    assert tiles(values_report, "label") == {
        "Flagged rows": "4",
        "Right values flagged too": "1.2 %",
        "Wrong values found": "70 %",
        "Below the cut of cleanlab": "7",
    }


def test_the_meaning_of_a_flag_is_said_in_plain_words(values_report: Report) -> None:
    meaning = section(values_report, "label").advice["What a flag means"]

    assert "below the calibrated cut, 0.05." in meaning
    assert "about 12 of 1,000 right values, which would be 2 if all 150 rows were right; 4 are flagged" in meaning
    assert "It finds 70 % of the wrong values" in meaning


def test_a_calibration_without_a_false_flag_is_said_to_have_found_none(audited_values: AuditedValues) -> None:
    report = audited_values.report(calibration={**CALIBRATION, "measured_false_flag_rate": 0.0})

    meaning = section(report, "label").advice["What a flag means"]
    assert "The calibration found no right value below it." in meaning
    assert tiles(report, "label")["Right values flagged too"] == "0 %"


def test_the_cut_of_cleanlab_can_decide(audited_values: AuditedValues) -> None:
    report = audited_values.report(calibration={"flag_by": "cleanlab", "cleanlab_cut": 0.2})

    assert table(report, "label", "Where to cut").frame["decides"].tolist() == [False, True]
    meaning = section(report, "label").advice["What a flag means"]
    assert meaning == "Rows are flagged whose label quality is below the cut of cleanlab, 0.2."


def test_a_cut_of_unknown_height_still_counts_its_rows(audited_values: AuditedValues) -> None:
    report = audited_values.report(calibration={"flag_by": "cleanlab"})

    meaning = section(report, "label").advice["What a flag means"]
    assert meaning == "Rows are flagged whose label quality is below the cut of cleanlab."
    assert table(report, "label", "Where to cut").frame["flagged"].tolist() == [4, 7]


def test_what_is_not_known_of_the_cuts_is_left_out(audited_values: AuditedValues) -> None:
    issues = audited_values.label_issues.drop(columns=["is_below_calibrated_cut", "is_below_cleanlab_cut", "reason"])

    report = replace(audited_values, label_issues=issues).report(calibration={})

    assert [item.title for item in section(report, "label").tables] == ["Flagged rows"]
    assert tiles(report, "label") == {"Flagged rows": "4"}
    assert "What a flag means" not in section(report, "label").advice
    assert len(section(report, "label").figures) == 3


def test_detection_is_shown_by_kind_of_error(values_report: Report, values_page: str) -> None:
    kinds = table(values_report, "label", "How well each kind of error is found").frame

    assert kinds["kind"].tolist() == ["digit_slip", "noise"]
    assert kinds["n_planted"].tolist() == [3, 1]
    assert "25 %" in values_page


def test_no_detection_is_shown_where_no_error_was_planted(audited_values: AuditedValues) -> None:
    report = audited_values.report(calibration={**CALIBRATION, "by_kind": []})

    assert [item.title for item in section(report, "label").tables] == ["Where to cut", "Flagged rows"]
    assert not report.notes


def test_planted_errors_are_announced_and_counted_for_both_cuts(audited_values: AuditedValues) -> None:
    report = audited_values.with_planted_errors(row_ids([10, 20, 60, 80])).report()

    assert "4 of the 120 train rows carry a planted error, and no other row does" in report.notes[0]
    assert report.tiles[-1].value == "2 of 4"
    cuts = table(report, "label", "Where to cut").frame
    assert cuts["planted_found"].tolist() == [0.5, 0.75]
    assert cuts["others_flagged"].tolist() == [2 / 116, 4 / 116]
    shown = table(report, "label", "Flagged rows")
    assert {"true_label", "planted_kind"} <= set(shown.frame.columns)
    planted = table(report, "label", "Planted errors among these rows").frame
    found = planted.to_dict("records")[0]
    assert (found["kind"], found["planted"], found["flagged"], found["share"]) == ("digit_slip", 4, 2, 0.5)
    assert found["chance"] == 4 / 120
    assert found["average_precision"] > found["chance"]
    assert shown.n_features == 2


def test_the_label_section_has_its_plots(values_report: Report) -> None:
    figures = section(values_report, "label").figures

    assert [figure.title for figure in figures] == [
        "Given against predicted value",
        "Residual against predicted value",
        "How the label quality is distributed",
    ]
    assert "4 of 150 rows are flagged" in figures[0].alt
    assert "calibrated cut at 0.05, cut of cleanlab at 0.2" in figures[2].alt


def test_a_cap_is_found_and_written_with_its_decimals(values_report: Report, values_page: str) -> None:
    distribution = section(values_report, "label_distribution")

    assert distribution.notes == [
        f"5 % of the rows ({N_CAPPED}) have exactly the value 50.00001, the largest; 0 of them are flagged."
    ]
    assert distribution.badge == "5 %"
    assert tiles(values_report, "label_distribution")["Largest"] == "50.00001"
    assert [(tile.value, tile.tone) for tile in values_report.tiles if "one end" in tile.label] == [("5 %", "warn")]
    assert "numbers from 0 to 100" in distribution.explanation
    assert "50.00001" in values_page


def test_a_label_without_a_spike_is_described_after_the_findings(audited_values: AuditedValues) -> None:
    issues = audited_values.label_issues
    spread = issues["given_label"].to_numpy() + np.linspace(0, 1, len(issues))

    report = replace(audited_values, label_issues=issues.assign(given_label=spread)).report()

    distribution = section(report, "label_distribution")
    assert not [*distribution.notes, *distribution.advice]
    assert report.sections.index(distribution) > report.sections.index(section(report, "non_iid"))
    median = next(tile for tile in report.tiles if tile.label == "Median label")
    assert median.hint.startswith("dollars; middle half")
    assert float(median.value) == pytest.approx(np.median(spread[:N_TRAIN]), rel=1e-3)


def test_drift_of_the_label_shows_in_the_blocks(values_report: Report) -> None:
    blocks = table(values_report, "non_iid", "The source from top to bottom")

    assert blocks.frame["rows"].tolist() == [12] * 10
    assert blocks.frame["median"].is_monotonic_increasing
    assert (blocks.frame["lower quartile"] <= blocks.frame["upper quartile"]).all()
    assert "share of outliers" in blocks.shares


def test_duplicate_sets_are_ordered_by_the_difference_of_their_labels(audited_values: AuditedValues) -> None:
    far = audited_values.duplicate_sets.assign(given_label=[5.0, 5.1, 5.0, 9.0, 5.0])

    shown = table(replace(audited_values, duplicate_sets=far).report(), "near_duplicate", "Sets of near duplicates")

    assert shown.frame["duplicate_set"].tolist() == [2, 2, 2, 1, 1]
    assert shown.caption.startswith("Sets whose labels lie farthest apart first")


def test_a_report_without_a_flagged_row_shows_the_fit_and_no_evidence(audited_values: AuditedValues) -> None:
    report = audited_values.without_flags().report()

    label = section(report, "label")
    assert (label.badge, label.tiles[0].value) == ("none", "0")
    assert [item.title for item in label.tables] == [
        "Where to cut",
        "How well each kind of error is found",
    ]
    assert len(label.figures) == 3
    assert "What to do" not in label.advice
    assert not section(report, "outlier").tables
    assert render_report(report).startswith("<!DOCTYPE html>")


def test_labels_are_audited_even_where_datalab_did_not_look_at_them(audited_values: AuditedValues) -> None:
    summary = audited_values.datalab_summary
    is_label = summary["issue_type"] == "label"
    summary = summary.assign(
        status=summary["status"].mask(is_label, "not run"), reason=summary["reason"].mask(is_label, "out of memory")
    )
    issues = audited_values.datalab_issues.drop(columns=["is_label_issue", "label_score"])

    report = replace(audited_values, datalab_summary=summary, datalab_issues=issues).report()

    assert section(report, "label").badge == "4"
    assert section(report, "label").notes == ["Datalab's own check of the labels did not run: out of memory"]
    assert section(report, "not_run").tables[0].frame["issue_type"].tolist() == ["data_valuation"]


def test_flags_of_datalab_that_nothing_explains_are_mentioned(audited_values: AuditedValues) -> None:
    issues = audited_values.datalab_issues
    other = issues.assign(is_label_issue=issues["row_id"].isin(row_ids([10, 99])))
    known = issues.assign(is_label_issue=audited_values.label_issues["is_below_cleanlab_cut"].head(N_TRAIN))

    assert section(replace(audited_values, datalab_issues=other).report(), "label").notes == [
        "Datalab's own check of the labels flags 2 train rows; it differs from this report for 4 rows."
    ]
    assert not section(replace(audited_values, datalab_issues=known).report(), "label").notes


def test_types_that_did_not_run_are_listed_with_their_reason(audited_values: AuditedValues, values_page: str) -> None:
    summary = audited_values.datalab_summary
    outlier = summary["issue_type"] == "outlier"
    not_run = summary.assign(status=summary["status"].mask(outlier, "not run"), reason="no features")
    issues = audited_values.datalab_issues.drop(columns=["is_outlier_issue", "outlier_score"])

    report = replace(audited_values, datalab_summary=not_run, datalab_issues=issues).report()

    assert WHY_NOT in values_page
    assert "outlier" not in [part.key for part in report.sections]
    assert [tile.value for tile in report.tiles if tile.label == "Outliers"] == ["not run"]
    assert "share of outliers" not in table(report, "non_iid", "The source from top to bottom").frame


def test_a_feature_named_like_a_finding_keeps_its_values(audited_values: AuditedValues) -> None:
    training_set = audited_values.training_set.rename(columns={"weight": "uncertainty"})

    shown = table(replace(audited_values, training_set=training_set).report(), "label", "Flagged rows").frame

    assert shown["uncertainty"].tolist() == [2.0] * 4
    expected = training_set.set_index("row_id").loc[shown["row_id"], "uncertainty"]
    assert shown["feature_uncertainty"].tolist() == expected.tolist()


def test_markup_in_the_data_stays_text(audited_values: AuditedValues) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    issues = audited_values.label_issues.assign(reason=hostile)
    calibration = {**CALIBRATION, "by_kind": [{"kind": hostile, "n_planted": 1, "recall": 1.0}]}

    page = render_report(replace(audited_values, label_issues=issues).report(calibration=calibration))

    assert page.count("<script>") == 1
    assert "<img src=x" not in page
    assert page.count("&lt;img src=x onerror=alert(1)&gt;") == 5
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_a_wrong_value_of_a_test_row_is_shown_with_its_split(audited_values: AuditedValues) -> None:
    issues = audited_values.label_issues.assign(
        is_label_issue=audited_values.label_issues["row_id"] == audited_values.training_set["row_id"].iloc[-1]
    )
    report = replace(audited_values, label_issues=issues).report()

    assert report.tiles[0].value == str(N_TRAIN + N_TEST)
    assert "0 of 120 train rows, 1 of 30 test rows" in report.tiles[1].hint
    shown = table(report, "label", "Flagged rows").frame
    assert shown[["row_id", "split"]].to_numpy().tolist() == [["pets.csv:151", "test"]]


def test_cut_evidence_says_how_much_is_left_and_where(audited_values: AuditedValues) -> None:
    page = render_report(audited_values.report(top_rows=3, full_table="prices.parquet"))

    assert "First 3 of 4 rows. The full table: prices.parquet." in page


def test_the_settings_of_the_flags_are_stated(values_report: Report) -> None:
    facts = section(values_report, "label").facts

    assert facts["Flagging rule"] == "calibrated"
    assert facts["Measured false-flag rate"] == "0.012"
    assert "By kind" not in facts


@pytest.mark.parametrize(
    ("table_name", "column", "message"),
    [
        ("label_issues", "uncertainty", r"label_issues lacks the columns \['uncertainty'\]"),
        ("datalab_issues", "row_id", r"datalab_issues lacks the columns \['row_id'\]"),
        ("datalab_issues", "predicted_value", r"datalab_issues lacks the columns \['predicted_value'\]"),
        ("datalab_issues", "outlier_score", r"datalab_issues lacks the columns \['outlier_score'\]"),
    ],
)
def test_a_missing_column_is_named(audited_values: AuditedValues, table_name: str, column: str, message: str) -> None:
    cut = {table_name: getattr(audited_values, table_name).drop(columns=column)}

    with pytest.raises(ValueError, match=message):
        replace(audited_values, **cut).report()


def test_label_issues_of_other_rows_are_refused(audited_values: AuditedValues) -> None:
    cut = replace(audited_values, label_issues=audited_values.label_issues.iloc[1:])

    with pytest.raises(ValueError, match=r"label_issues must hold exactly 150 rows of the training set, got 149 rows"):
        cut.report()


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (0.01, "1 of 100"),
        (0.012, "12 of 1,000"),
        (0.7, "70 of 100"),
        (1.0, "100 of 100"),
        (0.00004, "less than 1 of 10,000"),
    ],
)
def test_a_rate_is_said_as_a_count(rate: float, words: str) -> None:
    assert say_rate(rate) == words
