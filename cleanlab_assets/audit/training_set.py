"""The rows under audit: an optional sample, the split into train and test, and the folds of the train rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cleanlab_assets.audit.folds import divide_rows, draw_stratified_sample, group_equal_rows
from cleanlab_assets.datasets.catalogue import Dataset

TRAIN = "train"
TEST = "test"
NO_FOLD = -1


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
        ValueError: a label is missing or is none of the class names, or the train rows hold fewer than two classes.
    """
    labels = pd.Categorical(raw[dataset.label], categories=list(dataset.class_names))
    if (labels.codes < 0).any():
        position = int(np.argmax(labels.codes < 0))
        raise ValueError(
            f"{dataset.name}: row {raw['row_id'].iloc[position]!r} has {dataset.label} "
            f"{raw[dataset.label].iloc[position]!r}, expected one of {', '.join(dataset.class_names)}"
        )
    codes = labels.codes.astype(np.int64)
    rows = np.arange(len(raw)) if max_rows is None else draw_stratified_sample(codes, max_rows, seed=seed)
    names = [column.name for column in dataset.features]
    table = raw.iloc[rows][["row_id", *names]].reset_index(drop=True)
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
    per_split = pd.crosstab(table["given_label"], table["split"], dropna=False)
    notes = []
    for name, counts in per_split.iterrows():
        if counts[TRAIN] < folds:
            notes.append(
                f"class {name!r} has {counts[TRAIN]} train rows, fewer than the {folds} folds: "
                "some models never see it, and its label quality scores are unreliable"
            )
        if counts[TEST] == 0:
            notes.append(f"class {name!r} has no test row: test metrics say nothing about it")
    return tuple(notes)


def train_rows(training_set: pd.DataFrame) -> pd.DataFrame:
    """Return the train rows of a training-set table, in source order, renumbered from 0."""
    return training_set[training_set["split"] == TRAIN].reset_index(drop=True)


def test_rows(training_set: pd.DataFrame) -> pd.DataFrame:
    """Return the untouched test rows of a training-set table, in source order, renumbered from 0."""
    return training_set[training_set["split"] == TEST].reset_index(drop=True)
