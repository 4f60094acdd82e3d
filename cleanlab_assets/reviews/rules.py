"""One decision of many rows: a class that is merged into another, or a pair of classes that a model is sure of.

Findings that somebody decided of by themselves are left alone: a rule overrules nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cleanlab_assets.datasets.errors import quote
from cleanlab_assets.reviews.decisions import BoxLabel, DecisionError, Finding, RegionLabel, Seen
from cleanlab_assets.reviews.element_answers import CLASS_IS
from cleanlab_assets.reviews.elements import find_given_regions, has_elements, read_given_boxes
from cleanlab_assets.reviews.suggestions import read_suggestion

if TYPE_CHECKING:
    from collections.abc import Collection

    import pandas as pd

    from cleanlab_assets.reviews.decisions import Decision
    from cleanlab_assets.reviews.rows import ReviewedRows


class Rule(NamedTuple):
    """A rule in words, the decisions that follow from it, and of how many others somebody decided before."""

    text: str
    decisions: list[Decision]
    n_decided: int


def merge_classes(
    rows: ReviewedRows, merged: str, into: str, *, reviewer: str, decided: Collection[Finding] = ()
) -> Rule:
    """Return the decision that every label of one class is another class.

    Args:
        rows: the rows of the dataset.
        merged: the class that goes; where a label names several classes, it is replaced in it.
        into: the class that takes its place.
        reviewer: who decides.
        decided: findings that are left alone.

    Raises:
        DecisionError: the labels are numbers, or of several annotators, or a class is unknown.
    """
    dataset = rows.dataset
    if dataset.numeric_label is not None or dataset.panel is not None:
        raise DecisionError(f"{dataset.name}: classes are merged where each row has a label that is a class")
    _require_pair(rows, merged, into)
    made: list[Decision] = []
    if has_elements(dataset):
        for row, key in zip(rows.raw.to_dict("records"), rows.keys, strict=True):
            labels: dict[str, BoxLabel | RegionLabel] = {**read_given_boxes(row)}
            labels |= find_given_regions(row, dataset.class_names)
            made += [
                rows.decide(key, CLASS_IS, into, element=element, reviewer=reviewer)
                for element, label in labels.items()
                if label.class_name == merged
            ]
    else:
        for key, given in zip(rows.keys, rows.given, strict=True):
            names = given if isinstance(given, list) else [given]
            if merged in names:
                new = dict.fromkeys(into if name == merged else name for name in names)
                text = (dataset.label_separator or "").join(name for name in dataset.class_names if name in new)
                made.append(rows.decide(key, "label is", text, reviewer=reviewer))
    return _leave_out(f"label {merged!r} is {into!r}", made, decided)


def accept_pair(
    rows: ReviewedRows,
    issues: pd.DataFrame,
    given: str,
    suggested: str,
    *,
    above: float,
    model: str,
    reviewer: str,
    decided: Collection[Finding] = (),
) -> Rule:
    """Return the decision that all labels of a pair of given and suggested class are as suggested.

    Args:
        rows: the rows of the dataset.
        issues: the audit: ``row_id``, ``given_label``, ``suggested_label`` and ``suggested_label_probability`` of each
            row; or of each element ``element``, ``given_class``, ``suggested_class``, ``probability`` and
            ``suggestion``.
        given: the given class.
        suggested: the suggested class.
        above: least probability of the suggested class, in [0, 1].
        model: whose audit it is.
        reviewer: who decides.
        decided: findings that are left alone.

    Raises:
        DecisionError: a class is unknown, or the audit has no probability of classes.
    """
    _require_pair(rows, given, suggested)
    is_of_elements = "element" in issues
    names = ("given_class", "suggested_class", "probability")
    if not is_of_elements:
        names = ("given_label", "suggested_label", "suggested_label_probability")
    if missing := [name for name in names if name not in issues]:
        raise DecisionError(f"{rows.dataset.name}: the audit of {model} has no {missing[0]}: decide row by row")
    is_pair = (issues[names[0]].astype(str) == given) & (issues[names[1]].astype(str) == suggested)
    chosen = issues[is_pair & (issues[names[2]] >= above)]
    made = []
    for found in chosen.to_dict("records"):
        suggestion = read_suggestion(str(found["suggestion"])) if is_of_elements else None
        made.append(
            rows.decide(
                str(found["row_id"]),
                "label is",
                suggested if suggestion is None else str(suggestion),
                reviewer=reviewer,
                element=str(found["element"]) if is_of_elements else "",
                suggestion=suggestion,
                seen=Seen(model=model, suggested_label=suggestion or suggested),
            )
        )
    return _leave_out(f"{given!r} is {suggested!r} where {model} says so with at least {above:g}", made, decided)


def _require_pair(rows: ReviewedRows, first: str, second: str) -> None:
    for name in (first, second):
        if name not in rows.dataset.class_names:
            known = ", ".join(rows.dataset.class_names[:20])
            raise DecisionError(f"{rows.dataset.name}: {quote(name)} is none of the classes {known}")
    if first == second:
        raise DecisionError(f"{rows.dataset.name}: found {quote(first)} twice, expected two classes")


def _leave_out(text: str, made: list[Decision], decided: Collection[Finding]) -> Rule:
    known = set(decided)
    left = [decision for decision in made if decision.finding not in known]
    return Rule(text, left, len(made) - len(left))
