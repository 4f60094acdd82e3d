"""Which executor runs the steps: chosen by setting alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from cleanlab_assets.settings import Settings


def choose_executor(settings: Settings) -> dg.ExecutorDefinition:
    """Return the executor that ``CLEANLAB_DEMO_EXECUTOR`` names.

    ``in_process`` starts no process for a step; ``multiprocess`` runs two steps at a time, each in its own process.
    """
    if settings.executor == "in_process":
        return dg.in_process_executor
    return dg.multiprocess_executor.configured({"max_concurrent": 2})
