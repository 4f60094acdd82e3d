"""Decisions of boxes and regions: how they are said, which of them hold, and the images with the decided ones."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cleanlab_assets.datasets
from cleanlab_assets.datasets.dataset import Dataset
from cleanlab_assets.datasets.images import decode_mask, make_image_table
from cleanlab_assets.discovery import find_entries
from cleanlab_assets.reviews.corrections import check_decision, correct_dataset, list_corrections
from cleanlab_assets.reviews.decision_files import read_decisions, write_decisions
from cleanlab_assets.reviews.decisions import BoxLabel, DecisionError, Entry, NoBox, RegionLabel, find_standings
from cleanlab_assets.reviews.elements import (
    label_region,
    name_boxes,
    name_region,
    parse_element_label,
    read_pixels,
    split_regions,
)
from cleanlab_assets.reviews.ledger import open_ledger
from cleanlab_assets.reviews.rows import ReviewedRows
from cleanlab_assets_tests.datasets.known_scenes import make_image
from cleanlab_assets_tests.reviews.conftest import decide
from cleanlab_assets_tests.reviews.test_corrections import CLASSES

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from cleanlab_assets.reviews.decisions import Decision

SCENES = find_entries(cleanlab_assets.datasets, "DATASET", Dataset)["digit_scenes"]
DATASET = replace(SCENES, name="pets", class_names=("cat", "dog"))
BOXES = ((2, 3, 10, 12), (4, 4, 12, 14), (2, 3, 10, 12))
LABELS = ("cat", "dog", "cat")
CAT, DOG, SECOND_CAT = "cat@2,3,10,12", "dog@4,4,12,14", "cat@2,3,10,12#2"
MISSED = "+dog@14,1.5,19,8"


def _mask(*places: tuple[int, int, int, int, int]) -> np.ndarray:
    mask = np.zeros((16, 20), dtype=np.int64)
    for x1, y1, x2, y2, code in places:
        mask[y1:y2, x1:x2] = code
    return mask


GIVEN_MASK = _mask((2, 2, 8, 8, 1), (12, 2, 18, 8, 2))


def _raw(boxes: Any = BOXES, labels: tuple[str, ...] = LABELS, mask: np.ndarray | None = None) -> pd.DataFrame:
    return make_image_table([make_image(boxes, labels, class_mask=GIVEN_MASK if mask is None else mask)])


def _say(verdict: str, label: str = "", *, element: str, raw: pd.DataFrame | None = None, **said: Any) -> Decision:
    rows = ReviewedRows(DATASET, _raw() if raw is None else raw)
    return rows.decide("a.png", verdict, label, element=element, reviewer=said.pop("reviewer", "ann"), **said)


def _apply(raw: pd.DataFrame, *decisions: Decision) -> tuple[list[str], dict[str, Any]]:
    """States of the decided findings, and the corrected row."""
    keys = ReviewedRows(DATASET, raw).keys
    entries = [
        Entry(number=number, made_at=datetime(2026, 1, 1, tzinfo=UTC), decision=decision)
        for number, decision in enumerate(decisions, start=1)
    ]
    corrections = list_corrections(DATASET, raw, keys, find_standings(entries))
    corrected = correct_dataset(DATASET, raw, keys, corrections)
    assert corrected[raw.columns].equals(raw)
    return corrections["state"].tolist(), {str(name): value for name, value in corrected.iloc[0].items()}


def _read_boxes(row: dict[str, Any]) -> list[tuple[str, list[float], int]]:
    names = ("corrected_box_labels", "corrected_boxes", "corrected_box_origins")
    return list(zip(*(json.loads(row[name]) for name in names), strict=True))


def test_equal_boxes_are_told_apart_and_names_do_not_depend_on_the_order_of_others() -> None:
    names = name_boxes(LABELS, np.array(BOXES, dtype=float))
    assert names == [CAT, DOG, SECOND_CAT]
    assert name_boxes(LABELS[1:], np.array(BOXES[1:], dtype=float)) == [DOG, CAT]
    assert name_boxes(["cat"], np.array([[0.04, 1.26, 3, 4.949]])) == ["cat@0,1.3,3,4.9"]


def test_each_answer_changes_its_box_and_no_other() -> None:
    suggested = BoxLabel(class_name="dog", corners=(5, 5, 13, 15))
    states, row = _apply(
        _raw(),
        _say("drop box", element=CAT),
        _say("take the predicted box", element=DOG, suggestion=suggested),
        _say("class is", "dog", element=SECOND_CAT),
        _say("add the predicted box", element=MISSED),
        _say("class is", "cat", element="+dog@0,0,4,4"),
        _say("given is right", element="+cat@0,10,4,14"),
    )

    assert states == ["in force"] * 6
    assert _read_boxes(row) == [
        ("dog", [5, 5, 13, 15], 1),
        ("dog", [2, 3, 10, 12], 2),
        ("dog", [14, 1.5, 19, 8], -1),
        ("cat", [0, 0, 4, 4], -1),
    ]
    assert (row["corrected_label"], row["label_source"], row["is_excluded"]) == ("cat|dog", "reviewed", False)


def test_without_decisions_boxes_and_mask_are_the_given_ones() -> None:
    raw = _raw()
    states, row = _apply(raw)
    assert states == []
    assert [row[name] for name in ("corrected_boxes", "corrected_box_labels", "corrected_class_mask")] == [
        *raw[["boxes", "box_labels", "class_mask"]].iloc[0]
    ]
    assert row["corrected_label"] == raw["classes"].iloc[0]


def test_a_decision_follows_its_box_and_knows_what_the_source_made_of_it() -> None:
    made = (
        _say("drop box", element=CAT),
        _say("class is", "cat", element=DOG),
        _say("add the predicted box", element=MISSED),
    )

    def judge(*given: tuple[str, tuple[float, ...]]) -> list[str]:
        return _apply(_raw([box for _, box in given], tuple(label for label, _ in given)), *made)[0]

    cat, dog = ("cat", BOXES[0]), ("dog", BOXES[1])
    assert judge(dog, cat) == ["in force", "in force", "in force"]
    assert judge(("cat", BOXES[1]), ("dog", (14, 1.5, 19, 8))) == ["done", "done", "done"]
    # Both moved by a pixel or two: what was decided was of another box; the added one lies nearly as decided.
    assert judge(("cat", (3, 3, 11, 12)), ("dog", (4, 6, 12, 16)), ("dog", (14, 1.6, 19, 8))) == [
        *("outdated", "outdated", "done")
    ]


def test_an_image_that_was_decided_stays_so_when_its_source_takes_the_decided_boxes_over() -> None:
    cats = _mask((2, 2, 8, 8, 1))
    old, new = _raw([BOXES[0]], ("cat",), cats), _raw([BOXES[0], (14, 1.5, 19, 8)], ("cat", "dog"), cats)
    of_image = ReviewedRows(DATASET, old).decide("a.png", "given is right", reviewer="ann")
    of_box = _say("add the predicted box", element=MISSED, raw=old)
    of_another = _say("given is right", element=CAT, raw=old)

    assert _apply(old, of_image, of_box)[0] == ["in force", "in force"]
    assert _apply(new, of_image, of_box)[0] == ["in force", "done"]
    assert _apply(new, of_image)[0] == ["outdated"], "nobody decided of the new box"
    assert _apply(new, of_image, of_another)[0] == ["outdated", "in force"]


def test_an_image_that_is_gone_is_outdated_and_reviewers_may_disagree_of_one_box() -> None:
    raw = _raw()
    other = raw.assign(row_id="b.png")
    assert _apply(other, _say("drop box", element=CAT))[0] == ["outdated"]
    made = (_say("drop box", element=CAT), _say("given is right", element=CAT, reviewer="bob"))
    states, row = _apply(raw, *made, _say("drop box", element=DOG))
    assert states == ["conflict", "in force"]
    assert [label for label, *_ in _read_boxes(row)] == ["cat", "cat"]


def test_a_region_takes_what_is_predicted_or_a_class() -> None:
    suggested_mask = _mask((2, 2, 8, 8, 2), (12, 2, 18, 8, 2), (0, 12, 4, 16, 1))
    regions = {
        name_region(first, inside): label_region(second, inside)
        for first, second, inside in split_regions(GIVEN_MASK, suggested_mask, DATASET.class_names)
        if first != second
    }
    assert [name.partition(":")[0] for name in regions] == ["background@0,12,4,16", "cat@2,2,8,8"]
    missed, swapped = regions
    dog = name_region("dog", GIVEN_MASK == 2)

    states, row = _apply(
        _raw(),
        _say("take the predicted region", element=missed, suggestion=regions[missed]),
        _say("take the predicted region", element=swapped, suggestion=regions[swapped]),
        _say("class is", "background", element=dog),
    )

    assert states == ["in force"] * 3
    expected = _mask((2, 2, 8, 8, 2), (0, 12, 4, 16, 1))
    np.testing.assert_array_equal(decode_mask(row["corrected_class_mask"]), expected)
    made = _say("take the predicted region", element=swapped, suggestion=regions[swapped])
    assert _apply(_raw(mask=suggested_mask), made)[0] == ["done"]
    assert _apply(_raw(mask=_mask((2, 2, 7, 8, 1))), made)[0] == ["outdated"]


def test_pixels_that_take_no_part_belong_to_no_region() -> None:
    ignored = _mask((0, 0, 4, 4, 255), (4, 0, 8, 4, 1))
    found = list(split_regions(ignored, _mask((0, 0, 8, 4, 2)), DATASET.class_names))
    assert [(first, second, int(inside.sum())) for first, second, inside in found] == [("cat", "dog", 16)]


@pytest.mark.parametrize(
    ("verdict", "label", "element", "message"),
    [
        ("drop box", "", "cat@1,1,2,2", "no such box or region: its elements are 5"),
        ("drop box", "", MISSED, "'drop box' cannot be said of an object without a box"),
        ("add the predicted box", "", CAT, "cannot be said of a given box"),
        ("take the predicted box", "", CAT, "no audit suggests one: name its model with -m"),
        ("class is", "zebra", CAT, "'zebra' is none of the classes cat, dog"),
        ("class is", "", CAT, "'class is' with no label"),
        ("drop box", "dog", CAT, "'drop box' with label 'dog'"),
        ("label is", "dog@1,1,99,9", CAT, "but the picture has 20 x 16 pixels"),
        ("label is", "dog", CAT, "expected a box such as cat@10,20,30,40"),
        ("label is", "dog@4,4,2,8", CAT, "x1 below x2"),
        ("label is", "no box", MISSED, "cannot have"),
        ("class is", "dog", "", "'class is' is said of a box or region: name it as element"),
        ("label is", "cat|dog", "", "the classes of an image are those of its parts"),
        ("sure", "", CAT, "expected one of given is right, label is, unclear, exclude the row, drop box"),
    ],
)
def test_what_an_element_cannot_be_is_refused_in_one_line(verdict: str, label: str, element: str, message: str) -> None:
    with pytest.raises(DecisionError) as error:
        _say(verdict, label, element=element)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_decisions_of_elements_leave_as_a_file_and_come_back(tmp_path: Path) -> None:
    rows = ReviewedRows(DATASET, _raw())
    inside = _mask((3, 3, 8, 8, 1)) == 1  # no whole region of the given mask
    made = [
        _say("class is", "dog", element=CAT),
        _say("drop box", element=DOG),
        _say("add the predicted box", element=MISSED),
        _say("unclear", element=name_region("cat", inside), suggestion=label_region("dog", inside)),
        _say("class is", "background", element=name_region("dog", GIVEN_MASK == 2)),
    ]
    path = tmp_path / "decisions.csv"
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        ledger.decide(made)
        path.write_text(write_decisions(ledger.read("pets"), rows, {}), encoding="utf-8")

    assert read_decisions(path, rows, reviewer="nobody").decisions == made


def test_where_nothing_is_predicted_a_box_is_dropped_and_not_taken() -> None:
    with pytest.raises(DecisionError, match="the audit predicts no box there: say 'drop box'"):
        _say("take the predicted box", element=CAT, suggestion=NoBox())


def test_an_image_is_excluded_as_a_whole() -> None:
    made = _say("exclude the row", element=CAT)
    assert made.element == ""
    states, row = _apply(_raw(), made)
    assert (states, row["is_excluded"]) == (["in force"], True)


def test_a_row_with_one_label_has_no_elements() -> None:
    with pytest.raises(DecisionError, match="found the element 'cat@1,2,3,4', but a row has one label"):
        check_decision(CLASSES, decide(element="cat@1,2,3,4"))


@given(
    st.text(min_size=1).filter(str.strip),
    st.tuples(*[st.floats(0, 1e6)] * 4),
    st.lists(st.booleans(), min_size=12, max_size=12).filter(any),
)
def test_the_text_of_a_label_is_read_back(name: str, corners: tuple[float, ...], pixels: list[bool]) -> None:
    x1, y1, dx, dy = corners
    box = BoxLabel(class_name=name, corners=(x1, y1, x1 + dx + 1, y1 + dy + 1))
    inside = np.array(pixels).reshape(3, 4)
    region = label_region(name, inside)
    for label in (box, NoBox(), region):
        assert parse_element_label(str(label)) == label
    np.testing.assert_array_equal(read_pixels(region), inside)


def test_the_ledger_keeps_labels_of_every_kind_and_reads_those_of_before(tmp_path: Path) -> None:
    """The texts below are what a ledger of an earlier version holds."""
    made = [
        decide("1", given_label=BoxLabel(class_name="a", corners=(0, 1, 2.5, 3)), verdict="label is", label=NoBox()),
        decide("2", given_label=None, verdict="label is", label=BoxLabel(class_name="b", corners=(0, 0, 1, 1))),
        decide("3", given_label=RegionLabel(class_name="a", width=4, height=3, runs="0<"), verdict="unclear"),
    ]
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        ledger.decide(made)
        assert [entry.decision for entry in ledger.read("tickets")] == made
    before = json.loads(
        '{"dataset": "tickets", "row_key": "1", "issue_type": "label", "element": "", "given_label": ["a", "b"], '
        '"verdict": "label is", "label": ["b"], "reviewer": "ann", "note": "", "seen": {"suggested_label": 1.5}}'
    )
    old = decide().model_validate(before)
    assert (old.given_label, old.label, old.seen.suggested_label) == (["a", "b"], ["b"], 1.5)
