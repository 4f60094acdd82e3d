"""One row as the page shows it: what is decided of, and the evidence. Texts are for people, and escaped by the page."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """What all parts of an item have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Candidate(Part):
    """A label that a key enters.

    Attributes:
        label: as it is sent back; of a set of classes their names.
        shown: as people read it.
        probability: out-of-sample predicted, from 0 to 1; None where there is none.
        is_given: whether it is the given label.
    """

    label: str | list[str]
    shown: str
    probability: float | None = None
    is_given: bool = False


class Cell(Part):
    """A value of the row by the name of its column; ``unusual`` says in words how it differs from other rows."""

    name: str
    value: str
    unusual: str = ""


class Picture(Part):
    """A picture of the row: ``source`` is a column of it, or empty where the finding is drawn over it."""

    name: str
    source: str


class Token(Part):
    """A token of the sentence of the row, with its given label."""

    text: str
    label: str
    is_row: bool


class Vote(Part):
    """The label that an annotator gave; ``quality`` is that of the annotator, as people read it."""

    annotator: str
    label: str
    quality: str = ""


class OtherRow(Part):
    """Another row that is evidence: a neighbour or a near duplicate.

    Attributes:
        row_id: its row id.
        label: its given label.
        distance: from the row that is shown, as people read it.
        note: what else is to be said, such as the beginning of its text.
        picture: the column of its picture; empty where it has none.
        can_be_shown: whether the page can show it as an item.
    """

    row_id: str
    label: str
    distance: str = ""
    note: str = ""
    picture: str = ""
    can_be_shown: bool = True


class Opinion(Part):
    """What another model's audit says of the row."""

    model: str
    is_flagged: bool
    suggested: str
    quality: str


class SecondOpinion(Part):
    """What a language model says of the given label: whether it is defensible, how surely, and why in a sentence."""

    is_given_defensible: bool
    label: str
    confidence: float
    sentence: str


class Element(Part):
    """A box or region of a picture, of which one may decide by itself.

    Attributes:
        name: its name in reviews, which is sent back.
        shown: what it is and where.
        place: where it is: left, top, right and bottom as shares of the picture from 0 to 1; empty where that is
            not known.
        is_flagged: whether the audit flags it.
        reason: why, where the audit says so.
        suggested: what the audit suggests for it.
        answers: what can be said of it, in the words that are sent back; none where the picture does not have it.
        may_be_background: whether its class may be the background.
        note: what else is to be said.
        state: how the decision on it stands; empty where nobody decided.
        said: what was decided.
    """

    name: str
    shown: str
    place: list[float] = []
    is_flagged: bool
    reason: str = ""
    suggested: str
    answers: list[str] = []
    may_be_background: bool = False
    note: str = ""
    state: str = ""
    said: str = ""


class RowIssue(Part):
    """Another issue of the row than its label, of which one decides whether it is found rightly.

    Attributes:
        issue_type: its name.
        shown: its name as people read it.
        score: of the row, from 0 to 1, lower is worse; None where it is missing.
        meaning: what the issue is, in a sentence or two.
    """

    issue_type: str
    shown: str
    score: float | None
    meaning: str


class Past(Part):
    """A decision that was made before: of the label of the row, or of a ``subject``, see ``Decision.subject``."""

    entry: int
    subject: str = ""
    reviewer: str
    said: str
    made_at: str
    note: str
    undone_by: int | None


class Item(Part):
    """A row with all its evidence; what the dataset or the family has not is empty.

    Attributes:
        key: row key.
        row_id: row id.
        own_id: the user's own name of the row.
        split: train, validation or test.
        given: the given label; None where there is none.
        given_name: what the given label is, in words.
        given_note: what is to be said where the audit saw another given label.
        suggested: the suggested label.
        quality: label quality, from 0 to 1.
        rank: rank by quality, 1 is the worst.
        is_flagged: whether the label is flagged.
        reason: why.
        kind_of_case: which kind of case a flagged row is, and why; empty where that is not known.
        issue: the issue that is decided of in place of the label, in the queue of its type; None in others.
        flagged_as: names of the other issue types that flag the row, as people read them.
        asked_for: whom the labelling batch would ask for one more label, and why; empty where it does not.
        state: how the decision on it stands; empty where nobody decided.
        candidates: the likeliest labels, likeliest first.
        probabilities: probability of each class, for sets of classes.
        members: the classes of the given set.
        findings: what was found within the row, such as of each of its boxes.
        texts: written for people.
        pictures: pictures.
        sentence: the sentence of a token.
        cells: other values of the row, features first.
        votes: of the annotators.
        neighbors: nearest first.
        duplicates: rows that are nearly the same.
        opinions: of other models.
        second_opinion: of a language model, which knows nothing of the audit; None where it has none.
        elements: boxes and regions that are decided by themselves, flagged ones first, worst first.
        n_more_elements: how many there are beside those.
        history: decisions, the latest first.
    """

    key: str
    row_id: str
    own_id: str = ""
    split: str = ""
    given: str | None
    given_name: str = "given label"
    given_note: str = ""
    suggested: str
    quality: float | None
    rank: int | None
    is_flagged: bool
    reason: str = ""
    kind_of_case: str = ""
    issue: RowIssue | None = None
    flagged_as: list[str] = []
    asked_for: str = ""
    state: str = ""
    candidates: list[Candidate] = []
    probabilities: dict[str, float] = {}
    members: list[str] = []
    findings: list[str] = []
    texts: list[Cell] = []
    pictures: list[Picture] = []
    sentence: list[Token] = []
    cells: list[Cell] = []
    votes: list[Vote] = []
    neighbors: list[OtherRow] = []
    duplicates: list[OtherRow] = []
    opinions: list[Opinion] = []
    second_opinion: SecondOpinion | None = None
    elements: list[Element] = []
    n_more_elements: int = 0
    history: list[Past] = []
