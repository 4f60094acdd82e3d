from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.datasets.dataset import Gates
from cleanlab_assets.families.multilabel.issues import ClassFigures, LabelSetIssuesFacts
from cleanlab_assets.families.multilabel.report import build_multilabel_report
from cleanlab_assets.families.tables.report import AuditResults
from cleanlab_assets.methods.detection_power import KindDetectionPower, PlantedDetection, score_detection_power
from cleanlab_assets.reports.formatting import NO_CLASS
from cleanlab_assets.reports.html import render_report
from cleanlab_assets_tests.conftest import empty_plots
from cleanlab_assets_tests.reports.conftest import CLASSES, N_TEST, N_TRAIN, make_summary

if TYPE_CHECKING:
    from cleanlab_assets.reports.html import Report, Section, Table
    from cleanlab_assets_tests.reports.conftest import Audited

LABELS = ["cat", "cat|dog", "", "dog|owl"]
MISSING, EXTRA = {2: "cat", 5: "owl"}, {5: "dog", 9: "cat"}
FLAGGED = [2, 5, 9]
BY_CLASS = pd.DataFrame(
    {
        "class_name": CLASSES,
        "n_rows": [60, 60, 30],
        "n_missing": [1, 0, 1],
        "n_extra": [1, 1, 0],
        "missing_share": [1 / 60, 0, 1 / 90],
        "extra_share": [1 / 60, 1 / 60, 0],
        "mean_quality": [0.8, 0.7, 0.9],
        "roc_auc": [0.91, 0.82, 0.55],
    }
)
JUDGED = LabelSetIssuesFacts(
    seed=0,
    model_parameters={},
    flag_rule="cleanlab's rule confident_learning",
    notes=[],
    filter_by="confident_learning",
    expected_precision=0.5,
    most_flagged=0.15,
    flags_by_rule={"odds": 3, "confident_learning": 4},
    quality_method="self_confidence",
    aggregation="minimum",
    calibration_method="platt",
    calibration_error=0.01,
    uncalibrated_error=0.06,
    uncalibrated_flag_rate=0.1,
    by_class=[ClassFigures.model_validate(record) for record in BY_CLASS.to_dict("records")],
)


def section(report: Report, key: str) -> Section:
    return next(part for part in report.sections if part.key == key)


def table(report: Report, key: str, title: str) -> Table:
    return next(item for item in section(report, key).tables if item.title == title)


def label_issues(training_set: pd.DataFrame) -> pd.DataFrame:
    """Three rows in doubt, the later the worse: one lacks a class, one has one too many, and one both."""
    n_rows = len(training_set)
    quality = np.linspace(0.9, 0.8, n_rows)
    quality[FLAGGED] = [0.3, 0.2, 0.1]
    return training_set[["row_id", "split", "given_label"]].assign(
        suggested_label="cat",
        missing_labels=[MISSING.get(row, "") for row in range(n_rows)],
        extra_labels=[EXTRA.get(row, "") for row in range(n_rows)],
        label_quality=quality,
        is_label_issue=np.isin(np.arange(n_rows), FLAGGED),
        rank=pd.Series(quality).rank(method="first").astype(int),
    )


def build(audited: Audited, **judged: Any) -> Report:
    given = pd.Series(np.resize(LABELS, N_TRAIN + N_TEST), dtype=object)
    training_set = audited.training_set.assign(given_label=given)
    types = ("outlier", "near_duplicate", "non_iid", "null")
    columns = [name for kind in types for name in (f"is_{kind}_issue", f"{kind}_score")]
    found = audited.datalab_issues[["row_id", "duplicate_set", *columns]]
    found = found.assign(given_label=given.head(N_TRAIN), predicted_label="cat")
    sets = audited.duplicate_sets
    results = AuditResults(
        dataset=replace(audited.dataset, families=("multilabel",), label_separator="|"),
        model="logistic_regression",
        training_set=training_set,
        label_issues=label_issues(training_set),
        datalab_issues=found,
        datalab_summary=make_summary(found, types),
        duplicate_sets=sets.assign(given_label=given.head(len(sets)).to_numpy()),
        facts={"Seed": "0"},
    )
    with empty_plots():
        return build_multilabel_report(results, JUDGED.model_copy(update=judged))


