"""A task family as Dagster sees it: its chain of assets level by level, its checks, its jobs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import dagster as dg

from cleanlab_assets.methods.columns import COLUMN_DESCRIPTIONS
from cleanlab_assets.models.catalogue import BuildContext, build_model
from cleanlab_assets.models.encoding import FeatureKinds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.families.family import TaskFamily
    from cleanlab_assets.families.step import Level, Settings, Step


@dataclass(frozen=True)
class Family:
    """A task family with the steps, assets and checks of its chain, level by level in the order of the chain."""

    task: TaskFamily
    steps: Mapping[Level, Sequence[Step]]
    assets: Mapping[Level, Sequence[dg.AssetsDefinition]]
    checks: Sequence[dg.AssetChecksDefinition]

    @property
    def name(self) -> str:
        """Name of the family."""
        return self.task.name

    @cached_property
    def configs(self) -> Mapping[str, type[Settings]]:
        """Settings by name of the step; steps without settings are left out."""
        return {
            step.name: step.settings for steps in self.steps.values() for step in steps if step.settings is not None
        }

    @property
    def columns(self) -> Mapping[str, str]:
        """What the columns of its tables mean, by name."""
        return {**COLUMN_DESCRIPTIONS, **self.task.columns}

    def check_model(self, dataset: Dataset, model: str, parameters: Mapping[str, Any]) -> None:
        """Refuse, before anything runs, a model that does not suit a dataset, and parameters that it does not take.

        Raises:
            ModelParameterError: the model does not suit the dataset, or its estimator has no such parameter.
            OwnModelError: a model of the user's own cannot be built.
        """
        if self.task.check_model is not None:
            self.task.check_model(dataset, model)
        context = BuildContext(
            kinds=FeatureKinds.of(dataset.columns), n_classes=len(dataset.class_names), seed=0, dataset=dataset.name
        )
        build_model(self.name, model, context, parameters=parameters)

    @property
    def all_assets(self) -> list[dg.AssetsDefinition]:
        """The assets of all levels, in the order of the chain."""
        return [asset for assets in self.assets.values() for asset in assets]

    def step(self, name: str) -> Step:
        """Return the step of that name.

        Raises:
            KeyError: the family has no such step.
        """
        for steps in self.steps.values():
            for step in steps:
                if step.name == name:
                    return step
        raise KeyError(name)

    def key(self, name: str) -> dg.AssetKey:
        """Return the key of a step's asset."""
        return dg.AssetKey([self.name, name])

    def asset_keys(self, level: Level) -> list[dg.AssetKey]:
        """Keys of the assets on one level of the chain, in the order of the chain."""
        return [asset.key for asset in self.assets[level]]

    def downstream_of(self, name: str, level: Level) -> frozenset[dg.AssetKey]:
        """Keys of an asset of that name and of all on its level that are made from it; empty if there is none."""
        found: set[dg.AssetKey] = set()
        for asset in self.assets[level]:  # in the order of the chain
            if asset.key.path[-1] == name or found.intersection(asset.dependency_keys):
                found.add(asset.key)
        return frozenset(found)

    def checks_of(self, asset: dg.AssetKey) -> list[dg.AssetCheckSpec]:
        """The checks of an asset."""
        return [spec for check in self.checks for spec in check.check_specs if spec.asset_key == asset]

    @cached_property
    def jobs(self) -> Mapping[str, dg.UnresolvedAssetJobDefinition]:
        """For each level a job that materializes it with its checks and one that only evaluates checks, by name."""
        jobs = {}
        for level in self.assets:
            keys = self.asset_keys(level)
            assets, checks = dg.AssetSelection.assets(*keys), dg.AssetSelection.checks_for_assets(*keys)
            for name, selection, verb in (
                (self.job_name(level), assets | checks, "Materialize"),
                (self.checks_job_name(level), checks, "Evaluate the checks of"),
            ):
                description = f"{verb} the {level} level of {self.name}."
                jobs[name] = dg.define_asset_job(name, selection=selection, description=description)
        return jobs

    def job_name(self, level: Level) -> str:
        """Name of the job that materializes a level."""
        return f"{self.name}_{level}_level"

    def checks_job_name(self, level: Level) -> str:
        """Name of the job that evaluates the checks of a level."""
        return f"{self.name}_{level}_checks"
