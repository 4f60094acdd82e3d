"""The rows of a dataset as reviews know them: found by key or by row id, with their given labels and labels as text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from cleanlab_assets.datasets.errors import quote
from cleanlab_assets.reviews.corrections import check_decision, read_given_labels
from cleanlab_assets.reviews.decisions import FINDING_VERDICTS, LABEL_ISSUE, VERDICTS, Decision, DecisionError, Seen
from cleanlab_assets.reviews.element_answers import (
    ELEMENT_ANSWERS,
    Answer,
    answer_of_element,
    find_given_element,
    require_within,
)
from cleanlab_assets.reviews.elements import has_elements
from cleanlab_assets.reviews.row_keys import name_row_keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.reviews.decisions import Value


LabelKind = Literal["class", "number", "set", "annotations"]


def find_label_kind(dataset: Dataset) -> LabelKind:
    """Say what is decided of a row: its class, number or set of classes, or annotations of a picture as a whole."""
    if has_elements(dataset):
        return "annotations"
    if dataset.numeric_label is not None:
        return "number"
    return "class" if dataset.label_separator is None else "set"


@dataclass(frozen=True)
class ReviewedRows:
    """The rows of a raw table.

    Attributes:
        dataset: catalogue entry.
        raw: raw table, in source order.
    """

    dataset: Dataset
    raw: pd.DataFrame

    @cached_property
    def keys(self) -> pd.Series[str]:
        """The key of each row."""
        return name_row_keys(self.dataset, self.raw).keys

    @cached_property
    def given(self) -> pd.Series[Any]:
        """The given label of each row, see ``read_given_labels``."""
        return read_given_labels(self.dataset, self.raw)

    @cached_property
    def _places(self) -> Mapping[str, int]:
        by_key = {key: place for place, key in reversed(list(enumerate(self.keys)))}
        by_id = {row_id: place for place, row_id in enumerate(self.raw["row_id"])}
        return {**by_id, **by_key}

    @cached_property
    def _known_keys(self) -> frozenset[str]:
        return frozenset(self.keys)

    def has_key(self, key: str) -> bool:
        """Whether a row has this key."""
        return key in self._known_keys

    def find(self, name: str) -> int:
        """Return the place of a row by its key or its row id; of several rows of one key the first.

        Raises:
            DecisionError: there is no such row.
        """
        if name not in self._places:
            example = f"{self.raw['row_id'].iloc[0]} or {self.keys.iloc[0]}" if len(self.raw) else "a row id"
            raise DecisionError(
                f"{self.dataset.name} has no row {quote(name)}: expected a row id or a row key, such as {example}"
            )
        return self._places[name]

    def decide(
        self,
        row: str,
        verdict: str,
        label: str = "",
        *,
        reviewer: str,
        note: str = "",
        issue_type: str = LABEL_ISSUE,
        seen: Seen | None = None,
        element: str = "",
        suggestion: Value | None = None,
    ) -> Decision:
        """Make a decision of what people write.

        Args:
            row: row id or row key.
            verdict: one of ``list_answers``.
            label: the right label, with ``label is``, see ``parse_label``, or a class with ``class is``.
            reviewer: who decides.
            note: what they add.
            issue_type: what was found.
            seen: what they saw.
            element: what of the row is meant, see ``elements``; empty where it is the row.
            suggestion: what an audit suggests for the element, if one is at hand: the label that is taken with
                ``take the predicted box``, and the pixels of a predicted region.

        Raises:
            DecisionError: there is no such row, element or verdict, or the dataset has no such label.
        """
        place = self.find(row)
        where = f"{self.dataset.name}, row {quote(row)}"
        answers = self.list_answers(issue_type)
        if verdict not in answers:
            raise DecisionError(f"{where}: decision {quote(verdict)}, expected one of {', '.join(answers)}")
        if element and issue_type != LABEL_ISSUE:
            raise DecisionError(
                f"{where}, {quote(element)}: found the issue type {quote(issue_type)}, expected {LABEL_ISSUE!r}: other "
                "issues are of the whole row, so name no element"
            )
        if not reviewer:
            raise DecisionError(f"{where}: nobody is named who decided: name the reviewer")
        if verdict == "exclude the row" and has_elements(self.dataset):
            element = ""  # an image is excluded as a whole, whatever of it was shown
        if element and has_elements(self.dataset):
            answer = self._answer_of_element(place, element, verdict, label, suggestion, f"{where}, {quote(element)}")
        else:
            answer = self._answer_of_row(place, verdict, label, where)
        decision = Decision(
            dataset=self.dataset.name,
            row_key=self.keys.iloc[place],
            issue_type=issue_type,
            element=element,
            given_label=answer.given,
            verdict=answer.verdict,
            label=answer.label,
            reviewer=reviewer,
            note=note,
            seen=seen or Seen(),
        )
        check_decision(self.dataset, decision)
        return decision

    def list_answers(self, issue_type: str = LABEL_ISSUE) -> tuple[str, ...]:
        """Return what may be decided of the label of a row or of a part of it, or of another issue of the row."""
        if issue_type != LABEL_ISSUE:
            return FINDING_VERDICTS
        return (*VERDICTS, *ELEMENT_ANSWERS) if has_elements(self.dataset) else VERDICTS

    def _answer_of_element(  # noqa: PLR0917
        self, place: int, element: str, said: str, label: str, suggestion: Value | None, where: str
    ) -> Answer:
        row = self.raw.iloc[place].to_dict()
        given = find_given_element(row, element, self.dataset.class_names, suggestion, where=where)
        answer = answer_of_element(said, label, element=element, given=given, suggestion=suggestion, where=where)
        require_within(answer.label, row, where)
        return answer

    def _answer_of_row(self, place: int, said: str, label: str, where: str) -> Answer:
        if said in ELEMENT_ANSWERS:
            raise DecisionError(f"{where}: {said!r} is said of a box or region: name it as element")
        has_label = bool(label) or (said == "label is" and self.dataset.label_separator is not None)
        if has_label != (said == "label is"):
            told = f"label {quote(label)}" if label else "no label"
            raise DecisionError(f"{where}: {said!r} with {told}: a label comes with 'label is', and only there")
        verdict = next(verdict for verdict in (*VERDICTS, *FINDING_VERDICTS) if verdict == said)
        return Answer(self.given.iloc[place], verdict, self.parse_label(label) if has_label else None)

    def parse_label(self, text: str) -> Value:
        """Read a label as people write it: a class, a number, or classes with the dataset's separator between them.

        Raises:
            DecisionError: a number is expected and something else found.
        """
        if self.dataset.numeric_label is not None:
            try:
                return float(text)
            except ValueError:
                expected = self.dataset.numeric_label
                raise DecisionError(f"{self.dataset.name}: label {quote(text)}, expected {expected}") from None
        return text if self.dataset.label_separator is None else self.dataset.split_label(text)
