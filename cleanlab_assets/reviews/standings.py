"""How the decided findings of a dataset stand, kept up with a ledger into which others write, too."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.reviews.corrections import list_corrections
from cleanlab_assets.reviews.decisions import Finding, find_standings
from cleanlab_assets.reviews.elements import has_elements

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cleanlab_assets.reviews.corrections import State
    from cleanlab_assets.reviews.decisions import Entry, Standing
    from cleanlab_assets.reviews.ledger import Ledger
    from cleanlab_assets.reviews.rows import ReviewedRows


@dataclass
class Standings:
    """The entries of a ledger on one dataset, and what follows from them for its rows as they are now.

    PostgreSQL may show an entry after one of a higher number, when two are written at the same moment; ``OVERLAP``
    entries are therefore read again.

    Attributes:
        rows: the rows of the dataset.
        entries: every decision by its number, in the order of the ledger.
        by_finding: how things stand with each finding that has a decision which counts.
        states: whether that holds for the row as it is now, see ``list_corrections``.
    """

    OVERLAP = 20

    rows: ReviewedRows
    entries: dict[int, Entry] = field(default_factory=dict)
    by_finding: dict[Finding, Standing] = field(default_factory=dict)
    states: dict[Finding, State] = field(default_factory=dict)
    _numbers: dict[Finding, list[int]] = field(default_factory=dict)
    _of_row: dict[str, set[Finding]] = field(default_factory=dict)
    _undone: dict[int, int] = field(default_factory=dict)
    _last: int = 0

    def follow(self, ledger: Ledger) -> set[Finding]:
        """Read what is new in the ledger, and return the findings that it may concern."""
        news = ledger.read_news(self.rows.dataset.name, max(0, self._last - self.OVERLAP))
        new = [entry for entry in news.entries if entry.number not in self.entries]
        undone = {number: by for number, by in news.undone.items() if number not in self._undone}
        self._last = max(self._last, news.last)
        self._undone |= undone
        for entry in new:
            self.entries[entry.number] = entry
            self._numbers.setdefault(entry.decision.finding, []).append(entry.number)
            self._of_row.setdefault(entry.decision.row_key, set()).add(entry.decision.finding)
        touched = {entry.decision.finding for entry in new}
        for number in self._undone.keys() & (undone.keys() | {entry.number for entry in new}):
            if (found := self.entries.get(number)) is not None:
                self.entries[number] = found.model_copy(update={"undone_by": self._undone[number]})
                touched.add(found.decision.finding)
        if has_elements(self.rows.dataset):  # how an image stands depends on its boxes and regions
            touched = set[Finding]().union(*(self._of_row[finding.row_key] for finding in touched))
        self._judge(touched)
        return touched

    def history(self, finding: Finding) -> Sequence[Entry]:
        """Return every decision on a finding in the order of the ledger, also those that were taken back."""
        return [self.entries[number] for number in sorted(self._numbers.get(finding, ()))]

    def _judge(self, findings: set[Finding]) -> None:
        if not findings:
            return
        standings = find_standings(entry for finding in sorted(findings) for entry in self.history(finding))
        for finding in findings - standings.keys():
            self.by_finding.pop(finding, None)
            self.states.pop(finding, None)
        self.by_finding |= standings
        known = {finding: found for finding, found in standings.items() if self.rows.has_key(finding.row_key)}
        self.states |= dict.fromkeys(standings.keys() - known.keys(), "outdated")
        # The rows of these findings alone: one decision must not take the time of all rows.
        places = np.array(sorted({self.rows.find(finding.row_key) for finding in known}), dtype=np.int64)
        if len(places):
            raw, keys = self.rows.raw.iloc[places], self.rows.keys.iloc[places]
            table = list_corrections(self.rows.dataset, raw, keys, known)
            self.states |= dict(zip(known, table["state"], strict=True))
