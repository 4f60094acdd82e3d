"""A reviewer who knows the truth works through sources with wrong labels: does the loop of reviews lead to the truth?

Five rounds of review, refresh and correction on digits, a CSV file, sentences, annotators and boxes. In each round the
labels as they are corrected so far are audited, and the reviewer takes rows from the queues as the page does: the worst
ones, random ones of the flagged rows, and random ones of the others. After the second round the source comes anew: rows
were put in at the top, taken out, moved and changed, and some labels mended.

Run: ``python benchmarks/review_loop.py [--seeds 20] [--only digits boxes]``
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from measurements import describe_machine
from review_sources import GIVEN_IS_RIGHT, Annotators, Boxes, Digits, Kind, OwnTable, Sentences, Source, State

from cleanlab_assets.methods.bootstrap import compare_to_baseline
from cleanlab_assets.methods.seeding import seed_generator
from cleanlab_assets.reviews.audited_rows import name_audited_rows
from cleanlab_assets.reviews.corrected_labels import take_corrected_labels
from cleanlab_assets.reviews.corrections import correct_dataset, list_corrections
from cleanlab_assets.reviews.decisions import LABEL_ISSUE, Finding, Seen, find_standings
from cleanlab_assets.reviews.ledger import Ledger, open_ledger
from cleanlab_assets.reviews.queues import RANDOM_FLAGGED, RANDOM_UNFLAGGED, WORST_FIRST, QueuedRows
from cleanlab_assets.reviews.rows import ReviewedRows
from cleanlab_assets.reviews.standings import Standings
from cleanlab_assets.reviews.statistics import ReviewStatistics, measure_reviews

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from review_sources import Said, World

    from cleanlab_assets.methods.bootstrap import ScoredRows
    from cleanlab_assets.methods.intervals import Interval
    from cleanlab_assets.reviews.decisions import Decision

N_ROUNDS = 5
REFRESH_AFTER = 2
DROPPED, MOVED, CHANGED, MENDED = 0.05, 0.1, 0.05, 0.1
"""Shares of the units that a refresh takes out, moves and changes, and of the undecided errors that it mends."""
DECIDED_MENDED = 0.5
"""Share of the errors found so far that the owner mends in the source."""
N_RESAMPLES = 500
Budget = dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Round:
    """One round: the share of wrong labels that it began with, and what was read.

    Attributes:
        wrong: share of the labels that are wrong as they are corrected before the round.
        n_read: rows, words, examples or images that were read.
        n_errors: those of them whose label was wrong.
        n_again: those of them that had been decided before, and have the features and the label that were decided of,
            or the label that was decided.
        n_outdated: decisions that do not hold for the rows as they are now.
    """

    wrong: float
    n_read: int
    n_errors: int
    n_again: int
    n_outdated: int


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """An interval of the first audit's reviews, and the number that it should hold."""

    interval: Interval
    truth: float

    @property
    def covers(self) -> bool:
        """Whether it does; ends are compared with a little tolerance, since they are shares of whole numbers."""
        return self.interval.low - 1e-9 <= self.truth <= self.interval.high + 1e-9


@dataclass(frozen=True, kw_only=True)
class Loop:
    """What the loop did to one source."""

    rounds: Sequence[Round]
    wrong: float
    precision: Coverage | None
    errors: Coverage | None
    scores: Mapping[str, ScoredRows]


@dataclass
class Memory:
    """What was decided of each item: its version and the labels under which it need not be asked again."""

    settled: dict[int, tuple[int, frozenset[Any]]] = field(default_factory=dict)

    def keep(self, source: Source, place: int, labels: Sequence[str]) -> None:
        """Note that an item was decided."""
        known = source.known.iloc[place]
        accepted = frozenset(tuple(table[list(labels)].iloc[place].astype(str)) for table in source)
        self.settled[int(known["item"])] = int(known["version"]), accepted

    def holds(self, source: Source, place: int, labels: Sequence[str]) -> bool:
        """Whether an item that was decided is as it was then, or has the decided label by now."""
        known = source.known.iloc[place]
        version, accepted = self.settled.get(int(known["item"]), (-1, frozenset()))
        return version == known["version"] and tuple(source.raw[list(labels)].iloc[place].astype(str)) in accepted


