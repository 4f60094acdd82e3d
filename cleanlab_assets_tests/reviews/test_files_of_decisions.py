"""Decisions leave for other programs and come back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from cleanlab_assets.reviews.decision_files import read_decisions, write_decisions
from cleanlab_assets.reviews.decisions import DecisionError
from cleanlab_assets.reviews.label_studio import read_export, write_tasks
from cleanlab_assets.reviews.ledger import open_ledger
from cleanlab_assets.reviews.rows import ReviewedRows
from cleanlab_assets_tests.reviews.test_corrections import DATASETS, LABELS, NEW, WRITTEN, _raw

if TYPE_CHECKING:
    from pathlib import Path


def _rows(kind: str = "classes") -> ReviewedRows:
    return ReviewedRows(DATASETS[kind], _raw(LABELS[kind]))


@pytest.mark.parametrize("kind", sorted(DATASETS))
def test_a_file_of_the_ledger_is_read_back_and_a_second_time_enters_nothing(kind: str, tmp_path: Path) -> None:
    rows = _rows(kind)
    label = str(WRITTEN[kind])
    with (
        open_ledger(f"sqlite:///{tmp_path / 'first.db'}") as first,
        open_ledger(f"sqlite:///{tmp_path / 'second.db'}") as second,
    ):
        made = [
            rows.decide("t.csv:2", "label is", label, reviewer="ann", note='a "quote", and ü'),
            rows.decide(rows.keys[1], "given is right", reviewer="bob"),
            rows.decide("t.csv:6", "exclude the row", reviewer="bob"),
        ]
        numbers = first.decide(made)
        first.undo(numbers[2:], reviewer="bob")
        path = tmp_path / "decisions.csv"
        path.write_text(write_decisions(first.read("tickets"), rows, {}), encoding="utf-8")

        for _ in range(2):
            found = read_decisions(path, rows, reviewer="nobody")
            second.decide(found.decisions, tokens=found.tokens)

        assert [entry.decision for entry in second.read("tickets")] == made[:2]
        assert made[0].label == NEW[kind]


def test_a_short_file_of_people_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("row,decision,label\nt.csv:2,label is,b\n\nt.csv:3,given is right,\n", encoding="utf-8-sig")

    decisions = read_decisions(path, _rows(), reviewer="ann").decisions

    assert [(one.verdict, one.label, one.reviewer) for one in decisions] == [
        ("label is", "b", "ann"),
        ("given is right", None, "ann"),
    ]


def test_all_that_is_wrong_with_a_file_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    lines = [
        "nowhere:9,given is right,",
        "t.csv:2,maybe,",
        "t.csv:2,label is,zebra",
        "t.csv:2,unclear,b",
        "t.csv:3,label is,",
    ]
    path.write_text("\n".join(["row,decision,label", *lines]), encoding="utf-8")

    with pytest.raises(DecisionError) as error:
        read_decisions(path, _rows(), reviewer="ann")

    told = str(error.value).splitlines()
    assert [line.partition(": ")[0] for line in told] == [f"mine.csv, line {number}" for number in range(2, 7)]
    assert "no row 'nowhere:9': expected a row id or a row key, such as t.csv:2 or" in told[0]
    assert "decision 'maybe', expected one of given is right, label is, unclear, exclude the row" in told[1]
    assert "'zebra' is none of the classes a, b" in told[2]
    assert "a label comes with 'label is', and only there" in told[3]
    assert "a label comes with 'label is', and only there" in told[4]


def test_a_header_without_the_needed_columns_is_told(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("id,verdict\n1,ok\n", encoding="utf-8")

    with pytest.raises(DecisionError, match="line 1: found the columns id, verdict, expected row, decision, label"):
        read_decisions(path, _rows(), reviewer="ann")


def _issues(kind: str) -> pd.DataFrame:
    rows = _rows(kind)
    return pd.DataFrame(
        {
            "row_id": rows.raw["row_id"],
            "is_label_issue": [True, False, True, False, True],
            "rank": [3, 5, 1, 4, 2],
            "suggested_label": [WRITTEN[kind]] * 5,
            "label_quality": [0.3, 0.9, 0.1, 0.8, 0.2],
        }
    )


def _annotate(task: dict[str, Any], number: int, result: list[Any], **said: Any) -> dict[str, Any]:
    annotation = {"id": number, "result": result, "was_cancelled": False, "completed_by": 7, **said}
    return {"id": number, "data": task["data"], "annotations": [annotation]}


@pytest.mark.parametrize("kind", sorted(DATASETS))
def test_what_label_studio_exports_is_read_back(kind: str, tmp_path: Path) -> None:
    rows = _rows(kind)
    tasks = json.loads(json.dumps(write_tasks(rows, _issues(kind), model="knn")))
    assert [task["data"]["row_id"] for task in tasks] == ["t.csv:4", "t.csv:6", "t.csv:2"]
    prediction = tasks[2]["predictions"][0]
    assert (prediction["model_version"], prediction["score"]) == ("knn", 0.7)
    suggested = prediction["result"]
    given = rows.given[2]
    value = {"number": given} if kind == "numbers" else {"choices": given if isinstance(given, list) else [given]}
    confirmed = [{**suggested[0], "value": value}]
    export = [
        _annotate(tasks[2], 1, suggested, completed_by={"id": 3, "email": "ann@example.org"}),
        _annotate(tasks[1], 2, [], was_cancelled=True),
        _annotate(tasks[0], 3, confirmed),
    ]
    path = tmp_path / "export.json"
    path.write_text(json.dumps(export), encoding="utf-8")

    found = read_export(path, rows, reviewer="nobody")

    assert [(one.verdict, one.label, one.reviewer) for one in found.decisions] == [
        ("label is", NEW[kind], "ann@example.org"),
        ("unclear", None, "7"),
        ("given is right", None, "7"),
    ]
    assert found.tokens == read_export(path, rows, reviewer="nobody").tokens
    assert len(set(found.tokens)) == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"tasks": []}, "expected the list of tasks of an export"),
        ([{"id": 5, "data": {"text": "x"}}], "task 5: found no row_key in its data"),
        (
            [{"id": 5, "data": {"row_key": "gone"}, "annotations": [{"result": [], "was_cancelled": True}]}],
            "no row 'gone'",
        ),
    ],
)
def test_another_export_is_refused(content: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_text(json.dumps(content), encoding="utf-8")

    with pytest.raises(DecisionError, match=message):
        read_export(path, _rows(), reviewer="ann")
