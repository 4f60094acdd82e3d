"""The model level that families on tables share: Datalab's summary, duplicate sets, and the facts of the audit."""

import json
from collections.abc import Mapping
from typing import Any

import dagster as dg
import pandas as pd

from cleanlab_assets.families.tables.datalab import DatalabIssues
from cleanlab_assets.families.tables.duplicates import list_duplicate_sets
from cleanlab_assets.methods.variants import VariantComparison
from cleanlab_assets.models.catalogue import BuildContext, PipelineFactory, build_model
from cleanlab_assets.models.encoding import FeatureKinds
from cleanlab_assets.orchestration.contracts import DATALAB_SUMMARY, DUPLICATE_SETS
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.family_asset import StepResult, family_asset
from cleanlab_assets.orchestration.metadata import as_table
from cleanlab_assets.orchestration.partitions import MODEL, dataset_of, model_of
from cleanlab_assets.orchestration.provenance import PROVENANCE
from cleanlab_assets.reports.audit_facts import collect_facts
from cleanlab_assets.reports.html import Report, render_report


def pipeline_factory(
    family: str,
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext,
    seed: int,
    parameters: dict[str, object],
) -> PipelineFactory:
    """Return the factory of the partition's model: the same for the folds, the variants, checks and the final fit."""
    dataset = get_dataset(dataset_of(context))
    build_context = BuildContext(kinds=FeatureKinds.of(dataset.columns), n_classes=len(dataset.class_names), seed=seed)
    return PipelineFactory(family, model_of(context), build_context, parameters)


def describe_origin(
    context: dg.AssetExecutionContext, training_set: pd.DataFrame, datalab_issues: pd.DataFrame
) -> dict[str, object]:
    """Say for the last section of a report how the audit came to be: model, seed, settings, hashes and versions."""
    issues_record, training_record = datalab_issues.attrs[PROVENANCE], training_set.attrs[PROVENANCE]
    return {
        "Model": model_of(context),
        "Seed": str(training_set.attrs["seed"]),
        "Training set hash": training_record["data_hash"],
        "Training set settings": training_record["config"],
        "Datalab issues hash": issues_record["data_hash"],
        "Audited": issues_record["started"],
        **issues_record["versions"],
    }


def describe_datalab_issues(found: DatalabIssues, neighbor_graph: pd.DataFrame) -> StepResult:
    """Make the result of a Datalab run: its table, with the summary for the steps that follow, and the counts."""
    found.table.attrs["summary"] = json.loads(found.summary.to_json(orient="records"))
    ran = found.summary[found.summary["status"] == "ran"].set_index("issue_type")["n_issues"]
    graph = neighbor_graph.attrs
    return StepResult(
        found.table,
        {
            "graph": f"{graph['metric']}, k={graph['k']}, {graph['method']}",
            **{f"n_{name}_issues": int(count) for name, count in ran.items()},
        },
    )


def describe_report(report: Report, datalab_summary: pd.DataFrame) -> StepResult:
    """Make the result of a report: its page, and how many rows each issue type flags."""
    page = render_report(report)
    flagged = datalab_summary.loc[datalab_summary["status"] == "ran", ["issue_type", "n_issues", "share"]]
    return StepResult(page, {"flagged": as_table(flagged, len(flagged)), "size_kb": len(page) // 1000})


def check_parameters(family: str, dataset: str, model: str, parameters: Mapping[str, Any]) -> None:
    """Build a model once, so that a parameter that its estimator does not take is named before anything runs.

    Raises:
        ModelParameterError: the estimator has no such parameter.
    """
    if not parameters:
        return
    entry = get_dataset(dataset)
    context = BuildContext(kinds=FeatureKinds.of(entry.columns), n_classes=len(entry.class_names), seed=0)
    build_model(family, model, context, parameters=parameters)


def build_datalab_summary(family: str) -> dg.AssetsDefinition:
    """Build ``<family>/datalab_summary``."""

    @family_asset(
        family,
        level=MODEL,
        storage="parquet",
        code_version="1",
        kinds={"cleanlab", "parquet"},
        contract=DATALAB_SUMMARY,
    )
    def datalab_summary(context: dg.AssetExecutionContext, datalab_issues: pd.DataFrame) -> StepResult:  # noqa: ARG001
        """One row for each Datalab issue type: score, count, share, metric, k and parameters; also what did not run."""
        summary = pd.DataFrame.from_records(datalab_issues.attrs["summary"]).astype(
            {"k": "Int64", "n_issues": "Int64", "score": "float64", "share": "float64"}
        )
        shown = ["issue_type", "n_issues", "share", "score", "status", "reason"]
        return StepResult(summary, {"summary": as_table(summary, len(summary), columns=shown)})

    return datalab_summary


def build_duplicate_sets(family: str) -> dg.AssetsDefinition:
    """Build ``<family>/duplicate_sets``."""

    @family_asset(
        family,
        level=MODEL,
        storage="parquet",
        code_version="1",
        kinds={"pandas", "parquet"},
        contract=DUPLICATE_SETS,
    )
    def duplicate_sets(
        context: dg.AssetExecutionContext,  # noqa: ARG001
        datalab_issues: pd.DataFrame,
        label_issues: pd.DataFrame,
    ) -> StepResult:
        """Sets of nearly equal rows, row by row, with the row to keep and whether the labels of the set disagree."""
        sets = list_duplicate_sets(datalab_issues, label_issues)
        return StepResult(
            sets,
            {
                "n_sets": int(sets["duplicate_set"].nunique()),
                "rows_to_drop": int((~sets["keep"]).sum()),
                "preview": as_table(sets),
            },
        )

    return duplicate_sets


def build_audit_facts(family: str) -> dg.AssetsDefinition:
    """Build ``<family>/audit_facts``."""

    @family_asset(family, level=MODEL, storage="json", code_version="2", kinds={"pydantic", "json"})
    def audit_facts(
        context: dg.AssetExecutionContext,
        training_set: pd.DataFrame,
        predictions: pd.DataFrame,
        label_issues: pd.DataFrame,
        datalab_summary: pd.DataFrame,
        duplicate_sets: pd.DataFrame,
        variant_comparison: VariantComparison,
    ) -> StepResult:
        """What the audit found, in aggregates: what the summary, the model comparison and the shell tell from."""
        facts = collect_facts(
            family=family,
            dataset=get_dataset(dataset_of(context)),
            model=model_of(context),
            training_set=training_set,
            predictions=predictions,
            label_issues=label_issues,
            datalab_summary=datalab_summary,
            duplicate_sets=duplicate_sets,
            comparison=variant_comparison,
        )
        return StepResult(
            facts,
            {
                "n_label_issues": facts.n_label_issues,
                "label_issue_rate": facts.label_issue_rate,
                "verdict": facts.verdict,
                "facts": dg.MetadataValue.json(facts.model_dump(mode="json", exclude={"worst_rows"})),
            },
        )

    return audit_facts
