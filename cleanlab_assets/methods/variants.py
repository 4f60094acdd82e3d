"""Does cleaning help? Models trained on differently cleaned items, compared on untouched test items, for any family.

Items are what a family audits: rows of a table, words, images, or the examples of annotators.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sized
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, Generic, Self, TypeGuard, TypeVar

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from cleanlab_assets.methods.bootstrap import (
    MINIMUM_BLOCKS,
    Difference,
    ScoredRows,
    Verdict,
    compare_to_baseline,
)
from cleanlab_assets.methods.requirements import require_finite, require_rows
from cleanlab_assets.methods.seeding import seed_generator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

BASELINE = "baseline"
"""The variant that trains on every item as it is given."""
REVIEWED = "reviewed"
"""The variant that trains on the items as reviewers left them."""
MINIMUM_REVIEWED = 50
"""Reviewed test items from which they alone judge the variant that reviewers made."""

Items = TypeVar("Items", bound=Sized)


@dataclass(frozen=True, kw_only=True)
class ComparisonSettings:
    """How variants are made and compared.

    Attributes:
        primary_metric: metric of the verdict and of the choice.
        prune_fraction: largest share of items to remove or relabel, from 0 to 1.
        n_resamples: bootstrap resamples.
        seed: seed of the random removal, the bootstrap and new folds.
        compare_cleaning: whether any cleaned variant is fitted; if not, the baseline is chosen.
    """

    primary_metric: str
    prune_fraction: float
    n_resamples: int
    seed: int
    compare_cleaning: bool = True


@dataclass(frozen=True, kw_only=True)
class Variant:
    """The train items as one variant takes them.

    Attributes:
        keep: items to train on, bool of shape (n_items,).
        labels: labels of all items, as the model takes them: an array, or images with their annotations.
        weights: weights of all items, shape (n_items,); None weighs all the same.
        is_control: whether it only shows what chance does, and may not become the final model.
    """

    keep: np.ndarray
    labels: Any
    weights: np.ndarray | None = None
    is_control: bool = False


@dataclass(frozen=True, kw_only=True)
class VariantTask(Generic[Items]):
    """What differs between task families in a comparison of variants.

    Attributes:
        metrics: names of the metrics.
        row_ids: row ids of the train items.
        clean: makes the cleaned variants of the train items from their label issues; controls are listed last.
        relabelled: new labels of a variant of the train items, as people read them, by position.
        select: the items that a mask of shape (n_items,) keeps.
        labels: given labels of items, as in ``Variant.labels``.
        halve: two folds of items, shape (n_items,), from a seed.
        fit: a model trained on a variant of items.
        predict: predictions of items by a model.
        score: given labels of items against predictions.
        blocks: block of each item, shape (n_items,), where items such as the words of a sentence depend on each other;
            None where they do not.
    """

    metrics: tuple[str, ...]
    row_ids: Sequence[str]
    clean: Callable[[], Mapping[str, Variant]]
    relabelled: Callable[[Variant], Mapping[int, str | float]]
    select: Callable[[Items, np.ndarray], Items]
    labels: Callable[[Items], Any]
    halve: Callable[[Items, int], np.ndarray]
    fit: Callable[[Items, Variant], Any]
    predict: Callable[[Any, Items], Any]
    score: Callable[[Items, Any], ScoredRows]
    blocks: Callable[[Items], np.ndarray | None]


@dataclass(frozen=True, kw_only=True)
class HeldOutFold(Generic[Items]):
    """A fold of the train items to choose a variant on: the other folds are audited, cleaned and trained on anew.

    The audit of all train items cannot be reused: its models saw the labels of this fold, so that labels suggested by
    them repeat its errors and relabelling looks better than it is.

    Attributes:
        folds: fold of each train item, shape (n_items,).
        number: the fold that is held out.
        audit_and_clean: audits items on their folds, at least two, and makes their cleaned variants.
        out_of_sample: the baseline's predictions of the train items that a mask keeps, by a model trained on the other
            folds; None trains the baseline on the other folds.
        is_trusted: train items whose labels may judge, bool of shape (n_items,), where predictions are an array; None
            trusts all.
        judges: the train items with labels that judge better than the given ones, made without a model of the items;
            None judges by the given labels.
    """

    folds: np.ndarray
    number: int
    audit_and_clean: Callable[[Items, np.ndarray], Mapping[str, Variant]]
    out_of_sample: Callable[[np.ndarray], Any] | None = None
    is_trusted: np.ndarray | None = None
    judges: Items | None = None


@dataclass(frozen=True, kw_only=True)
class ReviewedItems(Generic[Items]):
    """What reviewers made of train and test items.

    No fold has to choose this variant, and it is never chosen: whoever trusts the decisions audits and trains on the
    corrected labels.

    Attributes:
        variant: the train items with their corrected labels, without those that are not to be used.
        relabelled: its new labels, see ``VariantTask``.
        test: the test items with their corrected labels.
        is_reviewed: test items whose label a reviewer saw and that are to be used, bool of shape (n_test,).
    """

    variant: Variant
    relabelled: Mapping[int, str | float]
    test: Items
    is_reviewed: np.ndarray


class VariantResult(BaseModel):
    """One variant: what it changed, how it does on the test items, and its differences to the baseline.

    ``fit_seconds`` is None where no model was fitted for it: that of the audit is taken, or nothing was compared.
    """

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")

    variant: str
    n_train: int
    removed_rows: list[str]
    relabelled_rows: dict[str, str | float]
    metrics: dict[str, float]
    differences: list[Difference]
    verdict: Verdict | None
    validation_score: float | None
    fit_seconds: float | None = None


USED_AS_PUBLISHED = "the model is used as published: cleaning train labels cannot change it"


class VariantComparison(BaseModel):
    """All variants of one dataset and model.

    ``chosen`` was chosen on a held-out fold of the train rows that took no part in the cleaning, never on the test
    rows; ``verdict`` is that of the chosen variant on ``primary_metric``, or that no cleaning was chosen, or that only
    the baseline was fitted. ``n_reviewed_test`` is the number of test rows that reviewers saw, None where there is no
    variant of theirs. ``n_blocks`` is the number of blocks of consecutive test rows that the bootstrap resamples
    where rows are a series or the words of sentences, None where it resamples single rows. ``is_used_as_published``
    says that the model learns nothing from the train rows, so that all variants are one model. ``why_not`` says why no
    variants were compared, where that is not by a setting.
    """

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")

    primary_metric: str
    lower_is_better: bool
    n_test: int
    n_resamples: int
    seed: int
    chosen: str
    verdict: Verdict
    variants: list[VariantResult]
    n_blocks: int | None = None
    n_reviewed_test: int | None = None
    is_used_as_published: bool = False
    why_not: str = ""

    @classmethod
    def not_made(cls, why_not: str, settings: ComparisonSettings, *, lower_is_better: bool, n_train: int) -> Self:
        """Say that no variants were compared, and why; the train rows are taken as they are."""
        baseline = VariantResult(
            variant=BASELINE,
            n_train=n_train,
            removed_rows=[],
            relabelled_rows={},
            metrics={},
            differences=[],
            verdict=None,
            validation_score=None,
        )
        return cls(
            primary_metric=settings.primary_metric,
            lower_is_better=lower_is_better,
            n_test=0,
            n_resamples=settings.n_resamples,
            seed=settings.seed,
            chosen=BASELINE,
            verdict="not compared",
            variants=[baseline],
            why_not=why_not,
        )

    @property
    def notes(self) -> list[str]:
        """What a reader must know of the comparison and its intervals."""
        notes = [USED_AS_PUBLISHED] if self.is_used_as_published else []
        if self.why_not:
            notes.append(f"no variants were compared: {self.why_not}")
        if self.n_reviewed_test is not None:
            notes.append(_say_who_judges(self.n_reviewed_test))
        if self.n_blocks is None:
            return notes
        notes += [
            f"rows next to each other are alike: the intervals resample {self.n_blocks:,} blocks of consecutive "
            f"test rows, not {self.n_test:,} single ones"
        ]
        if self.n_blocks < MINIMUM_BLOCKS:
            notes.append(f"fewer than {MINIMUM_BLOCKS} blocks of test rows are too few to show an effect of cleaning")
        return notes

    def content_hash(self) -> str:
        """Hash everything but the durations, which differ from run to run."""
        content = self.model_dump_json(exclude={"variants": {"__all__": {"fit_seconds"}}})
        return hashlib.sha256(content.encode()).hexdigest()

    def result(self, variant: str) -> VariantResult:
        """Return the result of one variant.

        Raises:
            KeyError: the comparison has no such variant.
        """
        for candidate in self.variants:
            if candidate.variant == variant:
                return candidate
        raise KeyError(variant)


def remove_worst_and_random(
    is_issue: np.ndarray, rank: np.ndarray, *, prune_fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Choose the worst flagged rows, and as many random rows as a control.

    Args:
        is_issue: flagged rows, bool of shape (n_rows,).
        rank: 1 for the worst row, shape (n_rows,).
        prune_fraction: largest share of all rows to choose, from 0 to 1.
        seed: seed of the random rows.

    Returns:
        Positions of the worst rows, worst first; the mask that keeps all others; the mask of the control.

    Raises:
        ValueError: a rank is not finite, or the two are of different rows.
    """
    require_rows(len(rank), is_issue=is_issue)
    require_finite("rank", rank)
    by_rank = np.argsort(rank)
    worst = by_rank[is_issue[by_rank]][: round(prune_fraction * len(rank))]
    control = seed_generator(seed, "random removal").choice(len(rank), size=len(worst), replace=False)
    without_worst, without_random = np.ones((2, len(rank)), dtype=bool)
    without_worst[worst], without_random[control] = False, False
    return worst, without_worst, without_random


