"""Dates, names and the vectors of texts as features, in every model of the families on tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.families.vectors import name_vectors
from cleanlab_assets.models.catalogue import BuildContext, PipelineFactory
from cleanlab_assets.models.embedding.encoders import scale_as_a_whole
from cleanlab_assets.models.embedding.texts import TfidfEncoder
from cleanlab_assets.models.encoding import FeatureKinds, encode_for_distance
from cleanlab_assets.models.trained_model import TrainedModel
from cleanlab_assets_tests.known_data import fitted_models_of

N_ROWS = 160
VECTORS = tuple(name_vectors("note", 20))
KINDS = FeatureKinds(
    numeric=("size",), binary=("new",), categorical=("color",), date=("day",), name=("firm",), vector=VECTORS
)
_FEW_STEPS = {
    "extra_trees": {"n_estimators": 20},
    "hist_gradient_boosting": {"max_iter": 20},
    "random_forest": {"n_estimators": 20},
}
QUICKLY_STORED = {("classification", "logistic_regression"), ("classification", "hist_gradient_boosting")}
FIRMS = (("acme", "acme ltd", "Acme Inc"), ("zenith", "zenith co", "Zenith SA"))
NOTES = (("invoice", "money", "paid"), ("parcel", "door", "late"))


def make_rows(*, telling: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Make rows of which one column alone tells the class; every column but the number has gaps."""
    rng = np.random.default_rng(0)
    truth = rng.integers(2, size=N_ROWS)
    names = ("day", "firm", "note")
    codes = {name: truth if name == telling else rng.integers(2, size=N_ROWS) for name in names}
    table = pd.DataFrame(
        {
            "size": rng.normal(size=N_ROWS),
            "new": rng.integers(2, size=N_ROWS).astype(float),
            "color": rng.choice(["red", "blue"], N_ROWS).astype(object),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(codes["day"] * 90 + rng.integers(60, size=N_ROWS), "D"),
            "firm": [f"{rng.choice(FIRMS[code])} {rng.integers(99)}" for code in codes["firm"]],
            "note": [" ".join([*rng.choice(NOTES[code], 3), str(rng.integers(99))]) for code in codes["note"]],
        }
    )
    gaps = np.arange(N_ROWS) % 20 == 7
    for name in ("new", "color", "day", "firm", "note"):
        table.loc[gaps, name] = None
    vectors = TfidfEncoder(seed=0, dimensions=20).fit(table["note"].tolist()).transform(table["note"].tolist())
    scaled = scale_as_a_whole(vectors, fit_on=np.ones(N_ROWS, dtype=bool))
    features = table.drop(columns="note").astype({"color": "category"})
    return pd.concat([features, pd.DataFrame(scaled, columns=list(VECTORS))], axis=1), truth


@pytest.mark.parametrize("telling", ["day", "firm", "note"])
@pytest.mark.parametrize("model", sorted(fitted_models_of("classification")))
def test_every_model_learns_from_dates_names_and_vectors(model: str, telling: str) -> None:
    rows, truth = make_rows(telling=telling)
    build = PipelineFactory(
        "classification", model, BuildContext(kinds=KINDS, n_classes=2, seed=0, n_jobs=1), _FEW_STEPS.get(model, {})
    )
    is_train = np.arange(N_ROWS) % 4 > 0

    fitted = build().fit(rows[is_train], truth[is_train])

    right = fitted.predict(rows[~is_train]) == truth[~is_train]
    assert right.mean() > (0.6 if model == "knn" else 0.8)


@pytest.mark.parametrize(
    ("family", "model"),
    [
        pytest.param(family, model, marks=[] if (family, model) in QUICKLY_STORED else pytest.mark.slow)
        for family in ("classification", "regression", "multilabel")
        for model in sorted(fitted_models_of(family))
    ],
)
def test_every_model_with_such_columns_is_stored(family: str, model: str) -> None:
    rows, truth = make_rows(telling="note")
    target = {"classification": truth, "regression": truth + 0.5, "multilabel": np.column_stack([truth, 1 - truth])}
    build = PipelineFactory(
        family, model, BuildContext(kinds=KINDS, n_classes=2, seed=0, n_jobs=1), _FEW_STEPS.get(model, {})
    )
    fitted = build().fit(rows, target[family])
    restored = TrainedModel.from_bytes(TrainedModel(pipeline=fitted, card={"model": model}).to_bytes({})).pipeline
    np.testing.assert_array_equal(restored.predict(rows), fitted.predict(rows))


def test_encodings_of_tables_without_such_columns_are_those_of_scikit_learn_alone() -> None:
    plain = FeatureKinds(numeric=("size",), binary=("new",), categorical=("color",))
    rows, truth = make_rows(telling="day")
    for model in fitted_models_of("classification"):
        build = PipelineFactory(
            "classification", model, BuildContext(kinds=plain, n_classes=2, seed=0, n_jobs=1), _FEW_STEPS.get(model, {})
        )
        names = [name for name, _, _ in build()[0].fit(rows[plain.names], truth).transformers_]
        assert set(names) <= {"numeric", "binary", "categorical"}


@pytest.mark.parametrize("estimator", ["hist_gradient_boosting"])
def test_boosting_takes_the_categories_for_categories_whatever_other_columns_there_are(estimator: str) -> None:
    rows, truth = make_rows(telling="day")
    build = PipelineFactory(
        "classification", estimator, BuildContext(kinds=KINDS, n_classes=2, seed=0, n_jobs=1), {"max_iter": 2}
    )
    fitted = build().fit(rows, truth)
    encoded = fitted[0].get_feature_names_out()
    taken = [name for name, is_category in zip(encoded, fitted[-1].is_categorical_, strict=True) if is_category]
    assert taken == ["color"]


def test_rows_are_as_far_apart_as_their_names_and_dates_say() -> None:
    rows = pd.DataFrame(
        {
            "firm": [
                "the invoice was wrong",
                "the invoice was wrong",
                "the invoice was wrong!",
                "parcel never came",
                None,
            ]
            * 8,
            "day": pd.to_datetime(
                np.array(["2024-01-01", "2024-01-01", "2024-01-02", "2024-03-01", "NaT"] * 8, "datetime64[D]")
            ),
        }
    )
    of_firms = encode_for_distance(rows[["firm"]], FeatureKinds(name=("firm",)), fit_on=np.ones(40, dtype=bool))
    of_days = encode_for_distance(rows[["day"]], FeatureKinds(date=("day",)), fit_on=np.ones(40, dtype=bool))
    for encoded in (of_firms, of_days):
        same, near, far, _ = np.linalg.norm(encoded[1:5] - encoded[0], axis=1)
        assert same == 0
        assert 0 < near < far / 2
    assert np.linalg.norm(of_firms[3] - of_firms[0]) == pytest.approx(1, abs=0.2)
    assert np.isfinite(of_firms).all()


def test_names_of_rows_that_are_not_fitted_on_change_nothing() -> None:
    rows, _ = make_rows(telling="note")
    fit_on = np.arange(N_ROWS) < 100
    other = rows.copy()
    other.loc[100:, "firm"] = "something else entirely"
    other.loc[100:, "day"] = pd.Timestamp("1999-01-01")
    before, after = (encode_for_distance(table, KINDS, fit_on=fit_on) for table in (rows, other))
    np.testing.assert_array_equal(before[:100], after[:100])
