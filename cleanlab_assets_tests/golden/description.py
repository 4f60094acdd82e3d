"""What the code location declares, as plain JSON. Knows Dagster and ``defs`` alone, so that modules may move.

``PYTHONHASHSEED=0 python -m cleanlab_assets_tests.golden.description`` prints it.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._core.definitions.decorators.op_decorator import DecoratedOpFunction

from cleanlab_assets.definitions import defs
from cleanlab_assets_tests.golden.files import to_text

if TYPE_CHECKING:
    from collections.abc import Iterable

_TOLD_BY_DAGSTER = {"default", "description", "title"}
"""Entries of a JSON schema that Dagster's own schema tells as well, or that only repeat a name."""


def describe(definitions: dg.Definitions) -> dict[str, Any]:
    """Describe assets, checks, jobs, schedules and sensors by name, with the partitions and types of the assets."""
    repository = definitions.get_repository_def()
    assets, checks = repository.assets_defs_by_key, repository.asset_checks_defs_by_key
    partitions: dict[str, list[str]] = {}
    return {
        "assets": {key.to_user_string(): _describe_asset(key, asset, partitions) for key, asset in assets.items()},
        "checks": {key.to_user_string(): _describe_check(key, check) for key, check in checks.items()},
        "jobs": {
            name: _describe_job(definitions.resolve_job_def(name))
            for name in repository.job_names
            if not name.startswith("__")
        },
        "partitions": partitions,
        "schedules": {
            schedule.name: {
                "cron": schedule.cron_schedule,
                "description": schedule.description,
                "job": schedule.job_name,
                "timezone": schedule.execution_timezone,
            }
            for schedule in repository.schedule_defs
        },
        "sensors": {sensor.name: sensor.description for sensor in repository.sensor_defs},
        "types": {
            kind.display_name: (kind.description or "").splitlines()
            for kind in (asset.op.output_defs[0].dagster_type for asset in assets.values())
        },
    }


def _describe_asset(key: dg.AssetKey, asset: dg.AssetsDefinition, partitions: dict[str, list[str]]) -> dict[str, Any]:
    """Describe an asset, and add its partitions to those that are known."""
    spec, op = asset.get_asset_spec(key), asset.op
    output = op.output_def_named(asset.get_output_name_for_asset_key(key))
    return {
        "code_version": spec.code_version,
        "description": spec.description,
        "group": spec.group_name,
        "has_automation_condition": spec.automation_condition is not None,
        "has_freshness_policy": spec.freshness_policy is not None,
        "io_manager": output.io_manager_key,
        "kinds": sorted(spec.kinds),
        "op": op.name,
        "partitions": _name_partitions(key.path[0], spec.partitions_def, partitions),
        "pool": op.pool,
        "settings": _describe_settings(op),
        "type": output.dagster_type.display_name,
        "upstream": _names(dep.asset_key for dep in spec.deps),
    }


def _name_partitions(
    family: str, definition: dg.PartitionsDefinition[Any] | None, partitions: dict[str, list[str]]
) -> str | None:
    if definition is None:
        return None
    keys = list(definition.get_partition_keys())
    dimensions = (
        [dimension.name for dimension in definition.partitions_defs]
        if isinstance(definition, dg.MultiPartitionsDefinition)
        else ["dataset"]
    )
    name = f"{family} by {' and '.join(dimensions)}"
    if partitions.setdefault(name, keys) != keys:
        name = f"{name}: {', '.join(keys)}"  # should never be: the two levels of datasets share their partitions
    return name


def _describe_settings(op: dg.OpDefinition) -> dict[str, Any]:
    """Describe the settings of a step: what Dagster's schema says of each, and the bounds that pydantic keeps."""
    config_type = op.config_schema.config_type if op.config_schema else None
    fields: dict[str, dg.Field] = getattr(config_type, "fields", None) or {}
    model = _settings_class(op)
    schema: dict[str, Any] = {} if model is None else model.model_json_schema()
    return {
        name: {
            "allowed": {
                entry: value
                for entry, value in schema.get("properties", {}).get(name, {}).items()
                if entry not in _TOLD_BY_DAGSTER
            },
            "default": field.default_value if field.default_provided else "none: the setting is required",
            "description": field.description,
            "type": field.config_type.key,
        }
        for name, field in fields.items()
    }


def _settings_class(op: dg.OpDefinition) -> type[dg.Config] | None:
    """The class that a step takes its settings as; None if it has none or takes them in another way."""
    if not isinstance(op.compute_fn, DecoratedOpFunction) or not op.compute_fn.has_config_arg():
        return None
    annotation: Any = op.compute_fn.get_config_arg().annotation
    return annotation if inspect.isclass(annotation) and issubclass(annotation, dg.Config) else None


def _describe_check(key: dg.AssetCheckKey, check: dg.AssetChecksDefinition) -> dict[str, Any]:
    spec = check.get_spec_for_check_key(key)
    return {
        "additional_inputs": _names(set(check.keys_by_input_name.values()) - {key.asset_key}),
        "blocking": spec.blocking,
        "description": spec.description,
        "op": check.op.name,
        "pool": check.op.pool,
    }


def _describe_job(job: dg.JobDefinition) -> dict[str, Any]:
    layer = job.asset_layer
    return {
        "assets": _names(layer.selected_asset_keys),
        "checks": _names(layer.asset_graph.asset_check_keys),
        "description": job.description,
    }


def _names(keys: Iterable[dg.AssetKey | dg.AssetCheckKey]) -> list[str]:
    return sorted(key.to_user_string() for key in keys)


if __name__ == "__main__":
    print(to_text(describe(defs)), end="")  # noqa: T201 - the test reads it from the process
