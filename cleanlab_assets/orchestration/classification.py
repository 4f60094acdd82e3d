"""The classification chain: one asset for each step, each a call of pure functions."""

from collections.abc import Mapping

import dagster as dg
import numpy as np
import pandas as pd

from cleanlab_assets.audit.datalab import find_datalab_issues
from cleanlab_assets.audit.duplicates import list_duplicate_sets
from cleanlab_assets.audit.label_issues import find_label_issues
from cleanlab_assets.audit.neighbor_graph import METRIC, build_neighbor_graph, measure_split_leakage, to_graph_table
from cleanlab_assets.audit.predictions import predict_out_of_sample, to_predictions_table, to_probabilities
from cleanlab_assets.audit.training_set import build_training_set, test_rows, train_rows
from cleanlab_assets.datasets.catalogue import get_dataset
from cleanlab_assets.evaluation.detection import measure_detection
from cleanlab_assets.evaluation.metrics import ScoredPredictions, measure_calibration
from cleanlab_assets.evaluation.planted_errors import plant_errors_in_training_set
from cleanlab_assets.evaluation.variants import VariantComparison, compare_variants, fit_variant, to_differences_table
from cleanlab_assets.models.catalogue import BuildContext, PipelineFactory, get_model
from cleanlab_assets.models.encoding import FeatureKinds, encode_for_distance
from cleanlab_assets.models.trained_model import TrainedModel
from cleanlab_assets.orchestration.config import (
    LabelIssuesConfig,
    NeighborGraphConfig,
    PredictionsConfig,
    TrainingSetConfig,
    VariantComparisonConfig,
)
from cleanlab_assets.orchestration.contracts import (
    CLASS_LABEL_ISSUES,
    CLASS_PREDICTIONS,
    DATALAB_ISSUES,
    DATALAB_SUMMARY,
    DUPLICATE_SETS,
    NEIGHBOR_GRAPH,
    TRAINING_SET,
)
from cleanlab_assets.orchestration.family_asset import StepResult, family_asset
from cleanlab_assets.orchestration.metadata import as_numbers, as_plot, as_table
from cleanlab_assets.orchestration.partitions import DATASET, MODEL, dataset_of, model_of
from cleanlab_assets.orchestration.provenance import library_versions
from cleanlab_assets.orchestration.raw_dataset import build_raw_dataset
from cleanlab_assets.orchestration.storage import PROVENANCE, read_artifact
from cleanlab_assets.reports.classification_report import build_classification_report
from cleanlab_assets.reports.html import render_report
from cleanlab_assets.reports.plots import (
    plot_label_quality,
    plot_noise_matrix,
    plot_reliability,
    plot_variant_differences,
)

FAMILY = "classification"
WORST_ROWS = 20

raw_dataset = build_raw_dataset(FAMILY)


@family_asset(
    FAMILY,
    level=DATASET,
    storage="parquet",
    code_version="1",
    kinds={"pandas", "parquet"},
    contract=TRAINING_SET,
)
def training_set(
    context: dg.AssetExecutionContext, config: TrainingSetConfig, raw_dataset: pd.DataFrame
) -> StepResult:
    """The rows under audit: an optional sample, the split into train and test rows, and the folds of the train rows.

    Rows with equal features stay on one side of the split and in one fold. Label errors can be planted in the train
    rows to measure how well they are found; test labels are never touched.
    """
    dataset = get_dataset(dataset_of(context))
    built = build_training_set(
        raw_dataset,
        dataset,
        max_rows=config.max_rows,
        test_fraction=config.test_fraction,
        folds=config.folds,
        seed=config.seed,
    )
    table = built.table
    if config.planted_error_fraction > 0:
        table = plant_errors_in_training_set(
            table,
            FeatureKinds.of(dataset.columns),
            fraction=config.planted_error_fraction,
            kind=config.planted_error_kind,
            seed=config.seed,
        )
    table.attrs = {"seed": config.seed, "folds": config.folds, "notes": list(built.notes)}
    balance = pd.crosstab(table["given_label"], table["split"]).reset_index().astype({"given_label": str})
    return StepResult(
        table,
        {
            "train_rows": int((table["split"] == "train").sum()),
            "test_rows": int((table["split"] == "test").sum()),
            "planted_errors": int(table["planted_error"].sum()) if "planted_error" in table else 0,
            "class_balance": as_table(balance, len(balance)),
            "notes": dg.MetadataValue.md("\n".join(f"- {note}" for note in built.notes) or "none"),
        },
    )


