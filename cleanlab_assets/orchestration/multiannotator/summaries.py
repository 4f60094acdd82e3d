"""What is told of the audits of panels: facts and summary of each, and the comparison of the models."""

import dagster as dg
import pandas as pd

from cleanlab_assets.methods.variants import VariantComparison
from cleanlab_assets.orchestration.ai_summary import build_ai_summary
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.family_asset import StepResult, family_asset
from cleanlab_assets.orchestration.model_comparison import build_comparison_assets
from cleanlab_assets.orchestration.multiannotator.dataset_level import FAMILY
from cleanlab_assets.orchestration.partitions import MODEL, dataset_of, model_of
from cleanlab_assets.reports.audit_facts import collect_facts


@family_asset(FAMILY, level=MODEL, storage="json", code_version="1", kinds={"pydantic", "json"})
def audit_facts(
    context: dg.AssetExecutionContext,
    training_set: pd.DataFrame,
    predictions: pd.DataFrame,
    label_issues: pd.DataFrame,
    variant_comparison: VariantComparison,
) -> StepResult:
    """What the audit found, in aggregates: what the summary, the model comparison and the shell tell from."""
    facts = collect_facts(
        family=FAMILY,
        dataset=get_dataset(dataset_of(context)),
        model=model_of(context),
        training_set=training_set,
        predictions=predictions,
        label_issues=label_issues,
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


ai_summary = build_ai_summary(FAMILY)
COMPARISON_ASSETS = build_comparison_assets(FAMILY)
