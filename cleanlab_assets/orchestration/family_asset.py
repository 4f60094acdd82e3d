"""How a step of a family's chain becomes an asset: keys, partitions, versions, timing and provenance, once for all.

Belongs here: what every asset of every family has in common. What a step computes is in its family's module.
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, Literal, get_origin

import dagster as dg
from pydantic import ValidationError

from cleanlab_assets.orchestration.automation_condition import refresh_when_changed
from cleanlab_assets.orchestration.history import latest_provenance, read_data_version
from cleanlab_assets.orchestration.metadata import round_numbers
from cleanlab_assets.orchestration.partitions import Level, dataset_of, partitions_of
from cleanlab_assets.orchestration.provenance import (
    PROVENANCE,
    Provenance,
    catalogue_hash,
    hash_content,
    library_versions,
    telling_hash,
)

StorageFormat = Literal["parquet", "json", "html", "skops", "safetensors"]
CONFIG = "config"
"""Name of the metadata entry that holds the settings of the step."""
KEEP_SETTINGS_TAG = "cleanlab_assets/keep_settings"
"""Tag of runs that nobody configured: their steps take the settings of the partition's latest materialization."""
_UNATTENDED_TAGS = (KEEP_SETTINGS_TAG, "dagster/from_automation_condition")


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
    freshness_policy: dg.FreshnessPolicy | None = None,
) -> Callable[[Callable[..., StepResult]], dg.AssetsDefinition]:
    """Turn a step into the asset ``<family>/<function name>``.

    The step takes the Dagster context, its ``config`` if it has settings, and upstream assets of the family by name;
    an upstream asset that is annotated as a ``dict`` comes with all of its materialized partitions by their key. Its
    docstring is the asset's description. Every materialization gets a content-hash data version and provenance. A run
    that a schedule, a sensor or an automation condition started keeps the settings of the partition's latest
    materialization.

    Args:
        family: task family: key prefix and group.
        level: ``dataset``, ``model`` (dataset times model) or ``comparison`` (one partition for each dataset again).
        storage: file format.
        code_version: to be raised with every change of the step's result.
        kinds: technologies, shown in the UI.
        contract: schema that the output must fulfil, else the step fails.
        heavy: whether the step uses all cores for long; such steps take turns in the pool ``heavy``.
        freshness_policy: how old the asset may be before the UI says so; any age if absent.
    """

    def decorate(step: Callable[..., StepResult]) -> dg.AssetsDefinition:
        @functools.wraps(step)
        def materialize(context: dg.AssetExecutionContext, **arguments: Any) -> dg.Output[Any]:
            if CONFIG in arguments:
                arguments[CONFIG] = _choose_settings(context, arguments[CONFIG])
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
                telling_hash=telling_hash(dataset_of(context)),
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
        some_partitions = {"allow_missing_partitions": True}
        return dg.asset(
            key_prefix=family,
            group_name=family,
            partitions_def=partitions_of(family, level),
            ins={
                name: dg.AssetIn(
                    key=[family, name],
                    metadata=some_partitions if _is_dict(step.__annotations__[name]) else {},
                )
                for name in upstream
            },
            io_manager_key=storage,
            dagster_type=contract,
            code_version=code_version,
            kinds=kinds,
            description=inspect.getdoc(step),
            pool="heavy" if heavy else None,
            required_resource_keys={"settings"},
            automation_condition=refresh_when_changed(family, level),
            freshness_policy=freshness_policy,
        )(materialize)

    return decorate


def _is_dict(annotation: Any) -> bool:
    origin: Any = get_origin(annotation)
    return origin is dict


def _choose_settings(context: dg.AssetExecutionContext, given: dg.Config) -> dg.Config:
    """Return the settings of the run, or those of the latest materialization where nobody configured the run.

    Recorded settings that the step has no longer are left out, with a warning; new settings have their default.

    Raises:
        ValueError: a recorded value is not allowed any more.
    """
    if not any(tag in context.run.tags for tag in _UNATTENDED_TAGS):
        return given
    record = latest_provenance(context.instance, context.asset_key, context.partition_key)
    if record is None:
        return given
    kept = {name: value for name, value in record.config.items() if name in type(given).model_fields}
    gone = sorted(record.config.keys() - kept.keys())
    if gone:
        message = "%s has no setting %s any more: left out of the settings that are kept from run %s"
        context.log.warning(message, context.asset_key.to_user_string(), ", ".join(gone), record.run_id)
    try:
        return type(given)(**kept)
    except ValidationError as error:
        first = error.errors()[0]
        setting = ".".join(str(part) for part in first["loc"])
        raise ValueError(
            f"{context.asset_key.to_user_string()} of {context.partition_key} cannot keep {setting} = "
            f"{first['input']!r} of its last run: {first['msg']}. Run it once with other settings."
        ) from error


def _input_versions(context: dg.AssetExecutionContext) -> dict[str, str]:
    """Data versions of the upstream partitions that this step read."""
    return {
        key.to_user_string(): read_data_version(
            context.instance, key, sorted(context.asset_partition_keys_for_input(name))
        )
        for name, key in context.assets_def.keys_by_input_name.items()
    }
