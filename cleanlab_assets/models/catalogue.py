"""Which models there are, for which task family, and how one is built with checked parameters.

A model is an entry of ``MODELS`` in a module of this package; the catalogue finds the modules by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any, TypeAlias

import cleanlab_assets.models
from cleanlab_assets.datasets.descriptions import DESCRIPTION_FILE
from cleanlab_assets.datasets.errors import quote
from cleanlab_assets.datasets.model_references import (
    EXPECTED_REFERENCE,
    is_own_model,
    is_reference,
    name_own_model,
    refer_to,
)
from cleanlab_assets.datasets.weights import WEIGHTS_FOLDER
from cleanlab_assets.discovery import find_entries
from cleanlab_assets.extras import MissingExtraError, explain_missing
from cleanlab_assets.models.encoding import ENCODING_TYPES
from cleanlab_assets.models.own_models import build_own_estimator, versions_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from sklearn.base import BaseEstimator, TransformerMixin
    from sklearn.pipeline import Pipeline

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.models.encoding import FeatureKinds
    from cleanlab_assets.models.estimators.own_pipeline import OwnPipeline

OWN_MODEL_FAMILIES = ("classification", "multilabel", "regression")
"""Task families that a model of the user's own can learn."""
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

    ``dataset`` is its name, for messages. Models with published weights can be built without ``data_dir``, where these
    are kept, but not fitted.
    """

    kinds: FeatureKinds
    n_classes: int
    seed: int
    n_jobs: int = -1
    data_dir: Path | None = None
    dataset: str = ""

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
    imports; they decide its results. ``reference`` names the function that builds one of the user's own.
    """

    name: str
    description: str
    builders: Mapping[str, Builder]
    trusted_types: frozenset[str] = frozenset()
    is_fitted: bool = True
    libraries: tuple[str, ...] = ()
    reference: str = ""

    def explain_missing(self) -> str:
        """Say which libraries of the model are not installed, and how to install them; empty where all are."""
        return explain_missing(f"model {self.name}", *self.libraries)

    def suits(self, dataset: Dataset) -> bool:
        """Whether a dataset has what the model takes; its description must name a model of the user's own."""
        if self.reference:
            return self.reference in dataset.own_models
        return self.is_fitted or bool(dataset.prediction_columns)

    @property
    def versions(self) -> Mapping[str, str]:
        """What tells whether the code of a model of the user's own is as it was; empty for those of the catalogue."""
        return versions_of(self.reference) if self.reference else {}


class UnknownModelError(ValueError):
    """A model name that the family does not have."""


class UnsuitableModelError(UnknownModelError):
    """A model that takes what the dataset does not have."""

    def __init__(self, model: Model, family: str, dataset: Dataset) -> None:
        """Say which models suit the dataset."""
        known = f"or choose one of {', '.join(models_for(family, dataset))}"
        said = (
            f"is no model of {dataset.name}: add {quote(model.reference)} to models in its {DESCRIPTION_FILE}"
            if model.reference
            else f"takes predictions of your own, and {dataset.name} has none: add them by `cleanlab-demo audit` or "
            f"under [predictions] in its {DESCRIPTION_FILE}"
        )
        super().__init__(f"model {quote(model.name)} {said}, {known}")


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
    """Return the models of a task family that suit a dataset, by name; those of the user's own come last."""
    own = map(_describe_own_model, map(name_own_model, dataset.own_models))
    known = [*models_of(family).values(), *(model for model in own if family in model.builders)]
    return {model.name: model for model in known if model.suits(dataset)}


def trusted_types() -> frozenset[str]:
    """Return the types that may be read back from a stored model, besides those that skops trusts by itself."""
    return ENCODING_TYPES.union(*(model.trusted_types for model in all_models().values()))


def get_model(family: str, name: str) -> Model:
    """Return the model of that name, or the user's own of that reference.

    Raises:
        UnknownModelError: no such model, or it cannot learn this family; the message lists those that can.
    """
    if ":" in name or is_own_model(name):
        if ":" in name and not is_reference(name):
            raise UnknownModelError(f"model {quote(name)}: expected a name without a colon, or {EXPECTED_REFERENCE}")
        model = _describe_own_model(name_own_model(name))
        if family not in model.builders:
            families = ", ".join(model.builders)
            raise UnknownModelError(
                f"model {quote(name)} is no model for {family}: one of your own can learn {families}"
            )
        return model
    models = models_of(family)
    if name not in models:
        known = "is no model for" if name in all_models() else "is unknown to"
        raise UnknownModelError(f"model {quote(name)} {known} {family}: expected one of {', '.join(models)}")
    return models[name]


@cache
def _describe_own_model(name: str) -> Model:
    reference = refer_to(name)
    return Model(
        name=name,
        description=f"A model of your own, built by {reference}.",
        builders={family: partial(_build_own_model, reference, family) for family in OWN_MODEL_FAMILIES},
        reference=reference,
    )


def _build_own_model(reference: str, family: str, context: BuildContext) -> OwnPipeline:
    from cleanlab_assets.models.estimators.own_pipeline import OwnPipeline

    said = f"{context.dataset}: model {reference}"
    encoding, estimator, seeded = build_own_estimator(
        reference, family, kinds=context.kinds, seed=context.seed, said=said
    )
    pipeline = OwnPipeline(to_pipeline(estimator, encoding).steps)
    pipeline.said, pipeline.seeded = said, seeded
    return pipeline


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
    # Of an estimator that fits another one, such as one for each label, the parameters are those of the other one.
    inner = outer.get_params(deep=False).get("estimator")
    estimator = inner if hasattr(inner, "get_params") else outer
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

    def describe_own_model(self) -> dict[str, Any]:
        """Return what the record of a result says of a model of the user's own; empty for those of the catalogue.

        Raises what ``build_model`` raises.
        """
        model = get_model(self.family, self.name)
        if not model.reference:
            return {}
        pipeline: Any = self()
        return {"reference": model.reference, "versions": dict(model.versions), **pipeline.describe()}

    def __call__(self) -> Pipeline:
        """Build one pipeline; raises what ``build_model`` raises."""
        return build_model(self.family, self.name, self.context, parameters=self.parameters)
