"""Rows that count more or less than others, in every family that takes weights and with every model of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets import audit
from cleanlab_assets.datasets.errors import UnreadableInputError
from cleanlab_assets.families.multilabel.predictions import predict_label_sets_out_of_sample
from cleanlab_assets.families.regression.predictions import predict_values_out_of_sample
from cleanlab_assets.methods.class_predictions import predict_out_of_sample
from cleanlab_assets.methods.fitting import fit_pipeline, takes_weights
from cleanlab_assets.models.catalogue import BuildContext, build_model
from cleanlab_assets.models.encoding import FeatureKinds
from cleanlab_assets.models.trained_model import TrainedModel
from cleanlab_assets_tests.known_data import FEWER_TREES, fitted_models_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sklearn.pipeline import Pipeline

    from cleanlab_assets import AuditRun

N_ROWS = 120
FAMILIES = ("classification", "multilabel", "regression")
CASES = [(family, model) for family in FAMILIES for model in fitted_models_of(family)]
LEAN = {"training_set.folds": 3, "variant_comparison.resamples": 100}


def make_targets(family: str, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return labels of rows of shape (n_rows, 3), with noise, as the models of a family learn them."""
    noisy = x + rng.normal(0, 0.7, x.shape)
    if family == "regression":
        return np.asarray(noisy.sum(axis=1))
    named = noisy[:, :2] > 0
    return np.asarray(named if family == "multilabel" else named.sum(axis=1))


def make_builder(family: str, model: str) -> Callable[[], Pipeline]:
    n_classes = {"classification": 3, "multilabel": 2, "regression": 0}[family]
    context = BuildContext(kinds=FeatureKinds(numeric=("a", "b", "c")), n_classes=n_classes, seed=0, n_jobs=1)
    return lambda: build_model(family, model, context, parameters=FEWER_TREES.get(model))


def predict(
    case: tuple[str, str], rows: tuple[np.ndarray, np.ndarray, np.ndarray], weights: np.ndarray | None
) -> np.ndarray:
    """Predict rows out of sample; columns are all that the family keeps of it."""
    (family, model), (x, targets, folds) = case, rows
    features, how = pd.DataFrame(x, columns=["a", "b", "c"]), {"build": make_builder(family, model), "weights": weights}
    if family == "regression":
        values = predict_values_out_of_sample(features, targets, folds, **how)  # type: ignore[arg-type]
        return np.column_stack([values.values, values.uncertainty])  # noqa: PD011 - no pandas object
    if family == "multilabel":
        return predict_label_sets_out_of_sample(features, targets, folds, **how).probabilities  # type: ignore[arg-type]
    return predict_out_of_sample(features, targets, folds, n_classes=3, **how).probabilities  # type: ignore[arg-type]


def make_rows(family: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N_ROWS, 3))
    return x, make_targets(family, x, rng), np.arange(N_ROWS) % 4 - 1  # a quarter lies in no fold


@pytest.mark.parametrize(("family", "model"), CASES)
def test_a_row_of_weight_zero_is_as_good_as_absent_and_is_predicted(family: str, model: str) -> None:
    x, targets, folds = make_rows(family)
    rng = np.random.default_rng(1)
    weights = rng.integers(1, 4, N_ROWS) * (rng.random(N_ROWS) < 0.7).astype(np.float64)
    counts = weights > 0
    misled = np.where(counts.reshape(-1, *[1] * (targets.ndim - 1)), targets, np.roll(targets, 7, axis=0))

    found = predict((family, model), (x * np.where(counts, 1, 9)[:, None], misled, folds), weights)

    without = predict((family, model), (x[counts], targets[counts], folds[counts]), weights[counts])
    np.testing.assert_allclose(found[counts], without, rtol=1e-5, atol=1e-6)
    assert np.isfinite(found).all()


