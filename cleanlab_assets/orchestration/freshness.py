"""Which assets of a partition have to be materialized, and why.

Dagster's own staleness compares code and data versions only. Here a result is fresh when code version, settings,
input versions, library versions and the stored file are all as they would be now; what that takes is in the
provenance of every materialization.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg

from cleanlab_assets.compat import latest_check_executions
from cleanlab_assets.datasets.download import file_sha256
from cleanlab_assets.families.raw_dataset import SOURCES, raw_dataset
from cleanlab_assets.families.step import COMPARISON, MODEL
from cleanlab_assets.language_models import NOT_CONFIGURED
from cleanlab_assets.methods.provenance import PROVENANCE, catalogue_hash, display_hash, library_versions
from cleanlab_assets.methods.result import Provenance
from cleanlab_assets.models.catalogue import models_for
from cleanlab_assets.orchestration.ai_summary import AiSummarySettings, ai_summary, build_writer
from cleanlab_assets.orchestration.checks import JUDGED_BY, describe_judgement
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.history import (
    find_failure,
    latest_materialization,
    latest_record,
    read_data_version,
    remember_records,
)
from cleanlab_assets.orchestration.issue_changes import BASE, has_another_base, issue_changes
from cleanlab_assets.orchestration.partitions import Partition, upstream_partitions
from cleanlab_assets.orchestration.review_statistics import review_statistics
from cleanlab_assets.orchestration.reviews import LAST_ENTRY, corrected_dataset, corrections, find_last_entry
from cleanlab_assets.orchestration.second_opinion import (
    NOBODY_ASKED,
    SecondOpinionSettings,
    explain_nobody_asked,
    opinion_agreement,
    second_opinion,
)
from cleanlab_assets.orchestration.verification import find_fault
from cleanlab_assets.reports.written_summary import explain_absence
from cleanlab_assets.reviews.audit_history import Audited

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.families.step import Level, Step
    from cleanlab_assets.orchestration.family import Family
    from cleanlab_assets.reports.model_comparison import NotCompared
    from cleanlab_assets.settings import Settings

NOT_COMPARED = "not_compared"
"""Name of the metadata entry of a comparison that says why models are not compared."""
_IRRELEVANT_VERSIONS = frozenset({"dagster"})


def find_stale_assets(
    instance: dg.DagsterInstance,
    family: Family,
    level: Level,
    partition: str,
    configs: Mapping[dg.AssetKey, Mapping[str, Any]],
    settings: Settings,
    *,
    with_decisions: bool = True,
) -> dict[dg.AssetKey, str]:
    """Find the assets of one level that are missing or out of date, with the reason for each.

    Args:
        instance: Dagster instance with the history.
        family: task family of the partition.
        level: level of its chain.
        partition: partition key of that level.
        configs: settings of steps that are wanted now; assets without settings may be absent.
        settings: those of the code location: where artifacts and source files lie, and who writes summaries.
        with_decisions: whether decisions of reviewers make an audit out of date that was compared with them.

    Returns:
        Stale assets in the order of the chain; empty when nothing is to be done.
    """
    stale: dict[dg.AssetKey, str] = {}
    with remember_records():
        for step in family.steps[level]:
            if step.find_why_not(family.name, Partition.parse(partition).model):
                continue
            key = family.key(step.name)
            passed_over = frozenset() if with_decisions else {corrected_dataset.name}
            wanted = configs.get(key, {})
            reason = next(
                _reasons(instance, family, step, partition, wanted, stale, settings, passed_over=passed_over), None
            )
            if reason is not None:
                stale[key] = reason
    return stale


def _reasons(
    instance: dg.DagsterInstance,
    family: Family,
    step: Step,
    partition: str,
    wanted: Mapping[str, Any],
    stale: Mapping[dg.AssetKey, str],
    settings: Settings,
    *,
    passed_over: AbstractSet[str],
) -> Iterator[str]:
    """Yield every reason to materialize a step's asset, the plainest first."""
    key = family.key(step.name)
    materialized = latest_record(instance, key, partition)
    latest = None if materialized is None else materialized.asset_materialization
    if materialized is None or latest is None or PROVENANCE not in latest.metadata:
        yield "not materialized yet"
        return
    record = Provenance.model_validate(latest.metadata[PROVENANCE].value)
    found = Partition.parse(partition)
    dataset = get_dataset(found.dataset)
    if record.code_version != step.code_version:
        yield f"code version {record.code_version} -> {step.code_version}"
    changed = [name for name in wanted if record.config.get(name) != wanted[name]]
    if changed:
        yield "; ".join(f"{name} {record.config.get(name)!r} -> {wanted[name]!r}" for name in changed)
    inputs = [name for name in step.inputs_read({**record.config, **wanted}) if name not in passed_over]
    yield from _changed_inputs(instance, family, inputs, partition, record, stale)
    if record.catalogue_hash != catalogue_hash(dataset):
        yield "the dataset's catalogue entry has changed"
    if step.shows_catalogue and record.display_hash != display_hash(dataset):
        yield "the dataset's texts or limits have changed"
    versions = library_versions(family.task.libraries_of(found.model)) | step.versions_of_model(
        family.name, found.model, dataset
    )
    for library, version in versions.items():
        if library not in _IRRELEVANT_VERSIONS and record.versions.get(library) != version:
            yield f"{library} {record.versions.get(library)} -> {version}"
    if fault := find_fault(materialized, step, settings.artifacts_dir):
        yield f"its file {fault}"
    yield from _failed_checks(instance, family, key, partition, materialized.storage_id)
    yield from _changes_elsewhere(instance, family, step, dataset, record, latest, settings)


