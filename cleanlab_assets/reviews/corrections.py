"""What follows from decisions: which of them hold for the data as they are now, and the corrected dataset.

A decision is of a row as it was seen. Where the row is no longer there, since a feature of it changed or it was taken
out, or where its given label is another one than was decided of, the decision is ``outdated`` and kept apart. Where the
source has the decided label by now it is ``done``.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from cleanlab_assets.datasets.errors import quote
from cleanlab_assets.datasets.images import BACKGROUND
from cleanlab_assets.reviews.decisions import LABEL_ISSUE, BoxLabel, DecisionError, NoBox, RegionLabel, describe_answer
from cleanlab_assets.reviews.element_corrections import correct_images, judge_element
from cleanlab_assets.reviews.elements import has_elements
from cleanlab_assets.reviews.row_keys import has_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cleanlab_assets.datasets.dataset import Dataset, Panel
    from cleanlab_assets.reviews.decisions import Decision, Finding, Standing, Value

State = Literal["in force", "conflict", "outdated", "done"]
STATES: tuple[State, ...] = ("in force", "conflict", "outdated", "done")
CORRECTION_COLUMNS = (
    *("row_key", "row_id", "issue_type", "element", "state", "given_label", "decision", "decided_label", "reviewers"),
    *("decided_at", "entry", "note"),
)
MOST_CLASSES_TOLD = 20
GIVEN, REVIEWED = "given", "reviewed"


def check_decision(dataset: Dataset, decision: Decision) -> None:
    """Refuse a label that the dataset does not have.

    Raises:
        DecisionError: an unknown class, a number out of bounds, or a label of another kind.
    """
    label = decision.label
    at = f"{dataset.name}, row {quote(decision.row_key)}"
    if decision.element and not has_elements(dataset):
        raise DecisionError(f"{at}: found the element {quote(decision.element)}, but a row has one label: leave it out")
    if label is None:
        return
    where = f"{at}: label {quote(label if not isinstance(label, BoxLabel | NoBox | RegionLabel) else str(label))}"
    if has_elements(dataset):
        _check_element(dataset, decision, where)
        return
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
    _require_classes(dataset, names, where)


def _check_element(dataset: Dataset, decision: Decision, where: str) -> None:
    """Refuse a label that a box or a region of an image cannot have."""
    label = decision.label
    if not decision.element:
        raise DecisionError(f"{where}: the classes of an image are those of its parts: name a box or region as element")
    if not isinstance(label, BoxLabel | NoBox | RegionLabel):
        raise DecisionError(f"{where}, expected that of a box or region")
    if (decision.given_label is None and isinstance(label, NoBox)) or (
        decision.given_label is not None
        and isinstance(label, RegionLabel) != isinstance(decision.given_label, RegionLabel)
    ):
        raise DecisionError(f"{where}, which element {quote(decision.element)} cannot have")
    if isinstance(label, BoxLabel) or (isinstance(label, RegionLabel) and label.class_name != BACKGROUND):
        _require_classes(dataset, [label.class_name], where)


def _require_classes(dataset: Dataset, names: list[str], where: str) -> None:
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
    there, given = raw[first], read_given_labels(dataset, raw)[first]
    known, rows = pd.Index(keys[first]), list[dict[str, Any]]()
    places = known.get_indexer(pd.Index([finding.row_key for finding in standings]))
    states = _judge(dataset, standings, there, given, places)
    for (finding, standing), place in zip(standings.items(), places, strict=True):
        latest = standing.in_force or standing.entries[-1]
        decision = latest.decision
        rows.append(
            {
                "row_key": finding.row_key,
                "row_id": there["row_id"].iloc[place] if place >= 0 else None,
                "issue_type": finding.issue_type,
                "element": finding.element,
                "state": states[finding],
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
        ``label_source`` (``given`` or ``reviewed``) and ``is_excluded``; of images also the columns of
        ``correct_images``. With a token its sentence is excluded, which would be another one without it.
    """
    if has_elements(dataset):
        return _correct_image_table(dataset, raw, keys, corrections)
    of_labels = corrections[(corrections["state"] == "in force") & (corrections["element"] == "")]
    decided = of_labels[of_labels["issue_type"] == LABEL_ISSUE].set_index("row_key")
    new = keys.map(decided.loc[decided["decision"] == "label is", "decided_label"])
    is_excluded = keys.isin(_list_excluded(of_labels))
    if has_tokens(dataset, raw):
        is_excluded = is_excluded.groupby((raw["position"] == 1).cumsum()).transform("any")
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
        label_source=_name_sources(keys, reviewed),
        is_excluded=is_excluded,
        row_key=keys,
    )


