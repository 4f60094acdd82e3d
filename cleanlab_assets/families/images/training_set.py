"""The images under audit: an optional sample, the split into train and test images, and the folds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cleanlab_assets.methods.folds import divide_rows, draw_stratified_sample
from cleanlab_assets.methods.training_set import NO_FOLD, TEST, TRAIN, TrainingSet, count_rows_of_classes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cleanlab_assets.datasets.dataset import Dataset


def build_image_training_set(
    raw: pd.DataFrame, dataset: Dataset, *, max_rows: int | None, test_fraction: float, folds: int, seed: int
) -> TrainingSet:
    """Sample, split and fold images, stratified by the rarest class of each.

    Images of equal bytes stay on one side of the split and in one fold.

    Args:
        raw: raw table of one row per image, with ``row_id``, ``image`` and the dataset's label column.
        dataset: its catalogue entry.
        max_rows: images of the sample; None takes all.
        test_fraction: share of the images put aside as untouched test images; 0 puts none aside.
        folds: number of folds of the train images.
        seed: seed of the sample, the split and the folds.

    Returns:
        The raw columns with ``given_label`` (the classes of the image), ``split`` and ``fold`` (-1 on test images), in
        source order; the notes say which classes have too few images for every part.

    Raises:
        ValueError: there are too few images for the split and the folds, or a class is unknown.
    """
    is_allowed = dataset.find_allowed_labels(raw[dataset.label])
    if not is_allowed.all():
        position = int(np.argmin(is_allowed))
        raise ValueError(
            f"{dataset.name}: image {raw['row_id'].iloc[position]!r} has {raw[dataset.label].iloc[position]!r}, "
            f"expected {dataset.allowed_labels}"
        )
    strata = _find_rarest_class(raw[dataset.label], dataset)
    rows = np.arange(len(raw)) if max_rows is None else draw_stratified_sample(strata, max_rows, seed=seed)
    table = raw.iloc[rows].reset_index(drop=True)
    strata = strata[rows]
    groups = pd.factorize(table["image"])[0].astype(np.int64)
    is_test = np.zeros(len(table), dtype=bool)
    if test_fraction > 0:
        is_test = divide_rows(strata, groups, [test_fraction, 1 - test_fraction], seed=seed) == 0
    fold = np.full(len(table), NO_FOLD, dtype=np.int16)
    # Which class is the rarest is asked again: the fold of a train image must not hang on the labels of test images.
    fold_strata = _find_rarest_class(table.loc[~is_test, dataset.label], dataset)
    fold[~is_test] = divide_rows(fold_strata, groups[~is_test], [1 / folds] * folds, seed=seed + 1)
    if len(np.unique(fold[~is_test])) < folds or (test_fraction > 0 and not is_test.any()):
        for_tests = "test images and " if test_fraction > 0 else ""
        raise ValueError(
            f"{dataset.name}: {len(table)} images are too few for {for_tests}{folds} folds, expected more images or "
            "fewer folds"
        )
    table["given_label"] = table[dataset.label]
    table["split"] = pd.Categorical(np.where(is_test, TEST, TRAIN), categories=[TRAIN, TEST])
    table["fold"] = fold
    return TrainingSet(table=table, notes=tuple(_describe_rare_classes(table, dataset, folds)))


def _find_rarest_class(labels: pd.Series[str], dataset: Dataset) -> np.ndarray:
    """Return the code of each image's class that the fewest images have; the number of classes where it has none."""
    sets = [dataset.split_label(label) for label in labels]
    counts = pd.Series([name for names in sets for name in names], dtype=object).value_counts()
    codes = {name: code for code, name in enumerate(dataset.class_names)}
    return np.array(
        [
            min((codes[name] for name in names), key=lambda c: (counts[dataset.class_names[c]], c), default=len(codes))
            for names in sets
        ],
        dtype=np.int64,
    )


def _describe_rare_classes(table: pd.DataFrame, dataset: Dataset, folds: int) -> Sequence[str]:
    notes, has_test_images = [], bool((table["split"] == TEST).any())
    for name, found in count_rows_of_classes(table, dataset).iterrows():
        if found["train"] < folds:
            notes.append(f"class {name!r} is in {found['train']} train images, fewer than the {folds} folds")
        if found["train"] > 0 and found["test"] == 0 and has_test_images:
            notes.append(f"class {name!r} is in no test image: test metrics say nothing about it")
    return notes
