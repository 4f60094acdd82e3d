"""When an asset refreshes by itself: the one declarative condition that every asset carries."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, TypeAlias

import dagster as dg

from cleanlab_assets.orchestration.partitions import COMPARISON, DATASET, MODEL

if TYPE_CHECKING:
    from cleanlab_assets.orchestration.partitions import Level

Condition: TypeAlias = dg.AutomationCondition[Any]

SHARED_ASSETS = ("raw_dataset", "training_set", "neighbor_graph")
"""The dataset level of every family, as far as its models are made from it."""


def refresh_when_changed(family: str, level: Level) -> Condition:
    """Refresh a partition that was materialized before when what it is made from has changed.

    That is a new data version of an upstream partition, or a new code version of the asset itself. An upstream that was
    materialized again with equal content changes nothing. Partitions that nobody ever asked for stay missing. A run
    waits until everything upstream is done, up to date and has passed its blocking checks; one that fails is repeated
    once.

    ``AutomationCondition.eager`` would refresh after every upstream run, changed or not, would not react to a code
    version, and would fill every missing partition.

    Args:
        family: task family of the asset.
        level: level of the chain that the asset lies on.
    """
    condition = dg.AutomationCondition
    is_old = _is_old()
    was_asked_for = condition.newly_requested().since(_new_input() | condition.code_version_changed())
    failed_first_time = condition.execution_failed().since(~was_asked_for).newly_true()
    with_upstream = condition.any_deps_match(condition.will_be_requested())
    wanted = (is_old & (~was_asked_for | failed_first_time)) | with_upstream
    passed_checks = condition.all_checks_match(condition.check_passed(), blocking_only=True)
    may_run: Condition = (
        ~condition.missing()
        & ~condition.in_progress()
        & ~condition.any_deps_in_progress()
        # True if each upstream asset has at least one partition: a comparison reads the models that there are.
        & condition.all_deps_match(~condition.missing())
        # Not ``all_deps_blocking_checks_passed``: what runs again with the partition evaluates its checks again, too.
        & condition.all_deps_match(condition.will_be_requested() | passed_checks)
    )
    if level != COMPARISON:  # which goes on without the models that cannot be refreshed
        may_run &= ~condition.any_deps_match(is_old & ~condition.will_be_requested())
    if level != DATASET:
        keys = [dg.AssetKey([family, name]) for name in SHARED_ASSETS]
        # No model may start between the training set and the neighbour graph of one run, not even with the assets that
        # read only one of them.
        is_unsettled = is_old | condition.in_progress()
        may_run &= ~reduce(or_, [condition.asset_matches(key, is_unsettled) for key in keys])
    if level == MODEL:
        # A run that is under way when a shared input changes may have read the old one: its end settles nothing.
        overtaken = _new_input(dg.AssetSelection.assets(*keys)) & condition.in_progress()
        wanted |= overtaken.since(condition.newly_requested())
    return (wanted & may_run).with_label("refresh_when_changed")


def _is_old() -> Condition:
    """True from when an input or the code changes until the partition is materialized again."""
    condition = dg.AutomationCondition
    updated = condition.newly_updated()
    # Not one condition on (input or code): Dagster compares times only where both sides of ``since`` have one.
    is_old = _new_input().since(updated) | condition.code_version_changed().since(updated)
    return is_old & ~condition.missing()


def _new_input(among: dg.AssetSelection | None = None) -> Condition:
    """True at the evaluation that finds a new data version upstream.

    Written so that it carries the time of the new version, which ``data_version_changed`` alone does not: without it, a
    partition that was materialized just before its input changed would count as made from the new input.
    """
    condition = dg.AutomationCondition
    new_input = condition.any_deps_match(condition.newly_updated().since(~condition.data_version_changed()))
    return new_input if among is None else new_input.allow(among)
