"""What the orchestration needs to know of a task family."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from cleanlab_assets.orchestration.partitions import DATASET, MODEL, Level, partitions_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True)
class Family:
    """A task family: its assets in the order of the chain, their checks, and the settings of those that have any."""

    name: str
    assets: Sequence[dg.AssetsDefinition]
    checks: Sequence[dg.AssetChecksDefinition]
    configs: Mapping[str, type[dg.Config]]
    summarize: Callable[[Mapping[str, str]], list[str]]
    """Says in a few lines what was found; takes the paths of a partition's artifacts by asset name."""
    check_model: Callable[[str, str, Mapping[dg.AssetKey, Mapping[str, Any]]], None]
    """Raises an error, before anything runs, if the settings do not fit the model; takes dataset, model, settings."""
    reports: Sequence[str]
    """Assets whose files are meant for people."""

    def asset_keys(self, level: Level) -> list[dg.AssetKey]:
        """Keys of the assets on one level of the chain, in the order of the chain."""
        return [asset.key for asset in self.assets_on(level)]

    def assets_on(self, level: Level) -> list[dg.AssetsDefinition]:
        """Assets on one level of the chain, in the order of the chain."""
        partitions = partitions_of(self.name, level)
        return [asset for asset in self.assets if asset.partitions_def == partitions]

    def blocking_checks(self, asset: dg.AssetKey) -> list[dg.AssetCheckKey]:
        """Keys of the checks of an asset that block what follows."""
        specs = [spec for check in self.checks for spec in check.check_specs]
        return [spec.key for spec in specs if spec.asset_key == asset and spec.blocking]

    def jobs(self) -> list[dg.UnresolvedAssetJobDefinition]:
        """One job that materializes each level with its checks, and one that only evaluates the checks."""
        jobs = []
        for level in (DATASET, MODEL):
            keys = self.asset_keys(level)
            assets, checks = dg.AssetSelection.assets(*keys), dg.AssetSelection.checks_for_assets(*keys)
            jobs.append(
                dg.define_asset_job(
                    self.job_name(level),
                    selection=assets | checks,
                    description=f"Materialize the {level} level of {self.name}.",
                )
            )
            jobs.append(
                dg.define_asset_job(
                    self.checks_job_name(level),
                    selection=checks,
                    description=f"Evaluate the checks of the {level} level of {self.name}.",
                )
            )
        return jobs

    def job_name(self, level: Level) -> str:
        """Name of the job that materializes a level."""
        return f"{self.name}_{level}_level"

    def checks_job_name(self, level: Level) -> str:
        """Name of the job that evaluates the checks of a level."""
        return f"{self.name}_{level}_checks"
