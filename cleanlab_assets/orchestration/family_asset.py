"""How a step of a family's chain becomes an asset: keys, partitions, versions, timing and provenance, once for all.

Belongs here: what every asset of every family has in common. What a step computes is in its family's module.
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, Literal

import dagster as dg

from cleanlab_assets.orchestration.metadata import round_numbers
from cleanlab_assets.orchestration.partitions import Level, dataset_of, partitions_of
from cleanlab_assets.orchestration.provenance import Provenance, catalogue_hash, hash_content, library_versions
from cleanlab_assets.orchestration.storage import PROVENANCE

StorageFormat = Literal["parquet", "json", "html", "skops"]
CONFIG = "config"
"""Name of the metadata entry that holds the settings of the step."""


@dataclass(frozen=True)
class StepResult:
    """The value of a step, and the figures, tables and plots that people should see beside it."""

    value: Any
    metadata: dict[str, Any] = field(default_factory=dict)


def family_asset(
    family: str,
    *,
    level: Level,
    storage: StorageFormat,
    code_version: str,
    kinds: set[str],
    contract: dg.DagsterType | None = None,
    heavy: bool = False,
) -> Callable[[Callable[..., StepResult]], dg.AssetsDefinition]:
    """Turn a step into the asset ``<family>/<function name>``.

    The step takes the Dagster context, its ``config`` if it has settings, and upstream assets of the family by name.
    Its docstring is the asset's description. Every materialization gets a content-hash data version and provenance.

    Args:
        family: task family: key prefix and group.
        level: ``dataset`` (one partition for each dataset) or ``model`` (dataset times model).
        storage: file format.
        code_version: to be raised with every change of the step's result.
        kinds: technologies, shown in the UI.
        contract: schema that the output must fulfil, else the step fails.
        heavy: whether the step uses all cores for long; such steps take turns in the pool ``heavy``.
    """

    def decorate(step: Callable[..., StepResult]) -> dg.AssetsDefinition:
        @functools.wraps(step)
        def materialize(context: dg.AssetExecutionContext, **arguments: Any) -> dg.Output[Any]:
            config = arguments[CONFIG].model_dump(mode="json") if CONFIG in arguments else {}
            inputs = _input_versions(context)
            started, clock = datetime.now(UTC), perf_counter()
            result = step(context, **arguments)
            provenance = Provenance(
                asset=context.asset_key.to_user_string(),
                partition=context.partition_key,
                code_version=code_version,
                run_id=context.run.run_id,
                config=config,
                inputs=inputs,
                catalogue_hash=catalogue_hash(dataset_of(context)),
                data_hash=hash_content(result.value, config),
                versions=library_versions(),
                started=started.isoformat(timespec="seconds"),
                seconds=round(perf_counter() - clock, 3),
            )
            metadata = {
                **round_numbers(result.metadata),
                CONFIG: dg.MetadataValue.json(config),
                "seconds": provenance.seconds,
                PROVENANCE: dg.MetadataValue.json(provenance.model_dump(mode="json")),
            }
            return dg.Output(result.value, metadata=metadata, data_version=dg.DataVersion(provenance.data_hash))

        materialize.__annotations__ = {**step.__annotations__, "return": dg.Output}
        upstream = [name for name in inspect.signature(step).parameters if name not in ("context", CONFIG)]
        return dg.asset(
            key_prefix=family,
            group_name=family,
            partitions_def=partitions_of(family, level),
            ins={name: dg.AssetIn(key=[family, name]) for name in upstream},
            io_manager_key=storage,
            dagster_type=contract,
            code_version=code_version,
            kinds=kinds,
            description=inspect.getdoc(step),
            pool="heavy" if heavy else None,
            required_resource_keys={"settings"},
        )(materialize)

    return decorate


def _input_versions(context: dg.AssetExecutionContext) -> dict[str, str]:
    """Data versions of the upstream partitions that this step read."""
    versions = {}
    for name, key in context.assets_def.keys_by_input_name.items():
        partitions = context.asset_partition_keys_for_input(name)
        latest = context.instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=key, asset_partitions=list(partitions)), limit=1
        )
        tags = latest.records[0].asset_materialization.tags if latest.records else None
        versions[key.to_user_string()] = (tags or {}).get("dagster/data_version", "not recorded")
    return versions
