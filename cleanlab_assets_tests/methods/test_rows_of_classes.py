from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.datasets.dataset import Column
from cleanlab_assets.methods.training_set import count_rows_of_classes
from cleanlab_assets_tests.known_data import make_dataset

NAMES = ("cat", "dog", "owl", "yak")


def make_table(labels: list[str]) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    split = rng.choice(["train", "train", "test"], size=len(labels))
    fold = np.where(split == "test", -1, rng.integers(3, size=len(labels)))
    return pd.DataFrame({"given_label": labels, "split": split, "fold": fold})


@pytest.mark.parametrize("separator", [None, "|"])
def test_rows_and_folds_of_each_class_are_counted(separator: str | None) -> None:
    rng = np.random.default_rng(1)
    choices = ["cat", "dog", "owl"] if separator is None else ["", "cat", "cat|owl", "dog|owl", "cat|dog|owl"]
    table = make_table([str(label) for label in rng.choice(choices, size=60)])
    dataset = replace(make_dataset((Column(name="x", kind="numeric"),), NAMES), label_separator=separator)

    counts = count_rows_of_classes(table, dataset)

    assert counts.index.tolist() == list(NAMES)
    for name in NAMES:
        has_class = np.array([name in dataset.split_label(label) for label in table["given_label"]])
        train = table[has_class & (table["split"] == "train")]
        expected = (len(train), int((has_class & (table["split"] == "test")).sum()), train["fold"].nunique())
        assert tuple(counts.loc[[name], ["train", "test", "folds"]].to_numpy()[0]) == expected
    assert counts.loc[["yak"]].to_numpy().tolist() == [[0, 0, 0]]
