"""One small audit of each task family, of all levels of its chain, and what a test of every family must know of it."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from cleanlab_assets.datasets import digit_scenes
from cleanlab_assets.families.chain import checks_of
from cleanlab_assets.families.detection_power import DETECTION_POWER
from cleanlab_assets.families.step import COMPARISON, DATASET, MODEL, StepContext
from cleanlab_assets.methods.training_set import audited_rows
from cleanlab_assets.orchestration import assets
from cleanlab_assets.orchestration import datasets as catalogue
from cleanlab_assets_tests.conftest import Workbench, build_workbench, open_instance

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pandas as pd

    from cleanlab_assets.families.family import TaskFamily
    from cleanlab_assets.families.step import CheckResult, Level, Step
    from cleanlab_assets.methods.result import Provenance, Result
    from cleanlab_assets.orchestration.runs import RunOutcome

SEED = 3
N_SCENES = 24
ON_TABLES = {"planted_error_fraction": 0.1, "folds": 3, "seed": SEED}
ON_IMAGES = {"planted_error_fraction": 0.3, "folds": 2, "seed": SEED}
INTERRUPTED = "variant_comparison"
"""The step at which an audit is interrupted: most of the chain is made by then."""
COMMON_SETTINGS: dict[str, dict[str, Any]] = {"variant_comparison": {"resamples": 100}}


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What is audited, and where to find planted errors.

    Attributes:
        dataset: a small dataset that needs no download.
        model: a cheap model.
        settings: settings by name of the step.
        labels: the columns that carry labels, each with the column of the truth beside it.
        labelled: the step whose table has these columns.
        metric: metric of the model card by which the final model is known again.
        can_learn: whether so few examples are enough to learn anything.
        audits_all: whether labels of rows that are no train rows are judged too.
        is_slow: whether it takes so long that the tests that look at it are slow ones.
    """

    dataset: str
    model: str = "logistic_regression"
    settings: Mapping[str, Mapping[str, Any]]
    labels: Mapping[str, str] = field(default_factory=lambda: {"given_label": "true_label"})
    labelled: str = "training_set"
    metric: str = "accuracy"
    can_learn: bool = True
    audits_all: bool = True
    is_slow: bool = False

    @property
    def partitions(self) -> dict[Level, str]:
        """The partition of each level, in the order in which they are made."""
        return {DATASET: self.dataset, MODEL: f"{self.dataset}|{self.model}", COMPARISON: self.dataset}

    @property
    def all_settings(self) -> Mapping[str, Mapping[str, Any]]:
        """Settings by name of the step, those of every audit among them."""
        return {**self.settings, **COMMON_SETTINGS}


AUDITS = {
    "classification": Audit(
        dataset="breast_cancer",
        settings={"training_set": ON_TABLES},
    ),
    "regression": Audit(
        dataset="diabetes",
        model="ridge",
        settings={"training_set": {**ON_TABLES, "folds": 4}, "outlier_detectors": {"budgets": [0.05, 0.1]}},
        metric="rmse",
    ),
    "multilabel": Audit(
        dataset="synthetic_topics",
        settings={"training_set": ON_TABLES},
        metric="subset_accuracy",
    ),
    "token_classification": Audit(
        dataset="grammar_sentences",
        settings={"training_set": {**ON_TABLES, "max_sentences": 120}},
    ),
    "multiannotator": Audit(
        dataset="digits_panel",
        settings={
            "training_set": {**ON_TABLES, "max_rows": 400},
            "learning_curve": {"seeds": 2, "max_examples": 60, "start": 40, "batch_size": 20, "rounds": 1},
        },
        labelled="annotations",
        audits_all=False,
        is_slow=True,
    ),
    "object_detection": Audit(
        dataset="digit_scenes",
        model="small_detector",
        settings={
            "training_set": ON_IMAGES,
            "predictions": {"parameters": {"epochs": 1, "width": 16, "image_size": 64}},
        },
        labels={"boxes": "true_boxes", "box_labels": "true_box_labels"},
        can_learn=False,
        is_slow=True,
    ),
    "segmentation": Audit(
        dataset="digit_scenes",
        model="small_unet",
        settings={
            "training_set": ON_IMAGES,
            "predictions": {"parameters": {"epochs": 1, "width": 4, "longest_side": 64}},
        },
        labels={"class_mask": "true_mask"},
        can_learn=False,
        is_slow=True,
    ),
}


def mark_slow(families: Iterable[str], *, but: str | None = None) -> list[Any]:
    """Families as parameters of a test: with slow marks where the audit is slow, or on all but one."""
    return [
        pytest.param(name, marks=pytest.mark.slow if (AUDITS[name].is_slow if but is None else name != but) else ())
        for name in families
    ]


def run_config_of(family: str) -> dict[str, Any]:
    """The settings of a family's audit as a run config."""
    settings = AUDITS[family].all_settings
    return {"ops": {f"{family}__{step}": {"config": dict(values)} for step, values in settings.items()}}


PLANTED = AUDITS["classification"].partitions[MODEL]
PLANTED_CONFIG = run_config_of("classification")


