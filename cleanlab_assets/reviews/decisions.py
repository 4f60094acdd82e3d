"""What people decide of a finding, and which decisions are in force when several were made."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cleanlab_assets.datasets.errors import UnreadableInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Verdict = Literal["given is right", "label is", "finding is right", "unclear", "exclude the row"]
VERDICTS: tuple[Verdict, ...] = ("given is right", "label is", "unclear", "exclude the row")
"""What may be decided of a label."""
FINDING_VERDICTS: tuple[Verdict, ...] = ("given is right", "finding is right", "unclear", "exclude the row")
"""What may be decided of a row that another issue type flags.

It is right as given, so that the finding is wrong; the finding is right; or it is right and the row is not to be used.
"""
Coordinate = Annotated[float, Field(allow_inf_nan=False)]
LABEL_ISSUE = "label"
"""The issue type of a doubtful label, as Datalab names it."""


class DecisionError(UnreadableInputError):
    """A decision that the dataset does not allow; the message says what was found and what is allowed."""


class BoxLabel(BaseModel):
    """A box and its class.

    Attributes:
        class_name: its class.
        corners: x1, y1, x2, y2 in pixels, the last two just outside.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["box"] = "box"
    class_name: str = Field(min_length=1)
    corners: tuple[Coordinate, Coordinate, Coordinate, Coordinate]

    def __str__(self) -> str:
        return f"{self.class_name}@{','.join(_write_number(edge) for edge in self.corners)}"


class NoBox(BaseModel):
    """No box: there is no object in the place of a given one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["no box"] = "no box"

    def __str__(self) -> str:
        return self.kind


class RegionLabel(BaseModel):
    """Pixels of a picture and the one class that all of them have.

    Attributes:
        class_name: their class; ``background`` where they belong to no object.
        width: of the picture.
        height: of the picture.
        runs: which pixels, as packed run lengths, see ``outlines.pack_runs``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["region"] = "region"
    class_name: str = Field(min_length=1)
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    runs: str = Field(min_length=1)

    def __str__(self) -> str:
        return f"{self.class_name} {self.width}x{self.height} {self.runs}"


ElementLabel = BoxLabel | NoBox | RegionLabel
"""The label of a part of a row: of a box, or of a region of a mask."""
Value = str | float | list[str] | Annotated[ElementLabel, Field(discriminator="kind")]
"""A label: a class, a number, a set of classes, or that of a box or a region of an image."""


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
        element: what of the row is meant, where it has several labels, see ``elements``; empty where it is the row.
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
    def subject(self) -> str:
        """What of the row is decided, in words: an element or an issue type; empty where it is the label of the row."""
        return self.element or ("" if self.issue_type == LABEL_ISSUE else self.issue_type)

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
    return decision.verdict if label is None else f"{decision.verdict} {describe_value(label)}"


def describe_value(label: Value) -> str:
    """Say in words what a label is, such as ``'cat'``, or ``cat@10,20,30,40`` of a box."""
    if isinstance(label, RegionLabel):
        return f"{label.class_name} (a region)"
    return str(label) if isinstance(label, BoxLabel | NoBox) else repr(label)


def _write_number(number: float) -> str:
    return str(int(number)) if number.is_integer() else repr(number)
