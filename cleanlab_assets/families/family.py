"""What a task family is: a value of pure functions, from which the orchestration builds a whole chain of assets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.families.settings import VariantComparisonSettings
    from cleanlab_assets.families.step import Check, Step, StorageFormat
    from cleanlab_assets.methods.result import Result
    from cleanlab_assets.methods.stacking import StackedModels
    from cleanlab_assets.methods.variants import VariantComparison
    from cleanlab_assets.reports.audit_facts import DataIssues, Unit


@dataclass(frozen=True, kw_only=True)
class FamilyVariants:
    """Does cleaning help, and the final model, as one family answers it.

    ``compare`` takes the context, its settings and upstream results by their step, and returns a
    ``VariantComparison``; ``fit`` takes the context, the comparison and upstream results, and returns what is stored
    as the final model. Their docstrings are the descriptions of ``variant_comparison`` and ``retrained_model``.

    Attributes:
        settings: Settings of the comparison.
        metrics: Names of the metrics that people see, in their order.
        lower_is_better: Those of which less is better.
        compare: Compares the variants on untouched test rows.
        fit: Fits the final model on the chosen variant.
        storage: File format of the final model.
        kind: Technology of the models, shown in the web UI.
        comparison_version: Code version of the comparison.
        model_version: Code version of the final model.
    """

    settings: type[VariantComparisonSettings]
    metrics: tuple[str, ...]
    compare: Callable[..., VariantComparison]
    fit: Callable[..., FittedModel]
    storage: StorageFormat = "skops"
    kind: str = "scikitlearn"
    comparison_version: str
    model_version: str
    lower_is_better: frozenset[str] = frozenset()


MOST_CLASSES_OF_TREES = 50
"""Boosting grows a tree for each class at each step: with more classes a first audit would take hours."""


@dataclass(frozen=True, kw_only=True)
class ModelChoice:
    """How a model is chosen where the user names none: of some quick models the one with the least error.

    Attributes:
        models: Names of the models.
        linear: Those that also suit vectors of texts and pictures, where trees split what is no single thing, and many
            classes.
        error: What is measured, in words.
        measure: Measures it on the result of ``predictions``, by the train rows, which are predicted out of sample.
    """

    models: tuple[str, ...]
    linear: tuple[str, ...]
    error: str
    measure: Callable[[Result[Any, Any]], float]

    def models_for(self, dataset: Dataset) -> tuple[str, ...]:
        """Return the models to choose from for a dataset: of many classes, too, the linear ones alone."""
        is_for_linear = dataset.embedded_columns or len(dataset.class_names) > MOST_CLASSES_OF_TREES
        return self.linear if is_for_linear else self.models

    def choose(self, predictions: Mapping[str, Result[Any, Any]]) -> tuple[str, str]:
        """Return the model with the least error, and the errors of all in words.

        Args:
            predictions: of each model.
        """
        errors = {model: self.measure(result) for model, result in predictions.items()}
        ranked = sorted(errors, key=lambda model: errors[model])
        figures = ", ".join(f"{model} {errors[model]:.4g}" for model in ranked)
        return ranked[0], f"the least cross-validated {self.error}: {figures}"


@dataclass(frozen=True, kw_only=True)
class FittedModel:
    """A final model and what its card says beside what every card says.

    ``model`` is a fitted pipeline or a trained network's weights by name.
    """

    model: Any
    card: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PictureFindings:
    """What was found within a picture, for a reviewer who looks at one row.

    Both functions take the catalogue entry, the row id, and tables by the name of their step.

    Attributes:
        describe: Says what was found, the worst first, one line each.
        draw: Draws it over the picture, as a PNG.
    """

    describe: Callable[..., Sequence[str]]
    draw: Callable[..., bytes]


@dataclass(frozen=True, kw_only=True, eq=False)
class TaskFamily:
    """A task family: its own steps and checks, and what the chain that is common to all families must know of it.

    ``steps`` holds ``training_set``, ``predictions`` and ``label_issues`` and whatever else the family has, in the
    order of its chain. The chain adds ``raw_dataset`` before them, and after them ``variant_comparison``,
    ``retrained_model``, ``audit_facts``, ``ai_summary`` and the comparison of the models, each with its checks.

    Attributes:
        name: Name of the family: prefix of its assets, and the task that datasets and models name.
        unit: What carries a label.
        default_model: Model of commands that name none: a simple one.
        choice: How a model is chosen for a dataset of the user's own; None where that is not offered.
        steps: The family's own steps.
        checks: The family's own checks.
        variants: The comparison of variants and the final model.
        data_issues: Makes ``DataIssues`` of results by the name of their step; None where the family looks for none.
        check_model: Raises an error, before anything runs, if a model does not suit a dataset.
        reports: Steps of the model level whose files are meant for people.
        sample_setting: The setting, as ``step.setting``, that takes a sample.
        libraries: Packages that decide its results, beside those that decide the results of all families, and those of
            its models.
        columns: What the columns mean that only its tables have, by name.
        stack: Makes ``StackedModels`` of predictions and label issues by model; None where models predict what cannot
            be weighed together.
        picture_findings: What was found within the pictures of its rows; None where rows are no annotated pictures.
        row_issues: The step whose table says what else is found of rows than their label, such as outliers: ``row_id``,
            and ``is_<type>_issue`` and ``<type>_score`` for each issue type; empty where the family looks for nothing.
        element_issues: The step whose table judges the parts of a row that reviews decide of, such as boxes: one row
            for each, with ``row_id``, ``element``, ``suggestion`` (JSON of its label) and ``rank``; empty where a row
            has one label.
    """

    name: str
    unit: Unit = "row"
    default_model: str
    steps: tuple[Step, ...]
    checks: tuple[Check, ...]
    variants: FamilyVariants
    choice: ModelChoice | None = None
    data_issues: Callable[..., DataIssues] | None = None
    check_model: Callable[[Dataset, str], None] | None = None
    reports: tuple[str, ...] = ()
    sample_setting: str = "training_set.max_rows"
    libraries: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    stack: Callable[..., StackedModels] | None = None
    picture_findings: PictureFindings | None = None
    row_issues: str = ""
    element_issues: str = ""

    def libraries_of(self, model: str) -> tuple[str, ...]:
        """Packages that decide the results of a model, or those of a level without one if ``model`` is empty."""
        from cleanlab_assets.models.catalogue import get_model

        return self.libraries if not model else (*self.libraries, *get_model(self.name, model).libraries)

    @property
    def report_asset(self) -> str:
        """Name of the step that shows what an audit found: a page, or the label issues where the family has none."""
        return next((step.name for step in self.steps if step.storage == "html"), "label_issues")
