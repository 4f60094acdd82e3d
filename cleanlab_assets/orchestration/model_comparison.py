"""The comparison level: every model of a family on one dataset, materialized or not, and where the models agree."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
import pandas as pd

from cleanlab_assets.datasets.catalogue import get_dataset
from cleanlab_assets.evaluation.model_agreement import build_consensus_issues
from cleanlab_assets.models.catalogue import models_of
from cleanlab_assets.orchestration.check_results import family_check, judge
from cleanlab_assets.orchestration.contracts import CONSENSUS_ISSUES
from cleanlab_assets.orchestration.family import Family
from cleanlab_assets.orchestration.family_asset import StepResult, family_asset
from cleanlab_assets.orchestration.freshness import find_stale_assets
from cleanlab_assets.orchestration.history import find_failure, latest_materialization
from cleanlab_assets.orchestration.metadata import as_plots, as_table
from cleanlab_assets.orchestration.partitions import COMPARISON, MODEL, dataset_of
from cleanlab_assets.orchestration.provenance import PROVENANCE
from cleanlab_assets.reports.audit_facts import AuditFacts
from cleanlab_assets.reports.comparison_plots import plot_cv_and_test
from cleanlab_assets.reports.comparison_report import build_comparison_report
from cleanlab_assets.reports.html import render_report
from cleanlab_assets.reports.model_comparison import ModelComparison, NotCompared, compare_models, to_comparison_table

_COMPARED = ("label_issues", "audit_facts")
NOT_COMPARED = "not_compared"
"""Name of the metadata entry that says why models are not compared."""
CONSENSUS_COLUMNS = ("rank", "row_id", "given_label", "suggested_label", "n_models_flagging", "mean_label_quality")
WORST_ROWS = 20


def build_comparison_assets(family: str) -> tuple[dg.AssetsDefinition, ...]:
    """Build ``<family>/model_comparison``, ``consensus_issues`` and ``comparison_report``."""

    @family_asset(family, level=COMPARISON, storage="json", code_version="1", kinds={"pydantic", "json"})
    def model_comparison(
        context: dg.AssetExecutionContext,
        audit_facts: dict[str, AuditFacts],
        label_issues: dict[str, pd.DataFrame],
    ) -> StepResult:
        """Every model of the family on this dataset: how well it predicts, what it flags, and what it agrees with.

        Models that failed, were never materialized or are out of date are listed with the reason. The best model is
        selected by its cross-validated metric, never by the test rows.
        """
        from cleanlab_assets.orchestration.families import get_family

        absent = _find_absent(context.instance, get_family(family), dataset_of(context))
        facts = {facts.model: facts for facts in audit_facts.values() if facts.model not in absent}
        others = _find_other_metrics(facts)
        facts = {model: item for model, item in facts.items() if model not in others}
        not_compared = absent | others
        issues = {key.partition("|")[2]: table for key, table in label_issues.items()}
        comparison = compare_models(
            facts,
            not_compared,
            {model: issues[model] for model in facts},
            family=family,
            dataset=dataset_of(context),
            title=get_dataset(dataset_of(context)).title,
        )
        table = to_comparison_table(comparison)
        metadata = {
            NOT_COMPARED: dg.MetadataValue.json({model: list(reason) for model, reason in absent.items()}),
            "selected": comparison.selected or "none",
            "n_models_compared": comparison.n_models_compared,
            "models": as_table(table, len(table), columns=[name for name in table.columns if name != "error"][:9]),
        }
        metric = comparison.primary_metric
        if metric is not None:
            compared = table[table["status"] == "compared"].set_index("model")
            plot = plot_cv_and_test(
                compared[[f"cv_{metric}", f"test_{metric}"]].set_axis(["cv", "test"], axis=1),
                metric,
                lower_is_better=bool(comparison.lower_is_better),
                selected=comparison.selected,
            )
            metadata["plots"] = as_plots({"Cross-validated and test metric": plot})
        return StepResult(comparison, metadata)

    @family_asset(
        family,
        level=COMPARISON,
        storage="parquet",
        code_version="1",
        kinds={"pandas", "parquet"},
        contract=CONSENSUS_ISSUES,
    )
    def consensus_issues(
        context: dg.AssetExecutionContext, model_comparison: ModelComparison, label_issues: dict[str, pd.DataFrame]
    ) -> StepResult:
        """Every train row with how many models flag it, ranked by agreement, then by mean label quality."""
        compared = [result.model for result in model_comparison.results if result.status == "compared"]
        issues = {model: label_issues[f"{dataset_of(context)}|{model}"] for model in compared}
        names = [column.name for column in get_dataset(dataset_of(context)).features]
        # Images are features too, and are not repeated in the tables of their issues.
        repeated = [name for name in names if all(name in table for table in issues.values())]
        consensus = build_consensus_issues(issues, features=repeated)
        return StepResult(
            consensus,
            {
                "n_models": len(compared),
                "n_flagged_by_any": int((consensus["n_models_flagging"] > 0).sum()),
                "n_flagged_by_all": int((consensus["n_models_flagging"] == len(compared)).sum()),
                "worst_rows": as_table(consensus.sort_values("rank"), WORST_ROWS, columns=CONSENSUS_COLUMNS),
            },
        )

    @family_asset(family, level=COMPARISON, storage="html", code_version="1", kinds={"html"})
    def comparison_report(
        context: dg.AssetExecutionContext, model_comparison: ModelComparison, consensus_issues: pd.DataFrame
    ) -> StepResult:
        """A self-contained HTML page that compares the models and lists the rows that most of them flag."""
        record = consensus_issues.attrs[PROVENANCE]
        report = build_comparison_report(
            model_comparison,
            consensus_issues,
            dataset=get_dataset(dataset_of(context)),
            facts={"Compared": record["started"], **record["versions"]},
            full_table=f"{family}/consensus_issues/{dataset_of(context)}.parquet of the artifacts",
        )
        page = render_report(report)
        return StepResult(page, {"size_kb": len(page) // 1000})

    return model_comparison, consensus_issues, comparison_report


def build_comparison_checks(family: str, model_comparison: dg.AssetsDefinition) -> Sequence[dg.AssetChecksDefinition]:
    """Build the checks of a comparison."""

    @family_check(family, model_comparison, COMPARISON)
    def every_model_compared(
        context: dg.AssetCheckExecutionContext, model_comparison: ModelComparison
    ) -> dg.AssetCheckResult:
        """Every model of the family is compared."""
        absent = [
            f"{result.model} {result.status}" + (f" ({result.error})" if result.error else "")
            for result in model_comparison.results
            if result.status != "compared"
        ]
        return judge(
            context,
            passed=not absent,
            description="; ".join(absent) or f"all {len(model_comparison.results)} models are compared",
            metadata={"n_compared": model_comparison.n_models_compared, "n_absent": len(absent)},
        )

    return [every_model_compared]


def find_changed_models(instance: dg.DagsterInstance, family: Family, dataset: str) -> Iterator[str]:
    """Yield the models whose failure, absence or staleness differs from what the stored comparison says."""
    latest = latest_materialization(instance, family.assets[COMPARISON][0].key, dataset)
    if latest is None or NOT_COMPARED not in latest.metadata:
        return
    stored: Any = latest.metadata[NOT_COMPARED].value
    found = {model: list(reason) for model, reason in _find_absent(instance, family, dataset).items()}
    for model in sorted(found.keys() | stored.keys()):
        if found.get(model) != stored.get(model):
            yield f"{model} is now {found[model][0] if model in found else 'materialized'}"


def _find_absent(instance: dg.DagsterInstance, family: Family, dataset: str) -> dict[str, tuple[NotCompared, str]]:
    """Say of each model that cannot be compared why: it failed, was never materialized, or is out of date."""
    absent: dict[str, tuple[NotCompared, str]] = {}
    facts = dg.AssetKey([family.name, "audit_facts"])
    for model in models_of(family.name):
        partition = f"{dataset}|{model}"
        stale = find_stale_assets(instance, family, MODEL, partition, {})
        reason = next((reason for key, reason in stale.items() if key.path[-1] in _COMPARED), None)
        if reason is None:
            continue
        failure = find_failure(instance, facts, partition)
        if failure is not None:
            absent[model] = ("failed", failure)
        elif latest_materialization(instance, facts, partition) is None:
            absent[model] = ("not materialized", "")
        else:
            absent[model] = ("out of date", reason)
    return absent


def _find_other_metrics(facts: Mapping[str, AuditFacts]) -> dict[str, tuple[NotCompared, str]]:
    """Rule out the models whose audits judge by another primary metric than most."""
    counts = Counter(item.primary_metric for item in facts.values())
    if len(counts) < 2:  # noqa: PLR2004 - one metric is what is wanted
        return {}
    metric = counts.most_common(1)[0][0]
    return {
        model: ("out of date", f"its primary metric is {item.primary_metric}, that of the others {metric}")
        for model, item in facts.items()
        if item.primary_metric != metric
    }
