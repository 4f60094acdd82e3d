"""The segmentation family: images with a class for every pixel."""

from __future__ import annotations

from functools import partial

from cleanlab_assets.orchestration.ai_summary import AiSummaryConfig
from cleanlab_assets.orchestration.family import Family
from cleanlab_assets.orchestration.partitions import COMPARISON, DATASET, MODEL
from cleanlab_assets.orchestration.segmentation import checks, dataset_level, model_level, retraining
from cleanlab_assets.orchestration.segmentation.config import TrainingSetConfig, VariantComparisonConfig
from cleanlab_assets.orchestration.tabular.config import PredictionsConfig
from cleanlab_assets.orchestration.tabular.model_level import check_parameters

SEGMENTATION = Family(
    name=dataset_level.FAMILY,
    assets={
        DATASET: (dataset_level.raw_dataset, dataset_level.training_set, dataset_level.image_issues),
        MODEL: (
            model_level.predictions,
            model_level.pixel_issues,
            model_level.label_issues,
            model_level.class_summary,
            model_level.class_confusions,
            model_level.mask_report,
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
    default_model="small_unet",
    reports=("label_issues", "mask_report", "retrained_model"),
)
