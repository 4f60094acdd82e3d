"""What people decide of a finding, and which decisions are in force when several were made."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Verdict = Literal["given is right", "label is", "unclear", "exclude the row"]
VERDICTS: tuple[Verdict, ...] = ("given is right", "label is", "unclear", "exclude the row")
Value = str | float | list[str]
"""A label: a class, a number, or a set of classes."""
LABEL_ISSUE = "label"
"""The issue type of a doubtful label, as Datalab names it."""


class Seen(BaseModel):
    """What the reviewer had before them.

    Attributes:
        model: whose audit showed the row; empty where none did.
        data_version: of that audit's label issues.
        suggested_label: the label that it suggested.
        quality: its label quality score.
        queue: the queue that showed the row, such as ``worst first`` or ``random flags``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = ""
    data_version: str = ""
    suggested_label: Value | None = None
    quality: float | None = Field(None, allow_inf_nan=False)
    queue: str = ""


class Decision(BaseModel):
    """What one person decides of one finding.

    Attributes:
        dataset: name of the dataset.
        row_key: key of the row, see ``row_keys``.
        issue_type: what was found, as Datalab names it; ``label`` for a doubtful label.
        element: what of the row is meant, where it has several labels; empty where it is the row.
        given_label: the label that the row had.
        verdict: what was decided.
        label: the right label, with ``label is``.
        reviewer: who decided.
        note: what they add.
        seen: what they saw.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str = Field(min_length=1)
    row_key: str = Field(min_length=1)
    issue_type: str = Field(LABEL_ISSUE, min_length=1)
    element: str = ""
    given_label: Value | None
    verdict: Verdict
    label: Value | None = None
    reviewer: str = Field(min_length=1)
    note: str = ""
    seen: Seen = Seen()

    @model_validator(mode="after")
    def _check_label(self) -> Decision:
        if (self.label is not None) != (self.verdict == "label is"):
            raise ValueError(
                f"the verdict {self.verdict!r} with label {self.label!r}: a label comes with 'label is', and only there"
            )
        return self

    @property
    def finding(self) -> Finding:
        """What was decided of."""
        return Finding(self.row_key, self.issue_type, self.element)

    @property
    def answer(self) -> tuple[Verdict, str]:
        """Verdict and label, to be compared; a label that equals the given one says that the given one is right."""
        if self.verdict == "label is" and self.label == self.given_label:
            return "given is right", ""
        return self.verdict, "" if self.label is None else repr(self.label)


@dataclass(frozen=True, order=True)
class Finding:
    """A row, what was found of it, and what of the row is meant."""

    row_key: str
    issue_type: str
    element: str = ""


class Entry(BaseModel):
    """A decision as the ledger keeps it.

    Attributes:
        number: its place in the ledger, from 1.
        made_at: when the ledger took it, UTC.
        rule: number of the rule that it follows from, where one decision is of many rows.
        undone_by: number of the entry that takes it back; None while it counts.
        decision: what was decided.
    """

    model_config = ConfigDict(frozen=True)

    number: int
    made_at: datetime
    decision: Decision
    rule: int | None = None
    undone_by: int | None = None


@dataclass(frozen=True)
class Standing:
    """How things stand with one finding.

    Attributes:
        finding: what was decided of.
        entries: the latest entry of each reviewer that counts, in the order of the ledger, at least one.
    """

    finding: Finding
    entries: tuple[Entry, ...]

    @property
    def in_conflict(self) -> bool:
        """Whether reviewers decided differently; who found it unclear contradicts nobody."""
        return len({entry.decision.answer for entry in self._definite}) > 1

    @property
    def in_force(self) -> Entry | None:
        """The decision that counts: the latest definite one, else that it is unclear; None in a conflict."""
        return None if self.in_conflict else (self._definite or self.entries)[-1]

    @property
    def _definite(self) -> Sequence[Entry]:
        return [entry for entry in self.entries if entry.decision.verdict != "unclear"]


def find_standings(entries: Iterable[Entry]) -> dict[Finding, Standing]:
    """Say how things stand with each finding that has an entry which counts.

    Args:
        entries: of one dataset, in the order of the ledger.

    Returns:
        By finding, in the order of their first entries.
    """
    latest: dict[Finding, dict[str, Entry]] = defaultdict(dict)
    for entry in entries:
        if entry.undone_by is None:
            by_reviewer = latest[entry.decision.finding]
            by_reviewer.pop(entry.decision.reviewer, None)  # so that the new one comes last
            by_reviewer[entry.decision.reviewer] = entry
    return {finding: Standing(finding, tuple(by_reviewer.values())) for finding, by_reviewer in latest.items()}


def describe_answer(decision: Decision) -> str:
    """Say in words what was decided, such as ``label is 'cat'``."""
    label: Any = decision.label
    return decision.verdict if label is None else f"{decision.verdict} {label!r}"
