from __future__ import annotations

import pytest

from cleanlab_assets.models.catalogue import (
    ESTIMATOR_STEP,
    BuildContext,
    ModelParameterError,
    UnknownModelError,
    all_models,
    build_model,
    get_model,
    models_of,
)
from cleanlab_assets.models.encoding import FeatureKinds
from cleanlab_assets_tests.known_data import fitted_models_of

CONTEXT = BuildContext(kinds=FeatureKinds(numeric=("x",)), n_classes=2, seed=5, n_jobs=1)


def test_five_models_learn_classification() -> None:
    assert fitted_models_of("classification") == [
        "extra_trees",
        "hist_gradient_boosting",
        "knn",
        "logistic_regression",
        "random_forest",
    ]
    assert all(model.name == name and model.description for name, model in all_models().items())


def test_five_models_learn_regression() -> None:
    assert fitted_models_of("regression") == [
        "extra_trees",
        "hist_gradient_boosting",
        "knn",
        "random_forest",
        "ridge",
    ]


def test_a_family_without_models_has_none() -> None:
    assert models_of("juggling") == {}


def test_an_unknown_model_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(UnknownModelError, match="model 'oracle' is unknown to classification: expected one of extra_t"):
        get_model("classification", "oracle")


def test_a_model_of_another_family_is_an_error_that_says_so() -> None:
    with pytest.raises(UnknownModelError, match="model 'knn' is no model for juggling"):
        build_model("juggling", "knn", CONTEXT)


@pytest.mark.parametrize(("family", "model"), [("classification", "ridge"), ("regression", "logistic_regression")])
def test_linear_models_learn_one_family_only(family: str, model: str) -> None:
    with pytest.raises(UnknownModelError, match=f"model '{model}' is no model for {family}: expected one of extra_t"):
        get_model(family, model)


@pytest.mark.parametrize(
    ("family", "model"),
    [(family, model) for family in ("classification", "regression") for model in fitted_models_of(family)],
)
def test_an_unknown_parameter_is_an_error_that_lists_the_allowed_ones(family: str, model: str) -> None:
    with pytest.raises(ModelParameterError, match=f"{model} has no parameter 'magic': expected one of") as caught:
        build_model(family, model, CONTEXT, parameters={"magic": 1})

    listed = str(caught.value).split("expected one of ")[1].split(", ")
    estimator = build_model(family, model, CONTEXT)[ESTIMATOR_STEP]
    assert set(listed) == set(estimator.get_params()) - {"random_state", "n_jobs", "categorical_features"}


@pytest.mark.parametrize("parameter", ["random_state", "n_jobs", "categorical_features"])
def test_a_parameter_that_is_fixed_is_an_error_with_the_reason(parameter: str) -> None:
    with pytest.raises(ModelParameterError, match=f"parameter '{parameter}' of random_forest cannot be set here: "):
        build_model("classification", "random_forest", CONTEXT, parameters={parameter: 1})


def test_where_weights_are_kept_is_not_for_a_run_to_set() -> None:
    with pytest.raises(
        ModelParameterError, match="parameter 'weights_dir' of maskrcnn_resnet50_fpn cannot be set here: "
    ):
        build_model("segmentation", "maskrcnn_resnet50_fpn", CONTEXT, parameters={"weights_dir": "elsewhere"})


@pytest.mark.parametrize("family", ["classification", "regression"])
def test_parameters_seed_and_cores_reach_the_estimator(family: str) -> None:
    estimator = build_model(family, "random_forest", CONTEXT, parameters={"max_depth": 3})[ESTIMATOR_STEP]

    assert (estimator.max_depth, estimator.random_state, estimator.n_jobs) == (3, 5, 1)


def test_two_builds_share_nothing() -> None:
    first, second = (build_model("classification", "knn", CONTEXT) for _ in range(2))
    first.set_params(estimator__n_neighbors=1)

    assert second[ESTIMATOR_STEP].n_neighbors != 1
