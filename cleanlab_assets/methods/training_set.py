"""The rows under audit: an optional sample, the split into train and test, and the folds of the train rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cleanlab_assets.datasets.dataset import EMBEDDED_KINDS
from cleanlab_assets.datasets.headers import AUDIT_COLUMNS
from cleanlab_assets.methods.folds import (
    bin_by_quantile,
    divide_by_time,
    divide_groups_by_time,
    divide_rows,
    draw_stratified_sample,
    group_equal_rows,
    join_groups,
)
from cleanlab_assets.methods.label_set_folds import divide_label_sets, draw_label_set_sample
from cleanlab_assets.methods.label_sets import LabelSetError, decode_label_sets, encode_label_sets

if TYPE_CHECKING:
    from collections.abc import Callable

    from cleanlab_assets.datasets.dataset import Dataset

TRAIN = "train"
TEST = "test"
NO_FOLD = -1
OWN_ID = "own_id"
"""Column of the user's own names of rows, in tables of datasets that have them."""
ROW_WEIGHT = "row_weight"
"""Column that says how much a row counts in fits and metrics, in tables of datasets whose rows have weights."""
TRUE_LABEL = "true_label"
"""Column of the true label: as the source states it, or as it was before an error was planted."""
LARGEST_JOINED_GROUP = 0.1
"""Share of the rows that equal rows of several groups may join to one group, unless a group is larger itself."""
QUANTILE_BINS = 10
"""Bins of a numeric label that every part of the rows gets its share of."""


@dataclass(frozen=True)
class TrainingSet:
    """A training set and what a reader must know about how it was made.

    ``table`` has ``row_id``, the features, ``given_label`` (categorical with all class names as categories, float64 for
    a numeric label, or a text that names several classes in class order), ``split`` and ``fold`` (-1 on test rows), in
    source order. Where rows have a time it also has ``time_block``, numbered from 0 at the earliest row of the source:
    rows of one block depend on each other. Where rows have names of the user's own, they are in ``own_id``, where
    they have weights, these are in ``row_weight``, and true labels that the source states in ``true_label``, as labels
    are and missing where unknown; then there are the ``carried_columns`` of the dataset.
    ``small_classes`` are those of the notes that tell of classes without rows in some part.
    """

    table: pd.DataFrame
    notes: tuple[str, ...]
    small_classes: tuple[str, ...] = ()