@family_asset(
    FAMILY,
    level=DATASET,
    storage="parquet",
    code_version="1",
    kinds={"faiss", "parquet"},
    contract=NEIGHBOR_GRAPH,
)
def neighbor_graph(
    context: dg.AssetExecutionContext, config: NeighborGraphConfig, training_set: pd.DataFrame
) -> StepResult:
    """The nearest train rows of every row, computed once and shared by every model.

    Features are encoded, imputed and robustly scaled, so that Euclidean distance means dissimilarity. Exact up to a
    row limit, approximate above it with its recall measured.
    """
    kinds = FeatureKinds.of(get_dataset(dataset_of(context)).columns)
    is_train = (training_set["split"] == "train").to_numpy()
    encoded = encode_for_distance(training_set, kinds, fit_on=is_train)
    graph, test_graph = build_neighbor_graph(
        encoded[is_train],
        encoded[~is_train],
        k=config.k,
        exact_row_limit=config.exact_row_limit,
        seed=training_set.attrs["seed"],
    )
    table = to_graph_table(training_set, graph, test_graph)
    table.attrs = {"metric": METRIC, "k": config.k, "method": graph.method, "recall": graph.recall}
    leakage = measure_split_leakage(table)
    return StepResult(
        table,
        {
            **table.attrs,
            "encoded_features": encoded.shape[1],
            "near_duplicates_across_splits": leakage.share,
            "nearest_pairs_across_splits": as_table(leakage.pairs, WORST_ROWS),
        },
    )


@family_asset(
    FAMILY,
    level=MODEL,
    storage="parquet",
    code_version="1",
    kinds={"scikitlearn", "parquet"},
    contract=CLASS_PREDICTIONS,
)
def predictions(
    context: dg.AssetExecutionContext, config: PredictionsConfig, training_set: pd.DataFrame
) -> StepResult:
    """Out-of-sample predicted probabilities: every train row is predicted once, by a model that never saw it."""
    dataset = get_dataset(dataset_of(context))
    rows = train_rows(training_set)
    labels = rows["given_label"].cat.codes.to_numpy(dtype=np.int64)
    build = _pipeline_factory(context, training_set, config.parameters)
    predicted = predict_out_of_sample(
        rows[build.features], labels, rows["fold"].to_numpy(), n_classes=len(dataset.class_names), build=build
    )
    table = to_predictions_table(rows, predicted.probabilities, dataset.class_names)
    scores = ScoredPredictions(labels, predicted.probabilities).compute()
    calibration = measure_calibration(labels, predicted.probabilities)
    table.attrs = {
        "seed": training_set.attrs["seed"],
        "model_parameters": config.parameters,
        "cross_validation": scores,
        "calibration": calibration.model_dump(),
        "fit_seconds": list(predicted.fit_seconds),
    }
    return StepResult(
        table,
        {
            **as_numbers({f"cross_validated_{name}": score for name, score in scores.items()}),
            "expected_calibration_error": calibration.expected_calibration_error,
            "fit_seconds": sum(predicted.fit_seconds),
            "reliability": as_plot(
                plot_reliability(
                    np.array(calibration.mean_confidence), np.array(calibration.accuracy), np.array(calibration.counts)
                ),
                "Reliability",
            ),
        },
    )


