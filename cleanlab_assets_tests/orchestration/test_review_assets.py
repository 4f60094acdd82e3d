"""What reviews and audits leave, as assets: of every family, and as rows come, go and are decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from cleanlab_assets.families.registry import FAMILIES
from cleanlab_assets.families.step import DATASET, MODEL
from cleanlab_assets.orchestration.automation import build_decision_sensor
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.families import all_families
from cleanlab_assets.orchestration.freshness import find_stale_assets
from cleanlab_assets.orchestration.issue_changes import accept_audit, read_new_issues
from cleanlab_assets.orchestration.reviews import open_audit_history_of, open_ledger_of
from cleanlab_assets.orchestration.runs import read_latest_checks
from cleanlab_assets.reviews.audit_history import Audited
from cleanlab_assets.reviews.audited_rows import find_row_flags, name_audited_rows
from cleanlab_assets.reviews.decisions import Seen
from cleanlab_assets.reviews.queues import RANDOM_FLAGGED, RANDOM_UNFLAGGED, name_random_queue, order_randomly
from cleanlab_assets.reviews.rows import ReviewedRows
from cleanlab_assets_tests.orchestration.chains import Audited as AuditedChain
from cleanlab_assets_tests.orchestration.chains import mark_slow

if TYPE_CHECKING:
    import pandas as pd

    from cleanlab_assets_tests.orchestration.chains import Audits

NAMES = [family.name for family in FAMILIES]


@pytest.fixture(scope="module", params=mark_slow(NAMES, but="classification"))
def chain(request: pytest.FixtureRequest, audits: Audits) -> AuditedChain:
    """An audit of its own, since decisions change what is out of date."""
    return audits.make(request.param)


def name_rows(chain: AuditedChain) -> pd.DataFrame:
    dataset = get_dataset(chain.audit.dataset)
    return name_audited_rows(ReviewedRows(dataset, chain.read("raw_dataset")), chain.read("label_issues"))


def name_audit(chain: AuditedChain) -> Audited:
    return Audited(chain.bench.family.name, chain.audit.dataset, chain.audit.model)


def find_stale(chain: AuditedChain) -> dict[str, str]:
    """Return why assets are out of date, by their names."""
    found: dict[str, str] = {}
    for level in (DATASET, MODEL):
        stale = find_stale_assets(
            chain.bench.instance, chain.bench.family, level, chain.audit.partitions[level], {}, chain.bench.settings
        )
        found |= {key.path[-1]: reason for key, reason in stale.items()}
    return found


def read_check(chain: AuditedChain, step: str, name: str) -> Any:
    family = chain.bench.family
    outcomes = read_latest_checks(chain.bench.instance, family, family.key(step), chain.partition_of(step))
    return next(outcome for outcome in outcomes if outcome.check == name)


def test_reviews_of_every_family(chain: AuditedChain) -> None:
    """A first audit, then decisions of both random queues, then the audit is accepted: in one test, for its time."""
    rows = name_rows(chain)
    assert rows["row_key"].is_unique
    flagged = rows.loc[rows["is_label_issue"], "row_key"]
    _check_first_audit(chain, rows, set(flagged))
    _check_decisions(chain, list(flagged), rows.loc[~rows["is_label_issue"], "row_key"])
    _check_decisions_on_other_issues(chain)
    _check_accepted_audit(chain, len(flagged))


def _check_first_audit(chain: AuditedChain, rows: pd.DataFrame, flagged: set[str]) -> None:
    """It has nothing to compare with; its flags are in the history by their keys; nobody decided anything."""
    changes = chain.result("issue_changes")
    assert changes.facts.base_flagged is None
    assert set(changes.value["row_key"]) == flagged
    assert set(changes.value["change"].astype(str)) <= {"new"}
    check = read_check(chain, "issue_changes", "no_new_label_issues")
    assert check.passed
    assert "nothing to compare with" in check.description
    with open_audit_history_of(chain.bench.settings) as history:
        (audit,) = history.read(name_audit(chain))
        assert set(history.read_flags(audit.number)["row_key"]) == flagged
    assert (audit.n_audited, audit.n_flagged) == (len(rows), len(flagged))
    assert audit.data_version == chain.data_version("label_issues")
    assert audit.rule["training_set.seed"] == str(chain.audit.settings["training_set"]["seed"])
    assert {"label_issues.code_version", "predictions.code_version", "scikit-learn"} <= audit.rule.keys()
    assert read_new_issues(chain.bench.instance, chain.bench.family, chain.audit.partitions[MODEL], most=3) == (0, ())

    statistics = chain.read("review_statistics")
    assert "no row of this audit was reviewed yet" in chain.read("review_report")
    assert (statistics.n_decided, statistics.errors, statistics.flags.share) == (0, None, None)
    assert (statistics.flags.sample.n_rows, statistics.unflagged.n_rows) == (len(flagged), len(rows) - len(flagged))
    assert read_check(chain, "review_statistics", "precision_is_known").passed
    assert find_stale(chain) == {}


def _check_decisions(chain: AuditedChain, flagged: list[str], unflagged: pd.Series[str]) -> None:
    """They make what follows from them out of date, and no audit; then they are counted."""
    decided = {RANDOM_FLAGGED: order_randomly(flagged)[:4], RANDOM_UNFLAGGED: order_randomly(unflagged)[:6]}
    rows = ReviewedRows(get_dataset(chain.audit.dataset), chain.read("raw_dataset"))
    with open_ledger_of(chain.bench.settings) as ledger:
        for queue, keys in decided.items():
            ledger.decide([rows.decide(key, "given is right", reviewer="ann", seen=Seen(queue=queue)) for key in keys])
    stale = find_stale(chain)
    of_models = {"review_statistics", "review_report", "opinion_agreement"}
    assert stale.keys() == {"corrections", "corrected_dataset", *of_models}
    assert stale["review_statistics"] == "the ledger has new decisions"
    family, context = chain.bench.family, dg.build_sensor_context(chain.bench.instance)
    sensor: Any = build_decision_sensor(all_families(), chain.bench.settings)
    requests = list(sensor(context))
    assert [(found.job_name, found.partition_key) for found in requests] == [
        (family.job_name(level), chain.audit.partitions[level]) for level in (DATASET, MODEL)
    ]
    assert {key.path[-1] for found in requests for key in found.asset_selection} == stale.keys()

    for level in (DATASET, MODEL):
        chain.materialize(level)
    statistics = chain.read("review_statistics")
    n_flagged, n_others = (len(keys) for keys in decided.values())
    assert (statistics.flags.sample.n_right, statistics.unflagged.n_right) == (n_flagged, n_others)
    assert statistics.outcomes["right"] == n_flagged + n_others
    assert statistics.errors.low == statistics.errors.estimate == 0 < statistics.errors.high
    assert read_check(chain, "review_statistics", "precision_is_known").passed == (n_flagged == len(flagged))
    assert f"{statistics.n_decided:,} rows are reviewed" in chain.read("review_report")
    assert find_stale(chain) == {}
    assert [type(found) for found in sensor(context)] == [dg.SkipReason]


def _check_decisions_on_other_issues(chain: AuditedChain) -> None:
    """Each issue type that flags rows has a precision of its own, by its random queue; no label is changed by it."""
    before = chain.read("review_statistics")
    assert [found.share for found in before.precision[1:]] == [None] * len(before.precision[1:])
    step = chain.bench.family.task.row_issues
    if not step:
        assert len(before.precision) == 1
        return
    rows = ReviewedRows(get_dataset(chain.audit.dataset), chain.read("raw_dataset"))
    flags = find_row_flags(rows, chain.read(step))
    assert {found.issue_type: found.sample.n_rows for found in before.precision[1:]} == {
        issue_type: len(keys) for issue_type, keys in flags.items()
    }
    assert {"outlier", "near_duplicate"} <= flags.keys()
    verdicts = ("finding is right", "given is right", "exclude the row")
    excluded = set()
    with open_ledger_of(chain.bench.settings) as ledger:
        for issue_type, keys in flags.items():
            for key, verdict in zip(order_randomly(keys), verdicts, strict=False):
                seen = Seen(queue=name_random_queue(issue_type))
                ledger.decide([rows.decide(key, verdict, reviewer="ann", issue_type=issue_type, seen=seen)])
                excluded |= {key} if verdict == "exclude the row" else set()
    labels = chain.read("corrected_dataset")["corrected_label"]
    for level in (DATASET, MODEL):
        chain.materialize(level)
    found = chain.read("review_statistics")
    assert (found.outcomes, found.errors, found.flags) == (before.outcomes, before.errors, before.flags)
    for precision in found.precision[1:]:
        n_read = min(precision.sample.n_rows, len(verdicts))
        assert precision.sample.n_errors + precision.sample.n_right == n_read
        assert precision.sample.n_right == int(n_read > 1)
        assert (precision.share is None) == (n_read == 0)
    corrected = chain.read("corrected_dataset")
    assert corrected["corrected_label"].equals(labels)
    assert set(corrected.loc[corrected["is_excluded"], "row_key"]) == excluded
    assert "Flags that are right, by issue type" in chain.read("review_report")
    assert find_stale(chain) == {}


def _check_accepted_audit(chain: AuditedChain, n_flagged: int) -> None:
    """The same audit leaves nothing new; where it is accepted, all of its flags persist."""
    bench = chain.bench
    accepted = accept_audit(bench.instance, bench.family, chain.audit.partitions[MODEL], bench.settings, "ann")
    assert accepted is not None
    assert accepted.n_flagged == n_flagged
    stale = find_stale(chain)
    assert stale.pop("issue_changes") == "another audit was accepted"
    assert stale.keys() == {"review_report"}
    chain.materialize(MODEL)
    facts = chain.facts("issue_changes")
    assert (facts.base_flagged, facts.is_base_accepted, facts.rule_changes) == (n_flagged, True, [])
    assert facts.changes["persisting"] == n_flagged == sum(facts.changes.values())
    with open_audit_history_of(bench.settings) as history:
        assert history.read(name_audit(chain)) == [accepted]
    assert find_stale(chain) == {}
