from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from cleanlab_assets.datasets.dataset import Gates
from cleanlab_assets.reports.html import render_report
from cleanlab_assets_tests.reports.conftest import N_TEST, N_TRAIN, RAN, WHY_NOT

if TYPE_CHECKING:
    from cleanlab_assets.reports.html import Report, Section, Table
    from cleanlab_assets_tests.reports.conftest import Audited

ABOUT_ROWS = ["label", "outlier", "underperforming_group"]


def section(report: Report, key: str) -> Section:
    return next(part for part in report.sections if part.key == key)


def table(report: Report, key: str, title: str) -> Table:
    return next(item for item in section(report, key).tables if item.title == title)


def test_each_issue_type_that_ran_has_a_section_and_what_did_not_run_comes_last(report: Report) -> None:
    keys = [part.key for part in report.sections]

    assert sorted(keys[:-1]) == sorted(RAN)
    assert keys[0] == "label"
    assert keys[-1] == "not_run"


@pytest.mark.parametrize("issue_type", ABOUT_ROWS)
def test_the_rows_shown_are_the_worst_flagged_ones_in_order(audited: Audited, issue_type: str) -> None:
    issues, score = audited.datalab_issues, f"{issue_type}_score"
    if issue_type == "label":
        issues, score = audited.label_issues, "label_quality"
    flagged = issues[issues[f"is_{issue_type}_issue"]].sort_values(score, kind="stable")

    shown = table(audited.report(top_rows=5), issue_type, "Flagged rows")

    assert shown.frame["row_id"].tolist() == flagged["row_id"].tolist()
    assert shown.max_rows == 5


def test_a_row_can_be_judged_without_a_join(report: Report) -> None:
    shown = table(report, "label", "Flagged rows").frame

    wanted = {
        "row_id",
        "split",
        "given_label",
        "suggested_label",
        "label_score",
        "nearest_neighbor",
        "weight",
        "colour",
    }
    assert wanted <= set(shown.columns)


def test_the_labels_of_test_rows_are_audited_and_nothing_else_of_them(report: Report) -> None:
    assert (report.tiles[0].value, report.tiles[1].value) == (str(N_TRAIN + N_TEST), "14")
    assert "12 of 120 train rows, 2 of 30 test rows" in report.tiles[1].hint
    shown = table(report, "label", "Flagged rows").frame
    assert shown.loc[shown["split"] == "test", "row_id"].tolist() == ["pets.csv:127", "pets.csv:139"]
    others = [item.frame for part in report.sections if part.key != "label" for item in part.tables]
    ids = {row_id for frame in others if "row_id" in frame for row_id in frame["row_id"]}
    assert ids
    assert ids <= set(report_rows(N_TRAIN))


def report_rows(n_rows: int) -> list[str]:
    return [f"pets.csv:{line}" for line in range(2, n_rows + 2)]


def test_cut_evidence_says_how_much_is_left_and_where(audited: Audited) -> None:
    page = render_report(audited.report(top_rows=3, full_table="pets.parquet"))

    assert "First 3 of 14 rows. The full table: pets.parquet." in page


def test_a_type_that_did_not_run_is_listed_with_its_reason(report: Report, page: str) -> None:
    assert WHY_NOT in page
    assert section(report, "not_run").badge == "1"


def test_a_missing_reason_is_said_to_be_missing(audited: Audited) -> None:
    summary = audited.datalab_summary.assign(reason=None)

    assert "no reason was given" in render_report(replace(audited, datalab_summary=summary).report())


def test_the_report_says_so_when_everything_ran(audited: Audited) -> None:
    summary = audited.datalab_summary[audited.datalab_summary["status"] == "ran"]

    report = replace(audited, datalab_summary=summary).report()

    assert section(report, "not_run").explanation == "Every issue type ran."


def test_class_balance_is_shown_even_where_imbalance_was_not_looked_for(audited: Audited) -> None:
    summary = audited.datalab_summary
    summary = summary.assign(status=summary["status"].mask(summary["issue_type"] == "class_imbalance", "not run"))

    report = replace(audited, datalab_summary=summary).report()

    assert [part.key for part in report.sections].count("class_balance") == 1
    assert len(section(report, "class_balance").figures) == 1


