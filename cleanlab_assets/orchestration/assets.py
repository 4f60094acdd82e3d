"""How a step becomes an asset: keys, partitions, versions, timing and provenance, once for all.

What a step computes is in its family's folder, and knows nothing of Dagster.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import ValidationError, create_model

from cleanlab_assets.datasets.errors import UnreadableInputError
from cleanlab_assets.extras import MissingExtraError
from cleanlab_assets.families.step import COMPARISON, MODEL, StepContext
from cleanlab_assets.methods.provenance import PROVENANCE, Beginning, record_provenance
from cleanlab_assets.models.catalogue import UnknownModelError
from cleanlab_assets.models.own_models import ModelFailedError
from cleanlab_assets.orchestration.automation_condition import refresh_when_changed
from cleanlab_assets.orchestration.contracts import to_dagster_type
from cleanlab_assets.orchestration.datasets import broken_datasets, get_dataset
from cleanlab_assets.orchestration.history import (
    MISSING_EXTRA,
    UNREADABLE_INPUT,
    latest_provenance,
    read_data_version,
    remember_records,
    require_recorded,
)
from cleanlab_assets.orchestration.metadata import to_metadata
from cleanlab_assets.orchestration.partial_results import PartialResults
from cleanlab_assets.orchestration.partitions import Partition, partitions_of
from cleanlab_assets.orchestration.review_links import link_to_review

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cleanlab_assets.families.family import TaskFamily
    from cleanlab_assets.families.step import Settings, Step
    from cleanlab_assets.methods.result import Result

CONFIG = "config"
"""Name of the metadata entry that holds the settings of the step."""
GATHERS = "allow_missing_partitions"
"""Name of the metadata of an input that comes with all of its materialized models, by their name."""
KEEP_SETTINGS_TAG = "cleanlab_assets/keep_settings"
"""Tag of runs that nobody configured: their steps take the settings of the partition's latest materialization."""
_UNATTENDED_TAGS = (KEEP_SETTINGS_TAG, "dagster/from_automation_condition")


@dataclass(frozen=True, kw_only=True)
class ChainContext(StepContext):
    """What the chain's own steps and checks see beside what those of families see: Dagster's context."""

    dagster: dg.AssetExecutionContext | dg.AssetCheckExecutionContext


def build_context(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext, family: TaskFamily
) -> ChainContext:
    """Say to a step or check which partition it is about."""
    partition = Partition.parse(context.partition_key)
    return ChainContext(
        family=family.name,
        dataset=get_dataset(partition.dataset),
        model=partition.model,
        data_dir=context.resources.settings.data_dir,
        reserved_columns=frozenset(family.columns),
        dagster=context,
    )


def input_of(family: str, upstream: Step, *, reader: str) -> dg.AssetIn:
    """Describe an input; a step of the comparison level reads those of the model level of every model that exists."""
    gathers = reader == COMPARISON and upstream.level == MODEL
    return dg.AssetIn(key=[family, upstream.name], metadata={GATHERS: True} if gathers else {})


