"""What decisions say of an audit, by simulated reviewers who know the truth."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.datasets.dataset import Column
from cleanlab_assets.methods.error_bracket import order_ends
from cleanlab_assets.methods.quality_choice import CHOSEN_AMONG
from cleanlab_assets.reviews.corrections import list_corrections
from cleanlab_assets.reviews.decisions import Entry, Seen, find_standings
from cleanlab_assets.reviews.queues import (
    RANDOM_FLAGGED,
    RANDOM_UNFLAGGED,
    WORST_FIRST,
    name_random_queue,
    order_randomly,
)
from cleanlab_assets.reviews.statistics import OUTCOMES, ReviewStatistics, measure_reviews
from cleanlab_assets.reviews.statistics_texts import describe_reviews, tabulate_curve, tabulate_precision
from cleanlab_assets_tests.known_data import make_dataset
from cleanlab_assets_tests.reviews.conftest import decide

if TYPE_CHECKING:
    from collections.abc import Iterable

DATASET = make_dataset([Column(name="size", kind="numeric")], ["a", "b"])


@dataclass
class Reviewed:
    """An audit of rows ``r0``, ``r1`` ... whose worst ones are flagged, and what reviewers decide of them.

    Every given label is ``a``; of the rows of ``wrong`` it should be ``b``. ``flags`` are those of other issue types.
    """

    n_rows: int
    n_flagged: int
    wrong: set[str] = field(default_factory=set)
    entries: list[Entry] = field(default_factory=list)
    name: str = "r"
    flags: dict[str, list[str]] = field(default_factory=dict)
    scores: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def keys(self) -> list[str]:
        return [f"{self.name}{number}" for number in range(self.n_rows)]

    @property
    def flagged(self) -> list[str]:
        return self.keys[: self.n_flagged]

    @property
    def unflagged(self) -> list[str]:
        return self.keys[self.n_flagged :]

    def say(self, key: str, verdict: str = "", *, queue: str = "", **said: Any) -> None:
        """Decide of a row by the truth, or as it is said."""
        if not verdict:
            verdict = "label is" if key in self.wrong else "given is right"
            said["label"] = "b" if key in self.wrong else None
        decision = decide(key, verdict=verdict, seen=Seen(queue=queue), **said)
        number = len(self.entries) + 1
        self.entries.append(Entry(number=number, made_at=datetime.now(UTC), decision=decision))

    def read(self, keys: Iterable[str], queue: str) -> None:
        for key in keys:
            self.say(key, queue=queue)

    def measure(self, **now: str) -> ReviewStatistics:
        """Measure; ``now`` are given labels that are others by now."""
        labels = [now.get(key, "a") for key in self.keys]
        raw = pd.DataFrame({"row_id": self.keys, "label": labels})
        audited = pd.DataFrame(
            {
                "row_key": self.keys,
                "is_label_issue": np.arange(self.n_rows) < self.n_flagged,
                "rank": range(1, self.n_rows + 1),
                "given_label": labels,
                "error_probability": np.linspace(0.999, 0.001, self.n_rows),
                **self.scores,
            }
        )
        standings = find_standings(self.entries)
        corrections = list_corrections(DATASET, raw, pd.Series(self.keys), standings)
        bracket = order_ends((17, "confident joint"), (40, "expected disagreements"))
        return measure_reviews(audited, corrections, self.entries, standings, flags=self.flags, errors_by_model=bracket)


def draw_errors(rng: np.random.Generator, reviewed: Reviewed, precision: float, n_missed: int) -> None:
    """Make some of the flagged rows wrong, the worst ones above all, and a few of the others."""
    weights = np.linspace(2, 0.2, reviewed.n_flagged)
    n_wrong = round(precision * reviewed.n_flagged)
    reviewed.wrong = {
        *rng.choice(reviewed.flagged, n_wrong, replace=False, p=weights / weights.sum()),
        *rng.choice(reviewed.unflagged, n_missed, replace=False),
    }


@pytest.mark.parametrize(("precision", "n_missed"), [(0.3, 0), (0.7, 10), (0.9, 60)])
def test_intervals_cover_the_truth_however_the_worst_rows_were_read_before(precision: float, n_missed: int) -> None:
    """The worst rows are read first, which hold more errors than the others: the estimates must not show it."""
    hits, errors, shares = [], [], []
    for seed in range(40):
        rng, reviewed = np.random.default_rng(seed), Reviewed(1_500, 150, name=f"{seed}:")  # keys decide the order
        draw_errors(rng, reviewed, precision, n_missed)
        reviewed.read(reviewed.flagged[:40], WORST_FIRST)
        known = set(reviewed.flagged[:40])
        for keys, queue in ((reviewed.flagged, RANDOM_FLAGGED), (reviewed.unflagged, RANDOM_UNFLAGGED)):
            reviewed.read([key for key in order_randomly(keys) if key not in known][:60], queue)
        found = reviewed.measure()
        assert found.flags.share is not None
        assert found.errors is not None
        shares.append(found.flags.share.estimate)
        hits.append(found.flags.share.low <= precision <= found.flags.share.high)
        errors.append(found.errors.low <= len(reviewed.wrong) <= found.errors.high)
        assert found.flags.sample.n_skipped == found.unflagged.n_skipped == 0
    assert np.mean(hits) >= 0.9
    assert np.mean(errors) >= 0.9
    assert np.mean(shares) == pytest.approx(precision, abs=0.02)  # three standard errors; of the worst rows 0.1 more


def test_the_sample_is_what_stands_before_the_last_row_decided_in_its_queue() -> None:
    reviewed = Reviewed(60, 20)
    order = order_randomly(reviewed.flagged)
    reviewed.wrong = {order[0], order[4], order[12]}
    reviewed.say(order[0], queue=RANDOM_FLAGGED)
    reviewed.say(order[1], "unclear", queue=RANDOM_FLAGGED)
    reviewed.say(order[2], "exclude the row", queue=WORST_FIRST)  # stands before the last one: counts too
    reviewed.say(order[4], queue=RANDOM_FLAGGED)  # order[3] is skipped
    reviewed.say(order[5], reviewer="ann", queue=RANDOM_FLAGGED)
    reviewed.say(order[5], "label is", label="b", reviewer="bob")
    reviewed.say(order[6], queue=RANDOM_FLAGGED)
    reviewed.say(order[12], queue=WORST_FIRST)  # stands behind it
    found = reviewed.measure()

    sample = found.flags.sample
    assert (sample.n_rows, sample.n_errors, sample.n_right, sample.n_excluded) == (20, 2, 1, 1)
    assert (sample.n_unclear, sample.n_conflicts, sample.n_skipped) == (1, 1, 1)
    assert found.flags.share is not None
    assert found.flags.share.estimate == pytest.approx(2 / 3)
    assert dict(found.outcomes) == {"error": 3, "conflict": 1, "unclear": 1, "excluded": 1, "right": 1}
    assert found.errors is None, "the other random queue was not read"
    told = "\n".join(describe_reviews(found))
    assert "67% of the flags are right" in told
    assert "by 3 random flags of 20; beside them 1 to be excluded, 1 unclear, 1 in conflict, 1 skipped" in told
    assert "no row of the random queue of unflagged rows was decided; the model's own bracket" in told


def test_a_decision_that_was_taken_back_or_is_outdated_does_not_count() -> None:
    reviewed = Reviewed(30, 10)
    order = order_randomly(reviewed.flagged)
    reviewed.wrong = set(order)
    reviewed.read(order[:4], RANDOM_FLAGGED)
    reviewed.entries[3] = reviewed.entries[3].model_copy(update={"undone_by": 9})
    assert reviewed.measure().flags.sample.n_errors == 3
    # One row has the decided label by now, so that it is right as it is; another one has a third label.
    changed = reviewed.measure(**{order[0]: "b", order[1]: "c"}).flags.sample
    assert (changed.n_errors, changed.n_right, changed.n_skipped) == (1, 1, 1)


def test_a_label_that_equals_the_given_one_is_no_error() -> None:
    reviewed = Reviewed(4, 2)
    reviewed.say("r0", "label is", label="a")
    assert reviewed.measure().outcomes["right"] == 1


def test_flags_that_were_all_decided_are_known_whatever_showed_them() -> None:
    reviewed = Reviewed(40, 8, wrong={"r0", "r1", "r5"})
    reviewed.read(reviewed.flagged, WORST_FIRST)
    share = reviewed.measure().flags.share
    assert share is not None
    assert (share.low, share.estimate, share.high) == (3 / 8, 3 / 8, 3 / 8)


def test_agreement_is_that_of_the_latest_definite_answers() -> None:
    reviewed = Reviewed(40, 20)
    answers = {"r0": "aa", "r1": "bb", "r2": "ab", "r3": "bb", "r4": "a?", "r5": "a"}
    for key, given in answers.items():
        for reviewer, answer in zip(("ann", "bob"), given, strict=False):
            if answer == "?":
                reviewed.say(key, "unclear", reviewer=reviewer)
            else:
                reviewed.say(key, "label is", label=answer, reviewer=reviewer)
    reviewed.say("r3", "given is right", reviewer="bob")  # who changes their mind
    found = reviewed.measure().agreement
    assert (found.n_findings, found.n_equal) == (4, 2)
    # By hand: of 8 answers 4 are of each kind. Observed disagreement 2 / 4, expected 2 * 4 * 4 / (8 * 7).
    assert found.alpha == pytest.approx(1 - 0.5 / (32 / 56))
    assert reviewed.measure(r2="c").agreement.n_findings == 3


def test_the_curve_counts_errors_in_the_order_of_the_ranks_and_the_next_rows_are_foretold() -> None:
    reviewed = Reviewed(1_000, 300)
    reviewed.wrong = {f"r{number}" for number in range(0, 400, 2)}
    reviewed.read(reversed(reviewed.keys[:200]), WORST_FIRST)
    found = reviewed.measure()
    assert {point.n_read: point.n_errors for point in found.curve} == {
        number: (number + 1) // 2 for number in range(1, 201)
    }
    table = tabulate_curve(found.curve)
    assert table["rows_read"].tolist() == [10, 20, 50, 100, 200]
    assert table["errors_found"].tolist() == [5, 10, 25, 50, 100]
    assert table["share_of_errors"].tolist() == [0.5] * 5
    following = found.next_rows
    assert following is not None
    assert (following.n_rows, following.n_like, following.n_errors_like) == (100, 100, 50)
    assert following.n_errors.estimate == pytest.approx(50)
    assert following.n_errors.low <= 50 <= following.n_errors.high
    assert 20 < following.n_errors.high - following.n_errors.low < 35

    # All flags are read, so that others come next; of these nobody read one yet, and what flags hold says nothing.
    reviewed.read(reviewed.keys[200:300], WORST_FIRST)
    assert reviewed.measure().next_rows is None

    reviewed.read(reviewed.keys[300:970], WORST_FIRST)
    found = reviewed.measure()
    assert found.next_rows is not None
    assert (found.next_rows.n_rows, found.next_rows.n_errors_like, found.next_rows.are_flagged) == (30, 0, False)
    assert len(found.curve) < 500
    assert (found.curve[-1].n_read, found.curve[-1].n_errors) == (970, 200)


def test_without_decisions_nothing_is_said_but_that() -> None:
    found = Reviewed(50, 10).measure()
    assert describe_reviews(found) == ["no row of this audit was reviewed yet: how right its flags are is not known"]
    assert (found.errors, found.next_rows, found.flags.share, found.curve) == (None, None, None, [])
    assert found.outcomes == dict.fromkeys(OUTCOMES, 0)
    assert found.agreement.alpha is None
    assert tabulate_curve(found.curve).empty


def test_an_audit_that_flags_nothing_has_no_precision_and_may_have_errors() -> None:
    reviewed = Reviewed(30, 0, wrong={"r3"})
    reviewed.read(order_randomly(reviewed.keys)[:20], RANDOM_UNFLAGGED)
    found = reviewed.measure()
    assert found.flags.share is None
    assert found.errors is not None
    assert found.errors.low <= 1 <= found.errors.high
    assert "no row is flagged" in describe_reviews(found)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_error_probabilities_are_fitted_again_by_random_rows_alone(seed: int) -> None:
    """The audit says 0.5 in the middle of the ranking, where hardly a row is wrong; the worst ones are read besides."""
    rng, reviewed = np.random.default_rng(seed), Reviewed(1_000, 200, name=f"{seed}:")
    told = np.linspace(0.999, 0.001, 1_000)
    truth = 1 / (1 + np.exp(-(np.log(told / (1 - told)) - 3)))
    reviewed.wrong = {key for key, wrong in zip(reviewed.keys, rng.random(1_000) < truth, strict=True) if wrong}
    reviewed.read(reviewed.keys[:50], "")
    reviewed.read(order_randomly(reviewed.flagged)[:100], RANDOM_FLAGGED)
    assert reviewed.measure().refitted is None, "no unflagged row was read"
    reviewed.read(order_randomly(reviewed.unflagged)[:100], RANDOM_UNFLAGGED)

    found = reviewed.measure()

    assert found.refitted is not None
    assert 180 < found.refitted.n_rows <= 300
    points = dict(found.refitted.points)
    assert points[0.5] == pytest.approx(1 / (1 + np.exp(3)), abs=0.06)
    assert points[0.9] == pytest.approx(1 / (1 + np.exp(3 - np.log(9))), abs=0.12)
    assert found.refitted.expected_errors == pytest.approx(len(reviewed.wrong), rel=0.4)
    assert any(line.startswith("error probabilities by") for line in describe_reviews(found))


@pytest.mark.parametrize("best", ["noise_posterior", "self_confidence"])
def test_scores_are_compared_by_random_rows_alone_and_the_better_one_is_named(best: str) -> None:
    """The worst rows that were read besides rank well by every score."""
    rng, reviewed = np.random.default_rng(0), Reviewed(1_000, 200)
    draw_errors(rng, reviewed, 0.4, 40)
    is_wrong = np.isin(reviewed.keys, list(reviewed.wrong))
    for name in CHOSEN_AMONG:
        reviewed.scores[name] = rng.normal(0, 1, 1_000) - is_wrong * (2.5 if name == best else 0.5)
        reviewed.scores[name][:50] = -9
    reviewed.read(reviewed.keys[:50], WORST_FIRST)
    reviewed.read(order_randomly(reviewed.flagged)[:100], RANDOM_FLAGGED)
    assert reviewed.measure().scores is None, "no unflagged row was read"
    reviewed.read(order_randomly(reviewed.unflagged)[:100], RANDOM_UNFLAGGED)

    found = reviewed.measure()

    assert found.scores is not None
    assert found.scores.chosen == best
    (line,) = [line for line in describe_reviews(found) if best in line]
    assert ("quality_method: noise_posterior" in line) == (best == "noise_posterior")
    reviewed.scores = {}
    assert reviewed.measure().scores is None, "an audit with one score has none to choose"


def read_outliers(reviewed: Reviewed, keys: Iterable[str], outliers: set[str], queue: str) -> None:
    """Say by the truth of rows whether they are outliers; every other one of these is taken out."""
    for number, key in enumerate(keys):
        right = "exclude the row" if number % 2 else "finding is right"
        reviewed.say(key, right if key in outliers else "given is right", queue=queue, issue_type="outlier")


@pytest.mark.parametrize("precision", [0.1, 0.5, 0.9])
def test_the_interval_of_each_issue_type_covers_its_truth_whatever_else_was_read(precision: float) -> None:
    """The worst outliers were read before, and labels of the same rows are decided: neither moves the estimate."""
    hits, shares = [], []
    for seed in range(40):
        rng, reviewed = np.random.default_rng(seed), Reviewed(600, 100, name=f"{seed}:")
        flagged = reviewed.keys[50:250]
        reviewed.flags = {"outlier": flagged, "near_duplicate": reviewed.keys[:40], "null": []}
        weights = np.linspace(2, 0.2, len(flagged))
        drawn = rng.choice(flagged, round(precision * len(flagged)), replace=False, p=weights / weights.sum())
        outliers = set(drawn)
        read_outliers(reviewed, flagged[:40], outliers, "")
        reviewed.read(reviewed.flagged, RANDOM_FLAGGED)
        order = [key for key in order_randomly(flagged) if key not in set(flagged[:40])]
        read_outliers(reviewed, order[:50], outliers, name_random_queue("outlier"))
        found = reviewed.measure()
        label, outlier, near_duplicate, null = found.precision
        assert (label.issue_type, label.share and label.share.estimate) == ("label", 0)
        assert (outlier.issue_type, outlier.sample.n_rows) == ("outlier", len(flagged))
        assert (near_duplicate.share, null.share) == (None, None)
        assert outlier.share is not None
        assert outlier.sample.n_excluded == 0, "who takes an outlier out found that it is one"
        shares.append(outlier.share.estimate)
        hits.append(outlier.share.low <= precision <= outlier.share.high)
    assert np.mean(hits) >= 0.9
    assert np.mean(shares) == pytest.approx(precision, abs=0.03)


def test_issue_types_say_that_they_were_not_reviewed() -> None:
    reviewed = Reviewed(60, 20, flags={"outlier": ["r3", "r4", "r5"], "near_duplicate": ["r30", "r31"], "null": []})
    read_outliers(reviewed, order_randomly(["r3", "r4", "r5"]), {"r4"}, name_random_queue("outlier"))
    found = reviewed.measure()
    assert (found.n_decided, found.flags.share, found.errors) == (0, None, None), "no label was decided"
    assert describe_reviews(found) == [
        "no label of this audit was reviewed yet: how right its flags are is not known",
        "outlier: 33% of the flags are right (33% to 33%), by 3 random flags of 3",
        "near_duplicate: 2 flags, not reviewed",
        "null: no row is flagged",
    ]
    table = tabulate_precision(found.precision)
    told = ["not reviewed", "33% (33% to 33%)", "not reviewed", "no row is flagged"]
    assert table["flags_that_are_right"].tolist() == told
    assert table["reviewed_rows"].tolist() == [0, 3, 0, 0]

    reviewed.say("r0", queue=RANDOM_FLAGGED)
    told = describe_reviews(reviewed.measure())
    assert told[0] == "1 rows are reviewed: 1 right"
    assert "near_duplicate: 2 flags, not reviewed" in told
