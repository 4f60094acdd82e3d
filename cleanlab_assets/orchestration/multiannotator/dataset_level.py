"""The dataset level of panels: the examples and labels under audit, and active learning where the truth is known."""

from dataclasses import asdict

import dagster as dg
import numpy as np
import pandas as pd

from cleanlab_assets.families.multiannotator.agreement import measure_agreement
from cleanlab_assets.families.multiannotator.annotations import (
    PanelLimits,
    build_panel_training_set,
    count_labels_by_file,
    panel_of,
    put_votes,
    select_annotations,
    to_label_matrix,
)
from cleanlab_assets.families.multiannotator.learning_curve import (
    STRATEGIES,
    LabelPool,
    compare_curves,
    simulate_rounds,
)
from cleanlab_assets.families.multiannotator.plant import plant_annotation_errors, to_reference
from cleanlab_assets.families.multiannotator.plots import plot_learning_curve
from cleanlab_assets.methods.class_codes import encode_labels
from cleanlab_assets.methods.seeding import seed_generator
from cleanlab_assets.methods.training_set import TRAIN, test_rows, train_rows
from cleanlab_assets.models.catalogue import BuildContext, PipelineFactory
from cleanlab_assets.models.encoding import FeatureKinds
from cleanlab_assets.orchestration.contracts import TRAINING_SET
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.family_asset import StepResult, family_asset
from cleanlab_assets.orchestration.metadata import as_notes, as_plots, as_table
from cleanlab_assets.orchestration.multiannotator.config import LearningCurveConfig, TrainingSetConfig
from cleanlab_assets.orchestration.multiannotator.contracts import ANNOTATIONS, LEARNING_CURVE
from cleanlab_assets.orchestration.partitions import DATASET, dataset_of
from cleanlab_assets.orchestration.raw_dataset import build_raw_dataset

FAMILY = "multiannotator"
CURVE_MODEL = "logistic_regression"
CURVE_PARAMETERS = {"C": 0.05}
"""Noisy labels ask for a smooth model, which is quicker to fit besides."""
CURVE_METRIC = "test_accuracy"

raw_dataset = build_raw_dataset(FAMILY)


@family_asset(
    FAMILY,
    level=DATASET,
    storage="parquet",
    code_version="1",
    kinds={"pandas", "parquet"},
    contract=TRAINING_SET,
)
def training_set(context: dg.AssetExecutionContext, config: TrainingSetConfig, raw_dataset: pd.DataFrame) -> StepResult:
    """The examples under audit, one row each with its majority vote as given label, split and folds.

    Test rows carry the truth where it is known. Errors can be planted in single labels of the train examples.
    """
    dataset = get_dataset(dataset_of(context))
    panel = panel_of(dataset)
    limits = PanelLimits(
        max_examples=config.max_rows or panel.max_examples,
        max_annotators=config.max_annotators or panel.max_annotators,
        min_labels_per_example=config.min_labels_per_example or panel.min_labels_per_example,
        min_labels_per_annotator=config.min_labels_per_annotator or panel.min_labels_per_annotator,
    )
    selection = select_annotations(raw_dataset, dataset, limits)
    built = build_panel_training_set(
        selection.table,
        raw_dataset,
        dataset,
        test_fraction=config.test_fraction,
        folds=config.folds,
        seed=config.seed,
    )
    table, planted = built.table, pd.Series(dtype=object)
    reference = to_reference(table[table["split"] == TRAIN])
    if config.planted_error_fraction > 0:
        train = table["split"] == TRAIN
        wrong = plant_annotation_errors(
            selection.table, reference, fraction=config.planted_error_fraction, seed=config.seed
        )
        votes = put_votes(table, wrong)
        table.loc[train, ["given_label", "annotator_agreement"]] = votes.loc[
            train, ["given_label", "annotator_agreement"]
        ]
        planted = wrong[wrong["planted_error"]].set_index("row_id")["given_label"].astype(str)
    notes = [*selection.notes, *built.notes]
    files = count_labels_by_file(selection.table)
    if len(files) > 1:
        notes.append("labels by file: " + ", ".join(f"{name} {count:,}" for name, count in files.items()))
    if panel.is_preference:
        notes.append("labels are preferences: annotators who disagree may all be right, so a flag is no error")
    table.attrs = {
        "seed": config.seed,
        "folds": config.folds,
        "notes": notes,
        "annotators": list(selection.table["annotator"].cat.categories),
        "limits": asdict(limits),
        "planted_labels": planted.to_dict(),
        "reference": reference.to_dict() if len(planted) else {},
    }
    return StepResult(
        table,
        {
            "train_rows": int((table["split"] == TRAIN).sum()),
            "test_rows": int((table["split"] != TRAIN).sum()),
            "annotators": len(table.attrs["annotators"]),
            "labels_by_file": dg.MetadataValue.json(files),
            "planted_errors": len(planted),
            "preview": as_table(table, columns=["row_id", "given_label", "n_annotations", "split", "fold"]),
            "notes": as_notes(notes),
        },
    )