def build_asset(
    family: TaskFamily, step: Step, upstream: Sequence[Step], *, shared: Sequence[str], unwatched: str
) -> dg.AssetsDefinition:
    """Turn a step into the asset ``<family>/<step>``.

    Every materialization gets a content-hash data version and provenance. A run that a schedule, a sensor or an
    automation condition started keeps the settings of the partition's latest materialization.

    Args:
        family: task family: key prefix and group.
        step: the step.
        upstream: the steps whose results it takes.
        shared: steps of the dataset level that its models are made from.
        unwatched: step whose changes alone refresh nothing, see ``refresh_when_changed``.
    """

    def materialize(context: dg.AssetExecutionContext, **arguments: Any) -> Iterator[dg.Output[Any]]:
        if why_not := step.find_why_not(family.name, Partition.parse(context.partition_key).model):
            context.log.info("%s of %s: %s", context.asset_key.to_user_string(), context.partition_key, why_not)
            return
        given = arguments.pop(CONFIG, None)
        settings = None if given is None else step.settings(**_choose_settings(context, given).model_dump())  # type: ignore[misc]
        config = {} if settings is None else settings.model_dump(mode="json")
        with remember_records():
            inputs = _input_versions(context)
            for name, key in context.assets_def.keys_by_input_name.items():
                require_recorded(context.instance, key, context.asset_partition_keys_for_input(name), arguments[name])
        beginning = Beginning.now()
        parts = PartialResults(
            context.resources.settings.artifacts_dir,
            context.asset_key.to_user_string(),
            context.partition_key,
            {"inputs": inputs, CONFIG: config, "code_version": step.code_version},
        )
        ours = replace(build_context(context, family), parts=parts)
        if settings is not None:
            arguments["settings"] = settings
        result = _run(step, ours, arguments)
        parts.clear()
        result = record_provenance(
            result,
            beginning,
            asset=context.asset_key.to_user_string(),
            partition=context.partition_key,
            code_version=step.code_version,
            run_id=context.run.run_id,
            config=config,
            inputs=inputs,
            dataset=ours.dataset,
            libraries=family.libraries_of(ours.model),
            model_versions=step.versions_of_model(family.name, ours.model, ours.dataset),
        )
        provenance = result.origin
        metadata = {
            **to_metadata({**result.show(), **result.durations}),
            **link_to_review(context.resources.settings.report_url, step, Partition.parse(context.partition_key)),
            CONFIG: dg.MetadataValue.json(config),
            "seconds": provenance.seconds,
            PROVENANCE: dg.MetadataValue.json(provenance.model_dump(mode="json")),
        }
        yield dg.Output(
            result,
            metadata=metadata,
            data_version=dg.DataVersion(provenance.data_hash),
        )

    parameters: dict[str, Any] = {"context": dg.AssetExecutionContext}
    if step.settings is not None:
        parameters[CONFIG] = to_dagster_config(step.settings)
    parameters |= {item.name: Any for item in upstream}
    declare_parameters(materialize, step.name, parameters)
    return dg.asset(
        key_prefix=family.name,
        group_name=family.name,
        partitions_def=partitions_of(family.name, step.level),
        ins={item.name: input_of(family.name, item, reader=step.level) for item in upstream},
        io_manager_key=step.storage,
        output_required=not step.fits_model,
        dagster_type=None if step.contract is None else to_dagster_type(step.contract),
        code_version=step.code_version,
        kinds=set(step.kinds),
        metadata={} if step.inputs else _list_broken_datasets(),
        description=step.description,
        pool="heavy" if step.is_heavy else None,
        required_resource_keys={"settings", "families", "process"},
        automation_condition=refresh_when_changed(family.name, step.level, shared, unwatched=unwatched),
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=step.maximum_age) if step.maximum_age else None,
    )(materialize)


def _list_broken_datasets() -> dict[str, dg.MetadataValue]:
    """Say which of the user's own datasets have no partition because they cannot be described, and why."""
    broken = broken_datasets()
    return {"left_out": dg.MetadataValue.json({name: str(error) for name, error in broken.items()})} if broken else {}


def declare_parameters(function: Any, name: str, parameters: Mapping[str, Any]) -> None:
    """Give a function the name, parameters and annotations that Dagster reads from it."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    function.__name__ = name
    function.__signature__ = inspect.Signature(
        [inspect.Parameter(parameter, kind, annotation=given) for parameter, given in parameters.items()]
    )
    function.__annotations__ = {**parameters, "return": dg.Output}


def to_dagster_config(settings: type[Settings]) -> type[dg.Config]:
    """Turn a step's settings into the form that Dagster reads a run config by."""
    fields: dict[str, Any] = {name: (item.annotation, item) for name, item in settings.model_fields.items()}
    return create_model(settings.__name__, __base__=dg.Config, __doc__=settings.__doc__, **fields)


def _run(step: Step, context: ChainContext, arguments: Mapping[str, Any]) -> Result[Any, Any]:
    """Run a step; where its input cannot be read, or a library is missing, the failure says so to who reads the run."""
    try:
        return step.run(context, **arguments)
    except (UnreadableInputError, UnknownModelError) as error:
        raise dg.Failure(str(error), metadata={UNREADABLE_INPUT: True}, allow_retries=False) from error
    except MissingExtraError as error:
        raise dg.Failure(str(error), metadata={MISSING_EXTRA: True}, allow_retries=False) from error
    except ModelFailedError as error:
        raise dg.Failure(str(error), allow_retries=False) from error


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