def run_loop(kind: Kind, seed: int, directory: Path, budget: Budget, *, n_rounds: int = N_ROUNDS) -> Loop:
    """Review a source in several rounds, with a refresh between them.

    Args:
        kind: of the labels.
        seed: of the source, the audits and the refresh.
        directory: an empty one, for the ledger and for files of the source.
        budget: how many open rows of each queue are read in a round.
        n_rounds: how many rounds.
    """
    world = kind.draw(seed, directory)
    source, memory, rounds = world.source, Memory(), list[Round]()
    precision = errors = None
    with open_ledger(f"sqlite:///{directory / 'ledger.db'}") as ledger:
        for number in range(1, n_rounds + 1):
            state = take_stock(kind, world, source, ledger, seed=seed)
            rounds.append(review(kind, world, state, ledger, memory, budget=budget))
            if number == 1:
                precision, errors = compare_with_truth(kind, world, state, ledger)
            if number == REFRESH_AFTER:
                source = refresh(kind, world, source, memory, seed=seed)
        state = take_stock(kind, world, source, ledger, seed=seed)
    return Loop(
        rounds=rounds,
        wrong=float(kind.find_wrong(state).mean()),
        precision=precision,
        errors=errors,
        scores=kind.score(state, world, seed),
    )


def take_stock(kind: Kind, world: World, source: Source, ledger: Ledger, *, seed: int) -> State:
    """Correct the labels of the source by the decisions that hold, and audit them."""
    dataset, rows = world.dataset, ReviewedRows(world.dataset, source.raw)
    standings = find_standings(ledger.read(dataset.name))
    corrections = list_corrections(dataset, rows.raw, rows.keys, standings)
    corrected = correct_dataset(dataset, rows.raw, rows.keys, corrections)
    audited = take_corrected_labels(dataset, rows.raw, corrected)
    return State(source, corrections, corrected, audited, kind.audit(dataset, audited, seed=seed))


def review(kind: Kind, world: World, state: State, ledger: Ledger, memory: Memory, *, budget: Budget) -> Round:
    """Let the reviewer read the open rows at the head of each queue, one queue after the other."""
    source, rows = state.source, ReviewedRows(world.dataset, state.source.raw)
    issues = state.run.label_issues.reset_index(drop=True)
    keys = name_audited_rows(rows, issues)["row_key"]
    queues, standings = QueuedRows(issues, keys), Standings(rows)
    n_read = n_errors = n_again = 0
    for queue, most in budget.items():
        standings.follow(ledger)
        order = queues.order(queue)
        for at in [at for at in order if is_open(standings, keys[at])][:most]:
            place = rows.find(keys[at])
            said = kind.answer(state, place, issues.iloc[at].to_dict())
            n_read, n_errors = n_read + 1, n_errors + is_error(said)
            n_again += memory.holds(source, place, kind.labels)
            ledger.decide(write_decisions(rows, keys[at], said, Seen(model=kind.model, queue=queue)))
            memory.keep(source, place, kind.labels)
    return Round(
        wrong=float(kind.find_wrong(state).mean()),
        n_read=n_read,
        n_errors=n_errors,
        n_again=n_again,
        n_outdated=int((state.corrections["state"] == "outdated").sum()),
    )


def is_open(standings: Standings, key: str) -> bool:
    """Whether nobody decided a row as it is now."""
    return standings.states.get(Finding(key, LABEL_ISSUE), "outdated") == "outdated"


def is_error(said: Sequence[Said]) -> bool:
    """Whether the reviewer finds a label wrong."""
    return any(one.verdict != GIVEN_IS_RIGHT for one in said)


def write_decisions(rows: ReviewedRows, key: str, said: Sequence[Said], seen: Seen) -> list[Decision]:
    """Make decisions of what the reviewer says of a row and its elements."""
    return [rows.decide(key, one.verdict, one.label, reviewer="ann", seen=seen, element=one.element) for one in said]