@dataclass(frozen=True)
class Audited:
    """The one audit of a family, of all levels of its chain. Not to be changed."""

    audit: Audit
    bench: Workbench
    outcomes: dict[Level, RunOutcome] = field(default_factory=dict)

    @property
    def steps(self) -> list[Step]:
        """The steps of all levels, in the order of the chain."""
        return [step for steps in self.bench.family.steps.values() for step in steps]

    def partition_of(self, step: str) -> str:
        """The partition of a step's level."""
        return self.audit.partitions[self.bench.family.step(step).level]

    def latest(self, step: str) -> dg.AssetMaterialization:
        """The materialization of a step."""
        return self.bench.latest(step, self.partition_of(step))

    def data_version(self, step: str) -> str:
        """The data version that Dagster has of a step's result."""
        return (self.latest(step).tags or {})["dagster/data_version"]

    def result(self, step: str) -> Result[Any, Any]:
        """The stored result of a step."""
        return self.bench.result(step, self.partition_of(step))

    def read(self, step: str) -> Any:
        """The stored value of a step."""
        return self.result(step).value

    def facts(self, step: str) -> Any:
        """The stored facts of a step."""
        return self.result(step).facts

    def provenance(self, step: str) -> Provenance:
        """How the stored result of a step came to be."""
        return self.result(step).origin

    @property
    def context(self) -> StepContext:
        """What the family's steps and checks see of the audit beside results."""
        return StepContext(
            family=self.bench.family.name,
            dataset=catalogue.get_dataset(self.audit.dataset),
            model=self.audit.model,
            data_dir=self.bench.settings.data_dir,
        )

    def measure_power(self, **others: Result[Any, Any]) -> CheckResult:
        """Measure and judge what the audit can find, with some of the stored results replaced by others."""
        measure = self.bench.family.step(DETECTION_POWER)
        inputs = {name: others.get(name) or self.result(name) for name in measure.inputs}
        return self.judge(DETECTION_POWER, detection_power=measure.run(self.context, **inputs))

    def judge(self, name: str, **others: Result[Any, Any]) -> CheckResult:
        """Evaluate a check of the family by its name on the stored results, some of them replaced by others."""
        check = next(check for check in checks_of(self.bench.family.task) if check.name == name)
        return check.run(self.context, **{step: others.get(step) or self.result(step) for step in check.inputs})

    @property
    def train_rows(self) -> pd.DataFrame:
        """The train rows of the training set."""
        rows: pd.DataFrame = self.read("training_set")
        return rows[rows["split"] == "train"]

    @property
    def audited_rows(self) -> pd.DataFrame:
        """The rows of the training set whose labels are judged, in the order of an audit."""
        return audited_rows(self.read("training_set")) if self.audit.audits_all else self.train_rows

    def interrupt(self, step: str) -> None:
        """Begin to materialize the level of a step, and end it by an interrupt when the step begins."""
        build_context = assets.build_context

        def end(context: dg.AssetExecutionContext, family: TaskFamily) -> assets.ChainContext:
            if context.asset_key.path[-1] == step:
                raise dg.DagsterExecutionInterruptedError
            return build_context(context, family)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(assets, "build_context", end)
            with pytest.raises(dg.DagsterExecutionInterruptedError):
                self.materialize(self.bench.family.step(step).level)

    def materialize(self, level: Level, *, force: bool = False) -> RunOutcome:
        """Materialize a level with the settings of the audit."""
        with few_scenes():
            config = run_config_of(self.bench.family.name)
            outcome = self.bench.materialize(level, self.audit.partitions[level], config, force=force)
        assert outcome.success, outcome.error
        return outcome


@contextmanager
def few_scenes() -> Iterator[None]:
    """Let the catalogue have digit scenes of a few images only."""
    entry = replace(digit_scenes.DATASET, expected_rows=N_SCENES)
    datasets = {**catalogue.all_datasets(), entry.name: entry}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digit_scenes, "N_SCENES", N_SCENES)
        patch.setattr(catalogue, "all_datasets", lambda: datasets)
        yield


class Audits:
    """The audits of the families, each made when it is asked for first."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self._factory = factory
        self._made: dict[str, Audited] = {}
        self._open = ExitStack()

    def __getitem__(self, family: str) -> Audited:
        if family not in self._made:
            self._made[family] = self.make(family)
        return self._made[family]

    def make(self, family: str, *, draws: bool = False, interrupted: bool = False) -> Audited:
        """Audit a family in a workbench of its own, perhaps with plots, perhaps interrupted once."""
        directory = self._factory.mktemp(family)
        instance = self._open.enter_context(open_instance(directory))
        audited = Audited(AUDITS[family], build_workbench(directory, instance, family, draws=draws))
        for level in audited.audit.partitions:
            if interrupted and level == MODEL:
                audited.interrupt(INTERRUPTED)
            audited.outcomes[level] = audited.materialize(level)
        return audited

    def close(self) -> None:
        """Close the instances."""
        self._open.close()
