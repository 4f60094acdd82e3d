"""The examples and labels under audit, shared by every model."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd
from pydantic import Field

from cleanlab_assets.datasets.headers import AUDIT_COLUMNS
from cleanlab_assets.families.contracts import ROW_ID, TableContract, filled
from cleanlab_assets.families.multiannotator.agreement import measure_agreement
from cleanlab_assets.families.multiannotator.annotations import (
    NO_LABEL,
    PanelLimits,
    build_panel_training_set,
    count_labels_by_file,
    panel_of,
    put_votes,
    select_annotations,
    to_decided_codes,
    to_label_matrix,
)
from cleanlab_assets.families.multiannotator.plant import plant_annotation_errors, to_reference
from cleanlab_assets.families.step import DATASET, AnyTable, StepContext, step
from cleanlab_assets.families.tables import settings as tables
from cleanlab_assets.families.tables.training_set import TRAINING_SET
from cleanlab_assets.families.training_set import store_training_set
from cleanlab_assets.methods.facts import TrainingSetFacts
from cleanlab_assets.methods.result import Facts, Result
from cleanlab_assets.methods.shown import Json, TableView, keep_finite
from cleanlab_assets.methods.training_set import TRAIN
from cleanlab_assets.reviews.corrected_labels import DECIDED_LABEL

if TYPE_CHECKING:
    from cleanlab_assets.methods.agreement import Scale
    from cleanlab_assets.methods.shown import Shown


class TrainingSetSettings(tables.TrainingSetSettings):
    """Which annotators and examples are audited, how these are divided, and which single labels are made wrong.

    Limits that are absent are those of the dataset's catalogue entry.
    """

    max_rows: int | None = Field(
        None, ge=20, le=100_000_000, description="Most examples: those with the most labels; the dataset's if absent."
    )
    max_annotators: int | None = Field(None, ge=2, description="Most annotators: those with the most labels.")
    min_labels_per_example: int | None = Field(None, ge=1, description="Examples with fewer labels are left out.")
    min_labels_per_annotator: int | None = Field(None, ge=1, description="Annotators with fewer labels are left out.")


class PanelTrainingSetFacts(TrainingSetFacts):
    """How examples and annotators were chosen, and which single labels were made wrong on purpose.

    ``n_decided`` examples have the label that reviewers decided. ``planted_labels`` holds the wrong label by row id;
    ``reference`` the class of each example that errors are told by.
    """

    annotators: list[str]
    limits: dict[str, int | None]
    n_decided: int = 0
    planted_labels: dict[str, str]
    reference: dict[str, str]


PanelTrainingSetTable: TypeAlias = Result[pd.DataFrame, PanelTrainingSetFacts]


class AnnotationsFacts(Facts):
    """How far annotators agree beyond chance: Krippendorff's alpha by scale, None where it is undefined."""

    seed: int
    agreement: dict[str, float | None]


AnnotationsTable: TypeAlias = Result[pd.DataFrame, AnnotationsFacts]