def test_an_unknown_issue_type_is_shown_with_its_own_description(audited: Audited) -> None:
    issues = audited.datalab_issues.rename(
        columns={"is_outlier_issue": "is_dark_image_issue", "outlier_score": "dark_image_score"}
    )
    summary = audited.datalab_summary.replace({"issue_type": {"outlier": "dark_image"}})

    report = replace(audited, datalab_issues=issues, datalab_summary=summary).report()

    assert section(report, "dark_image").explanation == "what outlier is"
    assert report.tiles[2].value == "not run"


def test_duplicates_are_shown_as_sets_with_the_row_to_keep(report: Report, page: str) -> None:
    shown = table(report, "near_duplicate", "Sets of near duplicates")

    assert shown.group == "duplicate_set"
    assert shown.highlight == "keep"
    assert page.count('<tr class="marked"') == 2


def test_near_duplicates_without_sets_are_shown_as_rows(audited: Audited) -> None:
    report = replace(audited, duplicate_sets=audited.duplicate_sets.head(0)).report()

    assert len(table(report, "near_duplicate", "Flagged rows").frame) == 12


def test_each_setting_is_stated_once_and_in_words(report: Report) -> None:
    assert section(report, "outlier").facts == {"Distance": "euclidean", "Neighbours (k)": "10", "Threshold": "0.37"}
    assert section(report, "label").facts == {"Rule of the flags": "odds above 2 to 1"}


def test_facts_are_stated_once_and_a_mapping_is_written_in_words(audited: Audited) -> None:
    config = {"folds": 5, "max_rows": None, "noise": {"test_fraction": 0.2}}

    facts = audited.report(facts={"model": "logistic_regression", "training set config": config}).facts

    assert [name.casefold() for name in facts].count("model") == 1
    assert facts["training set config"] == "folds 5, test fraction 0.2"


def test_findings_come_before_clean_types(report: Report) -> None:
    keys = [part.key for part in report.sections]

    assert keys[-2:] == ["null", "not_run"]


def test_little_is_said_about_a_type_without_a_finding(audited: Audited) -> None:
    issues = audited.datalab_issues.assign(is_outlier_issue=False)

    report = replace(audited, datalab_issues=issues).report()

    clean = section(report, "outlier")
    assert (clean.badge, clean.tiles[0].value) == ("none", "0")
    assert not [*clean.figures, *clean.tables, *clean.advice]
    assert report.sections.index(clean) > report.sections.index(section(report, "near_duplicate"))


def test_gaps_are_shown_even_where_no_row_is_flagged(audited: Audited) -> None:
    training_set = audited.training_set.assign(weight=audited.training_set["weight"].where(lambda w: w > 8))
    summary = audited.datalab_summary
    summary = summary.assign(score=summary["score"].mask(summary["issue_type"] == "null", 0.9))

    report = replace(audited, training_set=training_set, datalab_summary=summary).report()

    assert section(report, "null").badge == "10 %"
    assert [item.title for item in section(report, "null").tables] == ["Features with gaps"]


def test_a_p_value_below_the_resolution_of_its_test_is_written_as_a_bound(report: Report) -> None:
    assert section(report, "non_iid").badge == "p < 0.04"
    assert section(report, "non_iid").tiles[0].value == "< 0.04"
    assert "p < 0.04; limit 0.05" in [tile.hint for tile in report.tiles]


def test_labels_are_audited_even_where_datalab_did_not_look_at_them(audited: Audited) -> None:
    summary = audited.datalab_summary
    is_absent = summary["issue_type"].isin(["label", "outlier"])
    not_run = summary.assign(
        status=summary["status"].mask(is_absent, "not run"), n_issues=summary["n_issues"].mask(is_absent)
    )
    issues = audited.datalab_issues.drop(columns=["is_label_issue", "label_score"])

    report = replace(audited, datalab_issues=issues, datalab_summary=not_run).report()

    assert {tile.label: tile.tone for tile in report.tiles if tile.value == "not run"} == {"Outliers": "neutral"}
    assert section(report, "label").badge == "14"
    assert "label" not in section(report, "not_run").tables[0].frame["issue_type"].tolist()