def require_issues_of(row_ids: Sequence[str], label_issues: pd.DataFrame) -> None:
    """Refuse label issues of other items than the train items at hand.

    Raises:
        ValueError: the row ids differ, or their order.
    """
    if not np.array_equal(label_issues["row_id"].to_numpy(), np.asarray(row_ids)):
        raise ValueError(
            f"the label issues ({len(label_issues)} rows) and the train items ({len(row_ids)} rows) are different "
            "rows: materialize both from the same training set"
        )


def compare_cleaned_variants(
    task: VariantTask[Items],
    train: Items,
    test: Items,
    *,
    choose_on: HeldOutFold[Items] | Items | None,
    settings: ComparisonSettings,
    baseline_on_test: Callable[[np.ndarray], Any] | None = None,
    reviewed: ReviewedItems[Items] | None = None,
) -> VariantComparison:
    """Train a model on every variant of the train items and compare it with the baseline on the untouched test items.

    Args:
        task: what differs by task family.
        train: train items.
        test: test items.
        choose_on: what the variant is chosen on: a fold of the train items, or items that no audit saw; None chooses
            the baseline.
        settings: how variants are compared.
        baseline_on_test: predictions of the test items that a mask keeps, by a model trained on all train items, where
            the audit has them, so that the baseline is not trained again; None trains it. Not with items to choose on,
            which it must predict, too.
        reviewed: what reviewers made of the items, compared as cleaning is; None where they changed nothing.

    Returns:
        The comparison, with the chosen variant.

    Raises:
        ValueError: there are no test items, or the primary metric is unknown.
    """
    metric = settings.primary_metric
    if metric not in task.metrics:
        raise ValueError(f"primary_metric is {metric!r}, expected one of {', '.join(task.metrics)}")
    if len(test) == 0:
        raise ValueError("there are no test items to compare variants on")
    variants = {BASELINE: _take_all(task, train)}
    if settings.compare_cleaning:
        variants |= sorted(task.clean().items(), key=lambda item: item[1].is_control)
    validation: Mapping[str, float] = {}
    chosen = BASELINE
    aside = None
    if isinstance(choose_on, HeldOutFold):
        validation, chosen = _choose_on_fold(task, train, choose_on, settings)
    else:
        aside = choose_on

    relabelled = {name: task.relabelled(variant) for name, variant in variants.items()}
    if not settings.compare_cleaning:
        reviewed = None
    if reviewed is not None:
        variants[REVIEWED], relabelled[REVIEWED] = reviewed.variant, reviewed.relabelled
    scores = _fit_and_score(
        task,
        train,
        test,
        variants=variants,
        aside=aside,
        baseline_on_test=baseline_on_test,
        reviewed=reviewed,
    )
    if aside is not None:
        on_aside = _compare(scores.aside, task.blocks(aside), settings)
        validation, chosen = _choose(scores.aside, on_aside, on_aside, metric)

    blocks = task.blocks(test)
    differences = dict(_compare(scores.on_test, blocks, settings))
    if _can_judge(reviewed):
        seen_blocks = None if blocks is None else blocks[reviewed.is_reviewed]
        differences |= _compare(scores.on_reviewed, seen_blocks, settings)
    ids = np.asarray(task.row_ids)
    results = [
        VariantResult(
            variant=name,
            n_train=int(variant.keep.sum()),
            removed_rows=ids[~variant.keep].tolist(),
            relabelled_rows={str(ids[position]): label for position, label in relabelled[name].items()},
            metrics=scores.on_test[name].compute(),
            differences=differences.get(name, []),
            verdict=_verdict(differences.get(name), metric),
            validation_score=validation.get(name),
            fit_seconds=scores.seconds.get(name),
        )
        for name, variant in variants.items()
    ]
    without_cleaning: Verdict = "no effect shown" if settings.compare_cleaning else "not compared"
    return VariantComparison(
        primary_metric=metric,
        lower_is_better=metric in scores.on_test[BASELINE].lower_is_better,
        n_test=len(test),
        n_resamples=settings.n_resamples,
        seed=settings.seed,
        chosen=chosen,
        verdict=_verdict(differences.get(chosen), metric) or without_cleaning,
        variants=results,
        n_blocks=None if blocks is None else len(np.unique(blocks)),
        n_reviewed_test=None if reviewed is None else int(reviewed.is_reviewed.sum()),
    )


