"""The labels of reviewers in place of the given ones: for a training set, and for the rows of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cleanlab_assets.datasets.tables.corrected_files import differs, find_changed_labels
from cleanlab_assets.reviews.corrections import REVIEWED
from cleanlab_assets.reviews.element_corrections import CORRECTED_BOX_LABELS, CORRECTED_BOXES, CORRECTED_MASK
from cleanlab_assets.reviews.elements import has_elements

if TYPE_CHECKING:
    from cleanlab_assets.datasets.dataset import Dataset, Panel

GIVEN_LABEL = "given_label"
DECIDED_LABEL = "decided_label"
"""Column of a raw table of several annotators: the label that a reviewer gave to the example, missing without one."""
_OF_IMAGES = {"boxes": CORRECTED_BOXES, "box_labels": CORRECTED_BOX_LABELS, "class_mask": CORRECTED_MASK}


@dataclass(frozen=True, kw_only=True)
class CorrectedLabels:
    """What reviewers decided of the rows of a dataset.

    Attributes:
        labels: labels of the reviewed rows by row id, in the columns of a training set: ``given_label``, and of images
            their boxes and masks.
        excluded: row ids of the rows that are not to be used.
    """

    labels: pd.DataFrame
    excluded: frozenset[str]

    def find_usable(self, rows: pd.DataFrame) -> np.ndarray:
        """Return which rows of a training set are not excluded, bool of shape (n_rows,)."""
        return ~rows["row_id"].isin(self.excluded).to_numpy()

    def find_reviewed(self, rows: pd.DataFrame) -> np.ndarray:
        """Return of which rows a reviewer saw the label, bool of shape (n_rows,)."""
        return rows["row_id"].isin(self.labels.index).to_numpy()

    def correct(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return rows of a training set with the labels that reviewers gave them; other rows keep theirs."""
        known = self.find_reviewed(rows)
        if not known.any():
            return rows
        corrected, names = {}, [name for name in self.labels if name in rows]
        for name in names:
            new = self.labels[name].reindex(rows["row_id"]).set_axis(rows.index)
            column = rows[name].astype(object).where(~known, new.astype(object))
            corrected[str(name)] = column.astype(rows[name].dtype)
        return rows.assign(**corrected)

    def changes(self, rows: pd.DataFrame) -> bool:
        """Whether a row of these is excluded, or has another label than it is given."""
        return bool(self.find_changed(rows).any() or not self.find_usable(rows).all())

    def find_changed(self, rows: pd.DataFrame) -> np.ndarray:
        """Return which rows have another label than they are given, bool of shape (n_rows,)."""
        corrected, changed = self.correct(rows), np.zeros(len(rows), dtype=bool)
        for name in (name for name in self.labels if name in rows):
            changed |= differs(rows[name], corrected[name])
        return changed


def find_corrected_labels(dataset: Dataset, corrected: pd.DataFrame) -> CorrectedLabels | None:
    """Return what reviewers decided of the rows of a dataset; None where nobody decided anything.

    Of several annotators an example has the label that a reviewer gave it; where the reviewer found its label right and
    the annotators differ, that is not told, and the example counts as not reviewed.

    Args:
        dataset: catalogue entry.
        corrected: its corrected dataset, see ``correct_dataset``.
    """
    is_reviewed = corrected["label_source"] == REVIEWED
    if not (is_reviewed.any() or corrected["is_excluded"].any()):
        return None
    if dataset.panel is not None:
        corrected = _list_decided_examples(dataset.panel, corrected)
        is_reviewed = corrected["label_source"] == REVIEWED
    columns = _corrected_columns(dataset)
    labels = pd.DataFrame({str(name): corrected.loc[is_reviewed, source] for name, source in columns.items()})
    labels.index = pd.Index(corrected.loc[is_reviewed, "row_id"], name="row_id")
    return CorrectedLabels(
        labels=labels, excluded=frozenset(corrected.loc[corrected["is_excluded"], "row_id"].astype(str))
    )


def take_corrected_labels(dataset: Dataset, raw: pd.DataFrame, corrected: pd.DataFrame) -> pd.DataFrame:
    """Return a raw table with the corrected labels in place of the given ones, without the excluded rows.

    Single labels of annotators stay: a reviewer decides of examples, whose decided label stands in ``DECIDED_LABEL``
    beside each of their labels. Without such a decision there is no such column.

    Args:
        dataset: catalogue entry.
        raw: raw table.
        corrected: its corrected dataset, in the same order.

    Raises:
        ValueError: they have not the same rows.
    """
    if not np.array_equal(raw["row_id"].to_numpy(), corrected["row_id"].to_numpy()):
        raise ValueError(
            f"{dataset.name}: the corrected dataset ({len(corrected):,} rows) is of other rows than the raw dataset "
            f"({len(raw):,} rows): materialize it anew"
        )
    if dataset.panel is None:
        columns = _corrected_columns(dataset)
        columns[dataset.label] = columns.pop(GIVEN_LABEL)
        raw = raw.assign(**{name: corrected[source] for name, source in columns.items()})
    elif len(decided := _find_decided_examples(dataset, corrected)):
        raw = raw.assign(**{DECIDED_LABEL: raw[dataset.panel.example].astype(str).map(decided)})
    return raw[~corrected["is_excluded"].to_numpy()].reset_index(drop=True)


def describe_corrected_labels(dataset: Dataset, raw: pd.DataFrame, corrected: pd.DataFrame) -> str:
    """Say in a sentence how a table with corrected labels differs from the raw one."""
    n_excluded = int(corrected["is_excluded"].sum())
    if dataset.panel is not None:
        n_decided = len(_find_decided_examples(dataset, corrected))
        return (
            f"{n_decided:,} examples have the label that reviewers decided, whatever their annotators said; "
            f"{n_excluded:,} labels of examples that reviewers excluded are left out; the labels of annotators stay"
        )
    n_changed = int(find_changed_labels(corrected, dataset.label).sum())
    return (
        f"labels as reviewers corrected them: {n_changed:,} of {len(raw):,} rows have another label than the source, "
        f"{n_excluded:,} are left out"
    )


def _find_decided_examples(dataset: Dataset, corrected: pd.DataFrame) -> pd.Series[str]:
    """Return the decided label of each example of several annotators that has one and is not excluded, by its name."""
    found = find_corrected_labels(dataset, corrected)
    if found is None:
        return pd.Series(dtype=object)
    decided = found.labels[GIVEN_LABEL].astype(str)
    return decided[~decided.index.isin(found.excluded)]


def _corrected_columns(dataset: Dataset) -> dict[str, str]:
    """Return the columns of a training set that hold labels, with those of the corrected dataset."""
    return {GIVEN_LABEL: "corrected_label", **(_OF_IMAGES if has_elements(dataset) else {})}


def _list_decided_examples(panel: Panel, corrected: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each example whose labels of annotators are corrected to one, or that is excluded."""
    named = corrected.assign(row_id=corrected[panel.example].astype(str))
    is_told = named.groupby("row_id")["corrected_label"].transform("nunique") == 1
    return named[is_told | named["is_excluded"]].drop_duplicates("row_id")
