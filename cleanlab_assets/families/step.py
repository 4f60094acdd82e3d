"""A step of a family's chain and a check of its result, as values of pure functions: nothing here knows of Dagster."""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, field_validator

from cleanlab_assets.datasets.descriptions import DESCRIPTION_FILE
from cleanlab_assets.datasets.errors import UnreadableInputError, cut
from cleanlab_assets.methods.facts import LabelIssuesFacts, PredictionsFacts, TrainingSetFacts
from cleanlab_assets.methods.result import Facts, NoFacts, Result
from cleanlab_assets.methods.shown import Json
from cleanlab_assets.methods.variants import VariantComparison

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import timedelta
    from pathlib import Path

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.families.contracts import TableContract
    from cleanlab_assets.methods.shown import Shown
    from cleanlab_assets.models.catalogue import PipelineFactory
    from cleanlab_assets.models.encoding import FeatureKinds
    from cleanlab_assets.reviews.corrected_labels import CorrectedLabels

Level = Literal["dataset", "model", "comparison"]
DATASET: Final = "dataset"
MODEL: Final = "model"
COMPARISON: Final = "comparison"
"""The level above the models: one result for each dataset, read from all of its models."""
StorageFormat = Literal["parquet", "json", "html", "skops", "safetensors"]

TrainingSetTable: TypeAlias = Result[pd.DataFrame, TrainingSetFacts]
PredictionsTable: TypeAlias = Result[pd.DataFrame, PredictionsFacts]
LabelIssuesTable: TypeAlias = Result[pd.DataFrame, LabelIssuesFacts]
PlainTable: TypeAlias = Result[pd.DataFrame, NoFacts]
AnyTable: TypeAlias = Result[pd.DataFrame, Facts]
Page: TypeAlias = Result[str, NoFacts]
Comparison: TypeAlias = Result[VariantComparison, NoFacts]


