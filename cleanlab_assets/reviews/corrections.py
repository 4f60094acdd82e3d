"""What follows from decisions: which of them hold for the data as they are now, and the corrected dataset.

A decision is of a row as it was seen. Where the row is no longer there, since a feature of it changed or it was taken
out, or where its given label is another one than was decided of, the decision is ``outdated`` and kept apart. Where the
source has the decided label by now it is ``done``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from cleanlab_assets.datasets.errors import UnreadableInputError, quote
from cleanlab_assets.reviews.decisions import LABEL_ISSUE, describe_answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.reviews.decisions import Decision, Finding, Standing, Value

State = Literal["in force", "conflict", "outdated", "done"]
STATES: tuple[State, ...] = ("in force", "conflict", "outdated", "done")
CORRECTION_COLUMNS = (
    *("row_key", "row_id", "issue_type", "element", "state", "given_label", "decision", "decided_label", "reviewers"),
    *("decided_at", "entry", "note"),
)
MOST_CLASSES_TOLD = 20
GIVEN, REVIEWED = "given", "reviewed"


class DecisionError(UnreadableInputError):
    """A decision that the dataset does not allow; the message says what was found and what is allowed."""


def check_decision(dataset: Dataset, decision: Decision) -> None:
    """Refuse a label that the dataset does not have.

    Raises:
        DecisionError: an unknown class, a number out of bounds, or a label of another kind.
    """
    label = decision.label
    if label is None:
        return
    where = f"{dataset.name}, row {quote(decision.row_key)}: label {quote(label)}"
    if dataset.numeric_label is not None:
        is_number = isinstance(label, float | int) and not isinstance(label, bool)
        if not is_number or not dataset.numeric_label.find_allowed(np.array([label], dtype=np.float64))[0]:
            raise DecisionError(f"{where}, expected {dataset.numeric_label}")
        return
    if dataset.label_separator is None:
        if not isinstance(label, str):
            raise DecisionError(f"{where}, expected one of the {len(dataset.class_names)} classes")
        names = [label]
    elif isinstance(label, list):
        names = label
    else:
        raise DecisionError(f"{where}, expected a list of classes")
    if unknown := [name for name in names if name not in dataset.class_names]:
        raise DecisionError(
            f"{where}: {quote(unknown[0])} is none of the classes {', '.join(dataset.class_names[:20])}"
        )


def read_given_labels(dataset: Dataset, raw: pd.DataFrame) -> pd.Series[Any]:
    """Return the given label of each row as a decision has it: a class, a number, or a list of classes in their order.

    None where there is none, and in a panel, where the label of an example is what its annotators make of it.
    """
    if dataset.panel is not None:
        return pd.Series([None] * len(raw), index=raw.index, dtype=object)
    labels = raw[dataset.label].astype(object)
    if dataset.label_separator is not None:
        return labels.map(lambda text: None if pd.isna(text) else _sort_classes(dataset, dataset.split_label(text)))
    if dataset.numeric_label is not None:
        return pd.Series([None if pd.isna(value) else float(value) for value in labels], index=raw.index, dtype=object)
    return pd.Series([None if pd.isna(label) else label for label in labels], index=raw.index, dtype=object)


def list_corrections(
    dataset: Dataset, raw: pd.DataFrame, keys: pd.Series[str], standings: Mapping[Finding, Standing]
) -> pd.DataFrame:
    """Say of each decided finding how it stands with the data as they are now.

    Args:
        dataset: catalogue entry.
        raw: raw table.
        keys: key of each row of it.
        standings: by finding, see ``find_standings``.

    Returns:
        One row for each finding: ``CORRECTION_COLUMNS``, ``row_id`` and ``decided_label`` missing where there is none.
        ``given_label`` is that of the decision. Labels are texts; a set of classes as its source writes it.
    """
    first = ~keys.duplicated().to_numpy()
    now = pd.DataFrame({"row_id": raw["row_id"], "given": read_given_labels(dataset, raw)})[first]
    now.index = pd.Index(keys[first])
    known, rows = now.index, []
    places = known.get_indexer(pd.Index([finding.row_key for finding in standings]))
    for (finding, standing), place in zip(standings.items(), places, strict=True):
        latest = standing.in_force or standing.entries[-1]
        decision = latest.decision
        rows.append(
            {
                "row_key": finding.row_key,
                "row_id": now["row_id"].iloc[place] if place >= 0 else None,
                "issue_type": finding.issue_type,
                "element": finding.element,
                "state": _judge(dataset, standing, now["given"].iloc[place], is_there=bool(place >= 0)),
                "given_label": to_text(dataset, decision.given_label),
                "decision": (
                    "; ".join(f"{one.decision.reviewer}: {describe_answer(one.decision)}" for one in standing.entries)
                    if standing.in_conflict
                    else decision.verdict
                ),
                "decided_label": None if standing.in_conflict else to_text(dataset, decision.label),
                "reviewers": ", ".join(entry.decision.reviewer for entry in standing.entries),
                "decided_at": latest.made_at.isoformat(),
                "entry": latest.number,
                "note": decision.note,
            }
        )
    return pd.DataFrame(rows, columns=list(CORRECTION_COLUMNS)).astype({"entry": "int64"})


def correct_dataset(
    dataset: Dataset, raw: pd.DataFrame, keys: pd.Series[str], corrections: pd.DataFrame
) -> pd.DataFrame:
    """Put the corrected label beside every row.

    Args:
        dataset: catalogue entry.
        raw: raw table.
        keys: key of each row of it.
        corrections: see ``list_corrections``; those in force count.

    Returns:
        All rows in source order: ``row_key``, the columns of the source, ``corrected_label`` in the form of the label,
        ``label_source`` (``given`` or ``reviewed``) and ``is_excluded``.
    """
    of_labels = corrections[(corrections["state"] == "in force") & (corrections["element"] == "")]
    decided = of_labels[of_labels["issue_type"] == LABEL_ISSUE].set_index("row_key")
    new = keys.map(decided.loc[decided["decision"] == "label is", "decided_label"])
    excluded = set(of_labels.loc[of_labels["decision"] == "exclude the row", "row_key"])
    reviewed = set(decided.index[decided["decision"].isin(["label is", "given is right"])])
    labels = raw[dataset.label]
    if dataset.numeric_label is not None:
        changed = pd.to_numeric(new).where(new.notna(), labels.astype("float64"))
    else:
        changed = new.astype(object).where(new.notna(), labels.astype(object))
        if isinstance(labels.dtype, pd.CategoricalDtype):
            changed = changed.astype(labels.dtype)
    return raw.assign(
        corrected_label=changed,
        label_source=pd.Categorical(np.where(keys.isin(reviewed), REVIEWED, GIVEN), categories=[GIVEN, REVIEWED]),
        is_excluded=keys.isin(excluded),
        row_key=keys,
    )


def to_text(dataset: Dataset, label: Value | None) -> str | None:
    """Return a label as text: a set of classes in the order of the classes, a number as Python writes it."""
    if label is None:
        return None
    if isinstance(label, list):
        return (dataset.label_separator or "|").join(_sort_classes(dataset, label))
    return str(label)


def _judge(dataset: Dataset, standing: Standing, given: Any, *, is_there: bool) -> State:
    latest = standing.in_force or standing.entries[-1]
    decision = latest.decision
    if not is_there:
        return "outdated"
    then, decided = (_to_comparable(dataset, label) for label in (decision.given_label, decision.label))
    if decision.verdict == "label is" and given == decided and given != then:
        return "done"
    if given != then:
        return "outdated"
    return "conflict" if standing.in_conflict else "in force"


def _to_comparable(dataset: Dataset, label: Value | None) -> Any:
    return _sort_classes(dataset, label) if isinstance(label, list) else label


def _sort_classes(dataset: Dataset, names: Iterable[str]) -> list[str]:
    places = {name: place for place, name in enumerate(dataset.class_names)}
    return sorted(names, key=lambda name: places.get(name, len(places)))
