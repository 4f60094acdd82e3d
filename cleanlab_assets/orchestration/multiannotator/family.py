"""The family of panels: several annotators label the same examples."""

from __future__ import annotations

from cleanlab_assets.orchestration.ai_summary import AiSummaryConfig
from cleanlab_assets.orchestration.family import Family
from cleanlab_assets.orchestration.multiannotator import checks, dataset_level, model_level, retraining, summaries
from cleanlab_assets.orchestration.multiannotator.config import (
    LabelingBatchConfig,
    LearningCurveConfig,
    TrainingSetConfig,
    VariantComparisonConfig,
)
from cleanlab_assets.orchestration.partitions import COMPARISON, DATASET, MODEL
from cleanlab_assets.orchestration.tabular.config import PredictionsConfig

MULTIANNOTATOR = Family(
    name=dataset_level.FAMILY,
    assets={
        DATASET: (
            dataset_level.raw_dataset,
            dataset_level.training_set,
            dataset_level.annotations,
            dataset_level.learning_curve,
        ),
        MODEL: (
            model_level.predictions,
            model_level.label_quality,
            model_level.consensus_labels,
            model_level.annotator_quality,
            model_level.label_issues,
            model_level.labeling_batch,
            model_level.audit_report,
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
        "learning_curve": LearningCurveConfig,
        "predictions": PredictionsConfig,
        "labeling_batch": LabelingBatchConfig,
        "variant_comparison": VariantComparisonConfig,
        "ai_summary": AiSummaryConfig,
    },
    check_model=model_level.check_panel_model,
    default_model="logistic_regression",
    reports=("label_issues", "audit_report", "labeling_batch", "retrained_model"),
)
