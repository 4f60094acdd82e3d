from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanlab_assets.datasets.dataset import Column
from cleanlab_assets.methods.folds import divide_rows
from cleanlab_assets.methods.planted_errors import (
    PlantedErrors,
    class_pair_confusion,
    plant_errors_in_training_set,
    plant_label_errors,
    put_planted_errors,
    uniform_confusion,
)
from cleanlab_assets.methods.training_set import build_training_set
from cleanlab_assets.models.encoding import FeatureKinds
from cleanlab_assets_tests.known_data import make_dataset


@settings(max_examples=40, deadline=None)
@given(
    n_rows=st.integers(1, 200), n_classes=st.integers(2, 6), fraction=st.floats(0, 1), seed=st.integers(0, 2**32 - 1)
)
def test_exactly_the_asked_share_of_labels_changes_each_to_another_class(
    n_rows: int, n_classes: int, fraction: float, seed: int
) -> None:
    labels = np.random.default_rng(0).integers(n_classes, size=n_rows)
    before = labels.copy()

    planted = plant_label_errors(labels, fraction=fraction, confusion=uniform_confusion(n_classes), seed=seed)

    assert planted.is_planted.sum() == round(fraction * n_rows)
    assert np.array_equal(planted.labels != labels, planted.is_planted)
    assert set(planted.labels) <= set(range(n_classes))
    assert np.array_equal(labels, before), "the labels given are left as they are"


def test_uniform_errors_hit_every_other_class_equally() -> None:
    labels = np.zeros(30_000, dtype=int)

    planted = plant_label_errors(labels, fraction=1, confusion=uniform_confusion(4), seed=0)

    shares = np.bincount(planted.labels, minlength=4) / 30_000
    np.testing.assert_allclose(shares, [0, 1 / 3, 1 / 3, 1 / 3], atol=0.015)


def test_errors_follow_the_confusion_structure() -> None:
    labels = np.repeat([0, 1, 2], 10_000)
    confusion = np.array([[0, 0.75, 0.25], [1, 0, 0], [0.5, 0.5, 0]])

    planted = plant_label_errors(labels, fraction=1, confusion=confusion, seed=0)

    np.testing.assert_allclose(pd.crosstab(labels, planted.labels, normalize="index"), confusion, atol=0.02)


def test_the_seed_decides_the_errors() -> None:
    labels = np.zeros(100, dtype=int)
    drawn = [
        plant_label_errors(labels, fraction=0.2, confusion=uniform_confusion(3), seed=seed).labels for seed in (1, 1, 2)
    ]

    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


def test_planted_rows_are_independent_of_the_folds_of_the_same_seed() -> None:
    labels = np.zeros(20_000, dtype=int)
    folds = divide_rows(labels, np.arange(20_000), [0.2] * 5, seed=4)

    planted = plant_label_errors(labels, fraction=0.05, confusion=uniform_confusion(2), seed=4)

    assert np.abs(np.bincount(folds[planted.is_planted]) - 200).max() < 60  # one unmixed seed puts all in one fold


@pytest.mark.parametrize("confusion", [[[0.1, 0.9], [1, 0]], [[0, 0.9], [1, 0]]])
def test_an_impossible_confusion_structure_is_an_error(confusion: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="zero diagonal and rows that sum to 1"):
        plant_label_errors(np.array([0, 1]), fraction=0.5, confusion=np.array(confusion), seed=0)


def test_class_pairs_are_the_nearest_and_the_second_nearest_class() -> None:
    means = np.array([0.0, 1.0, 3.0, 10.0])
    labels = np.repeat(np.arange(4), 50)
    encoded = means[labels][:, None] + np.random.default_rng(0).normal(0, 0.1, size=(200, 1))

    confusion = class_pair_confusion(encoded, labels, 5)

    expected = [[0, 0.75, 0.25, 0, 0], [0.75, 0, 0.25, 0, 0], [0.25, 0.75, 0, 0, 0], [0, 0.25, 0.75, 0, 0]]
    assert confusion[:4].tolist() == expected
    assert confusion[4].tolist() == [0.25, 0.25, 0.25, 0.25, 0], "a class without rows resembles all alike"


def test_two_classes_are_mistaken_for_each_other() -> None:
    confusion = class_pair_confusion(np.arange(6.0)[:, None], np.array([0, 0, 0, 1, 1, 1]), 2)

    assert confusion.tolist() == [[0, 1], [1, 0]]


@pytest.fixture(scope="module")
def training_set() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    labels = rng.choice(["a", "b", "c"], 500)
    centres = pd.Series(labels).map({"a": 0.0, "b": 2.0, "c": 9.0}).to_numpy()
    raw = pd.DataFrame(
        {"row_id": [f"r{row}" for row in range(500)], "x": centres + rng.normal(size=500), "label": labels}
    )
    dataset = make_dataset((Column(name="x", kind="numeric"),), ("a", "b", "c"))
    return build_training_set(raw, dataset, max_rows=None, test_fraction=0.2, folds=5, seed=0).table