def build_training_set(
    raw: pd.DataFrame,
    dataset: Dataset,
    *,
    max_rows: int | None,
    test_fraction: float,
    folds: int,
    seed: int,
    reserved: frozenset[str] = AUDIT_COLUMNS,
) -> TrainingSet:
    """Sample, split and fold the rows of a raw dataset.

    Sample, split and folds are random, stratified by class or by quantile of a numeric label. With a time column they
    are blocks of time instead: the sample is the latest rows, the test rows are the latest of those, and each fold is
    a block of the earlier ones. A fold is predicted by models fitted on the blocks before and after it: that suits the
    audit of labels, which is no forecast; only the test rows ask for the future. Labels that name several classes are
    stratified by class and combination.

    Rows with equal features stay on one side of the split and in one fold: a model that saw one of them has seen all.
    So do rows of one group, where the dataset has groups. Where the source says which rows are test rows, these are.

    Rows without a label are left out where the dataset may lack labels.

    Args:
        raw: raw table of the dataset, in source order.
        dataset: its catalogue entry.
        max_rows: rows of the sample; None takes all.
        test_fraction: share of the rows put aside as untouched test rows; 0 puts none aside.
        folds: number of folds of the train rows.
        seed: seed of the sample, the split and the folds.
        reserved: columns that the audit writes; no feature may have one of these names.

    Returns:
        The training set; ``notes`` says how rows were split where the label is numeric or the rows have a time, and
        where a class is too small to be in every part.

    Raises:
        ValueError: a label is missing or not allowed, a time is missing, a feature has the name of a column that the
            audit writes, or the train rows hold fewer than two classes or label values.
    """
    n_unlabelled = len(unlabelled_rows(raw, dataset))
    if n_unlabelled:
        raw = raw[raw[dataset.label].notna()]
    labels, strata = _read_labels(raw, dataset)
    times = _read_times(raw, dataset)
    rows = _draw_sample(strata, times, max_rows, seed=seed)
    table = read_features(raw.iloc[rows], dataset, reserved=reserved)
    groups, notes = _group_rows(table, raw.iloc[rows], dataset)
    if n_unlabelled:
        notes.append(f"{n_unlabelled:,} rows have no label: they are left out here, and get one in suggested_labels")
    table["given_label"] = labels[rows]
    table = table.assign(**_take_along(raw.iloc[rows], dataset))
    notes += _describe_weights(table, dataset)

    test_shares, fold_shares = [test_fraction, 1 - test_fraction], [1 / folds] * folds
    fold = np.full(len(table), NO_FOLD, dtype=np.int16)
    given = _find_given_test_rows(raw.iloc[rows], dataset, test_fraction)
    if times is None:
        strata = strata[rows]
        divide = divide_rows if dataset.label_separator is None else divide_label_sets
        is_test = divide(strata, groups, test_shares, seed=seed) == 0 if given is None else given
        fold[~is_test] = divide(strata[~is_test], groups[~is_test], fold_shares, seed=seed + 1)
    else:
        times = times[rows]
        table["time_block"] = times // dataset.time_block
        is_late, is_test, fold[:] = _divide_series(
            times, groups, given, test_shares[::-1], fold_shares, keeps_groups=dataset.group_column is not None
        )
    table["split"] = pd.Categorical(np.where(is_test, TEST, TRAIN), categories=[TRAIN, TEST])
    table["fold"] = fold
    if table.loc[~is_test, "given_label"].nunique() < 2:  # noqa: PLR2004 - one value leaves nothing to learn
        values = "label values" if dataset.numeric_label else "classes"
        raise ValueError(f"{dataset.name}: the {(~is_test).sum()} train rows hold fewer than two {values}")
    small_classes = _describe_small_classes(table, dataset, folds)
    notes += small_classes
    if dataset.split_column is not None:
        notes.append(f"the source says which rows are test rows: {is_test.sum():,} of {len(is_test):,}")
    if times is not None:
        notes += _describe_blocks(dataset, n_raw=len(raw), is_late=is_late, is_test=is_test)
    elif dataset.numeric_label and dataset.split_column is None:
        notes.append(f"rows are split at random, alike in each of {len(np.unique(strata))} quantile bins of the label")
    return TrainingSet(table=table, notes=tuple(notes), small_classes=tuple(small_classes))


def _take_along(raw: pd.DataFrame, dataset: Dataset) -> dict[str, np.ndarray | pd.Categorical]:
    """Return by name the columns that go with the rows and are no features."""
    columns: dict[str, np.ndarray | pd.Categorical] = {}
    if dataset.id_column is not None:
        columns[OWN_ID] = raw[dataset.id_column].astype(object).to_numpy()
    if dataset.weight_column is not None:
        columns[ROW_WEIGHT] = raw[dataset.weight_column].to_numpy(dtype=np.float64)
    if dataset.truth_column is not None:
        columns[TRUE_LABEL] = _read_truth(raw, dataset, dataset.truth_column)
    return columns | {name: raw[name].to_numpy() for name in dataset.carried_columns}


def _read_truth(raw: pd.DataFrame, dataset: Dataset, name: str) -> np.ndarray | pd.Categorical:
    """Return the true label of each row in the form of given labels, missing where it is unknown."""
    if dataset.numeric_label is not None:
        return raw[name].to_numpy(dtype=np.float64)
    if dataset.label_separator is None:
        return pd.Categorical(raw[name], categories=list(dataset.class_names))
    is_known, truth = raw[name].notna().to_numpy(), np.full(len(raw), None, dtype=object)
    known = raw[is_known]
    named = encode_label_sets(known[name], dataset.class_names, row_ids=known["row_id"].tolist())
    truth[is_known] = decode_label_sets(named, dataset.class_names)
    return truth