def to_differences_table(comparison: VariantComparison) -> pd.DataFrame:
    """List all differences to the baseline: ``variant``, ``metric``, ``difference``, ``low``, ``high``, ``verdict``."""
    return pd.DataFrame.from_records(
        [
            {"variant": result.variant, **difference.model_dump()}
            for result in comparison.variants
            for difference in result.differences
        ],
        columns=["variant", *Difference.model_fields],
    )


@dataclass(frozen=True)
class _Scores:
    """How variants do on the test items, the reviewed ones and those that choose, and how long each took to fit."""

    on_test: dict[str, ScoredRows] = field(default_factory=dict)
    on_reviewed: dict[str, ScoredRows] = field(default_factory=dict)
    aside: dict[str, ScoredRows] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def _fit_and_score(
    task: VariantTask[Items],
    train: Items,
    test: Items,
    *,
    variants: Mapping[str, Variant],
    aside: Items | None,
    baseline_on_test: Callable[[np.ndarray], Any] | None,
    reviewed: ReviewedItems[Items] | None,
) -> _Scores:
    """Train a model on each variant, one after the other, and score what it predicts."""
    scores = _Scores()
    for name, variant in variants.items():
        if name == BASELINE and baseline_on_test is not None:
            predict = baseline_on_test
        else:
            started = perf_counter()
            model = task.fit(train, variant)
            scores.seconds[name] = perf_counter() - started
            predict = partial(_predict_some, task, model, test)
        scores.on_test[name] = task.score(test, predict(np.ones(len(test), dtype=bool)))
        if name in (BASELINE, REVIEWED) and _can_judge(reviewed):
            seen = reviewed.is_reviewed
            scores.on_reviewed[name] = task.score(task.select(reviewed.test, seen), predict(seen))
        if aside is not None and name != REVIEWED and not variant.is_control:
            scores.aside[name] = task.score(aside, task.predict(model, aside))
    return scores