@family_asset(
    FAMILY,
    level=MODEL,
    storage="parquet",
    code_version="1",
    kinds={"cleanlab", "parquet"},
    contract=CLASS_LABEL_ISSUES,
)
def label_issues(
    context: dg.AssetExecutionContext,
    config: LabelIssuesConfig,
    training_set: pd.DataFrame,
    predictions: pd.DataFrame,
) -> StepResult:
    """Every train row with its given label, suggested label, label quality, flag and rank; the worst rows first.

    Lower quality is worse. The row id says file and line, so that the label can be corrected at its source.
    """
    rows = train_rows(training_set)
    features = FeatureKinds.of(get_dataset(dataset_of(context)).columns).names
    issues = find_label_issues(
        predictions, rows[features], filter_by=config.filter_by, quality_method=config.quality_method
    )
    table, n_issues = issues.table, int(issues.table["is_label_issue"].sum())
    table.attrs = {
        "seed": training_set.attrs["seed"],
        "filter_by": config.filter_by,
        "quality_method": config.quality_method,
        "model_parameters": predictions.attrs["model_parameters"],
        "estimated_errors": issues.estimated_errors,
        "correct_rates": {name: float(issues.noise_matrix.loc[name, name]) for name in issues.noise_matrix.index},
        "notes": list(issues.notes),
    }
    metadata = {
        "n_label_issues": n_issues,
        "label_issue_rate": n_issues / len(table),
        "estimated_errors": issues.estimated_errors,
        "filter_by": config.filter_by,
        "quality_method": config.quality_method,
        "worst_rows": as_table(table.sort_values("rank"), WORST_ROWS),
        "noise_matrix": as_table(issues.noise_matrix.rename_axis("given_label").reset_index(), len(table)),
        "noise_matrix_plot": as_plot(plot_noise_matrix(issues.noise_matrix), "P(given label | true label)"),
        "label_quality": as_plot(
            plot_label_quality(
                table["label_quality"].to_numpy(dtype=np.float64), table["is_label_issue"].to_numpy(dtype=bool)
            ),
            "Label quality",
        ),
    }
    if "planted_error" in rows:
        table["planted_error"], table["true_label"] = rows["planted_error"], rows["true_label"]
        detection = measure_detection(
            table["label_quality"].to_numpy(), table["is_label_issue"].to_numpy(), rows["planted_error"].to_numpy()
        )
        table.attrs["detection"] = detection.model_dump()
        metadata |= as_numbers({f"detection_{name}": value for name, value in detection.model_dump().items()})
    return StepResult(table, metadata)


@family_asset(
    FAMILY,
    level=MODEL,
    storage="parquet",
    code_version="1",
    kinds={"cleanlab", "parquet"},
    contract=DATALAB_ISSUES,
)
def datalab_issues(
    context: dg.AssetExecutionContext,
    training_set: pd.DataFrame,
    neighbor_graph: pd.DataFrame,
    predictions: pd.DataFrame,
) -> StepResult:
    """Every Datalab issue type for every train row, in one run on the stored neighbour graph and predictions."""
    features = FeatureKinds.of(get_dataset(dataset_of(context)).columns).names
    found = find_datalab_issues(
        predictions, train_rows(training_set)[features], neighbor_graph, seed=training_set.attrs["seed"]
    )
    found.table.attrs["summary"] = found.summary.astype(object).where(found.summary.notna(), None).to_dict("records")
    counts = dict(found.summary[["issue_type", "n_issues"]].itertuples(index=False))
    return StepResult(
        found.table,
        {
            "graph": f"{neighbor_graph.attrs['metric']}, k={neighbor_graph.attrs['k']}, {neighbor_graph.attrs['method']}",
            **{f"n_{name}_issues": int(count) for name, count in counts.items()},
        },
    )


@family_asset(
    FAMILY,
    level=MODEL,
    storage="parquet",
    code_version="1",
    kinds={"cleanlab", "parquet"},
    contract=DATALAB_SUMMARY,
)
def datalab_summary(context: dg.AssetExecutionContext, datalab_issues: pd.DataFrame) -> StepResult:  # noqa: ARG001
    """One row for each Datalab issue type: score, count, share, metric, k and parameters; also what did not run."""
    summary = pd.DataFrame.from_records(datalab_issues.attrs["summary"]).astype({"k": "Int64", "score": "float64"})
    return StepResult(summary, {"not_run": summary.loc[summary["status"] != "ran", "issue_type"].tolist()})


@family_asset(
    FAMILY,
    level=MODEL,
    storage="parquet",
    code_version="1",
    kinds={"pandas", "parquet"},
    contract=DUPLICATE_SETS,
)
def duplicate_sets(
    context: dg.AssetExecutionContext,  # noqa: ARG001
    datalab_issues: pd.DataFrame,
    label_issues: pd.DataFrame,
) -> StepResult:
    """Sets of nearly equal rows, row by row, with the row to keep and whether the labels of the set disagree."""
    sets = list_duplicate_sets(datalab_issues, label_issues)
    return StepResult(sets, {"n_sets": int(sets["duplicate_set"].nunique()), "rows_to_drop": int((~sets["keep"]).sum())})