def _changed_inputs(
    instance: dg.DagsterInstance,
    family: Family,
    inputs: Sequence[str],
    partition: str,
    record: Provenance,
    stale: Mapping[dg.AssetKey, str],
) -> Iterator[str]:
    for upstream in inputs:
        key = family.key(upstream)
        name = key.to_user_string()
        if key in stale:
            yield f"{name} is out of date"
        else:
            partitions = upstream_partitions(family.name, family.step(upstream).level, partition)
            if record.inputs.get(name) != read_data_version(instance, key, partitions):
                yield f"{name} has changed"


def _failed_checks(
    instance: dg.DagsterInstance, family: Family, asset: dg.AssetKey, partition: str, materialized: int
) -> Iterator[str]:
    """Yield the checks that a materialization, named by its record, has not got, and the blocking ones not passed.

    A run that ends early leaves checks behind that were planned and never evaluated.
    """
    specs = {spec.key: spec for spec in family.checks_of(asset)}
    latest = latest_check_executions(instance, list(specs), partition)
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


def _changes_elsewhere(
    instance: dg.DagsterInstance,
    family: Family,
    step: Step,
    dataset: Dataset,
    record: Provenance,
    latest: dg.AssetMaterialization,
    settings: Settings,
) -> Iterator[str]:
    """Yield what makes an asset out of date although its inputs and settings are as they were."""
    if step.name == raw_dataset.name:
        yield from _changed_files(dataset, latest, settings)
    elif step.name in {corrections.name, review_statistics.name, opinion_agreement.name}:
        yield from _new_decisions(dataset.name, latest, settings)
    elif step.name == issue_changes.name:
        yield from _accepted_audit(family.name, latest, settings)
    elif step.name == ai_summary.name:
        yield from _missed_language_model(record, latest, settings)
    elif step.name == second_opinion.name:
        yield from _missed_opinions(record, latest, settings)
    elif step is family.steps[COMPARISON][0]:
        yield from _changed_models(instance, family, dataset.name, latest, settings)


def _changed_files(dataset: Dataset, latest: dg.AssetMaterialization, settings: Settings) -> Iterator[str]:
    """Yield the user's own files and folders that have changed since they were read.

    Files of a known SHA-256 are verified whenever they are read, so they cannot change.
    """
    read: Any = latest.metadata[SOURCES].value
    for file in dataset.files:
        path = file.path_in(settings.data_dir / dataset.name)
        if not file.sha256 and path.exists() and read.get(file.name, {}).get("sha256") != file_sha256(path):
            yield f"{file.name} has changed"


def _new_decisions(dataset: str, latest: dg.AssetMaterialization, settings: Settings) -> Iterator[str]:
    """Yield that somebody decided something since."""
    stored: Any = latest.metadata[LAST_ENTRY].value
    if find_last_entry(settings, dataset) != stored:
        yield "the ledger has new decisions"


