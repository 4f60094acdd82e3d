"""The object detection family: boxes with a class in images."""

from __future__ import annotations

from functools import partial

from cleanlab_assets.orchestration.ai_summary import AiSummaryConfig
from cleanlab_assets.orchestration.family import Family
from cleanlab_assets.orchestration.object_detection import checks, dataset_level, model_level, retraining
from cleanlab_assets.orchestration.object_detection.config import TrainingSetConfig, VariantComparisonConfig
from cleanlab_assets.orchestration.partitions import COMPARISON, DATASET, MODEL
from cleanlab_assets.orchestration.tabular.config import PredictionsConfig
from cleanlab_assets.orchestration.tabular.model_level import check_parameters

OBJECT_DETECTION = Family(
    name=dataset_level.FAMILY,
    assets={
        DATASET: (dataset_level.raw_dataset, dataset_level.training_set),
        MODEL: (
            model_level.predictions,
            model_level.box_issues,
            model_level.label_issues,
            model_level.box_report,
            retraining.variant_comparison,
            retraining.retrained_model,
            retraining.audit_facts,
            retraining.ai_summary,
        ),
        COMPARISON: retraining.COMPARISON_ASSETS,
    },
    checks=checks.CHECKS,
    configs={
        "training_set": TrainingSetConfig,
        "predictions": PredictionsConfig,
        "variant_comparison": VariantComparisonConfig,
        "ai_summary": AiSummaryConfig,
    },
    check_model=partial(check_parameters, dataset_level.FAMILY),
    default_model="small_detector",
    reports=("box_issues", "box_report", "retrained_model"),
)
