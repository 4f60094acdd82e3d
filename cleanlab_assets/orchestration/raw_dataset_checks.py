"""The checks of a raw dataset: blocking ones for each rule that the source must fulfil, and its age."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cleanlab_assets.datasets.errors import quote
from cleanlab_assets.families.raw_dataset import MAXIMUM_AGE, RawDatasetTable
from cleanlab_assets.families.step import CheckResult, StepContext, check, gate, rule
from cleanlab_assets.methods.shown import Json
from cleanlab_assets.orchestration.contracts import find_schema_violation


@check("raw_dataset", is_blocking=True)
def source_hash(context: StepContext, raw_dataset: RawDatasetTable) -> CheckResult:
    """The source files are those of the catalogue, by SHA-256."""
    files = context.dataset.files
    found = {name: source.sha256 for name, source in raw_dataset.facts.sources.items()}
    wrong = [file.name for file in files if file.sha256 and found.get(file.name) not in file.sha256]
    n_pinned = sum(bool(file.sha256) for file in files)
    first_use = [file.name for file in files if file.is_pinned_on_first_use]
    verified = f"{n_pinned} of {len(files)} files are pinned and verified" + (
        f"; recorded on first use: {', '.join(first_use)}" if first_use else ""
    )
    return rule(
        passed=not wrong,
        description=f"{', '.join(wrong)} is not the file of the catalogue" if wrong else verified,
        figures={"found": Json(found), "n_pinned": n_pinned},
    )


@check("raw_dataset", is_blocking=True)
def schema(context: StepContext, raw_dataset: RawDatasetTable) -> CheckResult:
    """Columns, types, ranges and missing values are as the source documents them."""
    violation = find_schema_violation(context.dataset, raw_dataset.value)
    return rule(passed=violation is None, description=violation or "the table fits its schema")


@check("raw_dataset", is_blocking=True)
def row_count(context: StepContext, raw_dataset: RawDatasetTable) -> CheckResult:
    """The source has the documented number of rows."""
    expected, found = context.dataset.expected_rows, len(raw_dataset.value)
    if expected is None:
        return rule(
            passed=found > 0,
            description=f"{found:,} rows found; the source documents no number of rows",
            figures={"found": found},
        )
    return rule(
        passed=found == expected,
        description=f"{found:,} rows found, {expected:,} expected",
        figures={"found": found, "expected": expected},
    )


@check("raw_dataset", is_blocking=True)
def label_domain(context: StepContext, raw_dataset: RawDatasetTable) -> CheckResult:
    """Every label is a value that the source documents."""
    dataset, table = context.dataset, raw_dataset.value
    foreign = table[~dataset.find_allowed_labels(table[dataset.label])]
    examples = foreign[["row_id", dataset.label]].head(20).itertuples(index=False)
    description = f"{len(foreign):,} of {len(table):,} labels are none of {dataset.allowed_labels}"
    if len(foreign):
        description += f"; the first is {quote(foreign[dataset.label].iloc[0])} in {foreign['row_id'].iloc[0]}"
    return rule(
        passed=foreign.empty,
        description=description,
        figures={
            "expected": dataset.allowed_labels,
            "n_foreign": len(foreign),
            "foreign": Json({str(row_id): str(label) for row_id, label in examples}),
        },
    )


@check("raw_dataset")
def verified_lately(
    context: StepContext,  # noqa: ARG001 - every check takes it
    raw_dataset: RawDatasetTable,
) -> CheckResult:
    """The source was read and verified lately."""
    age = datetime.now(UTC) - datetime.fromisoformat(raw_dataset.origin.started)
    days = age / timedelta(days=1)
    return gate(
        passed=age <= MAXIMUM_AGE,
        description=f"read and verified {days:.1f} days ago; limit {MAXIMUM_AGE.days}",
        figures={"age_days": days, "limit": MAXIMUM_AGE.days},
    )


RAW_DATASET_CHECKS = (source_hash, schema, row_count, label_domain, verified_lately)
