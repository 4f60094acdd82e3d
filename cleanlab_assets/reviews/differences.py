"""Decisions of what another program changed: the labels of a corrected source that differ from the given ones.

Whoever corrects labels elsewhere gives back a file in the form of the source, or a part of it. It is read as the source
is, its rows are found by their keys, and each label that differs becomes a decision: a class, a number, a tag; a box
that was dropped, moved, renamed or added; a region of a mask. A row that is not in the file was not decided of.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from cleanlab_assets.datasets.boxes import match_boxes
from cleanlab_assets.datasets.errors import quote
from cleanlab_assets.datasets.faults import Faults
from cleanlab_assets.datasets.images import decode_mask
from cleanlab_assets.reviews.corrections import to_text
from cleanlab_assets.reviews.decision_files import ReadDecisions
from cleanlab_assets.reviews.decisions import DecisionError, NoBox
from cleanlab_assets.reviews.elements import (
    MISSING,
    has_elements,
    label_region,
    name_region,
    read_given_boxes,
    split_regions,
)
from cleanlab_assets.reviews.rows import ReviewedRows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from cleanlab_assets.reviews.decisions import Decision


def find_differences(rows: ReviewedRows, corrected: pd.DataFrame, *, reviewer: str, where: str) -> ReadDecisions:
    """Return a decision for each label of a corrected raw table that differs from the given one.

    Args:
        rows: the rows of the dataset.
        corrected: raw table of the same dataset, or of a part of its rows.
        reviewer: who corrected it.
        where: what is named in errors.

    Raises:
        DecisionError: the rows have several annotators, a row of the table is none of the dataset, has no label any
            more, or one that the dataset does not have; all of them are told.
    """
    if rows.dataset.panel is not None:
        raise DecisionError(f"{where}: single labels of several annotators are not corrected: decide of the examples")
    others, faults, found = ReviewedRows(rows.dataset, corrected), Faults(), ReadDecisions([], [])
    known = set(rows.keys)
    for place, key in enumerate(others.keys):
        row_id = corrected["row_id"].iloc[place]
        if key not in known:
            faults.add(f"{where}: row {quote(row_id)} is none of {rows.dataset.name}: only labels may differ")
            continue
        with faults.gather(where):
            for decision in _compare(rows, others, key, place, reviewer):
                found.decisions.append(decision)
                found.tokens.append(_make_token(decision))
    faults.raise_any(DecisionError)
    return found


def _compare(rows: ReviewedRows, others: ReviewedRows, key: str, place: int, reviewer: str) -> Iterator[Decision]:
    if has_elements(rows.dataset):
        given, new = rows.raw.iloc[rows.find(key)].to_dict(), others.raw.iloc[place].to_dict()
        yield from _compare_boxes(rows, key, given, new, reviewer)
        yield from _compare_masks(rows, key, given, new, reviewer)
        return
    old_label, label = rows.given.iloc[rows.find(key)], others.given.iloc[place]
    if label is None and old_label is not None:
        raise DecisionError(f"row {quote(others.raw['row_id'].iloc[place])}: found no label, expected one")
    if label != old_label:
        yield rows.decide(key, "label is", to_text(rows.dataset, label) or "", reviewer=reviewer)


def _compare_boxes(
    rows: ReviewedRows, key: str, given: Mapping[Any, Any], new: Mapping[Any, Any], reviewer: str
) -> Iterator[Decision]:
    """Yield a decision for each box that was dropped, moved, renamed or added.

    Boxes of one name are the same; of the others those belong together that overlap most, at least by one half.
    """
    old_boxes, new_boxes = read_given_boxes(given), read_given_boxes(new)
    left = {name: box for name, box in old_boxes.items() if name not in new_boxes}
    come = [(name, box) for name, box in new_boxes.items() if name not in old_boxes]
    corners = [
        np.array([box.corners for box in boxes]).reshape(-1, 4) for boxes in (left.values(), [box for _, box in come])
    ]
    matched = match_boxes(*corners).tolist()
    for (name, box), number in zip(left.items(), matched, strict=True):
        answer = str(NoBox()) if number < 0 else str(come[number][1])
        if answer != str(box):
            yield rows.decide(key, "label is", answer, element=name, reviewer=reviewer)
    for number, (name, box) in enumerate(come):
        if number not in matched:
            yield rows.decide(key, "label is", str(box), element=f"{MISSING}{name}", reviewer=reviewer)


def _compare_masks(
    rows: ReviewedRows, key: str, given: Mapping[Any, Any], new: Mapping[Any, Any], reviewer: str
) -> Iterator[Decision]:
    """Yield a decision for each connected region of one given and one new class."""
    if not (isinstance(given["class_mask"], bytes) and isinstance(new["class_mask"], bytes)):
        return
    class_names = rows.dataset.class_names
    old_mask, new_mask = decode_mask(given["class_mask"]), decode_mask(new["class_mask"])
    differs = old_mask != new_mask
    for old, other, inside in split_regions(old_mask * differs, new_mask * differs, class_names):
        label = label_region(other, inside)
        element = name_region(old, inside)
        yield rows.decide(key, "label is", str(label), element=element, suggestion=label, reviewer=reviewer)


def _make_token(decision: Decision) -> str:
    """Return what tells the decision of a corrected source from every other."""
    said = decision.model_dump_json(exclude={"given_label", "seen"})
    return hashlib.sha256(f"corrected source\0{said}".encode()).hexdigest()
