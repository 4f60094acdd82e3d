"""The token classification family: a tag for each word of tagged sentences."""

from __future__ import annotations

from functools import partial

from cleanlab_assets.orchestration.ai_summary import AiSummaryConfig
from cleanlab_assets.orchestration.family import Family
from cleanlab_assets.orchestration.partitions import COMPARISON, DATASET, MODEL
from cleanlab_assets.orchestration.tabular.config import PredictionsConfig
from cleanlab_assets.orchestration.tabular.model_level import check_parameters
from cleanlab_assets.orchestration.token_classification import (
    checks,
    dataset_level,
    model_level,
    retraining,
    summaries,
)
from cleanlab_assets.orchestration.token_classification.config import (
    LabelIssuesConfig,
    TrainingSetConfig,
    VariantComparisonConfig,
)

TOKEN_CLASSIFICATION = Family(
    name=dataset_level.FAMILY,
    assets={
        DATASET: (dataset_level.raw_dataset, dataset_level.training_set),
        MODEL: (
            model_level.predictions,
            model_level.label_issues,
            model_level.sentence_issues,
            model_level.common_errors,
            model_level.token_report,
            retraining.variant_comparison,
            retraining.retrained_model,
            summaries.audit_facts,
            summaries.ai_summary,
        ),
        COMPARISON: summaries.COMPARISON_ASSETS,
    },
    checks=checks.CHECKS,
    configs={
        "training_set": TrainingSetConfig,
        "predictions": PredictionsConfig,
        "label_issues": LabelIssuesConfig,
        "variant_comparison": VariantComparisonConfig,
        "ai_summary": AiSummaryConfig,
    },
    check_model=partial(check_parameters, dataset_level.FAMILY),
    default_model="logistic_regression",
    reports=("label_issues", "token_report", "retrained_model"),
    sample_setting="training_set.max_sentences",
)