def test_shares_are_written_in_per_cent(report: Report) -> None:
    classes = table(report, "class_imbalance", "Classes")
    blocks = table(report, "non_iid", "The source from top to bottom")
    apart = table(report, "underperforming_group", "What sets the group apart").frame

    assert set(classes.shares) == {"share_of_rows", "share_of_class"}
    assert "share of cat" in blocks.shares
    assert apart.loc[apart["measure"] == "share of rows", "group"].str.endswith("%").all()


def test_planted_errors_are_announced_and_counted(audited: Audited) -> None:
    issues = audited.datalab_issues
    flagged = issues.loc[issues["is_label_issue"], "row_id"].head(3)
    others = issues.loc[~issues["is_label_issue"], "row_id"].head(2)

    report = audited.with_planted_errors([*flagged, *others]).report()

    assert "deliberately corrupted" in report.notes[0]
    assert "5 of the 120" in report.notes[0]
    assert report.tiles[-1].value == "3 of 5"
    assert "true_label" in table(report, "label", "Flagged rows").frame


def test_nothing_is_said_about_planted_errors_where_there_are_none(report: Report, page: str) -> None:
    assert not report.notes
    assert "planted" not in page.lower()


def test_tiles_ask_for_attention_beyond_the_gates_of_the_dataset(report: Report) -> None:
    tones = {tile.label: (tile.value, tile.tone) for tile in report.tiles}

    assert tones["Outliers"] == ("12", "warn")
    assert tones["Rows in near-duplicate sets"] == ("5", "good")
    assert tones["Order of the rows"] == ("not iid", "warn")


def test_what_is_exactly_at_its_limit_asks_for_no_attention(audited: Audited) -> None:
    rarest = audited.training_set["given_label"].head(N_TRAIN).value_counts(normalize=True).min()
    at = Gates(
        label_issue_rate=14 / (N_TRAIN + N_TEST),
        outlier_rate=12 / N_TRAIN,
        near_duplicate_rate=5 / N_TRAIN,
        non_iid_p_value=0.003,
        rarest_class_share=rarest,
    )
    above, below = (
        replace(
            at, **{name: np.nextafter(getattr(at, name), end) for name in ("non_iid_p_value", "rarest_class_share")}
        )
        for end in (1, 0)
    )
    stricter = replace(above, label_issue_rate=0.09, outlier_rate=0.09, near_duplicate_rate=0.04)

    def judge(gates: Gates) -> tuple[set[str], bool]:
        found = replace(audited, dataset=replace(audited.dataset, gates=gates)).report()
        tones: set[str] = {tile.tone for tile in found.tiles if "limit" in tile.hint}
        return tones, bool(section(found, "non_iid").advice)

    assert judge(at) == judge(below) == ({"good"}, False)
    assert judge(stricter) == ({"warn"}, True)


def test_markup_in_the_data_stays_text(page: str) -> None:
    assert page.count("<script>") == 1
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_the_facts_and_the_licence_end_the_report(audited: Audited) -> None:
    facts = audited.report(facts={"Seed": "7"}).facts

    assert facts["Seed"] == "7"
    assert facts["Licence"] == "CC0"
    assert facts["Model"] == "logistic_regression"


@pytest.mark.parametrize(
    ("table_name", "column", "message"),
    [
        ("training_set", "given_label", r"training_set lacks the columns \['given_label'\]"),
        ("datalab_issues", "outlier_score", r"datalab_issues lacks the columns \['outlier_score'\]"),
        ("datalab_summary", "reason", r"datalab_summary lacks the columns \['reason'\]"),
        ("duplicate_sets", "keep", r"duplicate_sets lacks the columns \['keep'\]"),
    ],
)
def test_a_missing_column_is_named(audited: Audited, table_name: str, column: str, message: str) -> None:
    cut = {table_name: getattr(audited, table_name).drop(columns=column)}

    with pytest.raises(ValueError, match=message):
        replace(audited, **cut).report()


def test_an_unknown_status_is_refused(audited: Audited) -> None:
    summary = audited.datalab_summary.assign(status="skipped")

    with pytest.raises(ValueError, match=r"unknown status \['skipped'\]"):
        replace(audited, datalab_summary=summary).report()
