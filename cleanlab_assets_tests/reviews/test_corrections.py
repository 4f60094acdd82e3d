"""Decisions find their rows again after a refresh, and make the corrected dataset."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import cleanlab_assets.datasets
from cleanlab_assets.datasets.dataset import Column, Dataset, NumericLabel
from cleanlab_assets.discovery import find_entries
from cleanlab_assets.reviews.corrections import (
    check_decision,
    correct_dataset,
    list_corrections,
    read_given_labels,
)
from cleanlab_assets.reviews.decisions import DecisionError, Entry, find_standings
from cleanlab_assets.reviews.row_keys import name_row_keys
from cleanlab_assets.reviews.rows import ReviewedRows
from cleanlab_assets_tests.reviews.conftest import decide

if TYPE_CHECKING:
    from cleanlab_assets.reviews.decisions import Decision

TEMPLATE = find_entries(cleanlab_assets.datasets, "DATASET", Dataset)["breast_cancer"]
COLUMNS = (Column(name="text", kind="categorical"), Column(name="label", kind="categorical", is_feature=False))
CLASSES = replace(TEMPLATE, name="tickets", columns=COLUMNS, label="label", class_names=("a", "b"))
SETS = replace(CLASSES, label_separator="|", class_names=("calm", "sad", "loud"))
NUMBERS = replace(CLASSES, class_names=(), numeric_label=NumericLabel(minimum=0))
LABELS: dict[str, list[Any]] = {
    "classes": ["a", "b", "a", None, "b"],
    "sets": ["calm", "calm|sad", "", "loud", "sad"],
    "numbers": [1.5, 2.0, 0.0, 4.0, 5.0],
}
DATASETS = {"classes": CLASSES, "sets": SETS, "numbers": NUMBERS}
NEW: dict[str, Any] = {"classes": "b", "sets": ["calm", "loud"], "numbers": 7.25}
WRITTEN: dict[str, Any] = {"classes": "b", "sets": "calm|loud", "numbers": 7.25}


def _raw(labels: list[Any], texts: str = "vwxyz") -> pd.DataFrame:
    lines = range(2, len(labels) + 2)
    return pd.DataFrame({"row_id": [f"t.csv:{line}" for line in lines], "text": list(texts), "label": labels})


def _decide(kind: str, raw: pd.DataFrame, place: int, **said: Any) -> Decision:
    dataset = DATASETS[kind]
    given = read_given_labels(dataset, raw)[place]
    return decide(name_row_keys(dataset, raw).keys[place], given_label=given, **said)


def _apply(kind: str, raw: pd.DataFrame, *decisions: Decision) -> tuple[pd.DataFrame, pd.DataFrame]:
    dataset, keys = DATASETS[kind], name_row_keys(DATASETS[kind], raw).keys
    entries = [
        Entry(number=number, made_at=datetime(2026, 1, 1, tzinfo=UTC), decision=decision)
        for number, decision in enumerate(decisions, start=1)
    ]
    corrections = list_corrections(dataset, raw, keys, find_standings(entries))
    return corrections, correct_dataset(dataset, raw, keys, corrections)


@pytest.mark.parametrize("kind", sorted(DATASETS))
def test_a_decided_label_stands_beside_the_given_one_and_says_where_it_is_from(kind: str) -> None:
    raw = _raw(LABELS[kind])
    made = (
        _decide(kind, raw, 0, verdict="label is", label=NEW[kind]),
        _decide(kind, raw, 1),
        _decide(kind, raw, 2, verdict="exclude the row"),
        _decide(kind, raw, 4, verdict="unclear"),
    )

    corrections, corrected = _apply(kind, raw, *made)

    assert corrections["state"].tolist() == ["in force"] * 4
    assert corrected[["row_id", "text"]].equals(raw[["row_id", "text"]])
    assert corrected["label"].equals(raw["label"])
    expected = [WRITTEN[kind], *LABELS[kind][1:]]
    found = corrected["corrected_label"].tolist()
    assert [None if pd.isna(label) else label for label in found] == expected
    assert corrected["label_source"].tolist() == ["reviewed", "reviewed", "given", "given", "given"]
    assert corrected["is_excluded"].tolist() == [False, False, True, False, False]


@pytest.mark.parametrize("kind", sorted(DATASETS))
def test_a_decision_follows_its_row_and_is_outdated_or_done_where_the_row_is_another_one(kind: str) -> None:
    raw = _raw(LABELS[kind])
    made = tuple(_decide(kind, raw, place, verdict="label is", label=NEW[kind]) for place in (0, 1, 2, 4))
    labels = LABELS[kind]
    # A new row at the top; the second row is mended in the source, the third has another text, the last is relabelled.
    other = {"classes": "a", "sets": "loud", "numbers": 9.0}[kind]
    refreshed = _raw([labels[3], labels[0], WRITTEN[kind], labels[2], labels[3], other], texts="nvw!yz")

    corrections, corrected = _apply(kind, refreshed, *made)

    states = dict(zip(corrections["row_key"], corrections["state"], strict=True))
    expected = ["in force", "in force" if kind == "classes" else "done", "outdated", "outdated"]
    assert [states[decision.row_key] for decision in made] == expected
    assert corrections["row_id"].tolist()[:2] == ["t.csv:3", "t.csv:4"]
    assert pd.isna(corrections["row_id"].tolist()[2])
    assert (corrected["label_source"] == "reviewed").tolist() == [False, True, kind == "classes", False, False, False]


def test_reviewers_who_disagree_are_named_and_the_given_label_stays() -> None:
    raw = _raw(LABELS["classes"])
    made = (
        _decide("classes", raw, 0, verdict="label is", label="b"),
        _decide("classes", raw, 0, reviewer="bob"),
    )

    corrections, corrected = _apply("classes", raw, *made)

    assert corrections["state"].tolist() == ["conflict"]
    assert corrections["decision"].tolist() == ["ann: label is 'b'; bob: given is right"]
    assert corrections["reviewers"].tolist() == ["ann, bob"]
    assert corrected["corrected_label"].tolist()[0] == "a"
    assert (corrected["label_source"] == "given").all()


def test_without_decisions_nothing_is_corrected() -> None:
    raw = _raw(LABELS["classes"])

    corrections, corrected = _apply("classes", raw)

    assert corrections.empty
    assert corrected["corrected_label"].equals(raw["label"].rename("corrected_label"))
    assert not corrected["is_excluded"].any()


@pytest.mark.parametrize(
    ("kind", "label", "message"),
    [
        ("classes", "c", "'c' is none of the classes a, b"),
        ("classes", 1.0, "expected one of the 2 classes"),
        ("sets", "calm", "expected a list of classes"),
        ("sets", ["calm", "x"], "'x' is none of the classes"),
        ("numbers", -1.0, "expected numbers of at least 0"),
        ("numbers", "many", "expected numbers of at least 0"),
    ],
)
def test_a_label_that_the_dataset_does_not_have_is_refused(kind: str, label: Any, message: str) -> None:
    with pytest.raises(DecisionError, match=message):
        check_decision(DATASETS[kind], decide(verdict="label is", label=label))


@pytest.mark.parametrize("kind", sorted(DATASETS))
def test_a_label_that_the_dataset_has_is_taken(kind: str) -> None:
    check_decision(DATASETS[kind], decide(verdict="label is", label=NEW[kind]))


@pytest.mark.parametrize("kind", LABELS)
def test_what_is_decided_of_other_issues_changes_no_label(kind: str) -> None:
    raw = _raw(LABELS[kind])
    verdicts = ("finding is right", "given is right", "unclear", "exclude the row")
    made = [_decide(kind, raw, at, issue_type="outlier", verdict=said) for at, said in enumerate(verdicts)]
    corrections, corrected = _apply(kind, raw, *made)
    assert corrections["state"].tolist() == ["in force"] * 4
    pd.testing.assert_series_equal(corrected["corrected_label"], raw["label"], check_names=False)
    assert set(corrected["label_source"]) == {"given"}
    assert corrected["is_excluded"].tolist() == [False, False, False, True, False]

    # Another label changes nothing of what a row is beside it; a row that is gone is none.
    relabelled = raw.assign(label=[LABELS[kind][4]] * 5)
    assert _apply(kind, relabelled, *made)[0]["state"].tolist() == ["in force"] * 4
    assert _apply(kind, _raw(LABELS[kind], "qqqqq"), *made)[0]["state"].tolist() == ["outdated"] * 4


def test_only_what_suits_an_issue_type_is_taken() -> None:
    rows = ReviewedRows(CLASSES, _raw(LABELS["classes"]))
    made = rows.decide("t.csv:2", "finding is right", reviewer="ann", issue_type="outlier")
    assert (made.subject, made.verdict, made.label) == ("outlier", "finding is right", None)
    for said, issue_type, message in (
        ("finding is right", "label", "expected one of given is right, label is, unclear, exclude the row"),
        ("label is", "outlier", "expected one of given is right, finding is right, unclear, exclude the row"),
    ):
        with pytest.raises(DecisionError, match=message):
            rows.decide("t.csv:2", said, "a" * (said == "label is"), reviewer="ann", issue_type=issue_type)
    with pytest.raises(DecisionError, match="other issues are of the whole row, so name no element"):
        rows.decide("t.csv:2", "finding is right", reviewer="ann", issue_type="outlier", element="box")
