"""Which assets of a partition have to be materialized, and why.

Dagster's own staleness compares code and data versions only. Here a result is fresh when code version, settings,
input versions, library versions and the stored file are all as they would be now; what that takes is in the
provenance of every materialization.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
from upath import UPath

from cleanlab_assets.orchestration.provenance import Provenance, library_versions
from cleanlab_assets.orchestration.storage import PROVENANCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_IRRELEVANT_VERSIONS = frozenset({"dagster"})


def find_stale_assets(
    instance: dg.DagsterInstance,
    assets: Sequence[dg.AssetsDefinition],
    partition: str,
    configs: Mapping[dg.AssetKey, Mapping[str, Any]],
) -> dict[dg.AssetKey, str]:
    """Find the assets of one level that are missing or out of date, with the reason for each.

    Args:
        instance: Dagster instance with the history.
        assets: assets of one level of a chain, in the order of the chain.
        partition: partition key of that level.
        configs: settings that are wanted now; assets without settings may be absent.

    Returns:
        Stale assets in the order of the chain; empty when nothing is to be done.
    """
    stale: dict[dg.AssetKey, str] = {}
    for asset in assets:
        wanted = configs.get(asset.key, {})
        reason = next(_reasons(instance, asset, partition, wanted, stale), None)
        if reason is not None:
            stale[asset.key] = reason
    return stale


def latest_materialization(
    instance: dg.DagsterInstance, key: dg.AssetKey, partition: str
) -> dg.AssetMaterialization | None:
    """Return the latest materialization of a partition, or None."""
    found = instance.fetch_materializations(dg.AssetRecordsFilter(asset_key=key, asset_partitions=[partition]), limit=1)
    return found.records[0].asset_materialization if found.records else None


def _reasons(
    instance: dg.DagsterInstance,
    asset: dg.AssetsDefinition,
    partition: str,
    wanted: Mapping[str, Any],
    stale: Mapping[dg.AssetKey, str],
) -> Iterator[str]:
    """Yield every reason to materialize an asset, the plainest first."""
    latest = latest_materialization(instance, asset.key, partition)
    if latest is None or PROVENANCE not in latest.metadata:
        yield "not materialized yet"
        return
    record = Provenance.model_validate(latest.metadata[PROVENANCE].value)
    code_version = asset.code_versions_by_key[asset.key]
    if record.code_version != code_version:
        yield f"code version {record.code_version} -> {code_version}"
    changed = [name for name in wanted if record.config.get(name) != wanted[name]]
    if changed:
        yield "; ".join(f"{name} {record.config.get(name)!r} -> {wanted[name]!r}" for name in changed)
    for upstream in asset.dependency_keys:
        name = upstream.to_user_string()
        if upstream in stale:
            yield f"{name} is out of date"
        elif record.inputs.get(name) != _current_version(instance, upstream, partition):
            yield f"{name} has changed"
    for library, version in library_versions().items():
        if library not in _IRRELEVANT_VERSIONS and record.versions.get(library) != version:
            yield f"{library} {record.versions.get(library)} -> {version}"
    if not UPath(str(latest.metadata["path"].value)).exists():
        yield "its file is gone"


def _current_version(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str) -> str | None:
    """Data version of an upstream asset: of this partition, or of its dataset when it lies on the dataset level."""
    for candidate in (partition, partition.split("|", maxsplit=1)[0]):
        latest = latest_materialization(instance, key, candidate)
        if latest is not None:
            return (latest.tags or {}).get("dagster/data_version")
    return None
