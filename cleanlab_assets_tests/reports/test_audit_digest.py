from __future__ import annotations

import pytest

from cleanlab_assets.methods.split_counts import SplitCounts
from cleanlab_assets.reports.audit_digest import digest_audit
from cleanlab_assets.reports.audit_facts import (
    AuditFacts,
    DetectionFacts,
    IssueTypeFacts,
    KindFacts,
    VariantFacts,
    WorstRow,
)

FACTS = AuditFacts(
    family="regression",
    unit="row",
    report_asset="datalab_report",
    duplicates_asset="duplicate_sets",
    dataset="bikes",
    title="Bikes",
    model="ridge",
    n_train=1200,
    n_test=300,
    n_features=4,
    primary_metric="rmse",
    lower_is_better=True,
    cross_validation={"r2": 0.61, "mae": 3.0, "rmse": 4.5},
    expected_calibration_error=0.02,
    n_label_issues=12,
    label_issue_rate=0.008,
    by_split={"train": SplitCounts(n_audited=1200, n_flagged=9), "test": SplitCounts(n_audited=300, n_flagged=3)},
    flag_rule="a cut that flags 1.00% of right labels",
    label_distribution={"minimum": 0.0, "maximum": 90.0},
    issue_types=[
        IssueTypeFacts(issue_type="label", description="", n_issues=12, share=0.01, status="ran"),
        IssueTypeFacts(issue_type="near_duplicate", description="", n_issues=4, share=0.003, status="ran"),
        IssueTypeFacts(
            issue_type="outlier", description="", n_issues=None, share=None, status="not run", reason="not asked for"
        ),
    ],
    n_duplicate_sets=2,
    n_duplicate_rows=4,
    variants=[
        VariantFacts(variant="baseline", n_train=1200, metrics={"rmse": 4.4}),
        VariantFacts(
            variant="pruned", n_train=1188, metrics={"rmse": 4.3}, difference=-0.1, low=-0.3, high=0.1, verdict="harms"
        ),
    ],
    chosen="baseline",
    verdict="no effect shown",
    detection=None,
    limits={},
    notes=[],
    worst_rows=[
        WorstRow(row_id="hour.csv:7", split="test", given_label="900", suggested_label="90", label_quality=0.0001)
    ],
)


def test_the_digest_tells_the_primary_metric_first_and_the_worst_row_with_its_place() -> None:
    lines = digest_audit(FACTS)
    assert lines[0] == "1,500 rows audited; cross-validated RMSE 4.500, R2 0.610, MAE 3.000"
    assert lines[1] == (
        "likely label errors: 12 (0.8%): 9 of 1,200 train rows, 3 of 300 test rows; by a cut that flags 1.00% of right "
        "labels"
    )
    assert lines[2] == "worst: the test row hour.csv:7 is labelled 900 (label quality 0.0001); suggested: 90"


def test_the_digest_calls_no_row_the_worst_where_nothing_is_flagged() -> None:
    lines = digest_audit(FACTS.model_copy(update={"n_label_issues": 0}))
    assert lines[2] == "nothing is flagged; the lowest label quality is 0.0001, of the test row hour.csv:7"


def test_the_digest_counts_issue_types_that_ran_and_names_those_that_did_not() -> None:
    assert (
        digest_audit(FACTS)[3]
        == "flagged train rows by issue type: near duplicate 4; near-duplicate sets: 2; not run: outlier"
    )


def test_the_digest_gives_the_interval_of_each_variant() -> None:
    lines = digest_audit(FACTS)
    assert lines[4].startswith("does cleaning help? no effect shown on 300 untouched test rows; kept: baseline")
    assert lines[5] == "  pruned: -0.1000 [-0.3000, +0.1000], harms"


@pytest.mark.parametrize("planted", [False, True])
def test_detection_is_told_only_where_errors_were_planted(planted: bool) -> None:  # noqa: FBT001
    found = DetectionFacts(
        n_planted=60, planted_share=0.05, precision=0.8, recall=0.7, average_precision=0.75, auroc=0.9
    )
    lines = digest_audit(FACTS.model_copy(update={"detection": found if planted else None}))
    assert (
        any(line.startswith("planted errors: 60; average precision 0.750 (chance 0.050)") for line in lines) == planted
    )


def test_each_kind_of_planted_error_is_told() -> None:
    kind = KindFacts(kind="digit_slip", n_planted=20, average_precision=0.9, auroc=0.99, recall=0.85, chance=0.02)
    found = DetectionFacts(
        n_planted=60, planted_share=0.05, precision=0.8, recall=0.7, average_precision=0.75, auroc=0.9, by_kind=[kind]
    )
    lines = digest_audit(FACTS.model_copy(update={"detection": found}))
    assert lines[-1] == "  digit slip: 20; average precision 0.900 (chance 0.020), AUROC 0.990, recall 0.850"
