"""The classification family: single-label tables, binary and multi-class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cleanlab_assets.datasets.catalogue import get_dataset
from cleanlab_assets.evaluation.variants import VariantComparison
from cleanlab_assets.models.catalogue import BuildContext, build_model
from cleanlab_assets.models.encoding import FeatureKinds
from cleanlab_assets.orchestration.classification import checks, dataset_level, model_level, retraining
from cleanlab_assets.orchestration.classification.config import (
    LabelIssuesConfig,
    NeighborGraphConfig,
    PredictionsConfig,
    TrainingSetConfig,
    VariantComparisonConfig,
)
from cleanlab_assets.orchestration.family import Family
from cleanlab_assets.orchestration.storage import read_artifact
from cleanlab_assets.reports.classification_summary import summarize_classification_audit

if TYPE_CHECKING:
    from collections.abc import Mapping

    import dagster as dg


def _summarize(paths: Mapping[str, str]) -> list[str]:
    return summarize_classification_audit(
        label_issues=read_artifact(paths["label_issues"]),
        datalab_summary=read_artifact(paths["datalab_summary"]),
        duplicate_sets=read_artifact(paths["duplicate_sets"]),
        comparison=read_artifact(paths["variant_comparison"], VariantComparison),
        cross_validation=read_artifact(paths["predictions"]).attrs["cross_validation"],
    )


def _check_model(dataset: str, model: str, configs: Mapping[dg.AssetKey, Mapping[str, Any]]) -> None:
    parameters = configs[model_level.predictions.key]["parameters"]
    if not parameters:
        return
    entry = get_dataset(dataset)
    context = BuildContext(kinds=FeatureKinds.of(entry.columns), n_classes=len(entry.class_names), seed=0)
    build_model(dataset_level.FAMILY, model, context, parameters=parameters)


CLASSIFICATION = Family(
    name=dataset_level.FAMILY,
    assets=(
        dataset_level.raw_dataset,
        dataset_level.training_set,
        dataset_level.neighbor_graph,
        model_level.predictions,
        model_level.label_issues,
        model_level.datalab_issues,
        model_level.datalab_summary,
        model_level.duplicate_sets,
        model_level.datalab_report,
        retraining.variant_comparison,
        retraining.retrained_model,
    ),
    checks=checks.CHECKS,
    configs={
        "training_set": TrainingSetConfig,
        "neighbor_graph": NeighborGraphConfig,
        "predictions": PredictionsConfig,
        "label_issues": LabelIssuesConfig,
        "variant_comparison": VariantComparisonConfig,
    },
    summarize=_summarize,
    check_model=_check_model,
    reports=("label_issues", "datalab_report", "retrained_model"),
)
