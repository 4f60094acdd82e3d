from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.datasets.images import make_image_table
from cleanlab_assets.families.images.training_set import build_image_training_set
from cleanlab_assets.methods.folds import divide_rows
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets_tests.datasets.known_scenes import make_scenes

SETTINGS = {"max_rows": None, "test_fraction": 0.25, "folds": 3, "seed": 1}


@pytest.fixture(scope="module")
def raw() -> pd.DataFrame:
    return make_image_table(make_scenes(60))


@pytest.fixture
def dataset(raw: pd.DataFrame) -> object:
    names = tuple(sorted({name for label in raw["classes"] for name in label.split("|") if name}))
    return replace(get_dataset("digit_scenes"), class_names=names)


def test_every_image_has_its_place(raw: pd.DataFrame, dataset: object) -> None:
    built = build_image_training_set(raw, dataset, **SETTINGS).table  # type: ignore[arg-type]

    is_test = built["split"] == "test"
    assert built["row_id"].tolist() == raw["row_id"].tolist()
    assert 12 <= is_test.sum() <= 18
    assert (built.loc[is_test, "fold"] == -1).all()
    assert sorted(built.loc[~is_test, "fold"].unique()) == [0, 1, 2]
    again = build_image_training_set(raw, dataset, **SETTINGS).table  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(built, again)


def test_equal_images_stay_together(raw: pd.DataFrame, dataset: object) -> None:
    copied = raw.copy()
    copied["image"] = np.repeat(raw["image"].to_numpy()[:20], 3)

    built = build_image_training_set(copied, dataset, **SETTINGS).table  # type: ignore[arg-type]

    parts = built.groupby("image")[["split", "fold"]].nunique()
    assert (parts == 1).all().all()


def test_a_sample_is_as_large_as_asked_for(raw: pd.DataFrame, dataset: object) -> None:
    built = build_image_training_set(raw, dataset, **(SETTINGS | {"max_rows": 30}))  # type: ignore[arg-type]
    assert len(built.table) == 30


def test_too_few_images_are_an_error_that_says_so(raw: pd.DataFrame, dataset: object) -> None:
    with pytest.raises(ValueError, match="2 images are too few for test images and 3 folds"):
        build_image_training_set(raw.head(2), dataset, **SETTINGS)  # type: ignore[arg-type]


def test_no_test_images_are_put_aside_where_none_are_asked_for(raw: pd.DataFrame, dataset: object) -> None:
    built = build_image_training_set(raw, dataset, **(SETTINGS | {"test_fraction": 0.0}))  # type: ignore[arg-type]
    assert (built.table["split"] == "train").all()
    assert sorted(built.table["fold"].unique()) == [0, 1, 2]
    assert not [note for note in built.notes if "test image" in note]
    with pytest.raises(ValueError, match="2 images are too few for 3 folds, expected"):
        build_image_training_set(raw.head(2), dataset, **(SETTINGS | {"test_fraction": 0.0}))  # type: ignore[arg-type]


def test_an_unknown_class_is_an_error_that_names_the_image(raw: pd.DataFrame, dataset: object) -> None:
    wrong = raw.assign(classes=["unicorn", *raw["classes"][1:]])
    with pytest.raises(ValueError, match=f"image '{raw['row_id'].iloc[0]}' has 'unicorn', expected any number of"):
        build_image_training_set(wrong, dataset, **SETTINGS)  # type: ignore[arg-type]


def test_a_rare_class_is_noted(raw: pd.DataFrame, dataset: object) -> None:
    with_rare = replace(dataset, class_names=(*dataset.class_names, "phoenix"))  # type: ignore[type-var, attr-defined]
    notes = build_image_training_set(raw, with_rare, **SETTINGS).notes  # type: ignore[arg-type]
    assert "class 'phoenix' is in 0 train images, fewer than the 3 folds" in notes


@pytest.mark.parametrize("seed", range(4))
def test_a_rare_class_has_its_share_of_test_images_and_of_every_fold(
    raw: pd.DataFrame, dataset: object, seed: int
) -> None:
    """Every image shows a common thing, and every fourth a rare one beside it."""
    raw = raw.assign(classes=["1|0" if number % 4 == 0 else "0" for number in range(60)])
    built = build_image_training_set(raw, dataset, **(SETTINGS | {"seed": seed})).table  # type: ignore[arg-type]
    rare = built[built["classes"] == "1|0"]
    assert rare["fold"].value_counts().loc[[-1, 0, 1, 2]].tolist() == pytest.approx([3.75] * 4, abs=1)


def test_folds_are_drawn_apart_from_the_split(raw: pd.DataFrame, dataset: object) -> None:
    raw = raw.assign(classes="0")
    built = build_image_training_set(raw, dataset, **SETTINGS).table  # type: ignore[arg-type]
    fold = built.loc[built["split"] == "train", "fold"].to_numpy()
    as_the_split = divide_rows(np.zeros(len(fold), dtype=int), np.arange(len(fold)), [1 / 3] * 3, seed=1)
    assert (fold != as_the_split).mean() > 0.4