@step(
    "pandas",
    level=DATASET,
    code_version="3",
    facts=PanelTrainingSetFacts,
    contract=TRAINING_SET,
    settings=TrainingSetSettings,
)
def training_set(context: StepContext, settings: TrainingSetSettings, raw_dataset: AnyTable) -> PanelTrainingSetTable:
    """The examples under audit, one row each with its majority vote as given label, split and folds.

    Test rows carry the truth where it is known. With ``labels`` set to corrected, an example of which reviewers decided
    has the decided label in place of the vote. Errors can be planted in single labels of the train examples.
    """
    dataset, panel = context.dataset, panel_of(context.dataset)
    limits = PanelLimits(
        max_examples=settings.max_rows or panel.max_examples,
        max_annotators=settings.max_annotators or panel.max_annotators,
        min_labels_per_example=settings.min_labels_per_example or panel.min_labels_per_example,
        min_labels_per_annotator=settings.min_labels_per_annotator or panel.min_labels_per_annotator,
    )
    selection = select_annotations(raw_dataset.value, dataset, limits)
    built = build_panel_training_set(
        selection.table,
        raw_dataset.value,
        dataset,
        test_fraction=settings.share_of_test_rows(dataset),
        folds=settings.folds,
        seed=settings.seed,
        reserved=AUDIT_COLUMNS | context.reserved_columns,
    )
    table, planted, reference = built.table, {}, to_reference(built.table[built.table["split"] == TRAIN])
    if settings.planted_error_fraction > 0:
        wrong = plant_annotation_errors(
            selection.table, reference, fraction=settings.planted_error_fraction, seed=settings.seed
        )
        votes, train, changed = put_votes(table, wrong), table["split"] == TRAIN, ["given_label", "annotator_agreement"]
        table.loc[train, changed] = votes.loc[train, changed]
        planted = wrong[wrong["planted_error"]].set_index("row_id")["given_label"].astype(str).to_dict()
    files = count_labels_by_file(selection.table)
    notes = [*selection.notes, *built.notes]
    if len(files) > 1:
        notes.append("labels by file: " + ", ".join(f"{name} {count:,}" for name, count in files.items()))
    if panel.is_preference:
        notes.append("labels are preferences: annotators who disagree may all be right, so a flag is no error")
    facts = PanelTrainingSetFacts(
        seed=settings.seed,
        folds=settings.folds,
        notes=notes,
        annotators=list(selection.table["annotator"].cat.categories),
        limits=asdict(limits),
        n_decided=int((to_decided_codes(table) != NO_LABEL).sum()),
        planted_labels=planted,
        reference=reference.to_dict() if planted else {},
    )
    return store_training_set(
        table,
        facts,
        columns=("row_id", "given_label", "n_annotations", "split", "fold"),
        n_planted=len(planted),
        show=lambda _: {
            "annotators": len(facts.annotators),
            "n_decided": facts.n_decided,
            "labels_by_file": Json(files),
        },
    )


@step(
    "pandas",
    level=DATASET,
    name="annotations",
    code_version="2",
    facts=AnnotationsFacts,
    contract=TableContract(
        "Annotations",
        "One row for each label that an annotator gave to an example under audit.",
        (ROW_ID, *filled("example", "annotator", "given_label", "split")),
    ),
)
def given_annotations(
    context: StepContext, raw_dataset: AnyTable, training_set: PanelTrainingSetTable
) -> AnnotationsTable:
    """Every label under audit: who gave it to which example; with planted errors also the label as it was."""
    dataset, panel = context.dataset, panel_of(context.dataset)
    raw, examples, chosen = raw_dataset.value, training_set.value, training_set.facts
    example, annotator = (raw[name].astype(str) for name in (panel.example, panel.annotator))
    kept = example.isin(examples["row_id"]) & annotator.isin(chosen.annotators) & raw[dataset.label].notna()
    names = list(dataset.class_names)
    table = pd.DataFrame(
        {
            "row_id": raw.loc[kept, "row_id"].to_numpy(),
            "example": example[kept].to_numpy(),
            "annotator": pd.Categorical(annotator[kept], categories=chosen.annotators),
            "given_label": pd.Categorical(raw.loc[kept, dataset.label], categories=names),
        }
    )
    table["split"] = table["example"].map(examples.set_index("row_id")["split"].astype(str))
    if DECIDED_LABEL in examples:
        decided = table["example"].map(examples.set_index("row_id")[DECIDED_LABEL].astype(object))
        table[DECIDED_LABEL] = pd.Categorical(decided, categories=names)
    if chosen.planted_labels:
        planted = table["row_id"].map(chosen.planted_labels)
        table["true_label"] = table["given_label"]
        table["planted_error"] = planted.notna()
        table["given_label"] = pd.Categorical(
            planted.where(planted.notna(), table["given_label"].astype(object)), categories=names
        )
    labels = to_label_matrix(table, examples["row_id"])
    scales: tuple[Scale, ...] = ("nominal", "ordinal") if panel.has_ordered_classes else ("nominal",)
    measured = {f"{scale}_agreement": measure_agreement(labels, n_classes=len(names), scale=scale) for scale in scales}
    agreement = {name: value if np.isfinite(value) else None for name, value in measured.items()}

    def show() -> dict[str, Shown]:
        return {
            "n_labels": len(table),
            "labels_per_example": len(table) / len(examples),
            "coverage": len(table) / (len(examples) * len(chosen.annotators)),
            **keep_finite(agreement),
            "preview": TableView(table),
        }

    return Result(value=table, facts=AnnotationsFacts(seed=chosen.seed, agreement=agreement), show=show)