@pytest.fixture(scope="module")
def sets_report(audited: Audited) -> Report:
    return build(audited)


def test_flagged_rows_are_shown_worst_first_with_what_is_missing_and_extra(
    audited: Audited, sets_report: Report
) -> None:
    shown = table(sets_report, "label", "Flagged rows").frame
    assert shown["row_id"].tolist() == [audited.training_set["row_id"].iloc[row] for row in reversed(FLAGGED)]
    assert shown["missing_labels"].tolist() == ["", "owl", "cat"]
    assert shown["extra_labels"].tolist() == ["cat", "dog", ""]
    assert shown["given_label"].tolist() == ["cat|dog", "cat|dog", NO_CLASS]


def test_classes_that_are_missing_and_extra_are_counted_apart(sets_report: Report) -> None:
    values = [tile.value for tile in section(sets_report, "label").tiles]
    assert values == ["3", "2", "2"]
    doubt = table(sets_report, "label", "Classes in doubt").frame
    assert doubt["class"].tolist() == list(CLASSES)
    assert doubt["ROC AUC"].tolist() == [0.91, 0.82, 0.55]


@pytest.mark.parametrize(
    ("before", "sentence"),
    [
        (0.1, "lowered the share of flagged rows from 10 % to 2 %"),
        (0.01, "raised the share of flagged rows from 1 % to 2 %"),
        (3 / (N_TRAIN + N_TEST), "left the share of flagged rows as it was"),
    ],
)
def test_both_flag_rates_are_told(audited: Audited, before: float, sentence: str) -> None:
    calibration = table(build(audited, uncalibrated_flag_rate=before), "label", "Before and after calibration")
    assert calibration.frame["flagged rows"].tolist() == [before, 3 / (N_TRAIN + N_TEST)]
    assert calibration.frame["calibration error"].tolist() == [0.06, 0.01]
    assert sentence in calibration.caption


def test_rows_without_a_class_are_counted_and_named(sets_report: Report) -> None:
    balance = section(sets_report, "class_balance")
    assert [tile.value for tile in balance.tiles] == ["1.253", "37", "4"]
    assert NO_CLASS in balance.tables[0].frame["label"].tolist()


def test_the_kinds_of_planted_errors_are_shown_where_there_are_any(audited: Audited, sets_report: Report) -> None:
    kind = KindDetectionPower(
        kind="missing", n_planted=3, average_precision=0.5, auroc=0.9, recall=0.7, chance=3 / N_TRAIN
    )
    overall = score_detection_power(np.linspace(0, 1, N_TRAIN), np.arange(N_TRAIN) < 3, np.arange(N_TRAIN) < 3)
    planted = PlantedDetection(overall=overall, by_kind=[kind])
    shown = table(build(audited, planted=planted), "label", "Planted errors by kind").frame
    assert shown[["kind", "planted", "flagged"]].to_numpy().tolist() == [["missing", 3, 0.7]]
    assert "Planted errors by kind" not in [item.title for item in section(sets_report, "label").tables]


@pytest.mark.parametrize(("limit", "tone"), [(30 / (N_TRAIN + N_TEST), "good"), (31 / (N_TRAIN + N_TEST), "warn")])
def test_a_rarest_class_asks_for_attention_below_its_limit_and_not_at_it(
    audited: Audited, limit: float, tone: str
) -> None:
    dataset = replace(audited.dataset, gates=Gates(rarest_class_share=limit))
    tile = next(tile for tile in build(replace(audited, dataset=dataset)).tiles if "rarest" in tile.label)
    assert tile.hint.startswith("class owl: 30 rows")
    assert tile.tone == tone


def test_the_page_names_the_rules(sets_report: Report) -> None:
    page = render_report(sets_report)
    assert "confident_learning" in page
    assert "minimum of its classes" in page