@family_asset(
    FAMILY,
    level=DATASET,
    storage="parquet",
    code_version="1",
    kinds={"pandas", "parquet"},
    contract=ANNOTATIONS,
)
def annotations(context: dg.AssetExecutionContext, raw_dataset: pd.DataFrame, training_set: pd.DataFrame) -> StepResult:
    """Every label under audit: who gave it to which example; with planted errors also the label as it was."""
    dataset = get_dataset(dataset_of(context))
    panel, attrs = panel_of(dataset), training_set.attrs
    example, annotator = (raw_dataset[name].astype(str) for name in (panel.example, panel.annotator))
    kept = (
        example.isin(training_set["row_id"]) & annotator.isin(attrs["annotators"]) & raw_dataset[dataset.label].notna()
    )
    names = list(dataset.class_names)
    table = pd.DataFrame(
        {
            "row_id": raw_dataset.loc[kept, "row_id"].to_numpy(),
            "example": example[kept].to_numpy(),
            "annotator": pd.Categorical(annotator[kept], categories=attrs["annotators"]),
            "given_label": pd.Categorical(raw_dataset.loc[kept, dataset.label], categories=names),
        }
    )
    table["split"] = table["example"].map(training_set.set_index("row_id")["split"].astype(str))
    if attrs["planted_labels"]:
        planted = table["row_id"].map(attrs["planted_labels"])
        table["true_label"] = table["given_label"]
        table["planted_error"] = planted.notna()
        table["given_label"] = pd.Categorical(
            planted.where(planted.notna(), table["given_label"].astype(object)), categories=names
        )
    labels = to_label_matrix(table, training_set["row_id"])
    agreement = {"nominal_agreement": measure_agreement(labels, n_classes=len(names), scale="nominal")}
    if panel.has_ordered_classes:
        agreement["ordinal_agreement"] = measure_agreement(labels, n_classes=len(names), scale="ordinal")
    table.attrs = {"seed": attrs["seed"], "agreement": agreement}
    return StepResult(
        table,
        {
            "n_labels": len(table),
            "labels_per_example": len(table) / len(training_set),
            "coverage": len(table) / (len(training_set) * len(attrs["annotators"])),
            **{name: value for name, value in agreement.items() if np.isfinite(value)},
            "preview": as_table(table),
        },
    )


@family_asset(
    FAMILY,
    level=DATASET,
    storage="parquet",
    code_version="1",
    kinds={"cleanlab", "parquet"},
    contract=LEARNING_CURVE,
    heavy=True,
)
def learning_curve(
    context: dg.AssetExecutionContext,
    config: LearningCurveConfig,
    training_set: pd.DataFrame,
    annotations: pd.DataFrame,
) -> StepResult:
    """Active learning against random choice: labels of the train examples revealed round by round, several seeds.

    Needs known truth and features; without them the table is empty and says so.
    """
    dataset = get_dataset(dataset_of(context))
    kinds = FeatureKinds.of(dataset.columns)
    if "true_label" not in training_set or not kinds.names:
        columns = ["strategy", "seed", "round", "n_labels", "n_labelled_examples", "test_accuracy", "pool_accuracy"]
        empty = pd.DataFrame(columns=columns).astype({"test_accuracy": float, "pool_accuracy": float})
        missing = "features" if "true_label" in training_set else "truth"
        empty.attrs = {"why_empty": f"no {missing}: what active learning gains cannot be measured"}
        return StepResult(empty, {"notes": as_notes([empty.attrs["why_empty"]])})
    seed, n_classes = training_set.attrs["seed"], len(dataset.class_names)
    train, test = train_rows(training_set), test_rows(training_set)
    build = PipelineFactory(
        FAMILY, CURVE_MODEL, BuildContext(kinds=kinds, n_classes=n_classes, seed=seed), CURVE_PARAMETERS
    )
    labels, truth = to_label_matrix(annotations, train["row_id"]), encode_labels(train["true_label"])
    curves = []
    for number in range(seed, seed + config.seeds):
        drawn = np.sort(seed_generator(number, "pool").permutation(len(train))[: config.max_examples])
        pool = LabelPool(train[kinds.names].iloc[drawn], labels[drawn], truth[drawn], n_classes)
        curves += [
            simulate_rounds(
                pool,
                test[kinds.names],
                encode_labels(test["true_label"]),
                strategy=strategy,
                build=build,
                start=config.start,
                batch=config.batch_size,
                rounds=config.rounds,
                seed=number,
            )
            for strategy in STRATEGIES
        ]
    table = pd.concat(curves, ignore_index=True)
    table.attrs = {"seed": seed, "model": CURVE_MODEL}
    for strategy in STRATEGIES:
        if strategy != "random":
            table.attrs[strategy] = {
                metric: compare_curves(table, metric, strategy=strategy) for metric in (CURVE_METRIC, "pool_accuracy")
            }
    found = table.attrs["active_pairs"][CURVE_METRIC]
    return StepResult(
        table,
        {
            "area_between_curves": found["area"],
            "area_low": found["low"],
            "area_high": found["high"],
            "n_seeds": config.seeds,
            "model": CURVE_MODEL,
            "areas": dg.MetadataValue.json({name: table.attrs[name] for name in ("active_pairs", "active_examples")}),
            "plots": as_plots({"Accuracy on test rows by labels": plot_learning_curve(table, CURVE_METRIC)}),
        },
    )
