from __future__ import annotations

from dataclasses import replace

import pytest

from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.families import family_of, get_family

BOTH = replace(get_dataset("digits"), families=("regression", "classification"))


@pytest.mark.parametrize(
    ("models", "family"),
    [
        ((), "regression"),
        (("ridge",), "regression"),
        (("logistic_regression",), "classification"),
        (("random_forest", "logistic_regression"), "classification"),
        (("ridge", "logistic_regression"), "regression"),
        (("no_such_model",), "regression"),
    ],
)
def test_a_dataset_of_two_families_goes_to_the_first_that_has_the_models(models: tuple[str, ...], family: str) -> None:
    assert family_of(BOTH, models).name == family


def test_a_dataset_of_no_family_is_an_error_that_names_those_it_belongs_to() -> None:
    with pytest.raises(ValueError, match="no task family audits 'digits'; it belongs to poetry"):
        family_of(replace(BOTH, families=("poetry",)))


def test_an_unknown_family_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unknown task family 'poetry': expected one of classification, regression"):
        get_family("poetry")
