"""The multilabel family: tables whose labels name any number of classes."""

from __future__ import annotations

from functools import partial

from cleanlab_assets.orchestration.ai_summary import AiSummaryConfig
from cleanlab_assets.orchestration.family import Family
from cleanlab_assets.orchestration.multilabel import checks, dataset_level, model_level, retraining, summaries
from cleanlab_assets.orchestration.multilabel.config import (
    LabelIssuesConfig,
    PredictionsConfig,
    TrainingSetConfig,
    VariantComparisonConfig,
)
from cleanlab_assets.orchestration.partitions import COMPARISON, DATASET, MODEL
from cleanlab_assets.orchestration.tabular.config import DatalabIssuesConfig, NeighborGraphConfig
from cleanlab_assets.orchestration.tabular.model_level import check_parameters

MULTILABEL = Family(
    name=dataset_level.FAMILY,
    assets={
        DATASET: (dataset_level.raw_dataset, dataset_level.training_set, dataset_level.neighbor_graph),
        MODEL: (
            model_level.predictions,
            model_level.label_issues,
            model_level.label_issues_by_class,
            model_level.datalab_issues,
            model_level.datalab_summary,
            model_level.duplicate_sets,
            model_level.datalab_report,
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
        "neighbor_graph": NeighborGraphConfig,
        "predictions": PredictionsConfig,
        "label_issues": LabelIssuesConfig,
        "datalab_issues": DatalabIssuesConfig,
        "variant_comparison": VariantComparisonConfig,
        "ai_summary": AiSummaryConfig,
    },
    check_model=partial(check_parameters, dataset_level.FAMILY),
    default_model="logistic_regression",
    reports=("label_issues", "label_issues_by_class", "datalab_report", "retrained_model"),
)
