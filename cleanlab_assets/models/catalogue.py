"""Which models there are, for which task family, and how one is built with checked parameters.

A model is an entry of ``MODELS`` in a module of this package; the catalogue finds the modules by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

import cleanlab_assets.models
from cleanlab_assets.datasets.errors import quote
from cleanlab_assets.datasets.weights import WEIGHTS_FOLDER
from cleanlab_assets.discovery import find_entries
from cleanlab_assets.extras import MissingExtraError, explain_missing
from cleanlab_assets.models.encoding import ENCODING_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from sklearn.base import BaseEstimator, TransformerMixin
    from sklearn.pipeline import Pipeline

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.models.encoding import FeatureKinds

ESTIMATOR_STEP = "estimator"
"""Name of the last step of every pipeline; parameters of a run belong to it."""

_FIXED_PARAMETERS = {
    "random_state": "the seed is a setting of the training set",
    "n_jobs": "all cores are used",
    "categorical_features": "the encoding belongs to the model",
    "weights_dir": "published weights are kept in the data directory",
}


@dataclass(frozen=True, kw_only=True)
class BuildContext:
    """What a builder may depend on: the feature columns, the number of classes (0 for regression), seed and cores.

    Models with published weights can be built without ``data_dir``, where these are kept, but not fitted.
    """

    kinds: FeatureKinds
    n_classes: int
    seed: int
    n_jobs: int = -1
    data_dir: Path | None = None

    @property
    def weights_dir(self) -> Path | None:
        """Where published weights are kept, if the data directory is known."""
        return None if self.data_dir is None else self.data_dir / WEIGHTS_FOLDER


Builder: TypeAlias = "Callable[[BuildContext], Pipeline]"


@dataclass(frozen=True, kw_only=True)
class Model:
    """One catalogue entry: a name, a sentence for people, and a pipeline builder for each family it can learn.

    ``trusted_types`` are the types beyond those that skops knows which a stored, fitted pipeline holds. A model that is
    not fitted stands for predictions that the dataset brings along. ``libraries`` are the modules of an extra that it
    imports; they decide its results.
    """

    name: str
    description: str
    builders: Mapping[str, Builder]
    trusted_types: frozenset[str] = frozenset()
    is_fitted: bool = True
    libraries: tuple[str, ...] = ()

    def explain_missing(self) -> str:
        """Say which libraries of the model are not installed, and how to install them; empty where all are."""
        return explain_missing(f"model {self.name}", *self.libraries)

    def suits(self, dataset: Dataset) -> bool:
        """Whether a dataset has what the model takes."""
        return self.is_fitted or bool(dataset.prediction_columns)


class UnknownModelError(ValueError):
    """A model name that the family does not have."""


class UnsuitableModelError(UnknownModelError):
    """A model that takes what the dataset does not have."""

    def __init__(self, family: str, model: str, dataset: Dataset) -> None:
        """Say which models suit the dataset."""
        super().__init__(
            f"model {quote(model)} takes predictions of your own, and {dataset.name} has none: add them by "
            f"`cleanlab-demo audit` or under [predictions] in its dataset.toml, or choose "
            f"one of {', '.join(models_for(family, dataset))}"
        )


class ModelParameterError(ValueError):
    """A parameter that the model's estimator does not take."""


@cache
def all_models() -> Mapping[str, Model]:
    """Return every model by name, in alphabetical order.

    Raises:
        ValueError: two models have the same name.
    """
    return find_entries(cleanlab_assets.models, "MODELS", Model)


def models_of(family: str) -> Mapping[str, Model]:
    """Return the models that can learn a task family, by name."""
    return {name: model for name, model in all_models().items() if family in model.builders}


def models_for(family: str, dataset: Dataset) -> Mapping[str, Model]:
    """Return the models of a task family that suit a dataset, by name."""
    return {name: model for name, model in models_of(family).items() if model.suits(dataset)}


def trusted_types() -> frozenset[str]:
    """Return the types that may be read back from a stored model, besides those that skops trusts by itself."""
    return ENCODING_TYPES.union(*(model.trusted_types for model in all_models().values()))


def get_model(family: str, name: str) -> Model:
    """Return the model of that name.

    Raises:
        UnknownModelError: no such model, or it cannot learn this family; the message lists those that can.
    """
    models = models_of(family)
    if name not in models:
        known = "is no model for" if name in all_models() else "is unknown to"
        raise UnknownModelError(f"model {quote(name)} {known} {family}: expected one of {', '.join(models)}")
    return models[name]


def to_pipeline(estimator: BaseEstimator, encoding: TransformerMixin | None = None) -> Pipeline:
    """Return a pipeline of an estimator, behind an encoding of the features if it needs one."""
    from sklearn.pipeline import Pipeline

    return Pipeline([*([] if encoding is None else [("encoding", encoding)]), (ESTIMATOR_STEP, estimator)])


def parameters_of(estimator: BaseEstimator) -> dict[str, Any]:
    """Return the parameters of an estimator that are for a run to set, with their values."""
    parameters = estimator.get_params(deep=False)
    return {name: value for name, value in parameters.items() if name not in _FIXED_PARAMETERS}


def build_model(
    family: str, name: str, context: BuildContext, *, parameters: Mapping[str, Any] | None = None
) -> Pipeline:
    """Build an unfitted pipeline: the encoding that suits the model, then the seeded estimator.

    Args:
        family: task family, such as ``classification``.
        name: model name.
        context: feature columns, number of classes, seed, number of cores and data directory.
        parameters: estimator parameters that replace the defaults.

    Returns:
        A scikit-learn pipeline that takes a table with the feature columns.

    Raises:
        UnknownModelError: the family has no such model.
        MissingExtraError: a library of the model is not installed.
        ModelParameterError: the estimator has no such parameter, or it is not for a run to set.
    """
    model = get_model(family, name)
    if missing := model.explain_missing():
        raise MissingExtraError(missing)
    pipeline = model.builders[family](context)
    outer = pipeline.named_steps[ESTIMATOR_STEP]
    # Of an estimator that fits another one for each label, the parameters are those of the other one.
    estimator = outer.get_params(deep=False).get("estimator", outer)
    known = sorted(parameters_of(estimator))
    for parameter in parameters or {}:
        if parameter in _FIXED_PARAMETERS:
            raise ModelParameterError(
                f"parameter {quote(parameter)} of {name} cannot be set here: {_FIXED_PARAMETERS[parameter]}"
            )
        if parameter not in known:
            raise ModelParameterError(f"{name} has no parameter {quote(parameter)}: expected one of {', '.join(known)}")
    estimator.set_params(**(parameters or {}))
    return pipeline


@dataclass(frozen=True)
class PipelineFactory:
    """Builds equal unfitted pipelines: one for each fold and variant."""

    family: str
    name: str
    context: BuildContext
    parameters: Mapping[str, Any]

    @property
    def features(self) -> list[str]:
        """The feature columns that the pipelines take."""
        return self.context.kinds.names

    def __call__(self) -> Pipeline:
        """Build one pipeline; raises what ``build_model`` raises."""
        return build_model(self.family, self.name, self.context, parameters=self.parameters)
