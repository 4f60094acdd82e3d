"""What is told of the multi-label audits: facts and summary of each, and the comparison of the models."""

from cleanlab_assets.orchestration.ai_summary import build_ai_summary
from cleanlab_assets.orchestration.model_comparison import build_comparison_assets
from cleanlab_assets.orchestration.multilabel.dataset_level import FAMILY
from cleanlab_assets.orchestration.tabular.model_level import build_audit_facts

audit_facts = build_audit_facts(FAMILY)
ai_summary = build_ai_summary(FAMILY)
COMPARISON_ASSETS = build_comparison_assets(FAMILY)
