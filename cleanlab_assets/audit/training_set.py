"""The rows under audit: an optional sample, the split into train and test, and the folds of the train rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cleanlab_assets.audit.class_codes import encode_labels
from cleanlab_assets.audit.folds import divide_rows, draw_stratified_sample, group_equal_rows

if TYPE_CHECKING:
    from cleanlab_assets.datasets.catalogue import Dataset

TRAIN = "train"
TEST = "test"
NO_FOLD = -1
RESERVED_COLUMNS = frozenset(
    {
        *("row_id", "given_label", "split", "fold", "planted_error", "true_label"),
        *("suggested_label", "label_quality", "is_label_issue", "rank", "reason"),
        *("given_label_probability", "suggested_label_probability"),
    }
)
"""Columns that the audit writes beside the features; no feature may have one of these names."""


@dataclass(frozen=True)
class TrainingSet:
    """A training set and what a reader must know about how it was made.

    ``table`` has ``row_id``, the features, ``given_label`` (categorical, all class names as categories), ``split``
    and ``fold`` (-1 on test rows), in source order.
    """

    table: pd.DataFrame
    notes: tuple[str, ...]


def build_training_set(
    raw: pd.DataFrame, dataset: Dataset, *, max_rows: int | None, test_fraction: float, folds: int, seed: int
) -> TrainingSet:
    """Sample, split and fold the rows of a raw dataset.

    Rows with equal features stay on one side of the split and in one fold: a model that saw one of them has seen all.

    Args:
        raw: raw table of the dataset, in source order.
        dataset: its catalogue entry.
        max_rows: rows of a stratified sample; None takes all.
        test_fraction: share of the rows put aside as untouched test rows.
        folds: number of folds of the train rows.
        seed: seed of the sample, the split and the folds.

    Returns:
        The training set; ``notes`` says where a class is too small to be in every part.

    Raises:
        ValueError: a label is missing or is none of the class names, a feature has the name of a column that the
            audit writes, or the train rows hold fewer than two classes.
    """
    names = [column.name for column in dataset.features]
    if clashing := sorted(RESERVED_COLUMNS.intersection(names)):
        raise ValueError(
            f"{dataset.name}: features are named {', '.join(clashing)} like columns of the audit: "
            "rename them in the loader"
        )
    labels = pd.Categorical(raw[dataset.label], categories=list(dataset.class_names))
    if (labels.codes < 0).any():
        position = int(np.argmax(labels.codes < 0))
        raise ValueError(
            f"{dataset.name}: row {raw['row_id'].iloc[position]!r} has {dataset.label} "
            f"{raw[dataset.label].iloc[position]!r}, expected one of {', '.join(dataset.class_names)}"
        )
    codes = labels.codes.astype(np.int64)
    rows = np.arange(len(raw)) if max_rows is None else draw_stratified_sample(codes, max_rows, seed=seed)
    table = raw.iloc[rows][["row_id", *names]].reset_index(drop=True)
    for column in dataset.features:
        # One kind of missing value for every estimator: None and pandas' NA become NaN.
        if column.kind == "categorical":
            table[column.name] = table[column.name].astype("category")
        elif pd.api.types.is_extension_array_dtype(table[column.name].dtype):
            table[column.name] = table[column.name].to_numpy(dtype=np.float64, na_value=np.nan)
    table["given_label"] = labels[rows]
    codes = codes[rows]

    groups = group_equal_rows(table[names])
    is_test = divide_rows(codes, groups, [test_fraction, 1 - test_fraction], seed=seed) == 0
    fold = np.full(len(table), NO_FOLD, dtype=np.int16)
    fold[~is_test] = divide_rows(codes[~is_test], groups[~is_test], [1 / folds] * folds, seed=seed + 1)
    table["split"] = pd.Categorical(np.where(is_test, TEST, TRAIN), categories=[TRAIN, TEST])
    table["fold"] = fold
    if len(np.unique(codes[~is_test])) < 2:  # noqa: PLR2004 - a classifier needs two classes
        raise ValueError(f"{dataset.name}: the {(~is_test).sum()} train rows hold fewer than two classes")
    return TrainingSet(table=table, notes=_describe_small_classes(table, folds))


def _describe_small_classes(table: pd.DataFrame, folds: int) -> tuple[str, ...]:
    notes = []
    for name in table["given_label"].cat.categories:
        rows = table[table["given_label"] == name]
        train = rows[rows["split"] == TRAIN]
        if len(train) < folds:
            notes.append(
                f"class {name!r} has {len(train)} train rows, fewer than the {folds} folds: "
                "its label quality scores are unreliable"
            )
        if len(train["fold"].unique()) == 1:
            notes.append(
                f"the train rows of class {name!r} ({len(train)}) are all in one fold: "
                "the model that predicts them never saw the class"
            )
        if len(train) == len(rows):
            notes.append(f"class {name!r} has no test row: test metrics say nothing about it")
    return tuple(notes)


def require_same_rows(table: pd.DataFrame, rows: pd.DataFrame, *, what: str) -> None:
    """Refuse a stored table that was made from another training set than the rows at hand.

    Args:
        table: stored table with ``row_id`` and ``given_label``.
        rows: train rows of the training set.
        what: name of the table, for the message.

    Raises:
        ValueError: row ids or given labels differ.
    """
    same = np.array_equal(table["row_id"].to_numpy(), rows["row_id"].to_numpy()) and np.array_equal(
        encode_labels(table["given_label"]), encode_labels(rows["given_label"])
    )
    if not same:
        raise ValueError(
            f"{what} ({len(table):,} rows) was made from another training set than the current one "
            f"({len(rows):,} train rows): materialize {what} again"
        )


def train_rows(training_set: pd.DataFrame) -> pd.DataFrame:
    """Return the train rows of a training-set table, in source order, renumbered from 0."""
    return training_set[training_set["split"] == TRAIN].reset_index(drop=True)


def test_rows(training_set: pd.DataFrame) -> pd.DataFrame:
    """Return the untouched test rows of a training-set table, in source order, renumbered from 0."""
    return training_set[training_set["split"] == TEST].reset_index(drop=True)
