"""The comparison level: every model of a family on one dataset, materialized or not, and where the models agree."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence

import dagster as dg
import pandas as pd

from cleanlab_assets.methods.model_agreement import build_consensus_issues
from cleanlab_assets.orchestration.check_results import family_check, judge
from cleanlab_assets.orchestration.contracts import CONSENSUS_ISSUES
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.family_asset import CONFIG, StepResult, family_asset
from cleanlab_assets.orchestration.freshness import NOT_COMPARED, find_absent_models
from cleanlab_assets.orchestration.metadata import as_plots, as_table
from cleanlab_assets.orchestration.partitions import COMPARISON, dataset_of
from cleanlab_assets.orchestration.provenance import PROVENANCE
from cleanlab_assets.reports.audit_facts import AuditFacts
from cleanlab_assets.reports.comparison_plots import plot_cv_and_test
from cleanlab_assets.reports.comparison_report import build_comparison_report
from cleanlab_assets.reports.html import render_report
from cleanlab_assets.reports.model_comparison import ModelComparison, NotCompared, compare_models, to_comparison_table

CONSENSUS_COLUMNS = ("rank", "row_id", "given_label", "suggested_label", "n_models_flagging", "mean_label_quality")
WORST_ROWS = 20


def build_comparison_assets(family: str) -> tuple[dg.AssetsDefinition, ...]:
    """Build ``<family>/model_comparison``, ``consensus_issues`` and ``comparison_report``."""

    @family_asset(family, level=COMPARISON, storage="json", code_version="2", kinds={"pydantic", "json"})
    def model_comparison(
        context: dg.AssetExecutionContext,
        audit_facts: dict[str, AuditFacts],
        label_issues: dict[str, pd.DataFrame],
    ) -> StepResult:
        """Every model of the family on this dataset: how well it predicts, what it flags, and what it agrees with.

        Models that failed, were never materialized, are out of date or were audited under other rules than most are
        listed with the reason. The best model is selected by its cross-validated metric, never by the test rows.
        """
        from cleanlab_assets.orchestration.families import get_family

        absent = find_absent_models(context.instance, get_family(family), dataset_of(context))
        facts = {facts.model: facts for facts in audit_facts.values() if facts.model not in absent}
        issues = {key.partition("|")[2]: table for key, table in label_issues.items()}
        others = _find_other_rules(facts, issues)
        facts = {model: item for model, item in facts.items() if model not in others}
        not_compared = absent | others
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


def _find_other_rules(
    facts: Mapping[str, AuditFacts], label_issues: Mapping[str, pd.DataFrame]
) -> dict[str, tuple[NotCompared, str]]:
    """Rule out the models whose audits judge by another primary metric, or flag by other settings, than most."""
    rules = {
        model: {"primary_metric": item.primary_metric, **label_issues[model].attrs[PROVENANCE][CONFIG]}
        for model, item in facts.items()
    }
    counts = Counter(json.dumps(rule, sort_keys=True) for rule in rules.values())
    if len(counts) < 2:  # noqa: PLR2004 - one set of rules is what is wanted
        return {}
    usual = json.loads(counts.most_common(1)[0][0])
    differing = {
        model: [
            f"{name} is {rule.get(name)}, that of most is {usual.get(name)}"
            for name in sorted(rule.keys() | usual)
            if rule.get(name) != usual.get(name)
        ]
        for model, rule in rules.items()
    }
    return {model: ("out of date", "; ".join(reasons)) for model, reasons in differing.items() if reasons}