def compare_with_truth(
    kind: Kind, world: World, state: State, ledger: Ledger
) -> tuple[Coverage | None, Coverage | None]:
    """Compare what the reviews say of an audit with the truth: precision of its flags, and number of errors."""
    rows = ReviewedRows(world.dataset, state.source.raw)
    issues = state.run.label_issues
    audited = name_audited_rows(rows, issues)
    found = measure(rows, audited, ledger)
    wrong = np.array(
        [
            is_error(kind.answer(state, rows.find(key), issue))
            for key, issue in zip(audited["row_key"], issues.to_dict("records"), strict=True)
        ]
    )
    flagged = audited["is_label_issue"].to_numpy()
    share, errors = found.flags.share, found.errors
    return (
        None if share is None else Coverage(interval=share, truth=float(wrong[flagged].mean())),
        None if errors is None else Coverage(interval=errors, truth=float(wrong.sum())),
    )


def measure(rows: ReviewedRows, audited: pd.DataFrame, ledger: Ledger) -> ReviewStatistics:
    """Measure what the decisions say of an audit, as the asset ``review_statistics`` does."""
    entries = ledger.read(rows.dataset.name)
    standings = find_standings(entries)
    corrections = list_corrections(rows.dataset, rows.raw, rows.keys, standings)
    return measure_reviews(audited, corrections, entries, standings)


def refresh(kind: Kind, world: World, source: Source, memory: Memory, *, seed: int) -> Source:
    """Return the source as it comes anew.

    The reserve is put in at the top; some units are taken out, some change places, some get another value of a feature;
    the owner mends half of the errors that were found, and a tenth of the others.
    """
    rng = seed_generator(seed, "refresh")
    kept = source.known["unit"].unique()
    kept = kept[rng.random(len(kept)) >= DROPPED]
    moved = np.flatnonzero(rng.random(len(kept)) < MOVED)
    kept[moved] = kept[rng.permutation(moved)]
    changed = kept[rng.random(len(kept)) < CHANGED]
    old = source.take_units(kept)
    is_wrong = (old.raw[list(kind.labels)].astype(str) != old.known[list(kind.labels)]).any(axis=1).to_numpy()
    share = np.where(old.known["item"].isin(memory.settled), DECIDED_MENDED, MENDED)
    is_mended = is_wrong & (rng.random(len(share)) < share) & kind.can_mend
    raw, known = (pd.concat(parts, ignore_index=True) for parts in zip(world.reserve, old, strict=True))
    is_mended = np.concatenate([np.zeros(len(world.reserve.raw), dtype=bool), is_mended])
    is_changed = known["unit"].isin(changed).to_numpy()
    for label in kind.labels:
        raw[label] = raw[label].astype(object).mask(is_mended, known[label]).astype(raw[label].dtype)
    raw = kind.publish(world.dataset, kind.change_features(raw, is_changed))
    return Source(raw, known.assign(version=known["version"] + (is_changed & (not kind.is_known_by_name))))


def tell_rounds(kind: Kind, loops: Sequence[Loop]) -> list[str]:
    """Return the lines of a table on the rounds, means over the seeds."""
    lines = []
    for number, rounds in enumerate(zip(*(loop.rounds for loop in loops), strict=True), start=1):
        read, errors, again, outdated = (
            np.array([getattr(one, name) for one in rounds]) for name in ("n_read", "n_errors", "n_again", "n_outdated")
        )
        wrong = np.mean([one.wrong for one in rounds])
        lines.append(
            f"| {kind.name} | {number} | {wrong:.1%} | {read.mean():.1f} | {errors.mean():.1f} | {again.sum()} | "
            f"{outdated.mean():.1f} |"
        )
    return [*lines, f"| {kind.name} | end | {np.mean([loop.wrong for loop in loops]):.1%} | | | | |"]


