"""What summaries advise, for every family: the assets that they name exist, in the words of the family."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from cleanlab_assets.families.images.issues import IMAGE_ISSUE_TYPES
from cleanlab_assets.families.step import inputs_of
from cleanlab_assets.methods.issue_summary import IssueTypeSummary
from cleanlab_assets.orchestration.families import all_families
from cleanlab_assets.reports.audit_digest import digest_audit
from cleanlab_assets.reports.audit_summary import summarize_by_rules
from cleanlab_assets.reports.issue_texts import ISSUE_TEXTS
from cleanlab_assets.reports.placeholders import list_placeholders
from cleanlab_assets_tests.reports.test_audit_summary import make_facts, make_issue_type, make_variant

if TYPE_CHECKING:
    from cleanlab_assets.orchestration.family import Family
    from cleanlab_assets.reports.audit_facts import AuditFacts

NOTHING_FOUND = IssueTypeSummary(
    issue_type="outlier",
    description="",
    score=None,
    n_issues=0,
    share=0.0,
    metric=None,
    k=None,
    parameters="{}",
    status="ran",
    reason="",
)
every_family = pytest.mark.parametrize("family", all_families(), ids=lambda family: family.name)


def find_duplicates_asset(family: Family) -> str | None:
    """Ask the family which of its steps lists near duplicates, by results in which nothing was found."""
    collect = family.task.data_issues
    if collect is None:
        return None
    empty: Any = SimpleNamespace(
        value=pd.DataFrame({"duplicate_set": pd.Series(dtype="Int64")}),
        facts=SimpleNamespace(summary=[NOTHING_FOUND], n_by_kind={}),
    )
    return collect(**dict.fromkeys(inputs_of(collect), empty)).duplicates_asset


def list_assets(family: Family) -> set[str]:
    return {asset.key.to_user_string() for asset in family.all_assets}


def make_bad_facts(family: Family, issue_type: str, verdict: str) -> AuditFacts:
    """Facts that one issue type and the labels exceed their limits, so that there is advice about both."""
    return make_facts(
        family=family.name,
        unit=family.task.unit,
        report_asset=family.task.report_asset,
        duplicates_asset=find_duplicates_asset(family),
        primary_metric="map_50",
        cross_validation={"map_50": 0.7123},
        n_label_issues=5000,
        label_issue_rate=5000 / 9600,
        expected_calibration_error=0.9,
        issue_types=[make_issue_type(issue_type, 5000)],
        variants=[make_variant("baseline", "map_50", 0.7)],
        verdict=verdict,
        chosen="baseline",
        notes=[],
    )


@pytest.mark.parametrize("verdict", ["improves", "harms", "not compared", "no effect shown"])
@every_family
def test_every_path_in_a_summary_is_an_asset_of_the_family(family: Family, verdict: str) -> None:
    named = set()
    for issue_type in ISSUE_TEXTS.keys() | IMAGE_ISSUE_TYPES.keys():
        facts = make_bad_facts(family, issue_type, verdict)
        summary = summarize_by_rules(facts)
        named |= set(re.findall(r"\w+/\w+", "\n".join([summary.join_texts(), *summary.caveats])))

    assert f"{family.name}/label_issues" in named
    assert named <= list_assets(family)


@every_family
def test_every_path_of_a_placeholder_is_an_asset_of_the_family(family: Family) -> None:
    found = list_placeholders(make_bad_facts(family, "outlier", "improves"), with_rows=False)
    named = {entry.text for entry in found.values() if "/" in entry.text}

    assert len(named) >= 4
    assert named <= list_assets(family)


@pytest.mark.parametrize(
    "family", [family for family in all_families() if family.task.unit != "row"], ids=lambda family: family.name
)
def test_a_family_without_rows_does_not_speak_of_rows(family: Family) -> None:
    for issue_type in ("outlier", "near_duplicate", "dark"):
        facts = make_bad_facts(family, issue_type, "no effect shown")
        first, _, _, *others = digest_audit(facts)  # the second and third line are about flags and a row id
        text = "\n".join([summarize_by_rules(facts).model_dump_json(), first, *others])

        assert not re.search(r"\brows?\b", text, re.IGNORECASE)
        assert f"{family.task.unit}s" in text
        assert "mAP at IoU 0.5 0.712" in text