@pytest.mark.parametrize("kind", ["uniform", "class_pairs"])
def test_test_rows_are_untouched_and_the_truth_is_beside_the_train_rows(training_set: pd.DataFrame, kind: str) -> None:
    planted = plant_errors_in_training_set(
        training_set,
        FeatureKinds(numeric=("x",)),
        fraction=0.1,
        kind=kind,  # type: ignore[arg-type]
        seed=1,
    )

    is_test = planted["split"] == "test"
    assert planted["planted_error"].sum() == 40
    assert not planted.loc[is_test, "planted_error"].any()
    assert (planted["true_label"] == training_set["given_label"]).all()
    assert ((planted["given_label"] != planted["true_label"]) == planted["planted_error"]).all()
    assert planted["given_label"].dtype == training_set["given_label"].dtype
    pd.testing.assert_frame_equal(
        planted.drop(columns=["given_label", "planted_error", "true_label"]), training_set.drop(columns="given_label")
    )
    if kind == "class_pairs":
        from_c = planted.loc[planted["planted_error"] & (planted["true_label"] == "c"), "given_label"]
        assert (from_c == "b").sum() > (from_c == "a").sum()


def test_a_fraction_of_less_than_one_row_is_an_error_before_anything_is_fitted() -> None:
    table = pd.DataFrame(
        {
            "row_id": [f"a:{number}" for number in range(20)],
            "value": np.arange(20.0),
            "given_label": pd.Categorical(["x", "y"] * 10),
            "split": pd.Categorical(["train"] * 16 + ["test"] * 4),
        }
    )
    with pytest.raises(ValueError, match=r"0\.01 of 16 train rows is less than one planted error"):
        plant_errors_in_training_set(table, FeatureKinds(numeric=("value",)), fraction=0.01, kind="uniform", seed=0)


@pytest.fixture
def colours() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "given_label": pd.Categorical(["red", "red", "blue", "red", "blue"]),
            "split": pd.Categorical(["test", "train", "train", "test", "train"]),
        },
        index=[3, 4, 5, 6, 7],
    )


def test_planted_errors_stand_beside_the_truth_in_the_rows_they_were_planted_in(colours: pd.DataFrame) -> None:
    before = colours.copy()
    kinds = pd.Categorical([None, "slip", "swap"], categories=["slip", "swap", "shift"])
    labels = pd.Categorical(["red", "red", "red"], categories=["blue", "red"])
    planted = PlantedErrors(labels=labels.codes, is_planted=np.array([False, True, True]), kinds=kinds)

    table = put_planted_errors(colours, planted, labels, fraction=0.7)

    assert table["given_label"].tolist() == ["red", "red", "red", "red", "red"]
    assert table["true_label"].tolist() == ["red", "red", "blue", "red", "blue"]
    assert table["planted_error"].tolist() == [False, False, True, False, True]
    assert table["planted_kind"].astype(object).fillna("").tolist() == ["", "", "slip", "", "swap"]
    assert table["given_label"].dtype == table["true_label"].dtype == colours["given_label"].dtype
    assert table["planted_kind"].dtype == kinds.dtype
    pd.testing.assert_frame_equal(colours, before)


def test_errors_without_kinds_can_be_planted_in_any_rows(colours: pd.DataFrame) -> None:
    among = np.array([True, False, False, True, False])
    labels = pd.Categorical(["blue", "red"], categories=["blue", "red"])
    planted = PlantedErrors(labels=labels.codes, is_planted=np.array([True, False]))

    table = put_planted_errors(colours, planted, labels, fraction=0.5, among=among)

    assert table["given_label"].tolist() == ["blue", "red", "blue", "red", "blue"]
    assert table["planted_error"].tolist() == [True, False, False, False, False]
    assert "planted_kind" not in table


def test_what_no_error_could_be_planted_in_is_named(colours: pd.DataFrame) -> None:
    planted = PlantedErrors(labels=np.zeros(2), is_planted=np.zeros(2, dtype=bool))
    among = np.array([True, False, False, True, False])

    with pytest.raises(ValueError, match=r"0\.2 of 2 right labels is less than one planted error"):
        put_planted_errors(colours, planted, planted.labels, fraction=0.2, among=among, items="right labels")


def test_class_pairs_of_many_classes_are_those_of_all_distances() -> None:
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.concatenate([np.arange(40), rng.integers(40, size=300)]) * 2)
    encoded = rng.normal(size=(len(labels), 6)).astype(np.float32) + labels[:, None] % 7
    means = {code: encoded[labels == code].mean(axis=0, dtype=np.float64) for code in np.unique(labels).tolist()}

    confusion = class_pair_confusion(encoded, labels, 82)

    for code, mean in means.items():
        others = sorted((float(np.linalg.norm(mean - other)), name) for name, other in means.items() if name != code)
        assert np.flatnonzero(confusion[code]).tolist() == sorted(name for _, name in others[:2])
        assert confusion[code, others[0][1]] == 0.75
    np.testing.assert_allclose(confusion[1], np.where(np.arange(82) == 1, 0, 1 / 81))