class Settings(BaseModel):
    """The settings of a step; each setting lives on exactly one step, and its numbers are finite."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("*")
    @classmethod
    def _check_numbers(cls, value: Any) -> Any:
        for name, number in _list_numbers(value):
            if not math.isfinite(number):
                raise ValueError(f"found {number}{name and f' for {cut(name)}'}, expected finite numbers")
        return value


def _list_numbers(value: Any, name: str = "") -> Iterator[tuple[str, float]]:
    """Yield the fractional numbers within a setting, each with the name that it has there."""
    if isinstance(value, float):
        yield name, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _list_numbers(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _list_numbers(item, name)


class Parts(Protocol):
    """Where a long step keeps its finished parts, so that an interrupted run goes on with those that are missing."""

    def read(self) -> pd.DataFrame | None:
        """Return the parts at hand as one table, in the order they were added; None without any."""

    def add(self, table: pd.DataFrame) -> None:
        """Keep one more part."""


class NoParts:
    """Keeps no parts: a step that is interrupted starts anew."""

    def read(self) -> pd.DataFrame | None:
        """Return None."""
        return None

    def add(self, table: pd.DataFrame) -> None:
        """Keep nothing."""


@dataclass(frozen=True, kw_only=True)
class StepContext:
    """What a step may depend on beside its settings and inputs.

    Attributes:
        family: Name of the task family.
        dataset: The dataset of the partition.
        model: Name of the model; empty on levels without one.
        data_dir: Directory of downloaded files, among them published weights.
        reserved_columns: Columns that the audit writes; no feature may have one of these names.
        parts: Where the step keeps its finished parts.
        vectors: Columns of the training set that texts and pictures became; only steps that see vectors have them.
        corrected: What reviewers decided of the rows, where the step compares with that; None where they decided
            nothing.
    """

    family: str
    dataset: Dataset
    model: str = ""
    data_dir: Path
    reserved_columns: frozenset[str] = frozenset()
    parts: Parts = field(default_factory=NoParts)
    vectors: tuple[str, ...] = ()
    corrected: CorrectedLabels | None = None

    def pipeline_factory(
        self, seed: int, parameters: Mapping[str, Any], *, model: str | None = None
    ) -> PipelineFactory:
        """Return the factory of the model: the same for the folds, the variants, the checks and the final fit.

        Args:
            seed: seed of the estimator.
            parameters: estimator parameters that replace the defaults.
            model: another model of the family than that of the partition.

        Raises:
            UnsuitableModelError: the dataset has not what the model takes.
        """
        from cleanlab_assets.models.catalogue import BuildContext, PipelineFactory, UnsuitableModelError, get_model

        build_context = BuildContext(
            kinds=self.kinds,
            n_classes=len(self.dataset.class_names),
            seed=seed,
            data_dir=self.data_dir,
            dataset=self.dataset.name,
        )
        found = get_model(self.family, model or self.model)
        if not found.suits(self.dataset):
            raise UnsuitableModelError(found, self.family, self.dataset)
        return PipelineFactory(self.family, found.name, build_context, parameters)

    def describe_own_model(self, seed: int, parameters: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Return the entry ``own_model`` of a record; none where the model is one of the catalogue, or not fitted."""
        if not self.is_fitted:
            return {}
        described = self.pipeline_factory(seed, parameters).describe_own_model()
        return {"own_model": described} if described else {}

    @property
    def is_fitted(self) -> bool:
        """Whether the model is fitted, and not predictions of the user's own."""
        from cleanlab_assets.models.catalogue import get_model

        return get_model(self.family, self.model).is_fitted

    def own_predictions(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the user's own predictions of rows of a raw table or a training set, float64.

        Raises:
            UnreadableInputError: the dataset brings none along.
        """
        columns = list(self.dataset.prediction_columns)
        if not columns:
            raise UnreadableInputError(
                f"{self.dataset.name} has no predictions of your own: name their file under [predictions] in "
                f"{DESCRIPTION_FILE}, or choose another model"
            )
        return rows[columns].to_numpy(dtype=np.float64)

    @property
    def kinds(self) -> FeatureKinds:
        """The columns that a model takes by kind, the vectors of texts and pictures in their place."""
        from cleanlab_assets.models.encoding import FeatureKinds

        return FeatureKinds.of(self.dataset.columns, vectors=self.vectors)

    @property
    def features(self) -> list[str]:
        """Names of the features as the source has them, texts and pictures among them."""
        return [column.name for column in self.dataset.features]

    @property
    def readable_features(self) -> list[str]:
        """Names of the features that stand beside each row in tables of findings: all but pictures."""
        return [column.name for column in self.dataset.features if column.kind != "picture"]

    def path_of(self, step: str, *, of_dataset: bool = False) -> str:
        """Say in words where the table of a step lies, for readers of a report."""
        model = "" if of_dataset else f"/{self.model}"
        return f"{self.family}/{step}/{self.dataset.name}{model}.parquet of the artifacts"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a chain.

    ``run`` takes the context, ``settings`` if the step has some, and the results of upstream steps by their name; a
    step of the comparison level gets those of the model level as a mapping from model to result. Its docstring is the
    description that users read.

    Attributes:
        name: Name of the step; its parameters and files are found under it.
        level: ``dataset``, ``model`` (dataset times model) or ``comparison`` (one for each dataset again).
        run: The pure function.
        code_version: To be raised with every change of the result.
        kinds: Technologies, shown in the web UI.
        value: Type of the result's value.
        facts: Type of its facts.
        storage: File format.
        contract: What the table must fulfil, else the step fails.
        settings: Type of the settings, None without any.
        is_heavy: Whether the step uses all cores for long; such steps take turns.
        shows_catalogue: Whether the result holds the catalogue's texts for people or the limits of the dataset's gates.
        maximum_age: How old the result may be before the web UI says so; any age if absent.
        fits_model: Whether there is nothing to do where the model is not fitted, see ``Model``.
        sees_vectors: Whether its rows come with the vectors of texts and pictures, where the family has them.
        read_where: Inputs that count only where a setting has a value: by input the setting and the value.
    """

    name: str
    level: Level
    run: Callable[..., Result[Any, Any]]
    code_version: str
    kinds: frozenset[str]
    value: type = pd.DataFrame
    facts: type[Facts] = NoFacts
    storage: StorageFormat = "parquet"
    contract: TableContract | None = None
    settings: type[Settings] | None = None
    is_heavy: bool = False
    shows_catalogue: bool = False
    maximum_age: timedelta | None = None
    fits_model: bool = False
    sees_vectors: bool = False
    read_where: Mapping[str, tuple[str, Any]] = field(default_factory=dict)
    description: str = ""
    inputs: tuple[str, ...] = ()

    def inputs_read(self, config: Mapping[str, Any]) -> list[str]:
        """Return the inputs that count with these settings."""
        unread = {name for name, (setting, value) in self.read_where.items() if config.get(setting) != value}
        return [name for name in self.inputs if name not in unread]

    def find_why_not(self, family: str, model: str) -> str:
        """Say why there is nothing to do for a model; empty where there is."""
        if not (self.fits_model and model):
            return ""
        from cleanlab_assets.models.catalogue import get_model

        return "" if get_model(family, model).is_fitted else f"{model} is not fitted: there is nothing to retrain"

    def versions_of_model(self, family: str, model: str, dataset: Dataset) -> dict[str, str]:
        """Return what of a model of the user's own decides the result beside its name; empty for other models.

        Its code does, and of a final model the types that it may be stored with.
        """
        from cleanlab_assets.models.catalogue import get_model

        if not model or not (found := get_model(family, model)).reference:
            return {}
        trusted = {"trusted types": ", ".join(sorted(dataset.trusted_types)) or "none"}
        return {**found.versions, **(trusted if self.fits_model else {})}


def step(
    tool: str | None = None,
    *,
    code_version: str,
    level: Level = MODEL,
    name: str | None = None,
    value: type = pd.DataFrame,
    facts: type[Facts] = NoFacts,
    storage: StorageFormat = "parquet",
    contract: TableContract | None = None,
    settings: type[Settings] | None = None,
    is_heavy: bool = False,
    shows_catalogue: bool = False,
    maximum_age: timedelta | None = None,
    sees_vectors: bool = False,
) -> Callable[[Callable[..., Result[Any, Any]]], Step]:
    """Turn a function into a step, by default of its name and of the model level; see ``Step`` for the arguments.

    The kinds of the step are its tool, which computes the result, and its file format.
    """

    def decorate(run: Callable[..., Result[Any, Any]]) -> Step:
        return Step(
            name=name or run.__name__,
            level=level,
            run=run,
            code_version=code_version,
            kinds=frozenset({tool or storage, storage}),
            value=value,
            facts=facts,
            storage=storage,
            contract=contract,
            settings=settings,
            is_heavy=is_heavy,
            shows_catalogue=shows_catalogue,
            maximum_age=maximum_age,
            sees_vectors=sees_vectors,
            description=inspect.getdoc(run) or "",
            inputs=inputs_of(run),
        )

    return decorate


def inputs_of(run: Callable[..., object]) -> tuple[str, ...]:
    """Names of the upstream steps that a function of a step or a check takes."""
    return tuple(name for name in inspect.signature(run).parameters if name not in ("context", "settings"))


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What a check found.

    Attributes:
        passed: Whether all is well.
        description: What was found and what was wanted, in a sentence.
        figures: Figures and tables beside it.
        severity: ``gate`` warns or fails by the settings of the code location; ``error`` and ``warn`` always do.
    """

    passed: bool
    description: str
    figures: Mapping[str, Shown] = field(default_factory=dict)
    severity: Literal["gate", "warn", "error"] = "gate"


@dataclass(frozen=True, kw_only=True)
class Check:
    """A check of the result of a step.

    ``run`` takes the context and results by the name of their step. Its docstring is the description.

    Attributes:
        name: Name of the check.
        step: Name of the step whose result is checked.
        run: The pure function.
        is_blocking: Whether a failure holds back what follows.
        is_heavy: Whether it fits models; such checks and steps take turns.
        sees_vectors: See ``Step``.
    """

    name: str
    step: str
    run: Callable[..., CheckResult]
    is_blocking: bool = False
    is_heavy: bool = False
    sees_vectors: bool = False
    description: str = ""
    inputs: tuple[str, ...] = ()


def check(
    step: str,
    *,
    name: str | None = None,
    is_blocking: bool = False,
    is_heavy: bool = False,
    sees_vectors: bool = False,
) -> Callable[[Callable[..., CheckResult]], Check]:
    """Turn a function into a check, by default of its name; see ``Check`` for the arguments."""

    def decorate(run: Callable[..., CheckResult]) -> Check:
        return Check(
            name=name or run.__name__,
            step=step,
            run=run,
            is_blocking=is_blocking,
            is_heavy=is_heavy,
            sees_vectors=sees_vectors,
            description=inspect.getdoc(run) or "",
            inputs=inputs_of(run),
        )

    return decorate


def gate(*, passed: bool, description: str, figures: Mapping[str, Shown] | None = None) -> CheckResult:
    """Judge data quality: a failure warns, unless the settings make gates errors."""
    return CheckResult(passed=passed, description=description, figures=figures or {})


def rule(*, passed: bool, description: str, figures: Mapping[str, Shown] | None = None) -> CheckResult:
    """Judge by a rule that must hold: a failure is an error."""
    return CheckResult(passed=passed, description=description, figures=figures or {}, severity="error")


def rule_on_rows(invalid: Sequence[str], n_rows: int, what: str) -> CheckResult:
    """Judge by a rule that must hold for every row or image; ``what`` says which of them break it."""
    return rule(
        passed=len(invalid) == 0,
        description=f"{len(invalid):,} of {n_rows:,} {what}",
        figures={"n_invalid": len(invalid), "rows": Json(list(invalid[:20]))},
    )
