"""One decision of many rows: what follows from a rule, and how it is taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from cleanlab_assets.reviews.database import LedgerError
from cleanlab_assets.reviews.decisions import BoxLabel, DecisionError, NoBox
from cleanlab_assets.reviews.ledger import open_ledger
from cleanlab_assets.reviews.rows import ReviewedRows
from cleanlab_assets.reviews.rules import accept_pair, merge_classes
from cleanlab_assets_tests.reviews.test_corrections import DATASETS, LABELS, _raw
from cleanlab_assets_tests.reviews.test_elements import CAT, DATASET, DOG, SECOND_CAT
from cleanlab_assets_tests.reviews.test_elements import _raw as _raw_images

if TYPE_CHECKING:
    from cleanlab_assets.reviews.rules import Rule


def _rows(kind: str) -> ReviewedRows:
    return ReviewedRows(DATASETS[kind], _raw(LABELS[kind]))


def _labels(rule: Rule) -> list[Any]:
    return [decision.label for decision in rule.decisions]


def test_a_class_is_merged_wherever_it_is_given() -> None:
    rows = _rows("classes")
    rule = merge_classes(rows, "a", "b", reviewer="ann")
    assert [decision.row_key for decision in rule.decisions] == [rows.keys[0], rows.keys[2]]
    assert _labels(rule) == ["b", "b"]
    sets = merge_classes(_rows("sets"), "calm", "sad", reviewer="ann")
    assert _labels(sets) == [["sad"], ["sad"]]


def test_boxes_and_regions_are_merged_too() -> None:
    rule = merge_classes(ReviewedRows(DATASET, _raw_images()), "cat", "dog", reviewer="ann")
    names = [decision.element.partition(":")[0] for decision in rule.decisions]
    assert names == [CAT, SECOND_CAT, "cat@2,2,8,8"]
    assert all("dog" in str(label) for label in _labels(rule))


def test_a_pair_is_accepted_from_a_probability_on() -> None:
    rows = _rows("classes")
    audit = pd.DataFrame(
        {
            "row_id": rows.raw["row_id"],
            "given_label": LABELS["classes"],
            "suggested_label": ["b", "a", "b", "b", "b"],
            "suggested_label_probability": [0.95, 0.99, 0.94, 0.99, 0.99],
        }
    )
    rule = accept_pair(rows, audit, "a", "b", above=0.95, model="knn", reviewer="ann")
    assert [(made.row_key, made.label, made.seen.model) for made in rule.decisions] == [(rows.keys[0], "b", "knn")]
    assert rule.text == "'a' is 'b' where knn says so with at least 0.95"
    alone = accept_pair(
        rows, audit, "a", "b", above=0.95, model="knn", reviewer="ann", decided=[rule.decisions[0].finding]
    )
    assert (alone.decisions, alone.n_decided) == ([], 1)


def test_boxes_of_a_pair_are_accepted_as_suggested() -> None:
    suggestions = [
        BoxLabel(class_name="dog", corners=(2, 3, 10, 12)),
        BoxLabel(class_name="cat", corners=(4, 4, 12, 14)),
    ]
    audit = pd.DataFrame(
        {
            "row_id": ["a.png"] * 3,
            "element": [CAT, DOG, SECOND_CAT],
            "given_class": ["cat", "dog", "cat"],
            "suggested_class": ["dog", "cat", ""],
            "probability": [0.99, 0.99, 0.0],
            "suggestion": [*(one.model_dump_json() for one in suggestions), NoBox().model_dump_json()],
        }
    )
    rows = ReviewedRows(DATASET, _raw_images())
    rule = accept_pair(rows, audit, "cat", "dog", above=0.9, model="net", reviewer="ann")
    assert [(made.element, made.label) for made in rule.decisions] == [(CAT, suggestions[0])]


@pytest.mark.parametrize(
    ("kind", "pair", "message"),
    [
        ("classes", ("a", "zebra"), "'zebra' is none of the classes a, b"),
        ("classes", ("a", "a"), "found 'a' twice"),
        ("numbers", ("1", "2"), "classes are merged where each row has a label that is a class"),
    ],
)
def test_what_cannot_be_merged_is_told(kind: str, pair: tuple[str, str], message: str) -> None:
    with pytest.raises(DecisionError, match=message):
        merge_classes(_rows(kind), *pair, reviewer="ann")


def test_an_audit_without_probabilities_accepts_no_pair() -> None:
    with pytest.raises(DecisionError, match="the audit of net has no suggested_label_probability: decide row by row"):
        accept_pair(
            _rows("sets"),
            pd.DataFrame({"row_id": [], "given_label": [], "suggested_label": []}),
            "calm",
            "sad",
            above=0.5,
            model="net",
            reviewer="ann",
        )


def test_a_rule_is_taken_back_as_a_whole_or_row_by_row(ledger_url: str) -> None:
    rows = _rows("classes")
    with open_ledger(ledger_url) as ledger:
        rule = merge_classes(rows, "a", "b", reviewer="ann")
        first, second = ledger.decide(rule.decisions, rule=rule.text)
        (number,) = ledger.read_rules("tickets")
        ledger.undo([first], reviewer="ann")
        assert ledger.find_entries_of_rule(number) == [second]
        ledger.undo(ledger.find_entries_of_rule(number), reviewer="ann")
        assert all(entry.undone_by for entry in ledger.read("tickets"))
        with pytest.raises(LedgerError, match=f"no rule {number} of which an entry still counts"):
            ledger.find_entries_of_rule(number)