@pytest.mark.parametrize(("family", "model"), CASES)
def test_a_model_learns_from_weights_or_says_that_it_does_not(family: str, model: str) -> None:
    case, rows = (family, model), make_rows(family)
    weights = np.random.default_rng(1).uniform(0.1, 5, N_ROWS)

    is_changed = not np.allclose(predict(case, rows, weights), predict(case, rows, None))

    if family != "multilabel":  # its calibration is weighted whatever the model
        assert is_changed == takes_weights(make_builder(family, model)())
    assert takes_weights(make_builder(family, model)()) == (model != "knn")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_whole_weight_is_as_many_rows(family: str) -> None:
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import Pipeline

    x, targets, _ = make_rows(family)
    weights = np.random.default_rng(1).integers(0, 4, N_ROWS)
    one = {"multilabel": OneVsRestClassifier(LogisticRegression(tol=1e-8)), "regression": Ridge()}
    estimator = one.get(family, LogisticRegression(tol=1e-8, max_iter=1000))

    def build() -> Pipeline:
        return Pipeline([("estimator", estimator)])

    table = pd.DataFrame(x, columns=["a", "b", "c"])

    def read(fitted: Pipeline) -> np.ndarray:
        return np.asarray(fitted.predict(table) if family == "regression" else fitted.predict_proba(table))

    weighted = read(fit_pipeline(build, table, targets, weights.astype(np.float64)))
    repeated = read(
        fit_pipeline(build, table.loc[np.repeat(np.arange(N_ROWS), weights)], np.repeat(targets, weights, axis=0))
    )

    np.testing.assert_allclose(weighted, repeated, atol=1e-4)
    assert np.abs(weighted - read(fit_pipeline(build, table, targets))).max() > 0.01, "weights change something"


def make_table(family: str) -> tuple[pd.DataFrame, str]:
    x, targets, _ = make_rows(family)
    table = pd.DataFrame(x, columns=["a", "b", "c"])
    table["w"] = np.random.default_rng(2).integers(0, 4, N_ROWS) / 2
    if family == "multilabel":
        return table.assign(is_p=targets[:, 0].astype(int), is_q=targets[:, 1].astype(int)), "is_*"
    names = np.array(["low", "middle", "high"])
    return table.assign(y=targets if family == "regression" else names[targets]), "y"


@pytest.fixture(scope="module", params=FAMILIES)
def run(request: pytest.FixtureRequest) -> AuditRun:
    table, label = make_table(request.param)
    model = "ridge" if request.param == "regression" else "logistic_regression"
    return audit(table, label=label, weight="w", model=model, settings=LEAN)


def test_weights_go_with_the_rows_and_are_no_feature(run: AuditRun) -> None:
    table, _ = make_table(run.family)
    assert run.columns["w"][0] == "weight"
    assert [column.name for column in run.dataset.features] == ["a", "b", "c"]
    for step in ("training_set", "predictions", "label_issues"):
        found = run.result(step).value
        rows = found["row_id"].str.rpartition(":")[2].astype(int) - 1
        assert found["row_weight"].tolist() == table["w"].iloc[rows].tolist()
    n_without = int((table["w"] == 0).sum())
    expected = f"rows are weighted by w in fits and metrics; the {n_without} rows of weight 0 are audited, and take no"
    assert any(note.startswith(expected) for note in run.facts.notes)
    assert expected in run.report().content


def test_metrics_are_weighted_and_so_are_those_of_the_variants(run: AuditRun) -> None:
    predicted = run.result("predictions")
    train = predicted.value[predicted.value["split"] == "train"]
    weights, metrics = train["row_weight"].to_numpy(), predicted.facts.cross_validation
    if run.family == "regression":
        squared = (train["given_label"] - train["predicted_value"]) ** 2
        assert metrics["rmse"] == pytest.approx(np.sqrt((squared * weights).sum() / weights.sum()))
    else:
        names, prefix = run.dataset.class_names, "uncalibrated_" if run.family == "multilabel" else "probability_"
        found = train[[f"{prefix}{name}" for name in names]].to_numpy()
        if run.family == "multilabel":
            given = np.array([[name in label.split("|") for name in names] for label in train["given_label"]])
            is_right, metric = ((found >= 0.5) == given).all(axis=1), "subset_accuracy"
        else:
            is_right, metric = np.array(names)[found.argmax(axis=1)] == train["given_label"], "accuracy"
        assert metrics[metric] == pytest.approx((is_right * weights).sum() / weights.sum())


