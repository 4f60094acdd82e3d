"""Variants of annotated images: how they are made, what is compared, and the final network."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import compress
from typing import TYPE_CHECKING, Any

import numpy as np

from cleanlab_assets.families.family import FittedModel
from cleanlab_assets.methods.folds import divide_rows
from cleanlab_assets.methods.training_set import require_same_rows, test_rows, train_rows
from cleanlab_assets.methods.variants import (
    HeldOutFold,
    ReviewedItems,
    Variant,
    VariantTask,
    compare_cleaned_variants,
    remove_worst_and_random,
    require_issues_of,
)
from cleanlab_assets.models.catalogue import ESTIMATOR_STEP, parameters_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from cleanlab_assets.datasets.images import AnnotatedImage
    from cleanlab_assets.families.images.settings import VariantComparisonSettings
    from cleanlab_assets.families.images.steps import ImagesTrainingSetTable
    from cleanlab_assets.families.step import PredictionsTable, StepContext
    from cleanlab_assets.methods.bootstrap import ScoredRows
    from cleanlab_assets.methods.variants import ComparisonSettings, VariantComparison
    from cleanlab_assets.reviews.corrected_labels import CorrectedLabels


@dataclass(frozen=True)
class Corrections:
    """Label issues of images, and what returns the image at a position with its annotation corrected as suggested."""

    label_issues: pd.DataFrame
    correct: Callable[[int], AnnotatedImage]


@dataclass(frozen=True, kw_only=True)
class AuditedImages:
    """Annotated images after an audit, and the model that their variants are trained with.

    Attributes:
        train: train images.
        folds: fold of each, shape (n_images,).
        test: untouched test images.
        corrections: issues of the train images, in the same order.
        build: returns a new model that is not trained.
        reviewed: what reviewers made of the images; None where they changed no train image.

    Raises:
        ValueError: the issues are of other images.
    """

    train: Sequence[AnnotatedImage]
    folds: np.ndarray
    test: Sequence[AnnotatedImage]
    corrections: Corrections
    build: Callable[[], Any]
    reviewed: ReviewedItems[Sequence[AnnotatedImage]] | None = None

    def __post_init__(self) -> None:
        """Refuse issues of other images."""
        require_issues_of([image.row_id for image in self.train], self.corrections.label_issues)

    @classmethod
    def of(
        cls,
        context: StepContext,
        training_set: ImagesTrainingSetTable,
        predictions: PredictionsTable,
        *,
        read: Callable[[pd.DataFrame, Sequence[str]], list[AnnotatedImage]],
        correct: Callable[[Sequence[AnnotatedImage]], Corrections],
    ) -> AuditedImages:
        """Put together what an audit says of the train images, and the test images as they are.

        Args:
            context: of the step.
            training_set: the images under audit.
            predictions: their predictions, of which the model is known.
            read: reads annotated images from rows of the training set.
            correct: puts label issues beside the train images.

        Raises:
            ValueError: they were made from different training sets.
        """
        names, rows = context.dataset.class_names, train_rows(training_set.value)
        require_same_rows(train_rows(predictions.value), rows, what="predictions")
        train, of_test = read(rows, names), test_rows(training_set.value)
        return cls(
            train=train,
            folds=rows["fold"].to_numpy(),
            test=read(of_test, names),
            reviewed=_take_reviewed(context.corrected, rows, of_test, lambda of_split: read(of_split, names)),
            corrections=correct(train),
            build=context.pipeline_factory(training_set.facts.seed, predictions.facts.model_parameters),
        )


def _take_reviewed(
    corrected: CorrectedLabels | None,
    train: pd.DataFrame,
    test: pd.DataFrame,
    read: Callable[[pd.DataFrame], Sequence[AnnotatedImage]],
) -> ReviewedItems[Sequence[AnnotatedImage]] | None:
    if corrected is None or not corrected.changes(train):
        return None
    new = corrected.correct(train)
    changed = np.flatnonzero(corrected.find_changed(train))
    return ReviewedItems(
        variant=Variant(keep=corrected.find_usable(train), labels=read(new)),
        relabelled={int(position): str(new["given_label"].iloc[position]) for position in changed},
        test=read(corrected.correct(test)),
        is_reviewed=corrected.find_reviewed(test) & corrected.find_usable(test),
    )


def clean_images(
    images: Sequence[AnnotatedImage], found: Corrections, *, prune_fraction: float, seed: int
) -> dict[str, Variant]:
    """Decide for every variant which images it trains on, with which annotations.

    ``pruned`` leaves out the worst flagged images, at most ``prune_fraction`` of all; ``relabelled`` corrects the same
    images as suggested; ``random_removal`` leaves out as many random images.

    Args:
        images: train images.
        found: their label issues, in the same order.
        prune_fraction: largest share of images to leave out or correct, from 0 to 1.
        seed: seed of the random removal.
    """
    worst, keep, random_keep = remove_worst_and_random(
        found.label_issues["is_label_issue"].to_numpy(dtype=bool),
        found.label_issues["rank"].to_numpy(),
        prune_fraction=prune_fraction,
        seed=seed,
    )
    corrected = list(images)
    for position in worst:
        corrected[position] = found.correct(int(position))
    return {
        "pruned": Variant(keep=keep, labels=images),
        "relabelled": Variant(keep=np.ones(len(images), dtype=bool), labels=corrected),
        "random_removal": Variant(keep=random_keep, labels=images, is_control=True),
    }


def compare_image_variants(
    audited: AuditedImages,
    settings: ComparisonSettings,
    *,
    metrics: tuple[str, ...],
    score: Callable[[Sequence[AnnotatedImage], Any], ScoredRows],
    out_of_sample: Callable[[np.ndarray], Any],
    audit: Callable[[Sequence[AnnotatedImage], np.ndarray], Corrections],
    baseline_on_test: Callable[[np.ndarray], Any] | None = None,
) -> VariantComparison:
    """Train a model on every variant of the train images and compare it with the baseline on the test images.

    The variant is chosen on the first fold of the train images.

    Args:
        audited: the audited images, which carry their labels themselves.
        settings: how variants are compared.
        metrics: names of the metrics.
        score: scores what the model predicts against the given annotations.
        out_of_sample: predictions of the train images that a mask keeps, by models that never saw them.
        audit: audits images on their folds.
        baseline_on_test: predictions of the test images that a mask keeps, see ``compare_cleaned_variants``.

    Returns:
        The comparison, with the chosen variant.

    Raises:
        ValueError: there are no test images, or the primary metric is unknown.
    """
    images, label_issues = audited.train, audited.corrections.label_issues
    row_ids = [image.row_id for image in images]
    suggested = label_issues["suggested_label"].to_numpy()
    worst_first = np.argsort(label_issues["rank"].to_numpy()).tolist()
    clean = partial(clean_images, prune_fraction=settings.prune_fraction, seed=settings.seed)
    task: VariantTask[Sequence[AnnotatedImage]] = VariantTask(
        metrics=metrics,
        row_ids=row_ids,
        clean=lambda: clean(images, audited.corrections),
        relabelled=lambda variant: {
            position: str(suggested[position])
            for position in worst_first
            if variant.labels[position] is not images[position]
        },
        select=lambda items, mask: list(compress(items, mask)),
        labels=lambda items: items,
        halve=lambda items, seed: divide_rows(
            np.zeros(len(items), dtype=np.int64), np.arange(len(items)), [0.5, 0.5], seed=seed
        ),
        fit=lambda _, variant: audited.build().fit(list(compress(variant.labels, variant.keep))),
        predict=lambda model, items: model.predict(items),
        score=score,
        blocks=lambda _: None,
    )
    first_fold: HeldOutFold[Sequence[AnnotatedImage]] = HeldOutFold(
        folds=audited.folds,
        number=audited.folds.min(),
        audit_and_clean=lambda others, inner: clean(others, audit(others, inner)),
        out_of_sample=out_of_sample,
    )
    choose_on = first_fold if settings.compare_cleaning else None
    return compare_cleaned_variants(
        task,
        images,
        audited.test,
        choose_on=choose_on,
        settings=settings,
        baseline_on_test=baseline_on_test,
        reviewed=audited.reviewed,
    )


def is_used_as_published(build: Callable[[], Any], class_names: Sequence[str]) -> bool:
    """Say whether the weights of a pretrained model know all classes, so that ``fit`` trains nothing.

    Such a model is the same for every variant of the train images.
    """
    knows = getattr(build().named_steps[ESTIMATOR_STEP], "knows", None)
    return knows is not None and knows(class_names)


def compare_if_it_learns(
    context: StepContext,
    settings: VariantComparisonSettings,
    seed: int,
    audited: AuditedImages,
    compare: Callable[[AuditedImages, ComparisonSettings], VariantComparison],
) -> VariantComparison:
    """Compare variants; only the baseline where the model is used as published."""
    as_published = is_used_as_published(audited.build, context.dataset.class_names)
    comparison = compare(audited, settings.of(seed, can_learn=not as_published))
    return comparison.model_copy(update={"is_used_as_published": as_published})


def apply_variant(
    comparison: VariantComparison, images: Sequence[AnnotatedImage], *, correct: Callable[[int], AnnotatedImage]
) -> list[AnnotatedImage]:
    """Return what the chosen variant of a comparison trains on; ``correct`` is that of ``Corrections``."""
    chosen = comparison.result(comparison.chosen)
    removed = set(chosen.removed_rows)
    return [
        correct(position) if image.row_id in chosen.relabelled_rows else image
        for position, image in enumerate(images)
        if image.row_id not in removed
    ]


def train_final_network(context: StepContext, comparison: VariantComparison, audited: AuditedImages) -> FittedModel:
    """Train the partition's model on the images of the chosen variant."""
    images = apply_variant(comparison, audited.train, correct=audited.corrections.correct)
    estimator = audited.build().fit(images).named_steps[ESTIMATOR_STEP]
    return FittedModel(
        model=estimator.weights_,
        card={
            "classes": list(context.dataset.class_names),
            "parameters": parameters_of(estimator),
            "n_train": len(images),
        },
    )
