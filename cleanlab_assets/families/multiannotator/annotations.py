"""The labels of several annotators: which are audited, as a table and as a matrix, and the examples under audit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cleanlab_assets.datasets.headers import AUDIT_COLUMNS
from cleanlab_assets.methods.class_codes import decode_labels, encode_labels
from cleanlab_assets.methods.folds import divide_rows, group_equal_rows
from cleanlab_assets.methods.training_set import NO_FOLD, TEST, TRAIN, TrainingSet, read_features
from cleanlab_assets.reviews.corrected_labels import DECIDED_LABEL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cleanlab_assets.datasets.dataset import Dataset, Panel

NO_LABEL = -1
"""Code of a label that an annotator did not give."""


@dataclass(frozen=True, kw_only=True)
class PanelLimits:
    """Which annotators and examples are audited; None takes all."""

    max_examples: int | None = None
    max_annotators: int | None = None
    min_labels_per_example: int = 1
    min_labels_per_annotator: int = 2


@dataclass(frozen=True)
class Selection:
    """The annotations under audit (``row_id``, ``example``, ``annotator``, ``given_label``), and what was left out."""

    table: pd.DataFrame
    notes: tuple[str, ...]


def panel_of(dataset: Dataset) -> Panel:
    """Return how the rows of the dataset are read.

    Raises:
        ValueError: the dataset has no annotators.
    """
    if dataset.panel is None:
        raise ValueError(f"{dataset.name} has no annotators: its catalogue entry needs a panel")
    return dataset.panel


def select_annotations(raw: pd.DataFrame, dataset: Dataset, limits: PanelLimits) -> Selection:
    """Choose the annotations under audit: active annotators first, then examples with labels enough.

    Annotators with fewer labels than the limit (by default those with a single one, of whom nothing can be learnt) are
    left out last, and with them the examples that only they labelled.

    Args:
        raw: raw table, one row for each label; a row without annotator and label is an example nobody labelled.
        dataset: its catalogue entry, with a panel.
        limits: which annotators and examples to keep.

    Raises:
        ValueError: a row has a label but no annotator or the reverse, a label is unknown, an annotator labelled an
            example twice, or fewer than two annotators or no example with two labels is left.
    """
    panel = panel_of(dataset)
    columns = {panel.example: "example", panel.annotator: "annotator", dataset.label: "given_label"}
    rows = raw[["row_id", *columns]].rename(columns=columns)
    _require_sound_rows(rows, dataset)
    rows = rows[rows["given_label"].notna()]
    n_before = rows["annotator"].nunique(), rows["example"].nunique()
    if limits.max_annotators is not None:
        active = rows["annotator"].astype(str).value_counts(sort=True).index[: limits.max_annotators]
        rows = rows[rows["annotator"].astype(str).isin(active)]
    counts = rows["example"].astype(str).value_counts(sort=True)
    counts = counts[counts >= limits.min_labels_per_example][: limits.max_examples]
    rows = rows[rows["example"].astype(str).isin(counts.index)]
    counts = rows["annotator"].astype(str).value_counts()
    rows = rows[rows["annotator"].astype(str).isin(counts[counts >= limits.min_labels_per_annotator].index)]
    n_annotators, n_examples = rows["annotator"].nunique(), rows["example"].nunique()
    if n_annotators < 2 or not rows["example"].duplicated().any():  # noqa: PLR2004 - agreement needs two
        raise ValueError(
            f"{dataset.name}: {n_annotators} annotators with at least {limits.min_labels_per_annotator} labels and "
            f"{len(rows):,} labels of {n_examples:,} examples are left, expected at least two annotators "
            "and an example that two of them labelled"
        )
    notes = []
    if (n_annotators, n_examples) != n_before:
        notes.append(
            f"{n_annotators:,} of {n_before[0]:,} annotators and {n_examples:,} of {n_before[1]:,} labelled examples "
            f"are audited: annotators with at least {limits.min_labels_per_annotator} labels, "
            f"examples with at least {limits.min_labels_per_example}"
        )
    table = pd.DataFrame(
        {
            "row_id": rows["row_id"].to_numpy(),
            "example": rows["example"].astype(str).to_numpy(),
            "annotator": pd.Categorical(rows["annotator"].astype(str)),
            "given_label": pd.Categorical(rows["given_label"], categories=list(dataset.class_names)),
        }
    )
    return Selection(table=table, notes=tuple(notes))


def build_panel_training_set(
    annotations: pd.DataFrame,
    raw: pd.DataFrame,
    dataset: Dataset,
    *,
    test_fraction: float,
    folds: int,
    seed: int,
    reserved: frozenset[str] = AUDIT_COLUMNS,
) -> TrainingSet:
    """Make one row for each annotated example, with its majority vote as given label, and divide the rows.

    Where the truth is known, it is the given label of the test rows, so that models are judged by it; else these are
    judged by the majority vote, which has errors of its own. Examples with equal features stay together.

    Args:
        annotations: selected annotations.
        raw: raw table, for features, descriptive columns and truth of each example.
        dataset: its catalogue entry.
        test_fraction: share of the examples put aside as test rows; 0 puts none aside.
        folds: folds of the train rows.
        seed: seed of the split and the folds.
        reserved: columns that the audit writes; no feature may have one of these names.

    Returns:
        Table with ``row_id`` (the example), features, descriptive columns, ``given_label``, ``n_annotations``,
        ``annotator_agreement`` (share of the labels that are the majority vote), ``true_label`` where it is known,
        ``split`` and ``fold``; where the raw table has decided labels also ``decided_label``, which is the given label
        of its example.

    Raises:
        ValueError: a truth is missing or unknown, or the train rows hold fewer than two classes.
    """
    panel = panel_of(dataset)
    examples = list(dict.fromkeys(annotations["example"]))
    names = raw[panel.example].astype(str)
    described = raw[~names.duplicated()].set_axis(names[~names.duplicated()]).loc[examples]
    described = described.assign(row_id=examples).reset_index(drop=True)
    table = read_features(described, dataset, reserved=reserved)
    known = {panel.example, panel.annotator, dataset.label, panel.truth}
    for column in dataset.columns:
        if not column.is_feature and column.name not in known:
            table[column.name] = described[column.name]
    features = [column.name for column in dataset.features]
    groups = group_equal_rows(table[features]) if features else np.arange(len(table))
    if DECIDED_LABEL in raw:
        table[DECIDED_LABEL] = pd.Categorical(described[DECIDED_LABEL], categories=list(dataset.class_names))
    table = put_votes(table, annotations)
    codes = encode_labels(table["given_label"])
    is_test = np.zeros(len(table), dtype=bool)
    if test_fraction > 0:
        is_test = divide_rows(codes, groups, [test_fraction, 1 - test_fraction], seed=seed) == 0
    fold = np.full(len(table), NO_FOLD, dtype=np.int16)
    fold[~is_test] = divide_rows(codes[~is_test], groups[~is_test], [1 / folds] * folds, seed=seed + 1)
    notes = ["the given label of an example is the majority vote; ties go to the class that is given more often"]
    if panel.truth is not None:
        truth = pd.Categorical(described[panel.truth].astype(object), categories=list(dataset.class_names))
        if truth.isna().any():
            row = described.loc[truth.isna(), "row_id"].iloc[0]
            raise ValueError(f"{dataset.name}: example {row!r} has no {panel.truth} among {dataset.allowed_labels}")
        table["true_label"] = truth
        table.loc[is_test, "given_label"] = table.loc[is_test, "true_label"]
    if is_test.any() and panel.truth is not None:
        notes.append("test rows are judged by the known truth")
    elif is_test.any():
        notes.append("no truth is known: test rows are judged by the majority vote, which has errors of its own")
    table["split"] = pd.Categorical(np.where(is_test, TEST, TRAIN), categories=[TRAIN, TEST])
    table["fold"] = fold
    if table.loc[~is_test, "given_label"].nunique() < 2:  # noqa: PLR2004 - one class leaves nothing to learn
        raise ValueError(f"{dataset.name}: the majority votes of the train rows hold fewer than two classes")
    return TrainingSet(table=table, notes=tuple(notes))


def put_votes(table: pd.DataFrame, annotations: pd.DataFrame) -> pd.DataFrame:
    """Return the examples with ``given_label``, ``n_annotations`` and ``annotator_agreement`` of the annotations.

    The given label is the majority vote, or the ``decided_label`` of an example that has one.
    """
    labels = to_label_matrix(annotations, table["row_id"])
    codes = vote_by_majority(labels, n_classes=len(annotations["given_label"].cat.categories))
    counts = (labels != NO_LABEL).sum(axis=1)
    decided = to_decided_codes(table)
    return table.assign(
        given_label=decode_labels(np.where(decided == NO_LABEL, codes, decided), annotations["given_label"]),
        n_annotations=counts,
        annotator_agreement=(labels == codes[:, None]).sum(axis=1) / counts,
    )


def to_decided_codes(examples: pd.DataFrame) -> np.ndarray:
    """Return the class code that reviewers decided of each row, int64 of shape (n_rows,); -1 where they did not."""
    if DECIDED_LABEL not in examples:
        return np.full(len(examples), NO_LABEL, dtype=np.int64)
    return examples[DECIDED_LABEL].cat.codes.to_numpy(dtype=np.int64)


def find_decided(annotations: pd.DataFrame, examples: pd.Series) -> np.ndarray:
    """Return the class code that reviewers decided of examples, int64 of shape (n_examples,); -1 where they did not.

    Args:
        annotations: with ``example``, and ``decided_label`` where reviewers decided any.
        examples: names of the examples.
    """
    decided = pd.Series(to_decided_codes(annotations), index=annotations["example"].to_numpy())
    decided = decided[~decided.index.duplicated()]
    return decided.reindex(examples, fill_value=NO_LABEL).to_numpy(dtype=np.int64)


def to_label_matrix(annotations: pd.DataFrame, examples: Sequence[str] | pd.Series) -> np.ndarray:
    """Return class codes, int64 of shape (n_examples, n_annotators), -1 where an annotator gave no label.

    Columns are the categories of ``annotator`` in their order; labels of other examples are left out.
    """
    place = pd.Series(np.arange(len(examples)), index=pd.Index(examples))
    rows = annotations["example"].map(place)
    is_wanted = rows.notna().to_numpy()
    matrix = np.full((len(examples), len(annotations["annotator"].cat.categories)), NO_LABEL, dtype=np.int64)
    columns = annotations["annotator"].cat.codes.to_numpy()[is_wanted]
    matrix[rows[is_wanted].to_numpy(dtype=np.int64), columns] = encode_labels(annotations["given_label"])[is_wanted]
    return matrix


def vote_by_majority(labels: np.ndarray, *, n_classes: int) -> np.ndarray:
    """Return the class that most annotators gave, int64 of shape (n_examples,).

    Ties go to the tied class that is given more often in all, then to the first: the same answer every time.

    Args:
        labels: class codes, -1 where there is none, shape (n_examples, n_annotators).
        n_classes: number of classes.
    """
    votes = count_votes(labels, n_classes=n_classes)
    frequency = votes.sum(axis=0) / max(votes.sum(), 1)
    return np.asarray((votes + frequency / 2).argmax(axis=1))  # frequencies sum to 1, so they only break ties


def count_votes(labels: np.ndarray, *, n_classes: int) -> np.ndarray:
    """Return how many annotators gave each class, int64 of shape (n_examples, n_classes).

    Args:
        labels: class codes, -1 where there is none, shape (n_examples, n_annotators).
        n_classes: number of classes.
    """
    examples, annotators = np.nonzero(labels != NO_LABEL)
    cells = examples * n_classes + labels[examples, annotators]
    return np.bincount(cells, minlength=len(labels) * n_classes).reshape(len(labels), n_classes)


def count_labels_by_file(annotations: pd.DataFrame) -> dict[str, int]:
    """Return how many annotations each source file holds, by the row ids (``<file>:<line>``), in their order."""
    files = annotations["row_id"].str.rpartition(":")[0]
    return {str(file): int(count) for file, count in files.value_counts(sort=False).items()}


def annotations_of(annotations: pd.DataFrame, examples: pd.Series) -> pd.DataFrame:
    """Return the annotations of some examples, renumbered from 0, with those annotators only who labelled any."""
    kept = annotations[annotations["example"].isin(examples)].reset_index(drop=True)
    return kept.assign(annotator=kept["annotator"].cat.remove_unused_categories())


def _require_sound_rows(rows: pd.DataFrame, dataset: Dataset) -> None:
    half = rows["annotator"].isna() != rows["given_label"].isna()
    if half.any():
        row = rows[half].iloc[0]
        raise ValueError(
            f"{dataset.name}: {row['row_id']}: found annotator {row['annotator']!r} with label "
            f"{row['given_label']!r}, expected both, or none for an example that nobody labelled"
        )
    is_allowed = dataset.find_allowed_labels(rows["given_label"])
    if not is_allowed.all():
        row = rows[~is_allowed].iloc[0]
        raise ValueError(
            f"{dataset.name}: {row['row_id']}: found label {row['given_label']!r}, "
            f"expected one of {dataset.allowed_labels}"
        )
    labelled = rows[rows["given_label"].notna()]
    repeated = labelled.duplicated(["example", "annotator"], keep=False)
    if repeated.any():
        first = labelled[repeated].iloc[0]
        same = labelled[(labelled["example"] == first["example"]) & (labelled["annotator"] == first["annotator"])]
        raise ValueError(
            f"{dataset.name}: annotator {first['annotator']!r} labelled example {first['example']!r} "
            f"{len(same)} times ({', '.join(same['row_id'])}), expected once: keep one of these rows"
        )
