"""When an asset refreshes by itself: the one declarative condition that every asset carries."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, TypeAlias

import dagster as dg

from cleanlab_assets.families.step import COMPARISON, DATASET, MODEL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cleanlab_assets.families.step import Level

Condition: TypeAlias = dg.AutomationCondition[Any]


def refresh_when_changed(family: str, level: Level, shared: Sequence[str], *, unwatched: str) -> Condition:
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
        shared: names of the assets of the dataset level that the models are made from.
        unwatched: name of an asset whose changes are taken up by the next run that somebody asks for.
    """
    condition = dg.AutomationCondition
    ignored = dg.AssetSelection.assets(dg.AssetKey([family, unwatched]))
    updated = condition.newly_updated()
    new_input = condition.any_deps_match(condition.data_version_changed()).ignore(ignored)
    changed = new_input | condition.code_version_changed()
    is_old = changed.since(updated)
    # Of an input and an own update that one evaluation finds together, only their times tell which came first; Dagster
    # knows those of updates, and that of a new version only when written in this way.
    new_input_with_time = condition.any_deps_match(updated.since(~condition.data_version_changed())).ignore(ignored)
    is_refresh_due = is_old | new_input_with_time.since(updated)
    was_asked_for = condition.newly_requested().since(changed)
    failed_first_time = condition.execution_failed().since(~was_asked_for).newly_true()
    with_upstream = condition.any_deps_match(condition.will_be_requested())
    wanted = (is_refresh_due & (~was_asked_for | failed_first_time)) | with_upstream
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
        # No model may start between the training set and the neighbour graph of one run, not even with the assets that
        # read only one of them.
        keys = [dg.AssetKey([family, name]) for name in shared]
        is_unsettled = is_old | condition.in_progress()
        may_run &= ~reduce(or_, [condition.asset_matches(key, is_unsettled) for key in keys])
    if level == MODEL:
        # A run that is under way when a shared input changes may have read the old one: its end settles nothing.
        overtaken = new_input.allow(dg.AssetSelection.assets(*keys)) & condition.in_progress()
        wanted |= overtaken.since(condition.newly_requested())
    return (wanted & may_run).with_label("refresh_when_changed")
