"""What runs without anybody asking: schedules and sensors, all off until they are switched on.

Schedules and the sensor of source files only refresh the dataset level. What lies downstream refreshes by the
automation condition of the assets, and only where content has changed. All of them keep the settings of the last audit.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from cleanlab_assets.datasets.dataset import Dataset
from cleanlab_assets.datasets.folders import walk_files
from cleanlab_assets.families.step import DATASET, MODEL, Level
from cleanlab_assets.orchestration.assets import KEEP_SETTINGS_TAG
from cleanlab_assets.orchestration.datasets import datasets_of
from cleanlab_assets.orchestration.family import Family
from cleanlab_assets.orchestration.history import latest_materialization, latest_record
from cleanlab_assets.orchestration.partitions import Partition
from cleanlab_assets.orchestration.review_report import review_report
from cleanlab_assets.orchestration.review_statistics import review_statistics
from cleanlab_assets.orchestration.reviews import LAST_ENTRY, corrected_dataset, corrections, find_last_entries
from cleanlab_assets.orchestration.second_opinion import opinion_agreement
from cleanlab_assets.settings import Settings

_KEEP_SETTINGS = {KEEP_SETTINGS_TAG: "true"}
_MADE_OF_DECISIONS: dict[Level, tuple[str, ...]] = {
    DATASET: (corrections.name, corrected_dataset.name),
    MODEL: (review_statistics.name, review_report.name, opinion_agreement.name),
}
"""By level the assets that decisions alone make out of date; the first one says up to which entry it reaches."""
SECONDS_BETWEEN_LOOKS = 60


def build_schedules(families: Sequence[Family], settings: Settings) -> list[dg.ScheduleDefinition]:
    """Build for each family a schedule of its embedded datasets and one of its downloaded datasets, if it has any."""
    schedules = []
    for family in families:
        for name, cron, is_embedded in (
            ("embedded", settings.embedded_cron, True),
            ("downloaded", settings.download_cron, False),
        ):
            datasets = [item.name for item in datasets_of(family.name).values() if item.is_embedded == is_embedded]
            if datasets:
                schedules.append(_build_schedule(family, f"{family.name}_{name}_datasets", cron, datasets))
    return schedules


def _build_schedule(family: Family, name: str, cron: str, datasets: Sequence[str]) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=name,
        cron_schedule=cron,
        job=family.jobs[family.job_name(DATASET)],
        execution_timezone="UTC",
        description=f"Read and verify {', '.join(datasets)} again, those that were audited before.",
        default_status=dg.DefaultScheduleStatus.STOPPED,
    )
    def refresh(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        raw_dataset = family.assets[DATASET][0].key
        audited = context.instance.get_materialized_partitions(raw_dataset)
        wanted = [dataset for dataset in datasets if dataset in audited]
        if not wanted:
            yield dg.SkipReason(f"none of {', '.join(datasets)} was ever audited")
        for dataset in wanted:
            tick = context.scheduled_execution_time.isoformat()
            yield dg.RunRequest(run_key=f"{dataset} {tick}", partition_key=dataset, tags=_KEEP_SETTINGS)

    return refresh


def build_source_file_sensor(families: Sequence[Family], settings: Settings) -> dg.SensorDefinition:
    """Build the sensor that refreshes a dataset when one of its files in the data directory has changed."""

    @dg.sensor(
        name="changed_source_files",
        jobs=[family.jobs[family.job_name(DATASET)] for family in families],
        minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
        description="Read a dataset again when a file of it in the data directory is newer than its raw dataset.",
        default_status=dg.DefaultSensorStatus.STOPPED,
    )
    def changed_source_files(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        is_quiet = True
        for family in families:
            raw_dataset = family.assets[DATASET][0].key
            for dataset in datasets_of(family.name).values():
                changed = _find_changed_files(context.instance, raw_dataset, dataset, settings.data_dir)
                if changed:
                    is_quiet = False
                    yield dg.RunRequest(
                        # The same change is asked for once, also when the run fails.
                        run_key=f"{family.name} {dataset.name} {' '.join(changed)}",
                        job_name=family.job_name(DATASET),
                        partition_key=dataset.name,
                        tags=_KEEP_SETTINGS,
                    )
        if is_quiet:
            yield dg.SkipReason(f"no source file in {settings.data_dir} is newer than its raw dataset")

    return changed_source_files


def _find_changed_files(
    instance: dg.DagsterInstance, raw_dataset: dg.AssetKey, dataset: Dataset, data_dir: Path
) -> list[str]:
    """Return ``<name>@<time of change>`` of the files that changed since the raw dataset was read; none before that."""
    latest = latest_record(instance, raw_dataset, dataset.name)
    if latest is None:
        return []
    changed = []
    for file in dataset.files:
        path = file.path_in(data_dir / dataset.name)
        if file.package is None and path.exists():
            # A folder is as new as the newest of what lies in it, or of the folders that something was taken from.
            states = [entry.stat() for entry in (path, *path.rglob("*"), *walk_files(path)) if entry.exists()]
            # A copy may keep the old modification time; the time of the entry's own change is then the later one.
            time = max(max(status.st_mtime, status.st_ctime) for status in states)
            if time > latest.timestamp:
                changed.append(f"{file.name}@{datetime.fromtimestamp(time, UTC).isoformat()}")
    return changed


def build_decision_sensor(families: Sequence[Family], settings: Settings) -> dg.SensorDefinition:
    """Build the sensor that refreshes what follows from decisions alone: no audit is made again for one."""

    @dg.sensor(
        name="new_decisions",
        jobs=[family.jobs[family.job_name(level)] for family in families for level in (DATASET, MODEL)],
        minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
        description="Make corrections, corrected_dataset and the review of each audit anew after new decisions.",
        default_status=dg.DefaultSensorStatus.STOPPED,
    )
    def new_decisions(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        is_quiet, entries = True, find_last_entries(settings)
        for family in families:
            for level, names in _MADE_OF_DECISIONS.items():
                keys = [family.key(name) for name in names]
                for partition in sorted(context.instance.get_materialized_partitions(keys[0])):
                    last = entries.get(Partition.parse(partition).dataset, 0)
                    if last != _find_entry_read(context.instance, keys[0], partition):
                        is_quiet = False
                        yield dg.RunRequest(
                            # The same decisions are asked for once, also when the run fails.
                            run_key=f"{family.name} {partition} entry {last}",
                            job_name=family.job_name(level),
                            partition_key=partition,
                            # An audit of an earlier version may lack some, and what they are made from.
                            asset_selection=[
                                key for key in keys if partition in context.instance.get_materialized_partitions(key)
                            ],
                            tags=_KEEP_SETTINGS,
                        )
        if is_quiet:
            yield dg.SkipReason("nobody decided anything since")

    return new_decisions


def _find_entry_read(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str) -> object:
    """Return the number of the last entry of the ledger that an asset was made of."""
    latest = latest_materialization(instance, key, partition)
    return 0 if latest is None else latest.metadata[LAST_ENTRY].value


def build_automation_sensor() -> dg.AutomationConditionSensorDefinition:
    """Build the sensor that evaluates the automation conditions of all assets."""
    return dg.AutomationConditionSensorDefinition(
        "refresh_what_changed",
        target=dg.AssetSelection.all(),
        description="Refresh the partitions whose inputs or code have changed.",
        default_status=dg.DefaultSensorStatus.STOPPED,
    )
