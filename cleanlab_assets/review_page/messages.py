"""What the page sends, and what it is answered."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from cleanlab_assets.datasets.errors import UnreadableInputError
from cleanlab_assets.review_page.item import Item
from cleanlab_assets.reviews.decisions import LABEL_ISSUE
from cleanlab_assets.reviews.queues import WORST_FIRST

LONGEST_NOTE = 2_000
LONGEST_NAME = 200
LONGEST_ELEMENT = 2_000


class Place(BaseModel):
    """A queue; for the queue of one class pair with the pair."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    queue: str = WORST_FIRST
    given: str | None = Field(None, max_length=10_000)
    suggested: str | None = Field(None, max_length=10_000)

    @property
    def pair(self) -> tuple[str, str] | None:
        """Given and suggested class; None where there is no pair."""
        return None if self.given is None or self.suggested is None else (self.given, self.suggested)


class Answer(BaseModel):
    """What the page sends when a person decided.

    Attributes:
        row: row key.
        issue_type: what the page asked of, see ``Item.issue``; the label where it showed no other issue.
        element: what of the row is meant, see ``Element``; empty where it is the row.
        verdict: what was decided.
        label: the right label; of a set of classes their names.
        note: what they add.
        reviewer: who decided; the one of the command if empty.
        token: made by the page for this decision, so that a repeated request enters it once.
        data_version: of the audit that the page showed.
        place: the queue that showed the row.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    row: str = Field(min_length=1)
    issue_type: str = Field(LABEL_ISSUE, min_length=1, max_length=LONGEST_NAME)
    element: str = Field("", max_length=LONGEST_ELEMENT)
    verdict: str
    label: str | list[str] = ""
    note: str = Field("", max_length=LONGEST_NOTE)
    reviewer: str = Field("", max_length=LONGEST_NAME)
    token: str = Field(pattern=r"^[0-9a-f]{32}$")
    data_version: str = ""
    place: Place = Place()


class UndoRequest(BaseModel):
    """What the page sends when a decision is to be taken back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    entry: int = Field(ge=1)
    reviewer: str = Field("", max_length=LONGEST_NAME)


class QueueState(BaseModel):
    """A queue as the list of queues shows it; ``absent`` says in words why there is none."""

    name: str
    size: int | None
    open: int | None
    absent: str = ""


class Progress(BaseModel):
    """How far the review is.

    Attributes:
        size: rows of the queue.
        decided: those that are decided.
        precision: how precise the flags of the issue type of the queue are so far, in words.
        advice: whether to stop, in words.
        undo: number of the reviewer's last decision that counts; None where there is none.
        undo_said: what it said, in words.
    """

    size: int
    decided: int
    precision: str
    advice: str = ""
    undo: int | None = None
    undo_said: str = ""


class View(BaseModel):
    """What the page shows: a row and the progress of its queue.

    Attributes:
        item: the row; None where the queue is empty.
        progress: of the queue.
        upcoming: key of the row that a skip would show, so that its pictures can be fetched meanwhile.
        entry: number of what was entered.
        message: what there is to say.
    """

    item: Item | None
    progress: Progress
    upcoming: str = ""
    entry: int | None = None
    message: str = ""


class ReviewError(UnreadableInputError):
    """A request that cannot be met; the message says why."""
