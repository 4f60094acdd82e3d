"""The step that families on images share: the issues of the images themselves, whatever their labels."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeAlias

import pandas as pd

from cleanlab_assets.families.contracts import ROW_ID, ColumnRule, TableContract, flag
from cleanlab_assets.families.images.issues import find_image_issues
from cleanlab_assets.families.images.plant import put_planted_image_errors
from cleanlab_assets.families.images.report import (
    ImageAudit,
    build_image_issue_section,
    draw_worst_images,
    rank_flagged_images,
)
from cleanlab_assets.families.images.training_set import build_image_training_set
from cleanlab_assets.families.report import describe_origin
from cleanlab_assets.families.step import DATASET, LabelIssuesTable, PredictionsTable, StepContext, step
from cleanlab_assets.families.training_set import store_training_set
from cleanlab_assets.methods.facts import TrainingSetFacts
from cleanlab_assets.methods.issue_summary import IssueTypeSummary, read_issue_summary, to_summary_table
from cleanlab_assets.methods.result import Facts, Result
from cleanlab_assets.methods.shown import WORST_ROWS, Plots, TableView
from cleanlab_assets.methods.training_set import audited_rows, train_rows
from cleanlab_assets.models.image_embedding import DESCRIPTION, embed_images
from cleanlab_assets.reports.audit_facts import DataIssues

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from cleanlab_assets.datasets.images import AnnotatedImage
    from cleanlab_assets.families.images.settings import TrainingSetSettings as ImageTrainingSetSettings
    from cleanlab_assets.methods.shown import Shown

_SUMMARY_COLUMNS = ("issue_type", "n_issues", "share", "score", "status", "reason")


class ImagesTrainingSetFacts(TrainingSetFacts):
    """How images were chosen and divided, and the errors that were planted in their annotations, one record each."""

    planted: list[dict[str, str | int | float | None]]


ImagesTrainingSetTable: TypeAlias = Result[pd.DataFrame, ImagesTrainingSetFacts]


class ImageIssuesFacts(Facts):
    """What each issue type found, those that did not run included, and by which embedding images were compared."""

    summary: list[IssueTypeSummary]
    embedding: str


ImageIssuesTable: TypeAlias = Result[pd.DataFrame, ImageIssuesFacts]


@step(
    "cleanvision",
    level=DATASET,
    code_version="2",
    facts=ImageIssuesFacts,
    contract=TableContract(
        "ImageIssues",
        "Every train image with a flag and a score in [0, 1] for each issue type that ran, and its set of copies.",
        (ROW_ID, ColumnRule(name="duplicate_set", nullable=True), flag("keep")),
    ),
    is_heavy=True,
)
def image_issues(context: StepContext, training_set: ImagesTrainingSetTable) -> ImageIssuesTable:
    """Issues of the train images themselves, whatever their labels; one row per image, shared by every model.

    Dark, bright, blurry and empty pictures, odd shapes and sizes and copies by CleanVision; outliers and near
    duplicates by Datalab on a plain embedding.
    """
    rows = train_rows(training_set.value)
    found = find_image_issues(rows, embed_images(rows["image"]), seed=training_set.facts.seed)
    table = found.table
    facts = ImageIssuesFacts(summary=read_issue_summary(found.summary), embedding=DESCRIPTION)

    def show() -> dict[str, Shown]:
        ranked = rank_flagged_images(table)
        montage = draw_worst_images(ranked, rows)
        return {
            "n_images_with_an_issue": len(ranked),
            **{f"n_{item.issue_type}_issues": item.n_issues for item in facts.summary if item.n_issues is not None},
            "n_duplicate_sets": int(table["duplicate_set"].nunique()),
            "embedding": DESCRIPTION,
            "summary": TableView(found.summary, len(found.summary), _SUMMARY_COLUMNS),
            **({"plots": Plots({"Worst images": montage})} if montage else {}),
            "preview": TableView(ranked, columns=list(ranked.columns)),
        }

    return Result(value=table, facts=facts, show=show)


def make_image_training_set(
    context: StepContext,
    settings: ImageTrainingSetSettings,
    raw_dataset: pd.DataFrame,
    *,
    left_out: Collection[str],
    read: Callable[[pd.DataFrame, Sequence[str]], list[AnnotatedImage]],
    plant: Callable[..., tuple[list[AnnotatedImage], pd.DataFrame]],
    kinds: Sequence[str],
    true_columns: Mapping[str, str],
    show: Callable[[pd.DataFrame], Mapping[str, Shown]] = lambda _: {},
) -> ImagesTrainingSetTable:
    """Sample, split and fold the images, and plant errors in train images where the settings ask for them.

    Args:
        context: of the step.
        settings: sample, division and planted errors.
        raw_dataset: the source.
        left_out: columns of annotations that are no part of the family's labels.
        read: reads annotated images from rows of the training set.
        plant: returns images with planted errors, and these errors, from images, ``fraction``, ``seed`` and ``kinds``.
        kinds: the kinds of errors.
        true_columns: see ``put_planted_image_errors``.
        show: further figures of the table.
    """
    built = build_image_training_set(
        raw_dataset,
        context.dataset,
        max_rows=settings.max_rows,
        test_fraction=settings.test_fraction,
        folds=settings.folds,
        seed=settings.seed,
    )
    table, log, fraction = built.table, pd.DataFrame(), settings.planted_error_fraction
    if fraction > 0:
        wanted = kinds if settings.planted_error_kind == "mixed" else (settings.planted_error_kind,)
        images = read(train_rows(table), context.dataset.class_names)
        changed, log = plant(images, fraction=fraction, seed=settings.seed, kinds=wanted)
        table = put_planted_image_errors(table, changed, log, fraction=fraction, kinds=kinds, true_columns=true_columns)
    facts = ImagesTrainingSetFacts(
        seed=settings.seed,
        folds=settings.folds,
        notes=list(built.notes),
        planted=json.loads(log.to_json(orient="records")),
    )
    return store_training_set(
        table.drop(columns=list(left_out)),
        facts,
        columns=("row_id", "width", "height", "given_label", "split", "fold"),
        n_planted=len(log),
        show=lambda table: {**show(table), **({} if log.empty else {"planted": TableView.whole(log)})},
    )


def collect_data_issues(image_issues: ImageIssuesTable) -> DataIssues:
    """Put together what an audit of images found beside label issues."""
    table = image_issues.value
    return DataIssues(
        summary=to_summary_table(image_issues.facts.summary),
        duplicate_sets=table[table["duplicate_set"].notna()],
        duplicates_asset="image_issues",
    )


def read_image_audit(
    context: StepContext,
    training_set: ImagesTrainingSetTable,
    predictions: PredictionsTable,
    label_issues: LabelIssuesTable,
    image_issues: ImageIssuesTable,
    *,
    read: Callable[[pd.DataFrame, Sequence[str]], list[AnnotatedImage]],
    full_table: str,
) -> ImageAudit:
    """Put together what a report says; ``read`` reads annotated images from rows of the training set."""
    about_images = build_image_issue_section(
        image_issues.value,
        to_summary_table(image_issues.facts.summary),
        train_rows(training_set.value),
        embedding=image_issues.facts.embedding,
        gates=context.dataset.gates,
        top_rows=WORST_ROWS,
        full_table=context.path_of("image_issues", of_dataset=True),
    )
    return ImageAudit(
        dataset=context.dataset,
        model=context.model,
        images=read(audited_rows(training_set.value), context.dataset.class_names),
        label_issues=label_issues.value,
        cross_validation=predictions.facts.cross_validation,
        facts=describe_origin(context, training_set, label_issues),
        extra_sections=[about_images],
        full_table=full_table,
        ranked_by=label_issues.facts.ranked_by,
    )
