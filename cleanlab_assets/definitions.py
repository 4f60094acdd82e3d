"""The code location: everything that Dagster knows about this project. Read this first.

``families/registry.py`` names the task families, each a value of pure functions; ``orchestration/chain.py`` turns each
into a chain of assets with checks, jobs and automation. Settings come from the environment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from cleanlab_assets.orchestration.automation import (
    build_automation_sensor,
    build_decision_sensor,
    build_schedules,
    build_source_file_sensor,
)
from cleanlab_assets.orchestration.dead_runs import process_record
from cleanlab_assets.orchestration.executors import choose_executor
from cleanlab_assets.orchestration.families import all_families
from cleanlab_assets.orchestration.storage import build_io_managers
from cleanlab_assets.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping


def build_definitions(
    settings: Settings, *, loggers: Mapping[str, dg.LoggerDefinition] | None = None
) -> dg.Definitions:
    """Put assets, checks, jobs, schedules, sensors and resources together.

    Args:
        settings: where artifacts lie, which executor runs.
        loggers: loggers in place of Dagster's own, for programs that show progress themselves.
    """
    families = all_families()
    return dg.Definitions(
        assets=[asset for family in families for asset in family.all_assets],
        asset_checks=[check for family in families for check in family.checks],
        jobs=[job for family in families for job in family.jobs.values()],
        schedules=build_schedules(families, settings),
        sensors=[
            build_source_file_sensor(families, settings),
            build_decision_sensor(families, settings),
            build_automation_sensor(),
        ],
        resources={
            "settings": settings,
            "process": process_record,
            "families": {family.name: family for family in families},
            **build_io_managers(settings.artifacts_dir, families),
        },
        executor=choose_executor(settings),
        loggers=loggers,
    )


defs = build_definitions(load_settings())
