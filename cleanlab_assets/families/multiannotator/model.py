"""Which models suit a panel, and how one is built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cleanlab_assets.models.catalogue import ModelParameterError

if TYPE_CHECKING:
    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.families.step import StepContext
    from cleanlab_assets.models.catalogue import PipelineFactory

NO_MODEL = "annotators_only"
"""The model that looks at no features."""


def has_model(context: StepContext) -> bool:
    """Whether the model of the partition looks at features of the examples."""
    return context.model != NO_MODEL


def check_panel_model(dataset: Dataset, model: str) -> None:
    """Refuse, before anything runs, a model that needs features where the dataset has none.

    Raises:
        ModelParameterError: the dataset has no features to learn from.
    """
    if model != NO_MODEL and not dataset.features:
        raise ModelParameterError(f"{dataset.name} has no features to learn from: use the model {NO_MODEL}")


def build_panel_model(context: StepContext, seed: int, parameters: dict[str, Any]) -> PipelineFactory:
    """Return the factory of the partition's model; raises what ``check_panel_model`` raises."""
    check_panel_model(context.dataset, context.model)
    return context.pipeline_factory(seed, parameters)
