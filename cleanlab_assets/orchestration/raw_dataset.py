"""The first asset of every family: the verified, parsed source, and the checks that block all that follows."""

from collections.abc import Sequence

import dagster as dg
import pandas as pd

from cleanlab_assets.datasets.catalogue import get_dataset
from cleanlab_assets.datasets.download import file_sha256, resolve_source_files
from cleanlab_assets.orchestration.contracts import RAW_DATASET, find_schema_violation
from cleanlab_assets.orchestration.family_asset import StepResult, family_asset
from cleanlab_assets.orchestration.metadata import as_plots, as_table
from cleanlab_assets.orchestration.partitions import DATASET, dataset_of, dataset_partitions
from cleanlab_assets.reports.plots import plot_class_balance

CODE_VERSION = "1"


def build_raw_dataset(family: str) -> dg.AssetsDefinition:
    """Build ``<family>/raw_dataset``."""

    @family_asset(
        family,
        level=DATASET,
        storage="parquet",
        code_version=CODE_VERSION,
        kinds={"pandas", "parquet"},
        contract=RAW_DATASET,
    )
    def raw_dataset(context: dg.AssetExecutionContext) -> StepResult:
        """The source as it came: every row in source order, nothing dropped, with a row id that says file and line.

        Files are downloaded once into the data directory and verified against their SHA-256 each time they are read.
        """
        dataset = get_dataset(dataset_of(context))
        files = resolve_source_files(dataset, context.resources.settings.data_dir)
        raw = dataset.load(files)
        raw.attrs["sources"] = {
            file.name: {"sha256": file_sha256(files[file.name]), "bytes": files[file.name].stat().st_size}
            for file in dataset.files
        }
        counts = raw[dataset.label].value_counts().reindex(list(dataset.class_names), fill_value=0)
        return StepResult(
            raw,
            {
                "title": dataset.title,
                "description": dataset.description,
                "homepage": dg.MetadataValue.url(dataset.homepage),
                "licence": dataset.licence,
                "citation": dataset.citation,
                "sources": dg.MetadataValue.json(raw.attrs["sources"]),
                "class_balance": dg.MetadataValue.json({str(name): int(count) for name, count in counts.items()}),
                "plots": as_plots({"Class balance": plot_class_balance(counts)}),
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
        wrong = [file.name for file in dataset.files if found.get(file.name) not in file.sha256]
        return dg.AssetCheckResult(
            passed=not wrong,
            description=f"{', '.join(wrong)} is not the file of the catalogue" if wrong else "all files are verified",
            metadata={"found": found},
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
        return dg.AssetCheckResult(
            passed=len(raw_dataset) == expected,
            description=f"{len(raw_dataset):,} rows found, {expected:,} expected",
            metadata={"found": len(raw_dataset), "expected": expected},
        )

    @blocking
    def label_domain(context: dg.AssetCheckExecutionContext, raw_dataset: pd.DataFrame) -> dg.AssetCheckResult:
        """Every label is one of the documented class names."""
        dataset = get_dataset(dataset_of(context))
        foreign = raw_dataset[~raw_dataset[dataset.label].isin(dataset.class_names)]
        return dg.AssetCheckResult(
            passed=foreign.empty,
            description=f"{len(foreign):,} of {len(raw_dataset):,} labels are none of {', '.join(dataset.class_names)}",
            metadata={
                "expected": list(dataset.class_names),
                "n_foreign": len(foreign),
                "foreign": {
                    str(row_id): str(label)
                    for row_id, label in foreign[["row_id", dataset.label]].head(20).itertuples(index=False)
                },
            },
        )

    return [source_hash, schema, row_count, label_domain]