def _can_judge(reviewed: ReviewedItems[Items] | None) -> TypeGuard[ReviewedItems[Items]]:
    return reviewed is not None and bool(reviewed.is_reviewed.sum() >= MINIMUM_REVIEWED)


def _say_who_judges(n_reviewed: int) -> str:
    """Say by which test rows the variant of the reviewers is compared with the baseline."""
    if n_reviewed >= MINIMUM_REVIEWED:
        return f"{REVIEWED} is compared on the {n_reviewed:,} test rows that were reviewed, by their corrected labels"
    return (
        f"{REVIEWED} is compared on all test rows, by their given labels, right or wrong: {n_reviewed:,} of them were "
        f"reviewed, and {MINIMUM_REVIEWED} are needed to judge alone"
    )


def _predict_some(task: VariantTask[Items], model: Any, items: Items, mask: np.ndarray) -> Any:
    return task.predict(model, items if mask.all() else task.select(items, mask))


def _take_all(task: VariantTask[Items], items: Items) -> Variant:
    return Variant(keep=np.ones(len(items), dtype=bool), labels=task.labels(items))


def _choose_on_fold(
    task: VariantTask[Items], train: Items, fold: HeldOutFold[Items], settings: ComparisonSettings
) -> tuple[Mapping[str, float], str]:
    """Return the score of each candidate on the held-out fold, by its trusted items, and the variant chosen there."""
    is_held_out = fold.folds == fold.number
    judges = task.select(train if fold.judges is None else fold.judges, is_held_out)
    trusted_judges = None
    if fold.is_trusted is not None:
        trusted = fold.is_trusted[is_held_out]
        if trusted.any() and not trusted.all():
            trusted_judges = task.select(judges, trusted)
    scored: dict[str, ScoredRows] = {}
    by_trusted: dict[str, ScoredRows] = {}
    for name, predicted in _predict_held_out(task, train, fold, judges, settings):
        scored[name] = task.score(judges, predicted)
        if trusted_judges is not None:
            by_trusted[name] = task.score(trusted_judges, predicted[trusted])
    on_all = _compare(scored, task.blocks(judges), settings)
    if trusted_judges is None:
        return _choose(scored, on_all, on_all, settings.primary_metric)
    differences = _compare(by_trusted, task.blocks(trusted_judges), settings)
    return _choose(by_trusted, differences, on_all, settings.primary_metric)