def _divide_series(
    times: np.ndarray,
    groups: np.ndarray,
    given: np.ndarray | None,
    split_shares: list[float],
    fold_shares: list[float],
    *,
    keeps_groups: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which rows are late, which are test rows, and the fold of each row.

    With ``keeps_groups`` groups are ordered by their last time, else rows are, and ``groups`` are of equal rows.
    """

    def divide(rows: np.ndarray, shares: list[float]) -> np.ndarray:
        if keeps_groups:
            return divide_groups_by_time(times[rows], groups[rows], shares)
        return divide_by_time(times[rows], shares)

    is_late = divide(np.ones(len(times), dtype=bool), split_shares) == 1 if given is None else given
    # Of equal rows, one in the future puts all among the test rows; else the first decides the block.
    is_test = np.isin(groups, groups[is_late]) if given is None else given
    fold = np.full(len(times), NO_FOLD, dtype=np.int16)
    fold[~is_test] = pd.Series(divide(~is_test, fold_shares)).groupby(groups[~is_test]).transform("min")
    return is_late, is_test, fold


def _find_given_test_rows(raw: pd.DataFrame, dataset: Dataset, test_fraction: float) -> np.ndarray | None:
    """Return which rows are test rows where the source or the settings say so; None where they are drawn."""
    if dataset.split_column is not None:
        return (raw[dataset.split_column] == TEST).to_numpy()
    return np.zeros(len(raw), dtype=bool) if test_fraction == 0 else None


def unlabelled_rows(raw: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """Return the rows of a raw table that have no label, with ``own_id``; none where labels may not be lacking."""
    is_open = raw[dataset.label].isna() & dataset.may_lack_labels
    rows = raw[is_open].reset_index(drop=True)
    return rows if dataset.id_column is None else rows.assign(**{OWN_ID: rows[dataset.id_column].astype(object)})


def _group_rows(table: pd.DataFrame, raw: pd.DataFrame, dataset: Dataset) -> tuple[np.ndarray, list[str]]:
    """Return the group of each row, whose rows stay together: equal rows, and those of the dataset's groups."""
    equal = group_equal_rows(table.drop(columns="row_id"))
    if dataset.group_column is None:
        return equal, []
    found = pd.factorize(np.asarray(raw[dataset.group_column]))[0].astype(np.int64)
    n_missing = int((found < 0).sum())
    notes = [f"rows of one {dataset.group_column} stay together: {found.max(initial=-1) + 1:,} groups"]
    if n_missing:
        notes.append(f"{n_missing:,} rows have no {dataset.group_column}: each stands for itself")
    joined = join_groups(equal, found)
    largest = int(np.bincount(found[found >= 0], minlength=1).max())
    if np.bincount(joined).max() > max(largest, LARGEST_JOINED_GROUP * len(joined)):
        notes.append(
            f"equal rows of different {dataset.group_column} may stand on both sides of the split and in several "
            "folds: to keep them together would join too many groups"
        )
        joined = np.where(found >= 0, found, found.max(initial=-1) + 1 + np.arange(len(found)))
    return joined, notes


def _read_labels(raw: pd.DataFrame, dataset: Dataset) -> tuple[pd.Categorical | np.ndarray, np.ndarray]:
    """Return the label of each row and what to stratify by: an integer stratum, or which classes the label names."""
    given = raw[dataset.label]
    if dataset.label_separator is not None:
        try:
            indicators = encode_label_sets(given, dataset.class_names, row_ids=raw["row_id"].tolist())
        except LabelSetError as error:
            raise LabelSetError(f"{dataset.name}, {dataset.label}: {error}") from error
        return decode_label_sets(indicators, dataset.class_names), indicators
    is_allowed = dataset.find_allowed_labels(given)
    if not is_allowed.all():
        position = int(np.argmin(is_allowed))
        allowed = dataset.allowed_labels if dataset.numeric_label else f"one of {dataset.allowed_labels}"
        raise ValueError(
            f"{dataset.name}: row {raw['row_id'].iloc[position]!r} has {dataset.label} "
            f"{given.iloc[position]!r}, expected {allowed}"
        )
    if dataset.numeric_label:
        values = given.to_numpy(dtype=np.float64)
        return values, bin_by_quantile(values, QUANTILE_BINS)
    classes = pd.Categorical(given, categories=list(dataset.class_names))
    return classes, classes.codes.astype(np.int64)


def _read_times(raw: pd.DataFrame, dataset: Dataset) -> np.ndarray | None:
    """Return the place of each row's time among all times, from 0; None where the rows have no time."""
    if dataset.time_column is None:
        return None
    times = pd.factorize(np.asarray(raw[dataset.time_column]), sort=True)[0]
    if (times < 0).any():
        row = raw["row_id"].iloc[int(np.argmin(times))]
        raise ValueError(f"{dataset.name}: row {row!r} has no {dataset.time_column}, which orders the rows in time")
    return times


def _draw_sample(strata: np.ndarray, times: np.ndarray | None, max_rows: int | None, *, seed: int) -> np.ndarray:
    """Return the positions of the sampled rows, in source order."""
    if max_rows is None:
        return np.arange(len(strata))
    if times is None:
        draw = draw_stratified_sample if strata.ndim == 1 else draw_label_set_sample
        return draw(strata, max_rows, seed=seed)
    return np.sort(np.argsort(times, kind="stable")[-max_rows:])


def read_features(raw: pd.DataFrame, dataset: Dataset, *, reserved: frozenset[str] = AUDIT_COLUMNS) -> pd.DataFrame:
    """Return row id and features of raw rows, with one kind of missing value.

    Raises:
        ValueError: a feature has the name of a column that the audit writes.
    """
    names = [column.name for column in dataset.features]
    if clashing := sorted(reserved.intersection(names)):
        raise ValueError(
            f"{dataset.name}: features are named {', '.join(clashing)} like columns of the audit: rename them in the "
            "source"
        )
    table = raw[["row_id", *names]].reset_index(drop=True)
    for column in dataset.features:
        # One kind of missing value for every estimator: None and pandas' NA become NaN.
        if column.kind == "categorical":
            table[column.name] = table[column.name].astype("category")
        elif column.kind in ("name", *EMBEDDED_KINDS):
            table[column.name] = table[column.name].astype(object)
        elif pd.api.types.is_extension_array_dtype(table[column.name].dtype):
            table[column.name] = table[column.name].to_numpy(dtype=np.float64, na_value=np.nan)
    return table


def _describe_blocks(dataset: Dataset, *, n_raw: int, is_late: np.ndarray, is_test: np.ndarray) -> list[str]:
    if dataset.group_column is None:
        notes = [
            f"rows are split by time ({dataset.time_column}): the test rows are the last {is_late.sum():,} of "
            f"{len(is_test):,}, the folds are blocks of the earlier rows"
        ]
    else:
        notes = [
            f"each {dataset.group_column} stays whole, by its last {dataset.time_column}: the {is_test.sum():,} of "
            f"{len(is_test):,} rows of those that go on longest are test rows, the folds are blocks of the others"
        ]
    if len(is_test) < n_raw:
        notes.append(
            f"the sample is the latest {len(is_test):,} of {n_raw:,} rows: a random one would leave holes in the series"
        )
    if n_moved := (is_test & ~is_late).sum():
        notes.append(f"{n_moved:,} earlier rows equal one of the last and are test rows too")
    return notes


def _describe_weights(table: pd.DataFrame, dataset: Dataset) -> list[str]:
    weights = row_weights(table)
    if weights is None:
        return []
    n_without = int((weights == 0).sum())
    left_out = f"; the {n_without:,} rows of weight 0 are audited, and take no part in any fit" if n_without else ""
    return [f"rows are weighted by {dataset.weight_column} in fits and metrics{left_out}"]


def _describe_small_classes(table: pd.DataFrame, dataset: Dataset, folds: int) -> list[str]:
    notes: list[str] = []
    if not dataset.class_names:
        return notes
    has_test_rows = bool((table["split"] == TEST).any())
    for name, found in count_rows_of_classes(table, dataset).iterrows():
        if found["train"] < folds:
            notes.append(
                f"class {name!r} has {found['train']} train rows, fewer than the {folds} folds: "
                "its label quality scores are unreliable"
            )
        if found["folds"] == 1:
            notes.append(
                f"the train rows of class {name!r} ({found['train']}) are all in one fold: "
                "the model that predicts them never saw the class"
            )
        if found["test"] == 0 and has_test_rows:
            notes.append(f"class {name!r} has no test row: test metrics say nothing about it")
    return notes


def count_rows_of_classes(table: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """Count where the rows of each class lie; a row of several classes counts for each of them.

    Args:
        table: training set with ``given_label``, ``split`` and ``fold``.
        dataset: its catalogue entry, which has classes.

    Returns:
        One row for each class, named by it, in class order: ``train`` and ``test`` rows, and ``folds``, in how many the
        train rows lie.
    """
    places, labels = table[["split", "fold"]], table["given_label"].astype(object)
    places = places.assign(name=labels if dataset.label_separator is None else labels.map(dataset.split_label))
    if dataset.label_separator is not None:
        places = places.explode("name", ignore_index=True)
    train = places[places["split"] == TRAIN]
    counts = {
        "train": train["name"].value_counts(),
        "test": places.loc[places["split"] == TEST, "name"].value_counts(),
        "folds": train.groupby("name")["fold"].nunique(),
    }
    names = pd.Index(dataset.class_names, dtype=object)
    return pd.DataFrame({name: found.reindex(names, fill_value=0).astype(int) for name, found in counts.items()})


def require_same_rows(table: pd.DataFrame, rows: pd.DataFrame, *, what: str) -> None:
    """Refuse a stored table that was made from another training set than the rows at hand.

    Args:
        table: stored table with ``row_id`` and ``given_label``.
        rows: rows of the training set that it should be about.
        what: name of the table, for the message.

    Raises:
        ValueError: row ids or given labels differ.
    """
    if not all(np.array_equal(table[name].to_numpy(), rows[name].to_numpy()) for name in ("row_id", "given_label")):
        raise ValueError(
            f"{what} ({len(table):,} rows) was made from another training set than the current one "
            f"({len(rows):,} rows): materialize {what} again"
        )


def row_weights(table: pd.DataFrame) -> np.ndarray | None:
    """Return how much each row of a training set, or of a table made from it, counts: float64 of shape (n_rows,).

    None where the rows have no weights: all count alike.
    """
    return table[ROW_WEIGHT].to_numpy(dtype=np.float64) if ROW_WEIGHT in table else None


def name_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what tables of predictions begin with: ``row_id``, ``split``, ``given_label``, and weights if any."""
    return rows[["row_id", "split", "given_label", *([ROW_WEIGHT] if ROW_WEIGHT in rows else [])]]


def is_train_row(table: pd.DataFrame) -> np.ndarray:
    """Return which rows of a table with ``split`` are train rows: bool of shape (n_rows,)."""
    return (table["split"] == TRAIN).to_numpy()


def train_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return the train rows of a table with ``split``, in its order, renumbered from 0."""
    return table[is_train_row(table)].reset_index(drop=True)


def test_rows(training_set: pd.DataFrame) -> pd.DataFrame:
    """Return the untouched test rows of a training-set table, in source order, renumbered from 0."""
    return training_set[training_set["split"] == TEST].reset_index(drop=True)


def audited_rows(training_set: pd.DataFrame) -> pd.DataFrame:
    """Return all rows of a training-set table as an audit takes them: the train rows, then those kept aside.

    Both are in source order; rows are renumbered from 0.
    """
    return training_set.iloc[np.argsort(~is_train_row(training_set), kind="stable")].reset_index(drop=True)


def judge_beside_train_rows(
    judge: Callable[[np.ndarray], tuple[np.ndarray, ...]], is_train: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Judge the labels of all rows, so that the labels kept aside change nothing of what is found of train rows.

    Train rows are judged by themselves; the others are judged together with them.

    Args:
        judge: judges the rows that a mask of shape (n_rows,) chooses, by estimates from these rows: arrays of shape
            (n_chosen, ...).
        is_train: train rows, bool of shape (n_rows,).

    Returns:
        What is found of all rows: arrays of shape (n_rows, ...).
    """
    found = judge(np.ones(len(is_train), dtype=bool))
    if not is_train.all():
        for of_all, of_train in zip(found, judge(is_train), strict=True):
            of_all[is_train] = of_train
    return found