def _accepted_audit(family: str, latest: dg.AssetMaterialization, settings: Settings) -> Iterator[str]:
    """Yield that another audit was accepted since."""
    found, stored = Partition.parse(str(latest.partition)), latest.metadata[BASE].value
    if has_another_base(settings, Audited(family, found.dataset, found.model), int(str(stored))):
        yield "another audit was accepted"


def _missed_language_model(record: Provenance, latest: dg.AssetMaterialization, settings: Settings) -> Iterator[str]:
    """Yield that a summary would be written by a language model now, where rules wrote it because there was none.

    One that a language model failed at stays: else every run would ask a model that keeps failing.
    """
    reason = latest.metadata.get("fallback_reason")
    if reason is not None and reason.value == NOT_CONFIGURED:
        writer = build_writer(AiSummarySettings.model_validate(record.config), settings)
        if explain_absence(writer) is None:
            yield "written by rules, a language model is configured now"


def _missed_opinions(record: Provenance, latest: dg.AssetMaterialization, settings: Settings) -> Iterator[str]:
    """Yield that a language model would be asked for a second opinion now, where nobody could be asked.

    Rows that were not asked of because a bound was met stay so: else every run would spend as much again.
    """
    asked = SecondOpinionSettings.model_validate(record.config)
    if NOBODY_ASKED in latest.metadata and not explain_nobody_asked(asked, settings):
        yield "nobody was asked for a second opinion, a language model can be asked now"


def _changed_models(
    instance: dg.DagsterInstance, family: Family, dataset: str, latest: dg.AssetMaterialization, settings: Settings
) -> Iterator[str]:
    """Yield the models whose failure, absence or staleness differs from what the stored comparison says."""
    stored: Any = latest.metadata[NOT_COMPARED].value
    found = {model: list(reason) for model, reason in find_absent_models(instance, family, dataset, settings).items()}
    for model in sorted(found.keys() | stored.keys()):
        if found.get(model) != stored.get(model):
            yield f"{model} is now {found[model][0] if model in found else 'materialized'}"


def find_absent_models(
    instance: dg.DagsterInstance, family: Family, dataset: str, settings: Settings
) -> dict[str, tuple[NotCompared, str]]:
    """Say of each model that cannot be compared why: it failed, was never materialized, or is out of date."""
    with remember_records():
        return _find_absent_models(instance, family, dataset, settings)


def _find_absent_models(
    instance: dg.DagsterInstance, family: Family, dataset: str, settings: Settings
) -> dict[str, tuple[NotCompared, str]]:
    absent: dict[str, tuple[NotCompared, str]] = {}
    compared = {family.key(name) for name in family.steps[COMPARISON][0].inputs}
    last = family.key(family.steps[COMPARISON][0].inputs[0])
    for model in models_for(family.name, get_dataset(dataset)):
        partition = str(Partition(dataset, model))
        stale = find_stale_assets(instance, family, MODEL, partition, {}, settings, with_decisions=False)
        reason = next((reason for key, reason in stale.items() if key in compared), None)
        if reason is None:
            continue
        failure = find_failure(instance, last, partition)
        if failure is not None:
            absent[model] = ("failed", failure)
        elif latest_materialization(instance, last, partition) is None:
            absent[model] = ("not materialized", "")
        else:
            absent[model] = ("out of date", reason)
    return absent


def find_stale_gates(
    instance: dg.DagsterInstance, family: Family, level: Level, partition: str, settings: Settings
) -> list[dg.AssetCheckKey]:
    """Find the gates of one level whose last result was judged by other thresholds or another severity than now.

    The assets that they judge stay as they are.
    """
    keys = [spec.key for asset in family.asset_keys(level) for spec in family.checks_of(asset)]
    latest = latest_check_executions(instance, keys, partition)
    now = describe_judgement(get_dataset(Partition.parse(partition).dataset).gates, settings.gate_severity)
    return [key for key in keys if key in latest and _judged_by(latest[key].evaluation) not in (None, now)]


def _judged_by(evaluation: object) -> object:
    """Return what a gate's result was judged by; None for other checks, and for one that was only planned."""
    if not isinstance(evaluation, dg.AssetCheckEvaluation) or JUDGED_BY not in evaluation.metadata:
        return None
    return evaluation.metadata[JUDGED_BY].value