@family_asset(FAMILY, level=MODEL, storage="html", code_version="1", kinds={"html"})
def datalab_report(
    context: dg.AssetExecutionContext,
    training_set: pd.DataFrame,
    datalab_issues: pd.DataFrame,
    datalab_summary: pd.DataFrame,
    duplicate_sets: pd.DataFrame,
) -> StepResult:
    """A self-contained HTML report of all issues with the rows behind them; open it in any browser, offline."""
    issues_record = datalab_issues.attrs[PROVENANCE]
    facts = {
        "model": model_of(context),
        "seed": str(training_set.attrs["seed"]),
        "training set": training_set.attrs[PROVENANCE]["data_hash"],
        "training set config": str(training_set.attrs[PROVENANCE]["config"]),
        "Datalab issues": issues_record["data_hash"],
        "audited": issues_record["started"],
        **library_versions(),
    }
    report = build_classification_report(
        dataset=get_dataset(dataset_of(context)),
        model=model_of(context),
        training_set=training_set,
        datalab_issues=datalab_issues,
        datalab_summary=datalab_summary,
        duplicate_sets=duplicate_sets,
        facts=facts,
    )
    page = render_report(report)
    return StepResult(page, {"bytes": len(page.encode()), "sections": [section.title for section in report.sections]})


@family_asset(FAMILY, level=MODEL, storage="json", code_version="1", kinds={"scikitlearn", "json"})
def variant_comparison(
    context: dg.AssetExecutionContext,
    config: VariantComparisonConfig,
    training_set: pd.DataFrame,
    predictions: pd.DataFrame,
    label_issues: pd.DataFrame,
) -> StepResult:
    """Does cleaning help? Models trained on cleaned rows against the baseline, on untouched test rows.

    Variants: baseline, pruned, relabelled, CleanLearning, and the random removal of as many rows as were pruned.
    Differences have paired bootstrap intervals; "no effect shown" is a normal verdict.
    """
    build = _pipeline_factory(context, training_set, predictions.attrs["model_parameters"])
    comparison = compare_variants(
        label_issues,
        train_rows(training_set),
        test_rows(training_set),
        to_probabilities(predictions),
        features=build.features,
        build=build,
        prune_fraction=config.prune_fraction,
        correct_rates=label_issues.attrs["correct_rates"],
        primary_metric=config.primary_metric,
        n_resamples=config.resamples,
        seed=training_set.attrs["seed"],
    )
    differences = to_differences_table(comparison)
    overview = pd.DataFrame.from_records(
        [
            {"variant": result.variant, "n_train": result.n_train, **result.metrics, "verdict": result.verdict}
            for result in comparison.variants
        ]
    )
    return StepResult(
        comparison,
        {
            "verdict": comparison.verdict,
            "chosen": comparison.chosen,
            "primary_metric": comparison.primary_metric,
            "variants": as_table(overview, len(overview)),
            "differences": as_table(differences, len(differences)),
            "differences_plot": as_plot(plot_variant_differences(differences), "Difference to the baseline"),
            **as_numbers({f"test_{name}": value for name, value in comparison.result(comparison.chosen).metrics.items()}),
        },
    )


