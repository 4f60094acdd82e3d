"""The first asset of every family: the verified, parsed source, and the checks that block all that follows."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from cleanlab_assets.datasets.dataset import Dataset
from cleanlab_assets.datasets.download import DownloadError, InsecureAddressError, file_sha256, resolve_source_files
from cleanlab_assets.datasets.source_tables import SourceFormatError
from cleanlab_assets.families.regression.plots import plot_label_distribution
from cleanlab_assets.orchestration.check_results import family_check, judge
from cleanlab_assets.orchestration.contracts import RAW_DATASET, find_schema_violation
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.family_asset import StepResult, family_asset
from cleanlab_assets.orchestration.freshness import SOURCES
from cleanlab_assets.orchestration.metadata import as_plots, as_table
from cleanlab_assets.orchestration.partitions import DATASET, dataset_of, dataset_partitions
from cleanlab_assets.orchestration.provenance import PROVENANCE
from cleanlab_assets.reports.plots import plot_class_balance

CODE_VERSION = "1"
MAXIMUM_AGE = timedelta(days=8)
"""Age from which raw data counts as old: a weekly refresh has failed then."""
DOWNLOAD_RETRIES = 2
RETRY_SECONDS = 2


def build_raw_dataset(family: str) -> dg.AssetsDefinition:
    """Build ``<family>/raw_dataset``."""

    @family_asset(
        family,
        level=DATASET,
        storage="parquet",
        code_version=CODE_VERSION,
        kinds={"pandas", "parquet"},
        contract=RAW_DATASET,
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=MAXIMUM_AGE),
    )
    def raw_dataset(context: dg.AssetExecutionContext) -> StepResult:
        """The source as it came: every row in source order, nothing dropped, with a row id that says file and line.

        Files are downloaded once into the data directory and verified against their SHA-256 each time they are read. A
        download that fails is tried again later; a file of another content or an address without HTTPS is not.
        """
        dataset = get_dataset(dataset_of(context))
        try:
            files = resolve_source_files(dataset, context.resources.settings.data_dir)
        except InsecureAddressError:
            raise  # the address is as insecure later
        except DownloadError as error:
            # After the last retry the run shows the first line of the cause: it must say all that was tried.
            cause = type(error)("; ".join(line.strip() for line in str(error).splitlines()))
            raise dg.RetryRequested(
                max_retries=DOWNLOAD_RETRIES, seconds_to_wait=RETRY_SECONDS * 2**context.retry_number
            ) from cause
        try:
            raw = dataset.load(files)
        except SourceFormatError as error:
            raise type(error)(f"{dataset.name}: {error}") from error
        raw.attrs["sources"] = {
            file.name: {"sha256": file_sha256(files[file.name]), "bytes": _count_bytes(files[file.name])}
            | ({"pinned": "recorded on first use"} if file.is_pinned_on_first_use else {})
            for file in dataset.files
        }
        return StepResult(
            raw,
            {
                "title": dataset.title,
                "description": dataset.description,
                "homepage": dg.MetadataValue.url(dataset.homepage),
                "licence": dataset.licence,
                "citation": dataset.citation,
                SOURCES: dg.MetadataValue.json(raw.attrs["sources"]),
                **_show_labels(dataset, raw[dataset.label]),
                "preview": as_table(raw),
            },
        )

    return raw_dataset


def build_raw_dataset_checks(family: str, raw_dataset: dg.AssetsDefinition) -> Sequence[dg.AssetChecksDefinition]:
    """Build the blocking checks of a raw dataset: one check for each rule."""
    blocking = dg.asset_check(asset=raw_dataset, partitions_def=dataset_partitions(family), blocking=True)

    @blocking
    def source_hash(context: dg.AssetCheckExecutionContext, raw_dataset: pd.DataFrame) -> dg.AssetCheckResult:
        """The source files are those of the catalogue, by SHA-256."""
        dataset = get_dataset(dataset_of(context))
        found = {name: source["sha256"] for name, source in raw_dataset.attrs["sources"].items()}
        wrong = [file.name for file in dataset.files if file.sha256 and found.get(file.name) not in file.sha256]
        n_pinned = sum(bool(file.sha256) for file in dataset.files)
        first_use = [file.name for file in dataset.files if file.is_pinned_on_first_use]
        return dg.AssetCheckResult(
            passed=not wrong,
            description=f"{', '.join(wrong)} is not the file of the catalogue"
            if wrong
            else f"{n_pinned} of {len(dataset.files)} files are pinned and verified"
            + (f"; recorded on first use: {', '.join(first_use)}" if first_use else ""),
            metadata={"found": found, "n_pinned": n_pinned},
        )

    @blocking
    def schema(context: dg.AssetCheckExecutionContext, raw_dataset: pd.DataFrame) -> dg.AssetCheckResult:
        """Columns, types, ranges and missing values are as the source documents them."""
        violation = find_schema_violation(get_dataset(dataset_of(context)), raw_dataset)
        return dg.AssetCheckResult(passed=violation is None, description=violation or "the table fits its schema")

    @blocking
    def row_count(context: dg.AssetCheckExecutionContext, raw_dataset: pd.DataFrame) -> dg.AssetCheckResult:
        """The source has the documented number of rows."""
        expected = get_dataset(dataset_of(context)).expected_rows
        if expected is None:
            return dg.AssetCheckResult(
                passed=len(raw_dataset) > 0,
                description=f"{len(raw_dataset):,} rows found; nobody documented how many to expect",
                metadata={"found": len(raw_dataset)},
            )
        return dg.AssetCheckResult(
            passed=len(raw_dataset) == expected,
            description=f"{len(raw_dataset):,} rows found, {expected:,} expected",
            metadata={"found": len(raw_dataset), "expected": expected},
        )

    @blocking
    def label_domain(context: dg.AssetCheckExecutionContext, raw_dataset: pd.DataFrame) -> dg.AssetCheckResult:
        """Every label is a value that the source documents."""
        dataset = get_dataset(dataset_of(context))
        foreign = raw_dataset[~dataset.find_allowed_labels(raw_dataset[dataset.label])]
        return dg.AssetCheckResult(
            passed=foreign.empty,
            description=f"{len(foreign):,} of {len(raw_dataset):,} labels are none of {dataset.allowed_labels}",
            metadata={
                "expected": dataset.allowed_labels,
                "n_foreign": len(foreign),
                "foreign": {
                    str(row_id): str(label)
                    for row_id, label in foreign[["row_id", dataset.label]].head(20).itertuples(index=False)
                },
            },
        )

    @family_check(family, raw_dataset, DATASET)
    def verified_lately(context: dg.AssetCheckExecutionContext, raw_dataset: pd.DataFrame) -> dg.AssetCheckResult:
        """The source was read and verified lately."""
        age = datetime.now(UTC) - datetime.fromisoformat(raw_dataset.attrs[PROVENANCE]["started"])
        days = age / timedelta(days=1)
        return judge(
            context,
            passed=age <= MAXIMUM_AGE,
            description=f"read and verified {days:.1f} days ago; limit {MAXIMUM_AGE.days}",
            metadata={"age_days": days, "limit": MAXIMUM_AGE.days},
        )

    return [source_hash, schema, row_count, label_domain, verified_lately]


def _count_bytes(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _show_labels(dataset: Dataset, labels: pd.Series) -> dict[str, Any]:
    """Describe the labels for the UI: rows for each class, or the distribution of a number."""
    if dataset.numeric_label is not None:
        values = labels.to_numpy(dtype=np.float64, na_value=np.nan)
        return {
            "label_range": f"{np.nanmin(values):g} to {np.nanmax(values):g} {dataset.numeric_label.unit}".strip(),
            "plots": as_plots({"Label distribution": plot_label_distribution(values, dataset.numeric_label.unit)}),
        }
    named = labels if dataset.label_separator is None else labels.map(dataset.split_label).explode()
    counts = named.value_counts().reindex(list(dataset.class_names), fill_value=0)
    return {
        "class_balance": dg.MetadataValue.json({str(name): int(count) for name, count in counts.items()}),
        "plots": as_plots({"Class balance": plot_class_balance(counts)}),
    }
