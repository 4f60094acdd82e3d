"""What decisions say of an audit: how right its flags are, how many errors there are, and if reading on is worth it.

Estimates come from the random queues alone, since who reads the worst rows first sees more errors than there are. The
sample of a queue is what stands in its order up to the last row that was decided in it: rows that were skipped are told
apart, and so are those that nobody could decide. Both are taken to hold errors as often as the others.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from cleanlab_assets.methods.agreement import krippendorff_alpha
from cleanlab_assets.methods.calibration import fit_platt
from cleanlab_assets.methods.error_bracket import ErrorBracket
from cleanlab_assets.methods.intervals import Interval, add_estimates, estimate_count, predict_count
from cleanlab_assets.methods.quality_choice import CHOSEN_AMONG
from cleanlab_assets.methods.score_choice import ScoreChoice, choose_score
from cleanlab_assets.reviews.decisions import LABEL_ISSUE
from cleanlab_assets.reviews.queues import RANDOM_FLAGGED, RANDOM_UNFLAGGED, name_random_queue, order_randomly

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cleanlab_assets.reviews.decisions import Entry, Finding, Standing

Outcome = Literal["error", "conflict", "unclear", "excluded", "right"]
OUTCOMES: tuple[Outcome, ...] = ("error", "conflict", "unclear", "excluded", "right")
"""What came of a row; of a row with several elements the first one of these that came of any of them."""
ENOUGH_ROWS = 50
"""Random flagged rows with a decision from which on the precision of the flags is known well enough."""
ENOUGH_TO_REFIT = 100
"""Random rows with a definite decision from which on the error probabilities are fitted again."""
REFITTED_POINTS = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
N_NEXT = 100
N_LIKE = 100
"""How many decided rows near the next ones say what these hold."""
MOST_POINTS = 400


class RandomSample(BaseModel):
    """What was read of a random queue: its rows up to the last one that was decided in it.

    Attributes:
        n_rows: rows in the queue.
        n_errors: rows whose given label is wrong; of another issue type rows that are flagged rightly.
        n_right: rows whose given label is right; of another issue type rows that are flagged wrongly.
        n_excluded: rows that are not to be used at all.
        n_unclear: rows that nobody could decide.
        n_conflicts: rows that reviewers decided differently.
        n_skipped: rows without a decision that holds.
    """

    model_config = ConfigDict(frozen=True)

    n_rows: int
    n_errors: int = 0
    n_right: int = 0
    n_excluded: int = 0
    n_unclear: int = 0
    n_conflicts: int = 0
    n_skipped: int = 0

    @property
    def n_decided(self) -> int:
        """Rows with a definite decision."""
        return self.n_errors + self.n_right + self.n_excluded

    def estimate_errors(self) -> Interval | None:
        """Estimate how many rows of the queue are errors; None where nothing of it was decided."""
        if self.n_rows and not self.n_decided:
            return None
        return estimate_count(self.n_errors, self.n_decided, self.n_rows)

    def estimate_precision(self) -> Interval | None:
        """Estimate the share of errors among the rows that are errors or right; None where none of it is either."""
        n_drawn, n_all = self.n_errors + self.n_right, self.n_rows - self.n_excluded
        return estimate_count(self.n_errors, n_drawn, n_all).scale(1 / n_all) if n_drawn else None


class Precision(BaseModel):
    """How many of the flags of an issue type are right, as a share; None where nothing was decided of them."""

    model_config = ConfigDict(frozen=True)

    issue_type: str
    sample: RandomSample
    share: Interval | None


class Agreement(BaseModel):
    """How reviewers agree on the findings that two or more of them decided.

    Attributes:
        n_findings: findings that two or more reviewers gave a definite answer to.
        n_equal: those of them to which all gave the same one.
        alpha: Krippendorff's nominal alpha; None where it is not defined.
    """

    model_config = ConfigDict(frozen=True)

    n_findings: int
    n_equal: int
    alpha: float | None


class CurvePoint(BaseModel):
    """How many errors were found among so many rows, the worst first."""

    model_config = ConfigDict(frozen=True)

    n_read: int
    n_errors: int


class NextRows(BaseModel):
    """What to expect of the next rows, the worst first, by the decided rows nearest to them in rank.

    Attributes:
        n_rows: next rows without a decision: flagged ones as long as there are any, then others.
        are_flagged: which of both they are.
        n_errors: how many of them are errors.
        n_like: decided rows that say so, flagged or not as the next ones are.
        n_errors_like: errors among these.
    """

    model_config = ConfigDict(frozen=True)

    n_rows: int
    are_flagged: bool
    n_errors: Interval
    n_like: int
    n_errors_like: int


class RefittedProbabilities(BaseModel):
    """Error probabilities of an audit, fitted again by what random rows turned out to be.

    Attributes:
        n_rows: rows of both random queues that are errors or right; each counts as many rows as it stands for.
        points: pairs of an error probability of the audit and what it is by the reviews.
        expected_errors: sum of the refitted probabilities of all rows.
    """

    model_config = ConfigDict(frozen=True)

    n_rows: int
    points: list[tuple[float, float]]
    expected_errors: float


class ReviewStatistics(BaseModel):
    """What the decisions that hold say of an audit.

    Attributes:
        outcomes: how many rows of the audit came out in which way, of any queue.
        precision: of the flags, for each issue type of which a person who sees a row can judge; the label comes first.
        unflagged: what was read of the random queue of rows that are not flagged.
        errors: estimated number of errors among all rows; None until both random queues were read.
        errors_by_model: the bracket that the audit itself has of the train rows; None where it has none.
        refitted: error probabilities by the reviews; None where fewer than ``ENOUGH_TO_REFIT`` random rows were
            decided, all were alike, or the audit has none.
        scores: how well each score that could rank finds the errors of both random queues; None until both were read,
            or where an audit has one score.
        agreement: of the reviewers.
        curve: errors found by rows read, the worst first.
        next_rows: what to expect of the next ones; None where nothing was decided or nothing is left.
    """

    model_config = ConfigDict(frozen=True)

    outcomes: dict[Outcome, int]
    precision: list[Precision]
    unflagged: RandomSample
    errors: Interval | None
    errors_by_model: ErrorBracket | None
    refitted: RefittedProbabilities | None
    scores: ScoreChoice | None = None
    agreement: Agreement
    curve: list[CurvePoint]
    next_rows: NextRows | None

    @property
    def n_decided(self) -> int:
        """Rows of the audit that somebody decided, also if it is unclear."""
        return sum(self.outcomes.values())

    @property
    def is_any_reviewed(self) -> bool:
        """Whether anybody decided a row of the audit, or of the random queue of another issue type."""
        return bool(self.n_decided) or any(found.share is not None for found in self.precision)

    @property
    def flags(self) -> Precision:
        """The precision of the flagged labels."""
        return next(found for found in self.precision if found.issue_type == LABEL_ISSUE)


def measure_reviews(
    audited: pd.DataFrame,
    corrections: pd.DataFrame,
    entries: Sequence[Entry],
    standings: Mapping[Finding, Standing],
    *,
    flags: Mapping[str, Sequence[str]] | None = None,
    errors_by_model: ErrorBracket | None = None,
) -> ReviewStatistics:
    """Measure what the decisions on a dataset say of an audit of it.

    Args:
        audited: the audited rows, see ``name_audited_rows``.
        corrections: how each decided finding stands, see ``list_corrections``; outdated ones do not count.
        entries: of the dataset, in the order of the ledger.
        standings: by finding, see ``find_standings``.
        flags: keys of the rows that other issue types flag, by issue type, see ``find_row_flags``.
        errors_by_model: the bracket that the audit itself has of the number of errors.
    """
    outcomes = find_outcomes(
        corrections, dict(zip(audited["row_key"], audited["given_label"].astype(str), strict=True))
    )
    is_flagged = audited["is_label_issue"].to_numpy(dtype=bool)
    seen = _find_rows_seen(entries)
    flagged = read_sample(audited["row_key"][is_flagged], outcomes, seen[RANDOM_FLAGGED])
    unflagged = read_sample(audited["row_key"][~is_flagged], outcomes, seen[RANDOM_UNFLAGGED])
    parts = [sample.estimate_errors() for sample in (flagged, unflagged)]
    known = [part for part in parts if part is not None]
    known_rows = _find_known_rows(audited, outcomes, seen)
    ranked = audited.sort_values("rank")
    by_rank = ranked["row_key"].map(outcomes)
    counts = Counter(by_rank.dropna())
    return ReviewStatistics(
        outcomes={outcome: counts[outcome] for outcome in OUTCOMES},
        precision=[
            Precision(issue_type=issue_type, sample=sample, share=sample.estimate_precision())
            for issue_type, sample in ((LABEL_ISSUE, flagged), *_read_samples(flags or {}, corrections, seen))
        ],
        unflagged=unflagged,
        errors=add_estimates(known) if len(known) == len(parts) else None,
        errors_by_model=errors_by_model,
        refitted=None if known_rows is None else _refit(audited, known_rows),
        scores=None if known_rows is None else _compare_scores(audited, known_rows),
        agreement=measure_reviewers(corrections, standings),
        curve=_draw_curve(by_rank),
        next_rows=_expect_next(by_rank, ranked["is_label_issue"].to_numpy(dtype=bool)),
    )


def find_outcomes(
    corrections: pd.DataFrame, given_labels: Mapping[str, str], *, issue_type: str = LABEL_ISSUE
) -> dict[str, Outcome]:
    """Say what came of each row that was decided, for the data as they are now.

    Where a label was decided that differs from the given one, that is an error. Where the source has it by now, the
    given label is right.

    Args:
        corrections: see ``list_corrections``; outdated decisions do not count.
        given_labels: as the audit has them, as text, by row key; they count where a decision names no given label.
        issue_type: of what the decisions are. Where it is not the label, a finding that is right is an ``error``, also
            where the row is to be excluded: who takes an outlier out found that it is one.
    """
    is_of_label = issue_type == LABEL_ISSUE
    holds = corrections[(corrections["state"] != "outdated") & (corrections["issue_type"] == issue_type)]
    columns = ["row_key", "element", "state", "given_label", "decision", "decided_label"]
    found: dict[str, set[Outcome]] = {}
    for key, element, state, given, decision, label in holds[columns].itertuples(index=False):
        outcome: Outcome
        if state == "conflict":
            outcome = "conflict"
        elif decision == "unclear":
            outcome = "unclear"
        elif decision == "exclude the row":
            outcome = "excluded" if is_of_label else "error"
        elif decision == "given is right" or state == "done" or label == (given or given_labels.get(key)):
            if element:  # one of several labels is right, which says nothing of the others
                continue
            outcome = "right"
        else:
            outcome = "error"
        found.setdefault(key, set()).add(outcome)
    return {key: min(several, key=OUTCOMES.index) for key, several in found.items()}


def read_sample(keys: Iterable[str], outcomes: Mapping[str, Outcome], seen: set[str]) -> RandomSample:
    """Read a random queue up to the last row that was decided in it; all of it where every row of it was decided.

    Args:
        keys: keys of the rows in the queue.
        outcomes: what came of each row, see ``find_outcomes``.
        seen: keys of the rows that were decided in this queue.
    """
    order = order_randomly(keys)
    counts = Counter(outcomes.get(key) for key in _take_read(order, outcomes, seen))
    return RandomSample(
        n_rows=len(order),
        n_errors=counts["error"],
        n_right=counts["right"],
        n_excluded=counts["excluded"],
        n_unclear=counts["unclear"],
        n_conflicts=counts["conflict"],
        n_skipped=counts[None],
    )


def _read_samples(
    flags: Mapping[str, Sequence[str]], corrections: pd.DataFrame, seen: Mapping[str, set[str]]
) -> list[tuple[str, RandomSample]]:
    """Read the random queue of each issue type other than the label."""
    return [
        (
            issue_type,
            read_sample(
                keys, find_outcomes(corrections, {}, issue_type=issue_type), seen[name_random_queue(issue_type)]
            ),
        )
        for issue_type, keys in flags.items()
    ]


def _take_read(order: Sequence[str], outcomes: Mapping[str, Outcome], seen: set[str]) -> Sequence[str]:
    """Return the keys of a random queue up to the last row that was decided in it, or all where every row was."""
    end = max((place + 1 for place, key in enumerate(order) if key in seen), default=0)
    return order if all(key in outcomes for key in order) else order[:end]


@dataclass(frozen=True)
class _KnownRows:
    """Rows of both random queues that are errors or right; ``weights`` says how many rows each stands for.

    Rows that were read worst first do not count: they were chosen by what is judged.
    """

    keys: list[str]
    is_error: np.ndarray
    weights: np.ndarray


def _find_known_rows(
    audited: pd.DataFrame, outcomes: Mapping[str, Outcome], seen: Mapping[str, set[str]]
) -> _KnownRows | None:
    """Return what is known by both random queues; None where one of them was not read."""
    is_flagged = audited["is_label_issue"].to_numpy(dtype=bool)
    known: list[tuple[str, bool, float]] = []
    for queue, chosen in ((RANDOM_FLAGGED, is_flagged), (RANDOM_UNFLAGGED, ~is_flagged)):
        keys = audited["row_key"][chosen]
        read = _take_read(order_randomly(keys), outcomes, seen[queue])
        definite = [key for key in read if outcomes.get(key) in ("error", "right")]
        if len(keys) and not definite:
            return None
        known += [(key, outcomes[key] == "error", len(keys) / len(definite)) for key in definite]
    return _KnownRows(
        keys=[key for key, _, _ in known],
        is_error=np.array([error for _, error, _ in known], dtype=bool),
        weights=np.array([weight for _, _, weight in known], dtype=np.float64),
    )


def _refit(audited: pd.DataFrame, known: _KnownRows) -> RefittedProbabilities | None:
    """Fit the error probabilities again by the rows of both random queues."""
    probabilities = audited.set_index("row_key")["error_probability"]
    is_alike = known.is_error.all() or not known.is_error.any()
    if probabilities.isna().any() or len(known.keys) < ENOUGH_TO_REFIT or is_alike:
        return None
    refit = fit_platt(probabilities.loc[known.keys].to_numpy(), known.is_error, known.weights)
    return RefittedProbabilities(
        n_rows=len(known.keys),
        points=[(point, float(refit(np.array([point]))[0])) for point in REFITTED_POINTS],
        expected_errors=float(refit(probabilities.to_numpy()).sum()),
    )


def _compare_scores(audited: pd.DataFrame, known: _KnownRows) -> ScoreChoice | None:
    """Compare the scores that could rank by the rows of both random queues; None where there is one."""
    if not set(CHOSEN_AMONG) <= set(audited):
        return None
    of_known = audited.set_index("row_key").loc[known.keys]
    scores = {str(name): of_known[name].to_numpy() for name in CHOSEN_AMONG}
    return choose_score(scores, known.is_error, default=CHOSEN_AMONG[0], weights=known.weights, seed=0)


def measure_reviewers(corrections: pd.DataFrame, standings: Mapping[Finding, Standing]) -> Agreement:
    """Measure how reviewers agree on the findings that two or more of them gave a definite answer to.

    Args:
        corrections: see ``list_corrections``; findings that are outdated do not count.
        standings: by finding.
    """
    columns = ["row_key", "issue_type", "element"]
    outdated = set(corrections.loc[corrections["state"] == "outdated", columns].itertuples(index=False, name=None))
    answers = [
        [repr(entry.decision.answer) for entry in standing.entries if entry.decision.verdict != "unclear"]
        for finding, standing in standings.items()
        if (finding.row_key, finding.issue_type, finding.element) not in outdated
    ]
    shared = [given for given in answers if len(given) > 1]
    if not shared:
        return Agreement(n_findings=0, n_equal=0, alpha=None)
    counts = pd.DataFrame([Counter(given) for given in shared]).fillna(0).to_numpy(dtype=np.int64)
    alpha = krippendorff_alpha(counts)
    return Agreement(
        n_findings=len(shared),
        n_equal=sum(len(set(given)) == 1 for given in shared),
        alpha=None if np.isnan(alpha) else alpha,
    )


def _find_rows_seen(entries: Iterable[Entry]) -> dict[str, set[str]]:
    """Return the keys of the rows that were decided in each queue, by its name; what was taken back does not count."""
    seen: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        if entry.undone_by is None:
            seen[entry.decision.seen.queue].add(entry.decision.row_key)
    return seen


def _draw_curve(by_rank: pd.Series) -> list[CurvePoint]:
    read = by_rank.dropna().to_numpy()
    if not len(read):
        return []
    found = np.cumsum(read == "error")
    numbers = np.arange(1, len(read) + 1)
    shown = np.unique(np.linspace(1, len(read), min(len(read), MOST_POINTS)).round().astype(int))
    round_ones = [number * 10**power for power in range(1, 7) for number in (1, 2, 5)]
    kept = np.union1d(shown, [number for number in round_ones if number <= len(read)])
    return [CurvePoint(n_read=int(numbers[place]), n_errors=int(found[place])) for place in kept.astype(int) - 1]


def _expect_next(by_rank: pd.Series, is_flagged: np.ndarray) -> NextRows | None:
    """Predict how many of the next undecided rows are errors, by the definitely decided rows nearest in rank.

    Flagged rows come first; flagged and unflagged ones hold errors so differently that neither says anything of the
    other.
    """
    is_open = by_rank.isna().to_numpy()
    is_alike = is_flagged == bool(is_flagged[is_open].any())
    places = np.flatnonzero(is_open & is_alike)[:N_NEXT]
    decided = np.flatnonzero(by_rank.isin(["error", "right", "excluded"]).to_numpy() & is_alike)
    if not len(places) or not len(decided):
        return None
    nearest = decided[np.argsort(np.abs(decided - np.median(places)), kind="stable")[:N_LIKE]]
    n_errors = int((by_rank.to_numpy()[nearest] == "error").sum())
    return NextRows(
        n_rows=len(places),
        are_flagged=bool(is_flagged[places[0]]),
        n_errors=predict_count(n_errors, len(nearest), len(places)),
        n_like=len(nearest),
        n_errors_like=n_errors,
    )
