from __future__ import annotations

import pytest

from cleanlab_assets.methods.detection_verdict import DetectionReport, KindFound
from cleanlab_assets.reports.detection_text import describe_detection, say_first


def report_of(**average_precisions: float) -> DetectionReport:
    kinds = [
        KindFound(
            kind=kind,
            is_gross=kind != "border",
            n_planted=20,
            average_precision=found,
            recall=0.5,
            chance=0.05,
            without_model=0.1,
        )
        for kind, found in average_precisions.items()
    ]
    return DetectionReport(kinds=kinds, among="400 rows", agreement=0.7)


def test_an_audit_that_finds_every_kind_opens_with_nothing() -> None:
    found = report_of(border=0.4, uniform=0.8)
    assert say_first(found) == ""
    section = describe_detection(found)
    assert section.badge == "all kinds"
    assert "every kind" in section.explanation
    assert "70 %" in section.explanation, "how far two audits agree"


@pytest.mark.parametrize(
    ("border", "uniform", "badge", "first"),
    [
        (0.12, 0.8, "gross only", "The model finds only gross errors here: planted errors of the kind border"),
        (0.1, 0.1, "unknown", "The model cannot be trusted to find errors here: planted errors of the kind"),
    ],
)
def test_what_is_missed_is_said_first_with_its_figures(border: float, uniform: float, badge: str, first: str) -> None:
    found = report_of(border=border, uniform=uniform)
    assert say_first(found).startswith(first)
    assert f"{border:.2f}, where 0.10 takes no model" in say_first(found)
    assert describe_detection(found).badge == badge
    assert len(describe_detection(found).tables[0].frame) == 2


def test_what_was_not_measured_says_why() -> None:
    section = describe_detection(DetectionReport(why_not="the predictions are your own"))
    assert section.explanation == "Not measured: the predictions are your own."
    assert not section.tables
