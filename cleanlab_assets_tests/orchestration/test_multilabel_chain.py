"""What only the chain of multilabel has, on the audit of synthetic_topics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from cleanlab_assets.datasets.synthetic_topics import CLASS_NAMES
from cleanlab_assets.families.multilabel.issues import LabelSetIssuesFacts
from cleanlab_assets.methods.label_sets import encode_given_labels

if TYPE_CHECKING:
    import pandas as pd

    from cleanlab_assets.families.multilabel.label_set_quality import LabelSetIssues
    from cleanlab_assets_tests.orchestration.chains import Audited, Audits


@pytest.fixture(scope="session")
def topics(audits: Audits) -> Audited:
    return audits["multilabel"]


def test_all_kinds_of_errors_are_planted_and_flagged_far_more_often_than_right_labels(topics: Audited) -> None:
    assert set(topics.read("training_set")["planted_kind"].dropna()) == {"missing", "extra", "swapped", "whole_set"}
    found = topics.facts("label_issues").planted.overall
    # Measured: 0.35 and 0.53, of 15 % of the rows, which are the most that are flagged.
    assert found.precision > 2.5 * found.planted_share
    assert found.recall > 0.45


def test_a_suggestion_is_the_given_label_with_what_is_missing_and_without_what_is_extra(topics: Audited) -> None:
    issues = topics.read("label_issues")
    given, suggested, missing, extra = (
        encode_given_labels(issues, CLASS_NAMES, column=name)
        for name in ("given_label", "suggested_label", "missing_labels", "extra_labels")
    )
    assert (suggested == ((given | missing) & ~extra)).all()
    assert (issues["is_label_issue"] == (missing | extra).any(axis=1)).all()


def test_the_long_table_says_the_same_as_the_rows(topics: Audited) -> None:
    issues, by_class = topics.read("label_issues"), topics.read("label_issues_by_class")
    assert len(by_class) == len(issues) * len(CLASS_NAMES)
    flagged = by_class.groupby("row_id", sort=False)["is_label_issue"].any()
    assert flagged.tolist() == issues["is_label_issue"].tolist()
    assert by_class.sort_values("label_quality").iloc[0]["rank"] == 1


def test_calibration_lowers_the_error_or_leaves_it_small_and_both_flag_rates_are_told(topics: Audited) -> None:
    facts = topics.facts("label_issues")
    assert facts.calibration_error < max(facts.uncalibrated_error, 0.04)
    assert 0 < facts.uncalibrated_flag_rate < 1


def test_relabelled_rows_get_the_suggested_label(topics: Audited) -> None:
    issues = topics.read("label_issues").set_index("row_id")
    relabelled = topics.read("variant_comparison").result("relabelled").relabelled_rows
    assert issues.loc[list(relabelled), "suggested_label"].to_dict() == relabelled


def test_the_report_shows_the_classes_in_doubt(topics: Audited) -> None:
    page = topics.read("datalab_report")
    assert "Classes in doubt" in page
    assert "Before and after calibration" in page


def test_a_detector_without_signal_fails(topics: Audited, monkeypatch: pytest.MonkeyPatch) -> None:
    seeing = topics.facts("label_issues").same_audit

    def shuffle(*tables: pd.DataFrame) -> LabelSetIssues:
        found: LabelSetIssues = seeing(*tables)
        order = np.random.default_rng(0).permutation(len(found.table))
        found.table["label_quality"] = found.table["label_quality"].to_numpy()[order]
        return found

    monkeypatch.setattr(LabelSetIssuesFacts, "same_audit", property(lambda _: shuffle))
    result = topics.measure_power()
    assert not result.passed
    assert result.severity == "error"
