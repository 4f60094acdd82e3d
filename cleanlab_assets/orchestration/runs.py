"""Materializing partitions and evaluating their checks from Python, in the project's Dagster instance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import BaseModel, ConfigDict, ValidationError

from cleanlab_assets.compat import latest_check_executions
from cleanlab_assets.datasets.errors import cut, quote
from cleanlab_assets.orchestration.dead_runs import PROCESS_TAG
from cleanlab_assets.orchestration.freshness import find_stale_assets, find_stale_gates
from cleanlab_assets.orchestration.history import describe_step_failure, is_wrong_use
from cleanlab_assets.orchestration.partitions import Partition, partition_keys
from cleanlab_assets.processes import this_process

if TYPE_CHECKING:
    from cleanlab_assets.families.step import Level
    from cleanlab_assets.families.step import Settings as StepSettings
    from cleanlab_assets.orchestration.family import Family
    from cleanlab_assets.settings import Settings

RunConfig = Mapping[str, Any]


class RunConfigError(ValueError):
    """A setting of a run config that is unknown or out of bounds; the message names it, what came and what may come."""


class CheckOutcome(BaseModel):
    """One evaluated check."""

    model_config = ConfigDict(frozen=True)

    asset: str
    check: str
    passed: bool
    severity: str
    description: str

    @property
    def is_error(self) -> bool:
        """Whether the check failed with severity ERROR."""
        return not self.passed and self.severity == dg.AssetCheckSeverity.ERROR.value


@dataclass(frozen=True)
class RunOutcome:
    """What came of materializing one level of a partition."""

    level: Level
    partition: str
    reasons: Mapping[dg.AssetKey, str]
    """Why each asset was materialized; empty when all were fresh and nothing ran."""
    success: bool = True
    error: str | None = None
    checks: Sequence[CheckOutcome] = field(default_factory=tuple)
    is_wrong_use: bool = False
    """Whether the run failed because a description or a source file cannot be read, or a library is not installed."""


def resolve_configs(family: Family, run_config: RunConfig) -> dict[dg.AssetKey, dict[str, Any]]:
    """Turn a Dagster run config (``ops`` -> ``<family>__<asset>`` -> ``config``) into the settings of each asset.

    Raises:
        RunConfigError: a step, a setting or a value is not allowed.
    """
    unknown = set(run_config) - {"ops"}
    if unknown:
        raise RunConfigError(f"the run config has {_list_names(unknown)}, expected only 'ops'")
    steps = run_config.get("ops") or {}
    if not isinstance(steps, dict):
        raise RunConfigError(f"ops holds {quote(steps)}, expected a mapping of steps")
    step_names = {f"{family.name}__{name}": name for name in family.configs}
    for step in steps:
        if step not in step_names:
            raise RunConfigError(
                f"ops has no step {quote(step)} with settings: expected one of {', '.join(step_names)}"
            )
    resolved = {}
    for step, name in step_names.items():
        entry = steps.get(step) or {}
        if not isinstance(entry, dict) or not isinstance(entry.get("config") or {}, dict):
            raise RunConfigError(f"{step} holds {quote(entry)}, expected a mapping with 'config'")
        values = entry.get("config") or {}
        resolved[family.key(name)] = _check_settings(step, family.configs[name], values)
    return resolved


def _check_settings(step: str, config_type: type[StepSettings], values: Mapping[str, Any]) -> dict[str, Any]:
    unknown = set(values) - set(config_type.model_fields)
    if unknown:
        raise RunConfigError(
            f"{step} has no setting {_list_names(unknown)}: expected one of {', '.join(config_type.model_fields)}"
        )
    try:
        return config_type(**values).model_dump(mode="json")
    except ValidationError as error:
        first = error.errors()[0]
        setting = ".".join(cut(str(part)) for part in first["loc"])
        reason = first["msg"].removeprefix("Value error, ")
        if not setting:  # settings that do not go together; the reason names them
            raise RunConfigError(f"{step}.{reason}") from error
        raise RunConfigError(f"{step}.{setting} is {quote(first['input'])}: {reason}") from error
    except (ValueError, RecursionError) as error:
        raise RunConfigError(f"{step} holds a value within itself, or one that is nested too deep") from error


def _list_names(names: AbstractSet[Any]) -> str:
    return ", ".join(sorted(cut(str(name)) for name in names))


def materialize_level(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    family: Family,
    level: Level,
    partition: str,
    *,
    configs: Mapping[dg.AssetKey, Mapping[str, Any]],
    force: bool = False,
    left_out: AbstractSet[dg.AssetKey] = frozenset(),
    announce: Callable[[int], None] | None = None,
) -> RunOutcome:
    """Materialize what is out of date on one level of a partition, with its checks, in this process.

    Gates whose thresholds or severity have changed since are evaluated again, also those of assets that are fresh.

    Args:
        definitions: the code location.
        instance: instance that records the run, so that the web UI shows it.
        family: task family of the partition.
        level: level of the chain.
        partition: partition key of that level.
        configs: settings of each asset, see ``resolve_configs``.
        force: materialize everything, fresh or not.
        left_out: assets that are not to be materialized.
        announce: is told the number of assets before the run starts.

    Returns:
        The outcome; a failed step or blocking check is reported there and not raised.
    """
    reasons = find_stale_assets(instance, family, level, partition, configs, _settings_of(definitions))
    if force:
        reasons = {key: reasons.get(key, "forced") for key in family.asset_keys(level)}
    reasons = {key: reason for key, reason in reasons.items() if key not in left_out}
    if not reasons:
        return _judge_again(definitions, instance, family, RunOutcome(level, partition, {}))
    if announce is not None:
        announce(len(reasons))
    ops = {key.to_python_identifier(): {"config": dict(configs[key])} for key in reasons if key in configs}
    result = definitions.resolve_job_def(family.job_name(level)).execute_in_process(
        run_config={"ops": ops, **_use_loggers(definitions)},
        instance=instance,
        partition_key=partition,
        tags={PROCESS_TAG: this_process().model_dump_json()},
        asset_selection=list(reasons),
        raise_on_error=False,
    )
    outcome = RunOutcome(level, partition, reasons, **_read_result(result))
    return _judge_again(definitions, instance, family, outcome) if result.success else outcome


def _settings_of(definitions: dg.Definitions) -> Settings:
    """Return the settings that a code location was built with."""
    settings: Settings = (definitions.resources or {})["settings"]
    return settings


def _judge_again(
    definitions: dg.Definitions, instance: dg.DagsterInstance, family: Family, outcome: RunOutcome
) -> RunOutcome:
    """Evaluate the gates of a level that were judged by other thresholds or another severity than now."""
    gates = find_stale_gates(instance, family, outcome.level, outcome.partition, _settings_of(definitions))
    if not gates:
        return outcome
    result = _execute_checks(definitions, instance, family, outcome.level, outcome.partition, only=gates)
    found = RunOutcome(outcome.level, outcome.partition, outcome.reasons, **_read_result(result))
    return replace(found, checks=[*outcome.checks, *found.checks])


def evaluate_checks(
    definitions: dg.Definitions, instance: dg.DagsterInstance, family: Family, dataset: str, model: str
) -> list[RunOutcome]:
    """Evaluate every check of a dataset and model on the stored artifacts, without materializing anything."""
    return [
        RunOutcome(
            level, partition, {}, **_read_result(_execute_checks(definitions, instance, family, level, partition))
        )
        for level, partition in partition_keys(dataset, model).items()
    ]


def _execute_checks(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    family: Family,
    level: Level,
    partition: str,
    *,
    only: Sequence[dg.AssetCheckKey] | None = None,
) -> dg.ExecuteInProcessResult:
    """Evaluate the checks of a level's partition, or some of them, in this process."""
    job = definitions.resolve_job_def(family.checks_job_name(level))
    if only is not None:
        job = job.get_subset(asset_check_selection=set(only))
    return job.execute_in_process(
        instance=instance,
        tags={**Partition.parse(partition).tags, PROCESS_TAG: this_process().model_dump_json()},
        raise_on_error=False,
        run_config=_use_loggers(definitions),
    )