def tell_coverage(kind: Kind, loops: Sequence[Loop]) -> str:
    """Return the line of a table on the intervals: how many hold the truth, and their mean bounds."""
    cells = []
    for name, form in (("precision", "{:.0%}"), ("errors", "{:.0f}")):
        found = [one for one in (getattr(loop, name) for loop in loops) if one is not None]
        means = np.mean([(one.truth, one.interval.low, one.interval.high) for one in found], axis=0)
        cells += [*(form.format(mean) for mean in means), f"{sum(one.covers for one in found)} of {len(found)}"]
    return f"| {kind.name} | {' | '.join(cells)} |"


def tell_scores(kind: Kind, loops: Sequence[Loop], *, seed: int = 0) -> str:
    """Return the line of a table on the models: metric by labels, and the gain of corrected labels with its interval.

    Over several seeds the interval is that of the mean gain by Student's t; of one seed it is the paired bootstrap's.
    """
    found = [{name: scored.compute()[kind.metric] for name, scored in loop.scores.items()} for loop in loops]
    means = [np.mean([one[name] for one in found]) for name in ("given", "corrected", "true")]
    judged = [compare_scores(kind, loop, seed=seed) for loop in loops]
    gains = np.array([one.difference for one in judged])
    low, high = (judged[0].low, judged[0].high) if len(loops) == 1 else find_mean_interval(gains)
    better = sum(one.verdict == "improves" for one in judged)
    worse = sum(one.verdict == "harms" for one in judged)
    cells = [*(f"{mean:.3f}" for mean in means), f"{gains.mean():+.3f}", f"{low:+.3f} to {high:+.3f}"]
    return f"| {kind.name} | {kind.metric} | {' | '.join(cells)} | {better} / {worse} of {len(loops)} |"


def compare_scores(kind: Kind, loop: Loop, *, seed: int) -> Any:
    """Return the difference that corrected labels make to the model of the given ones, by the paired bootstrap."""
    others = {"corrected": loop.scores["corrected"]}
    found = compare_to_baseline(loop.scores["given"], others, n_resamples=N_RESAMPLES, seed=seed)["corrected"]
    return next(one for one in found if one.metric == kind.metric)


def find_mean_interval(values: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of a mean by Student's t."""
    from scipy.stats import t

    half = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)


TABLES = (
    ("| | round | wrong labels | read | of these wrong | decided before | outdated |", 6),
    ("| | precision | low | high | holds it | errors | low | high | holds it |", 8),
    ("| | metric | given | corrected | true | gain | 95 % | better / worse |", 7),
)


def main() -> None:
    """Print the tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--only", nargs="*", default=[])
    arguments = parser.parse_args()
    usual = {WORST_FIRST: 15, RANDOM_FLAGGED: 15, RANDOM_UNFLAGGED: 10}
    work = (
        (Digits((500, 25, 600)), arguments.seeds, usual),
        (OwnTable((500, 25, 600)), arguments.seeds, usual),
        (Sentences((120, 6, 200), error_share=0.15), arguments.seeds, usual),
        (Annotators((400, 20, 500)), arguments.seeds, usual),
        (Boxes((60, 4, 40), epochs=8), 1, {WORST_FIRST: 4, RANDOM_FLAGGED: 3, RANDOM_UNFLAGGED: 3}),
    )
    lines: list[list[str]] = [[], [], []]
    for kind, seeds, budget in work:
        if arguments.only and kind.name not in arguments.only:
            continue
        loops = []
        for seed in range(seeds):
            with tempfile.TemporaryDirectory() as directory:
                loops.append(run_loop(kind, seed, Path(directory), budget))
        told = tell_rounds(kind, loops), [tell_coverage(kind, loops)], [tell_scores(kind, loops)]
        for part, new in zip(lines, told, strict=True):
            part.extend(new)
            print(*new, sep="\n", flush=True)
    for (head, columns), part in zip(TABLES, lines, strict=True):
        print("", head, "| --- |" + " ---: |" * columns, *part, sep="\n")
    print("", describe_machine(), sep="\n")


if __name__ == "__main__":
    main()