def test_rows_of_weight_zero_among_the_test_rows_change_no_metric_of_a_variant(run: AuditRun) -> None:
    table, label = make_table(run.family)
    training_set = run.result("training_set").value
    places = training_set["row_id"].str.rpartition(":")[2].astype(int) - 1
    is_test = table.index.isin(places[training_set["split"] == "test"])
    silent = np.flatnonzero(is_test & (table["w"] == 0))
    misled, labels = table.copy(), ["is_p", "is_q"] if run.family == "multilabel" else ["y"]
    misled.loc[silent, labels] = np.roll(table[labels].to_numpy(), 7, axis=0)[silent]
    assert not misled.equals(table)

    first, second = (
        audit(
            one.assign(part=np.where(is_test, "test", "train")),
            label=label,
            weight="w",
            split="part",
            model=run.model,
            settings=LEAN,
        ).comparison.result("baseline")
        for one in (table, misled)
    )

    assert first.metrics == second.metrics


def test_the_final_model_is_weighted_and_can_be_stored(run: AuditRun) -> None:
    stored = run.result("retrained_model").value
    again = TrainedModel.from_bytes(stored.to_bytes({})).pipeline
    table, label = make_table(run.family)
    found = again.predict(table)
    np.testing.assert_array_equal(found, stored.pipeline.predict(table))
    alike = audit(table.drop(columns="w"), label=label, model=run.model, settings=LEAN).result("retrained_model").value
    read = "predict" if run.family == "regression" else "predict_proba"
    assert not np.allclose(getattr(again, read)(table), getattr(alike.pipeline, read)(table))


def test_a_model_without_weights_is_told_in_every_place(run: AuditRun) -> None:
    told = "knn takes no weights: rows of weight 0 are left out of its fits, all others count alike; the metrics are"
    other = run.with_model("knn")
    assert any(note.startswith(told) for note in other.facts.notes)
    assert any(note.startswith(told) for note in other.result("retrained_model").value.card["notes"])
    assert told in other.report().content
    assert not any("takes no weights" in note for note in run.facts.notes)


def test_the_model_is_chosen_by_its_weighted_error() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-3, 3, size=400)
    is_far, is_curved = np.abs(x) > 1.5, np.arange(400) < 200
    table = pd.DataFrame({"x": x, "y": np.where(np.where(is_curved, is_far, x > 0), "far", "near")})
    table["part"] = is_curved.astype(int)

    def choose(weights: np.ndarray) -> str:
        weighted = table.assign(w=weights)
        return audit(weighted, label="y", weight="w", ignore=["part"], settings={"training_set.folds": 3}).model

    assert choose(np.where(is_curved, 0, 1)) == "logistic_regression"
    assert choose(np.where(is_curved, 1, 0)) == "hist_gradient_boosting"


@pytest.mark.parametrize(("wrong", "found"), [("-1", "'-1'"), ("", "''"), ("much", "'much'"), ("inf", "'inf'")])
def test_what_is_no_weight_is_refused_with_its_place(wrong: str, found: str) -> None:
    table, label = make_table("classification")
    table["w"] = table["w"].astype(str)
    table.loc[4, "w"] = wrong
    with pytest.raises(UnreadableInputError) as caught:
        audit(table, label=label, weight="w", model="knn").result("raw_dataset")
    assert f"table:5, column 'w': found {found}, expected a weight: a finite number of at least 0" in str(caught.value)


def test_a_column_of_zeros_is_no_weight() -> None:
    table, label = make_table("classification")
    run = audit(table.assign(w=0), label=label, weight="w", model="knn")
    with pytest.raises(UnreadableInputError, match="column 'w': every weight is 0: there is nothing to learn from"):
        run.result("raw_dataset")


def test_where_no_train_row_counts_nothing_can_be_learned() -> None:
    table, label = make_table("regression")
    split = audit(table.assign(w=1), label=label, weight="w", model="ridge", settings=LEAN).result("training_set").value
    weights = (split["split"] == "test").astype(int).to_numpy()
    run = audit(table.assign(w=weights), label=label, weight="w", model="ridge", settings=LEAN)
    with pytest.raises(ValueError, match="all rows outside fold 0 have weight 0: there is nothing to learn from"):
        run.result("predictions")