def read_latest_checks(
    instance: dg.DagsterInstance, family: Family, asset: dg.AssetKey, partition: str
) -> list[CheckOutcome]:
    """Return how the checks of an asset's partition came out the last time they were evaluated."""
    keys = [spec.key for spec in family.checks_of(asset)]
    latest = latest_check_executions(instance, keys, partition)
    evaluations = [latest[key].evaluation for key in keys if key in latest]
    # One that a run planned and did not evaluate is no evaluation.
    return [_to_outcome(found) for found in evaluations if isinstance(found, dg.AssetCheckEvaluation)]


def _use_loggers(definitions: dg.Definitions) -> dict[str, Any]:
    """Name the definitions' own loggers in the run config: Dagster uses its console logger otherwise."""
    return {"loggers": {name: {} for name in definitions.loggers}} if definitions.loggers else {}


def _read_result(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """Return how a run ended, as ``RunOutcome`` has it.

    Raises:
        dagster.DagsterExecutionInterruptedError: the run was interrupted, which Dagster tells as a failure.
    """
    failures = [event for event in result.all_events if event.is_step_failure]
    errors = [event.step_failure_data.error for event in failures]
    errors += [event.job_failure_data.error for event in result.all_events if event.is_job_failure]
    if any(error is not None and error.cls_name == dg.DagsterExecutionInterruptedError.__name__ for error in errors):
        raise dg.DagsterExecutionInterruptedError
    return {
        "success": result.success,
        "error": None if result.success else _describe_failure(result),
        "checks": [_to_outcome(evaluation) for evaluation in result.get_asset_check_evaluations()],
        "is_wrong_use": any(is_wrong_use(event) for event in failures),
    }


def _to_outcome(evaluation: dg.AssetCheckEvaluation) -> CheckOutcome:
    return CheckOutcome(
        asset=evaluation.asset_key.to_user_string(),
        check=evaluation.check_name,
        passed=evaluation.passed,
        severity=evaluation.severity.value,
        description=evaluation.description or "",
    )


def _describe_failure(result: dg.ExecuteInProcessResult) -> str:
    """Name the step that failed first and what it raised, in one line."""
    for event in result.all_events:
        if event.is_step_failure:
            return describe_step_failure(event)
    return "the run failed before its first step"
