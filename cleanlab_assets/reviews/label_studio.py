"""Tasks for Label Studio, with the suggested label as prediction, and its JSON export read back as decisions.

https://labelstud.io/guide/task_format and https://labelstud.io/guide/export (format JSON). A task carries the key of
its row in its data, by which its annotations find back. A class is a ``choices`` result with one choice, a set of
classes one with several, a value a ``number`` result. A skipped task is unclear; a label that equals the given one says
that the given one is right.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pandas as pd

from cleanlab_assets.datasets.errors import quote
from cleanlab_assets.datasets.faults import Faults
from cleanlab_assets.datasets.text_files import read_json
from cleanlab_assets.reviews.decision_files import ReadDecisions
from cleanlab_assets.reviews.decisions import DecisionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from cleanlab_assets.reviews.rows import ReviewedRows

ROW_KEY = "row_key"
FROM_NAME = "label"


def write_tasks(rows: ReviewedRows, label_issues: pd.DataFrame, *, model: str) -> list[dict[str, Any]]:
    """Return a task for each flagged row, worst first.

    Args:
        rows: the rows of the dataset.
        label_issues: with ``row_id``, ``is_label_issue``, ``rank``, ``suggested_label`` and ``label_quality``.
        model: whose audit it is.
    """
    shown = [column.name for column in rows.dataset.features if column.kind != "picture"]
    flagged = label_issues[label_issues["is_label_issue"].astype(bool)].sort_values("rank")
    tasks = []
    for issue in flagged[["row_id", "suggested_label", "label_quality"]].itertuples(index=False):
        place = rows.find(str(issue.row_id))
        row = rows.raw.iloc[place]
        data: dict[str, Any] = {str(name): _to_json(row[name]) for name in shown}
        data[ROW_KEY], data["row_id"] = rows.keys.iloc[place], str(issue.row_id)
        data["given_label"] = rows.given.iloc[place]
        tasks.append(
            {
                "data": data,
                "predictions": [
                    {
                        "model_version": model,
                        "score": 1 - float(str(issue.label_quality)),
                        "result": [_to_result(rows, issue.suggested_label, next(iter(shown), "row_id"))],
                    }
                ],
            }
        )
    return tasks


def is_export(path: Path) -> bool:
    """Whether a JSON file is a list, as exports of Label Studio are.

    Raises:
        TextFileError: the file is no JSON.
    """
    return isinstance(read_json(path), list)


def read_export(path: Path, rows: ReviewedRows, *, reviewer: str) -> ReadDecisions:
    """Read the decisions of an export of Label Studio (format JSON, or JSON-MIN's fuller form).

    Args:
        path: the file.
        rows: the rows of the dataset.
        reviewer: who decided where an annotation does not say.

    Raises:
        DecisionError: the file is no export of tasks that ``write_tasks`` made, or an annotation names no row or label
            of the dataset; all of them are told.
        TextFileError: the file is no JSON.
    """
    content = read_json(path)
    if not isinstance(content, list) or not all(isinstance(task, dict) for task in content):
        raise DecisionError(f"{path.name}: found {type(content).__name__}, expected the list of tasks of an export")
    found, faults = ReadDecisions([], []), Faults()
    for number, task in enumerate(content):
        where = f"{path.name}, task {task.get('id', number)}"
        key = (task.get("data") or {}).get(ROW_KEY)
        if not isinstance(key, str):
            faults.add(f"{where}: found no {ROW_KEY} in its data: only tasks of this program can be read back")
            continue
        for annotation in task.get("annotations") or []:
            with faults.gather(where):
                verdict, label = _read_annotation(rows, key, annotation)
                decision = rows.decide(key, verdict, label, reviewer=_name_reviewer(annotation) or reviewer)
                answer = decision.model_dump_json(include={"verdict", "label"})
                found.decisions.append(decision)
                found.tokens.append(_make_token(task, annotation, answer))
    faults.raise_any(DecisionError)
    return found


def _to_result(rows: ReviewedRows, label: Any, to_name: str) -> dict[str, Any]:
    dataset = rows.dataset
    kind: dict[str, Any]
    if dataset.numeric_label is not None:
        kind = {"type": "number", "value": {"number": float(label)}}
    else:
        kind = {"type": "choices", "value": {"choices": dataset.split_label(str(label))}}
    return {"from_name": FROM_NAME, "to_name": to_name, **kind}


def _read_annotation(rows: ReviewedRows, key: str, annotation: Mapping[str, Any]) -> tuple[str, str]:
    """Return verdict and label of an annotation."""
    if annotation.get("was_cancelled"):
        return "unclear", ""
    results: Sequence[Mapping[str, Any]] = annotation.get("result") or []
    labels = [result for result in results if result.get("type") in {"choices", "number"}]
    if len(labels) != 1:
        raise DecisionError(f"row {quote(key)}: found {len(labels)} labels in an annotation, expected one")
    value = labels[0].get("value") or {}
    found = value.get("number", value.get("choices"))
    text = (rows.dataset.label_separator or "|").join(found) if isinstance(found, list) else str(found)
    label, given = rows.parse_label(text), rows.given.iloc[rows.find(key)]
    is_given = sorted(label) == sorted(given) if isinstance(label, list) and isinstance(given, list) else label == given
    return ("given is right", "") if is_given else ("label is", text)


def _name_reviewer(annotation: Mapping[str, Any]) -> str:
    who = annotation.get("completed_by")
    if isinstance(who, dict):
        who = who.get("email") or who.get("id")
    return "" if who is None else str(who)


def _make_token(task: Mapping[str, Any], annotation: Mapping[str, Any], answer: str) -> str:
    """Return what tells an annotation from every other, and from itself after a change of mind."""
    parts = ["label studio", task.get("id"), annotation.get("id"), annotation.get("unique_id"), answer]
    return hashlib.sha256(json.dumps([*parts, task["data"][ROW_KEY]]).encode()).hexdigest()


def _to_json(value: Any) -> Any:
    if pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value if isinstance(value, int | float) else str(value)
