"""What the orchestration needs to know of a task family."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cleanlab_assets.orchestration.partitions import Level


@dataclass(frozen=True)
class Family:
    """A task family: its assets level by level in the order of the chain, their checks, and their settings."""

    name: str
    assets: Mapping[Level, Sequence[dg.AssetsDefinition]]
    checks: Sequence[dg.AssetChecksDefinition]
    configs: Mapping[str, type[dg.Config]]
    """Settings by name of the asset; assets without settings are left out."""
    check_model: Callable[[str, str, Mapping[str, Any]], None]
    """Raises an error, before anything runs, if estimator parameters do not fit; takes dataset, model, parameters."""
    default_model: str
    """Model of commands that name none: a simple one."""
    reports: Sequence[str]
    """Assets of the model level whose files are meant for people."""
    sample_setting: str = "training_set.max_rows"
    """The setting, as ``asset.key``, that takes a sample: of rows, or of what the family's rows belong to."""

    @property
    def all_assets(self) -> list[dg.AssetsDefinition]:
        """The assets of all levels, in the order of the chain."""
        return [asset for assets in self.assets.values() for asset in assets]

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

    def level_of(self, key: dg.AssetKey) -> Level:
        """The level that an asset of the family lies on.

        Raises:
            KeyError: the family has no such asset.
        """
        for level in self.assets:
            if key in self.asset_keys(level):
                return level
        raise KeyError(key.to_user_string())

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
