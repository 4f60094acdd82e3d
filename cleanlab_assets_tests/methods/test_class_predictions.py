from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.methods.class_predictions import (
    predict_all_classes,
    predict_out_of_sample,
    to_predictions_table,
    to_probabilities,
)
from cleanlab_assets_tests.known_data import embedded, fitted_models_of, mixed_table, name_splits

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def one_nearest_neighbor() -> Pipeline:
    """Build a memorising model: it repeats the label of a row that it saw, and of the nearest such row otherwise."""
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import Pipeline

    return Pipeline([("estimator", KNeighborsClassifier(n_neighbors=1))])


def test_each_train_row_is_predicted_by_a_model_that_never_saw_it() -> None:
    n_rows, rng = 300, np.random.default_rng(0)
    row_number = pd.DataFrame({"row": np.arange(n_rows, dtype=float)})
    labels, folds = rng.integers(2, size=n_rows), rng.integers(5, size=n_rows)

    predicted = predict_out_of_sample(row_number, labels, folds, n_classes=2, build=one_nearest_neighbor)

    memorised = one_nearest_neighbor().fit(row_number, labels).predict(row_number)
    assert (memorised == labels).all(), "the model repeats what it saw"
    nearest = np.array([_label_of_nearest_outside(row, labels, folds) for row in range(n_rows)], dtype=object)
    answers = predicted.probabilities.argmax(axis=1)
    assert all(answer in allowed for answer, allowed in zip(answers, nearest, strict=True))
    assert 0.35 < (answers == labels).mean() < 0.65, "random labels cannot be predicted unseen"


def _label_of_nearest_outside(row: int, labels: np.ndarray, folds: np.ndarray) -> set[int]:
    outside = np.flatnonzero(folds != folds[row])
    distance = np.abs(outside - row)
    return set(labels[outside[distance == distance.min()]].tolist())


def test_a_model_is_fitted_once_for_each_fold() -> None:
    built: list[Pipeline] = []

    def build() -> Pipeline:
        built.append(one_nearest_neighbor())
        return built[-1]

    folds = np.arange(60) % 4
    features = pd.DataFrame({"x": np.arange(60.0)})
    predicted = predict_out_of_sample(features, np.arange(60) % 2, folds, n_classes=2, build=build)

    assert len(built) == len(predicted.fit_seconds) == 4
    assert all(len(model[-1]._y) == 45 for model in built)


@pytest.mark.parametrize("model", sorted(fitted_models_of("classification")))
def test_a_class_that_a_fold_never_saw_gets_probability_zero_there(model: str) -> None:
    data = mixed_table(150, seed=2)
    folds = np.arange(150) % 3
    labels = np.where(data.labels == 2, np.where(folds == 0, 2, 0), data.labels)  # class 2 in fold 0 alone

    probabilities = predict_out_of_sample(
        data.features, labels, folds, n_classes=4, build=data.build(model)
    ).probabilities

    assert (probabilities[folds == 0, 2] == 0).all()
    assert (probabilities[folds != 0, 2] > 0).any()
    assert (probabilities[:, 3] == 0).all(), "nor is there a row of the last class anywhere"
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)


def test_one_fold_is_an_error() -> None:
    with pytest.raises(ValueError, match="needs at least two folds, got 1"):
        predict_out_of_sample(
            pd.DataFrame({"x": [1.0, 2.0]}),
            np.array([0, 1]),
            np.zeros(2, dtype=int),
            n_classes=2,
            build=one_nearest_neighbor,
        )


def test_a_single_class_outside_a_fold_is_an_error_that_names_the_fold() -> None:
    with pytest.raises(ValueError, match="the rows outside fold 3 hold a single class"):
        predict_out_of_sample(
            pd.DataFrame({"x": np.arange(4.0)}),
            np.array([0, 1, 0, 0]),
            np.array([3, 3, 4, 4]),
            n_classes=2,
            build=one_nearest_neighbor,
        )


def test_probabilities_are_in_class_order_whatever_the_model_saw() -> None:
    data = embedded("digits", 200)
    seen = np.isin(data.labels, [1, 4, 7])
    model = data.build("logistic_regression")().fit(data.features[seen], data.labels[seen])

    probabilities = predict_all_classes(model, data.features, n_classes=10)

    assert probabilities.dtype == np.float32
    assert np.flatnonzero(probabilities.sum(axis=0)).tolist() == [1, 4, 7]
    assert (probabilities[seen].argmax(axis=1) == data.labels[seen]).mean() > 0.99


def test_probabilities_sum_to_1_also_where_those_of_the_model_do_not() -> None:
    class Careless:
        classes_ = np.array([2, 0])

        def predict_proba(self, features: pd.DataFrame) -> np.ndarray:
            return np.tile([0.5, 0.75], (len(features), 1))

    probabilities = predict_all_classes(Careless(), pd.DataFrame({"x": [1.0, 2.0]}), n_classes=3)

    np.testing.assert_allclose(probabilities, [[0.6, 0, 0.4]] * 2, rtol=1e-6)


def test_the_table_gives_back_the_probabilities_in_class_order() -> None:
    labels = pd.Categorical(["z", "b"], categories=["z", "b", "m"])
    rows = pd.DataFrame({"row_id": ["r9", "r2"], "split": name_splits(1, 1), "given_label": labels}, index=[4, 7])
    probabilities = np.array([[0.5, 0.25, 0.25], [0.125, 0.75, 0.125]], dtype=np.float32)

    table = to_predictions_table(rows, probabilities, ["z", "b", "m"])

    assert table.columns.tolist() == [*rows.columns, "probability_z", "probability_b", "probability_m"]
    assert table["row_id"].tolist() == ["r9", "r2"]
    shuffled = table[["probability_m", "row_id", "probability_b", "given_label", "probability_z"]]
    assert np.array_equal(to_probabilities(shuffled), probabilities)