def list_examples(panel: Panel, corrected: pd.DataFrame, corrections: pd.DataFrame) -> pd.DataFrame:
    """Return the decided label of each example of several annotators: single labels of theirs are not corrected.

    Args:
        panel: how the dataset is read.
        corrected: corrected dataset, a row for each label.
        corrections: see ``list_corrections``.

    Returns:
        One row for each example in source order: its name, ``label``, missing where none was decided, ``label_source``
        and ``is_excluded``.
    """
    first = corrected[~corrected[panel.example].duplicated()]
    decided = corrections[(corrections["state"] == "in force") & (corrections["decision"] == "label is")]
    is_decided = first["row_key"].isin(decided["row_key"])
    return pd.DataFrame(
        {
            panel.example: first[panel.example],
            "label": first["corrected_label"].astype(object).where(is_decided),
            "label_source": first["label_source"],
            "is_excluded": first["is_excluded"],
        }
    ).reset_index(drop=True)


def _correct_image_table(
    dataset: Dataset, raw: pd.DataFrame, keys: pd.Series[str], corrections: pd.DataFrame
) -> pd.DataFrame:
    in_force = corrections[corrections["state"] == "in force"]
    of_elements = in_force[(in_force["element"] != "") & (in_force["decision"] == "label is")]
    definite = in_force["decision"].isin(["label is", "given is right"])
    return raw.assign(
        **correct_images(dataset, raw, keys, of_elements),
        label_source=_name_sources(keys, set(in_force.loc[definite, "row_key"])),
        is_excluded=keys.isin(_list_excluded(in_force)),
        row_key=keys,
    )


def _list_excluded(in_force: pd.DataFrame) -> set[str]:
    return set(in_force.loc[in_force["decision"] == "exclude the row", "row_key"])


def _name_sources(keys: pd.Series[str], reviewed: set[str]) -> pd.Categorical:
    return pd.Categorical(np.where(keys.isin(reviewed), REVIEWED, GIVEN), categories=[GIVEN, REVIEWED])


def to_text(dataset: Dataset, label: Value | None) -> str | None:
    """Return a label as text, as ``ReviewedRows.decide`` reads it: a set of classes as the source writes it."""
    if label is None:
        return None
    if isinstance(label, list):
        return (dataset.label_separator or "|").join(_sort_classes(dataset, label))
    return str(label)


def _judge(
    dataset: Dataset,
    standings: Mapping[Finding, Standing],
    there: pd.DataFrame,
    given: pd.Series[Any],
    places: np.ndarray,
) -> dict[Finding, State]:
    """Say how each finding stands with its row, whose place is -1 where the row is not there any more.

    Elements come first: an image of which a person said that it is right, once its boxes are as decided, has other
    classes when its source takes these boxes over, and is the same image still.
    """
    states: dict[Finding, State] = dict.fromkeys(standings, "outdated")
    taken_over = defaultdict[str, set[str]](set)
    known = [(finding, place) for finding, place in zip(standings, places, strict=True) if place >= 0]
    for finding, place in sorted(known, key=lambda one: not one[0].element):
        standing = standings[finding]
        if finding.element:
            states[finding] = _judge_element(dataset, standing, there.iloc[place].to_dict())
            if states[finding] == "done":
                taken_over[finding.row_key] |= _list_classes(standing)
        else:
            states[finding] = _judge_row(dataset, standing, given.iloc[place], taken_over[finding.row_key])
    return states


def _judge_element(dataset: Dataset, standing: Standing, row: Mapping[Any, Any]) -> State:
    if not has_elements(dataset):
        return "outdated"
    state = judge_element(dataset, (standing.in_force or standing.entries[-1]).decision, row)
    return "conflict" if state == "in force" and standing.in_conflict else state


def _judge_row(dataset: Dataset, standing: Standing, given: Any, taken_over: set[str]) -> State:
    """Say how a finding of a whole row stands, by its given label and the classes of elements that are as decided.

    What was decided of another finding than the label holds whatever the label is by now.
    """
    if standing.finding.issue_type != LABEL_ISSUE:
        return "conflict" if standing.in_conflict else "in force"
    decision = (standing.in_force or standing.entries[-1]).decision
    then, decided = (_to_comparable(dataset, label) for label in (decision.given_label, decision.label))
    if decision.verdict == "label is" and given == decided and given != then:
        return "done"
    if given != then and not (taken_over and set(given) ^ set(then) <= taken_over):
        return "outdated"
    return "conflict" if standing.in_conflict else "in force"


def _list_classes(standing: Standing) -> set[str]:
    """Return the classes that an element had and should have."""
    decision = (standing.in_force or standing.entries[-1]).decision
    labels = (decision.given_label, decision.label)
    return {label.class_name for label in labels if isinstance(label, BoxLabel | RegionLabel)}


def _to_comparable(dataset: Dataset, label: Value | None) -> Any:
    return _sort_classes(dataset, label) if isinstance(label, list) else label


def _sort_classes(dataset: Dataset, names: Iterable[str]) -> list[str]:
    places = {name: place for place, name in enumerate(dataset.class_names)}
    return sorted(names, key=lambda name: places.get(name, len(places)))
