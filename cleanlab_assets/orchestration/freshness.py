"""Which assets of a partition have to be materialized, and why.

Dagster's own staleness compares code and data versions only. Here a result is fresh when code version, settings,
input versions, library versions and the stored file are all as they would be now; what that takes is in the
provenance of every materialization.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._core.event_api import PartitionKeyFilter
from upath import UPath

from cleanlab_assets.orchestration.history import latest_record, read_data_version
from cleanlab_assets.orchestration.partitions import upstream_partitions
from cleanlab_assets.orchestration.provenance import PROVENANCE, Provenance, catalogue_hash, library_versions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cleanlab_assets.orchestration.family import Family
    from cleanlab_assets.orchestration.partitions import Level

_IRRELEVANT_VERSIONS = frozenset({"dagster"})


def find_stale_assets(
    instance: dg.DagsterInstance,
    family: Family,
    level: Level,
    partition: str,
    configs: Mapping[dg.AssetKey, Mapping[str, Any]],
) -> dict[dg.AssetKey, str]:
    """Find the assets of one level that are missing or out of date, with the reason for each.

    Args:
        instance: Dagster instance with the history.
        family: task family of the partition.
        level: level of its chain.
        partition: partition key of that level.
        configs: settings that are wanted now; assets without settings may be absent.

    Returns:
        Stale assets in the order of the chain; empty when nothing is to be done.
    """
    stale: dict[dg.AssetKey, str] = {}
    for asset in family.assets[level]:
        wanted = configs.get(asset.key, {})
        reason = next(_reasons(instance, family, asset, partition, wanted, stale), None)
        if reason is not None:
            stale[asset.key] = reason
    return stale


def _reasons(
    instance: dg.DagsterInstance,
    family: Family,
    asset: dg.AssetsDefinition,
    partition: str,
    wanted: Mapping[str, Any],
    stale: Mapping[dg.AssetKey, str],
) -> Iterator[str]:
    """Yield every reason to materialize an asset, the plainest first."""
    materialized = latest_record(instance, asset.key, partition)
    latest = None if materialized is None else materialized.asset_materialization
    if materialized is None or latest is None or PROVENANCE not in latest.metadata:
        yield "not materialized yet"
        return
    record = Provenance.model_validate(latest.metadata[PROVENANCE].value)
    code_version = asset.code_versions_by_key[asset.key]
    if record.code_version != code_version:
        yield f"code version {record.code_version} -> {code_version}"
    changed = [name for name in wanted if record.config.get(name) != wanted[name]]
    if changed:
        yield "; ".join(f"{name} {record.config.get(name)!r} -> {wanted[name]!r}" for name in changed)
    yield from _changed_inputs(instance, family, asset, partition, record, stale)
    if record.catalogue_hash != catalogue_hash(partition.partition("|")[0]):
        yield "the dataset's catalogue entry has changed"
    for library, version in library_versions().items():
        if library not in _IRRELEVANT_VERSIONS and record.versions.get(library) != version:
            yield f"{library} {record.versions.get(library)} -> {version}"
    if not UPath(str(latest.metadata["path"].value)).exists():
        yield "its file is gone"
    yield from _failed_checks(instance, family, asset.key, partition, materialized.storage_id)
    yield from family.other_reasons(instance, asset.key, partition)


def _changed_inputs(
    instance: dg.DagsterInstance,
    family: Family,
    asset: dg.AssetsDefinition,
    partition: str,
    record: Provenance,
    stale: Mapping[dg.AssetKey, str],
) -> Iterator[str]:
    for upstream in asset.dependency_keys:
        name = upstream.to_user_string()
        if upstream in stale:
            yield f"{name} is out of date"
        else:
            partitions = upstream_partitions(family.name, family.level_of(upstream), partition)
            if record.inputs.get(name) != read_data_version(instance, upstream, partitions):
                yield f"{name} has changed"


def _failed_checks(
    instance: dg.DagsterInstance, family: Family, asset: dg.AssetKey, partition: str, materialized: int
) -> Iterator[str]:
    """Yield the checks that a materialization, named by its record, has not got, and the blocking ones not passed.

    A run that ends early leaves checks behind that were planned and never evaluated.
    """
    specs = {spec.key: spec for spec in family.checks_of(asset)}
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(
        list(specs), PartitionKeyFilter(key=partition)
    )
    for key, spec in specs.items():
        evaluation = latest[key].evaluation if key in latest else None
        if not isinstance(evaluation, dg.AssetCheckEvaluation):
            yield f"its check {key.name} was not evaluated"
            continue
        target = evaluation.target_materialization_data
        if target is None or target.storage_id != materialized:
            yield f"its check {key.name} was not evaluated"
        elif spec.blocking and not evaluation.passed:
            yield f"its check {key.name} failed"
