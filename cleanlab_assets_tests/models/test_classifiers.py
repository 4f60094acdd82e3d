from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.methods.class_metrics import ScoredPredictions
from cleanlab_assets.methods.class_predictions import predict_all_classes, predict_out_of_sample
from cleanlab_assets.methods.detection_verdict import CANNOT_TELL
from cleanlab_assets.methods.folds import divide_rows
from cleanlab_assets_tests.known_data import Labelled, embedded, fitted_models_of, measure_classes, mixed_table

every_model = pytest.mark.parametrize("model", sorted(fitted_models_of("classification")))


def data_named(name: str) -> Labelled:
    return mixed_table(400, seed=1) if name == "mixed" else embedded(name)


@every_model
@pytest.mark.parametrize(("data", "seed"), [("breast_cancer", 0), ("mixed", 0), ("mixed", 1), ("mixed", 2)])
def test_planted_label_errors_rank_far_above_chance(model: str, data: str, seed: int) -> None:
    known = data_named(data)

    report = measure_classes(known.rows(), known.kinds.names, known.build(model, seed=seed), seed=seed)

    gross = {found.kind: found for found in report.kinds}["uniform"]
    assert 0.03 < gross.chance < 0.06
    assert gross.average_precision > 0.5
    assert report.verdict != CANNOT_TELL


@every_model
@pytest.mark.parametrize("data", [pytest.param("breast_cancer", marks=pytest.mark.slow), "mixed"])
def test_probabilities_are_finite_sum_to_one_and_beat_the_class_prior(model: str, data: str) -> None:
    known = data_named(data)
    n_classes = len(known.class_names)
    folds = divide_rows(known.labels, np.arange(len(known.labels)), [1 / 3] * 3, seed=0)

    probabilities = predict_out_of_sample(
        known.features, known.labels, folds, n_classes=n_classes, build=known.build(model)
    ).probabilities

    assert np.isfinite(probabilities).all()
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    prior = np.bincount(known.labels) / len(known.labels)
    # Measured: 0.07 to 0.16 against 0.66 on breast_cancer, 0.17 to 0.27 against 1.10 on the mixed table.
    assert ScoredPredictions(known.labels, probabilities).compute()["log_loss"] < 0.5 * -(prior * np.log(prior)).sum()


@every_model
def test_an_unseen_category_and_missing_values_are_predicted(model: str) -> None:
    data, unseen = mixed_table(200, seed=3), mixed_table(30, seed=4).features
    unseen.loc[:9, "region"] = "atlantis"
    unseen["job"] = unseen["job"].cat.add_categories("wizard")
    unseen.loc[10:19, "job"] = "wizard"
    unseen.loc[20] = np.nan
    fitted = data.build(model)().fit(data.features, data.labels)

    probabilities = predict_all_classes(fitted, unseen, n_classes=3)

    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)


@every_model
def test_a_column_with_more_categories_than_rows_of_most_is_no_obstacle(model: str) -> None:
    data = mixed_table(600, seed=5)
    features = data.features.assign(job=pd.Categorical([f"job {row // 2}" for row in range(600)]))

    fitted = data.build(model)().fit(features, data.labels)

    # Measured on the rows that they saw: 0.92 to 1.0.
    assert (fitted.predict(features) == data.labels).mean() > 0.8


@pytest.mark.parametrize("model", sorted(set(fitted_models_of("classification")) - {"hist_gradient_boosting"}))
def test_a_column_without_any_value_is_no_obstacle(model: str) -> None:
    data = mixed_table(200, seed=6)
    features = data.features.assign(hours=np.nan, member=np.nan)

    fitted = data.build(model)().fit(features, data.labels)

    assert (fitted.predict(features) == data.labels).mean() > 0.8


@every_model
def test_the_same_seed_gives_the_same_probabilities(model: str) -> None:
    data = mixed_table(200, seed=7)

    first, second = (data.build(model, seed=1)().fit(data.features, data.labels) for _ in range(2))

    assert np.array_equal(first.predict_proba(data.features), second.predict_proba(data.features))


@pytest.mark.parametrize("model", ["extra_trees", "random_forest"])
def test_another_seed_grows_another_forest(model: str) -> None:
    data = mixed_table(200, seed=7)

    first, second = (data.build(model, seed=seed)().fit(data.features, data.labels) for seed in (1, 2))

    assert (first.predict_proba(data.features) != second.predict_proba(data.features)).any()


def test_boosting_takes_a_class_of_one_row_in_a_large_table() -> None:
    data = mixed_table(10_500, seed=8)
    data.labels[0] = 3
    build = Labelled(data.features, data.labels, data.kinds, (*data.class_names, "rare")).build

    fitted = build("hist_gradient_boosting")().set_params(estimator__max_iter=2).fit(data.features, data.labels)

    assert fitted.classes_.tolist() == [0, 1, 2, 3]