def _predict_held_out(
    task: VariantTask[Items], train: Items, fold: HeldOutFold[Items], judges: Items, settings: ComparisonSettings
) -> Iterator[tuple[str, Any]]:
    """Yield each candidate's name and its predictions of the held-out fold, the baseline's first."""
    is_held_out = fold.folds == fold.number
    others, folds = task.select(train, ~is_held_out), fold.folds[~is_held_out]
    candidates: dict[str, Variant] = {}
    if fold.out_of_sample is None:
        candidates[BASELINE] = _take_all(task, others)
    else:
        yield BASELINE, fold.out_of_sample(is_held_out)
    if settings.compare_cleaning:
        if (folds == folds[0]).all():
            folds = task.halve(others, settings.seed)
        cleaned = fold.audit_and_clean(others, folds)
        candidates |= {name: variant for name, variant in cleaned.items() if not variant.is_control}
    for name, variant in candidates.items():
        yield name, task.predict(task.fit(others, variant), judges)


def _compare(
    scored: Mapping[str, ScoredRows], blocks: np.ndarray | None, settings: ComparisonSettings
) -> Mapping[str, list[Difference]]:
    others = {name: model for name, model in scored.items() if name != BASELINE}
    return compare_to_baseline(
        scored[BASELINE], others, n_resamples=settings.n_resamples, seed=settings.seed, blocks=blocks
    )


def _choose(
    scored: Mapping[str, ScoredRows],
    differences: Mapping[str, list[Difference]],
    on_all: Mapping[str, list[Difference]],
    metric: str,
) -> tuple[Mapping[str, float], str]:
    """Return the score of each variant, and the best one that is shown to improve, else the baseline.

    Trusted items are those that an audit calls right, which cleaned models like by nature: on all items (``on_all``)
    the variant must not be shown to harm.
    """
    scores = {name: model.compute()[metric] for name, model in scored.items()}
    improved = [
        name
        for name in scores
        if _verdict(differences.get(name), metric) == "improves" and _verdict(on_all.get(name), metric) != "harms"
    ]
    sign = -1 if metric in scored[BASELINE].lower_is_better else 1
    return scores, max(improved, key=lambda name: sign * scores[name], default=BASELINE)


def _verdict(differences: list[Difference] | None, metric: str) -> Verdict | None:
    return next((difference.verdict for difference in differences or [] if difference.metric == metric), None)