@family_asset(FAMILY, level=MODEL, storage="skops", code_version="1", kinds={"scikitlearn"})
def retrained_model(
    context: dg.AssetExecutionContext,
    training_set: pd.DataFrame,
    predictions: pd.DataFrame,
    label_issues: pd.DataFrame,
    variant_comparison: VariantComparison,
) -> StepResult:
    """The final model, fitted on the chosen variant of the train rows, with its model card; stored without pickle."""
    dataset = get_dataset(dataset_of(context))
    parameters = predictions.attrs["model_parameters"]
    build = _pipeline_factory(context, training_set, parameters)
    pipeline = fit_variant(
        variant_comparison,
        label_issues,
        train_rows(training_set),
        features=build.features,
        build=build,
        correct_rates=label_issues.attrs["correct_rates"],
    )
    chosen = variant_comparison.result(variant_comparison.chosen)
    card = {
        "dataset": dataset.name,
        "model": model_of(context),
        "description": get_model(FAMILY, model_of(context)).description,
        "licence_of_the_data": dataset.licence,
        "features": build.features,
        "class_names": list(dataset.class_names),
        "variant": chosen.variant,
        "verdict": variant_comparison.verdict,
        "n_train": chosen.n_train,
        "n_test": variant_comparison.n_test,
        "test_metrics": chosen.metrics,
        "cross_validation": predictions.attrs["cross_validation"],
        "parameters": parameters,
        "seed": training_set.attrs["seed"],
        "training_set_config": training_set.attrs[PROVENANCE]["config"],
        "training_set_hash": training_set.attrs[PROVENANCE]["data_hash"],
    }
    metadata = {"variant": chosen.variant, "model_card": dg.MetadataValue.json(card), **as_numbers(chosen.metrics)}
    return StepResult(TrainedModel(pipeline=pipeline, card=card), metadata)


def _pipeline_factory(
    context: dg.AssetExecutionContext, training_set: pd.DataFrame, parameters: dict[str, object]
) -> PipelineFactory:
    dataset = get_dataset(dataset_of(context))
    build_context = BuildContext(
        kinds=FeatureKinds.of(dataset.columns), n_classes=len(dataset.class_names), seed=training_set.attrs["seed"]
    )
    return PipelineFactory(FAMILY, model_of(context), build_context, parameters)


ASSETS = (
    raw_dataset,
    training_set,
    neighbor_graph,
    predictions,
    label_issues,
    datalab_issues,
    datalab_summary,
    duplicate_sets,
    datalab_report,
    variant_comparison,
    retrained_model,
)

CONFIGS: Mapping[str, type[dg.Config]] = {
    "training_set": TrainingSetConfig,
    "neighbor_graph": NeighborGraphConfig,
    "predictions": PredictionsConfig,
    "label_issues": LabelIssuesConfig,
    "variant_comparison": VariantComparisonConfig,
}


def summarize(paths: Mapping[str, str]) -> list[str]:
    """Say in a few lines what an audit found.

    Args:
        paths: where the artifacts of the audited partition lie, by asset name.
    """
    issues, summary, sets = (read_artifact(paths[name]) for name in ("label_issues", "datalab_summary", "duplicate_sets"))
    comparison: VariantComparison = read_artifact(paths["variant_comparison"], VariantComparison)
    scores = read_artifact(paths["predictions"]).attrs["cross_validation"]
    n_issues = int(issues["is_label_issue"].sum())
    counts = dict(summary.loc[summary["status"] == "ran", ["issue_type", "n_issues"]].itertuples(index=False))
    p_value = summary.set_index("issue_type")["score"].get("non_iid", float("nan"))
    worst = issues.loc[issues["rank"].idxmin()]
    baseline, best = comparison.result("baseline"), comparison.result(comparison.chosen)
    metric = comparison.primary_metric
    lines = [
        f"{len(issues):,} rows audited; cross-validated accuracy {scores['accuracy']:.3f}, ROC AUC {scores['roc_auc']:.3f}",
        f"{n_issues:,} likely label errors ({n_issues / len(issues):.1%}); the confident joint estimates "
        f"{issues.attrs['estimated_errors']:,}",
        f"worst: {worst['row_id']} is labelled {worst['given_label']}, the model says {worst['suggested_label']} "
        f"({worst['suggested_label_probability']:.0%})",
        f"{counts.get('outlier', 0):,} outliers; {counts.get('near_duplicate', 0):,} near duplicates in "
        f"{sets['duplicate_set'].nunique():,} sets; source order: non-iid p-value {p_value:.3f}",
        f"cleaning: {comparison.verdict} (kept: {comparison.chosen}; test {metric} {baseline.metrics[metric]:.4f} before, "
        f"{best.metrics[metric]:.4f} after, {comparison.n_test:,} untouched rows)",
    ]
    detection = issues.attrs.get("detection")
    if detection is not None:
        lines.append(
            f"planted errors: {detection['n_planted']:,}; average precision {detection['average_precision']:.3f} "
            f"(chance {detection['planted_share']:.3f}), precision {detection['precision']:.3f}, "
            f"recall {detection['recall']:.3f}"
        )
    return lines
