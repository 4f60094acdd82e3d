"""Does cleaning help? Models trained on differently cleaned rows, compared on untouched test rows, for any family."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

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
from cleanlab_assets.methods.folds import divide_rows, group_equal_rows
from cleanlab_assets.methods.seeding import seed_generator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sklearn.pipeline import Pipeline

VariantName = Literal["baseline", "pruned", "relabelled", "cleanlearning", "random_removal", "crowdlab", "dawid_skene"]
CANDIDATES: tuple[VariantName, ...] = ("baseline", "pruned", "relabelled", "cleanlearning", "crowdlab", "dawid_skene")
"""Variants that may become the final model; the control may not."""


@dataclass(frozen=True)
class CleanedRows:
    """What a variant trains on: ``keep`` masks the train rows; ``labels`` and ``weights`` are those of all train rows.

    ``weights`` is None where every row weighs the same.
    """

    keep: np.ndarray
    labels: np.ndarray
    weights: np.ndarray | None = None

    def fit(self, build: Callable[[], Pipeline], features: pd.DataFrame) -> Pipeline:
        """Fit a new pipeline on the kept rows.

        Weights go to estimators that take them; the others (nearest neighbours) are fitted without.
        """
        from sklearn.utils.validation import has_fit_parameter

        pipeline = build()
        estimator_step, estimator = pipeline.steps[-1]
        arguments = {}
        if self.weights is not None and has_fit_parameter(estimator, "sample_weight"):
            arguments[f"{estimator_step}__sample_weight"] = self.weights[self.keep]
        return pipeline.fit(features[self.keep], self.labels[self.keep], **arguments)


@dataclass(frozen=True, kw_only=True)
class VariantTask:
    """What differs between task families in a comparison of variants.

    ``metrics``: names of the metrics; ``encode``: given labels as the array that models are fitted on; ``decode``:
    such labels as people read them; ``predict``: what ``score`` takes, from a fitted model and features; ``score``:
    from encoded labels and predictions; ``clean``: the variants, from the label issues of all rows;
    ``audit_and_clean``: the variants of some rows after an audit of their own on their folds. ``validation_fold``
    says on which fold of the train rows the variant is chosen. Neither is needed where validation rows are put aside.
    ``number_blocks``: the block of each row, from 0, where rows such as the words of a sentence are not independent.
    """

    metrics: tuple[str, ...]
    encode: Callable[[pd.Series[Any]], np.ndarray]
    decode: Callable[[np.ndarray], Sequence[str | float]]
    predict: Callable[[Pipeline, pd.DataFrame], np.ndarray]
    score: Callable[[np.ndarray, np.ndarray], ScoredRows]
    clean: Callable[[pd.DataFrame], Mapping[VariantName, CleanedRows]]
    audit_and_clean: Callable[[pd.DataFrame, np.ndarray], Mapping[VariantName, CleanedRows]] | None = None
    validation_fold: Literal["first", "last"] = "first"
    number_blocks: Callable[[pd.DataFrame], np.ndarray] | None = None


class VariantResult(BaseModel):
    """One variant: what it changed, how it does on the test rows, and its differences to the baseline."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")

    variant: VariantName
    n_train: int
    removed_rows: list[str]
    relabelled_rows: dict[str, str | float]
    metrics: dict[str, float]
    differences: list[Difference]
    verdict: Verdict | None
    validation_score: float | None
    fit_seconds: float


USED_AS_PUBLISHED = "the model is used as published: cleaning train labels cannot change it"


class VariantComparison(BaseModel):
    """All variants of one dataset and model.

    ``chosen`` was chosen on a held-out fold of the train rows that took no part in the cleaning, never on the test
    rows; ``verdict`` is that of the chosen variant on ``primary_metric``, or that no cleaning was chosen, or that only
    the baseline was fitted. ``n_blocks`` is the number of blocks of consecutive test rows that the bootstrap resamples
    where rows are a series or the words of sentences, None where it resamples single rows. ``is_used_as_published``
    says that the model learns nothing from the train rows, so that all variants are one model.
    """

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")

    primary_metric: str
    lower_is_better: bool
    n_test: int
    n_resamples: int
    seed: int
    chosen: VariantName
    verdict: Verdict
    variants: list[VariantResult]
    n_blocks: int | None = None
    is_used_as_published: bool = False

    @property
    def notes(self) -> list[str]:
        """What a reader must know of the comparison and its intervals."""
        notes = [USED_AS_PUBLISHED] if self.is_used_as_published else []
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
    """
    by_rank = np.argsort(rank)
    worst = by_rank[is_issue[by_rank]][: round(prune_fraction * len(rank))]
    control = seed_generator(seed, "random removal").choice(len(rank), size=len(worst), replace=False)
    without_worst, without_random = np.ones((2, len(rank)), dtype=bool)
    without_worst[worst], without_random[control] = False, False
    return worst, without_worst, without_random


def compare_cleaned_variants(
    task: VariantTask,
    label_issues: pd.DataFrame,
    train: pd.DataFrame,
    test: pd.DataFrame,
    out_of_sample: np.ndarray | None,
    *,
    features: list[str],
    build: Callable[[], Pipeline],
    primary_metric: str,
    n_resamples: int,
    seed: int,
    compare_cleaning: bool,
    is_trusted: np.ndarray | None = None,
    validation_rows: pd.DataFrame | None = None,
) -> VariantComparison:
    """Fit every variant on the train rows and compare it with the baseline on the untouched test rows.

    Args:
        task: what differs by task family.
        label_issues: label issues of the train rows.
        train: train rows of the training set, in the same order, with ``fold``; also with ``time_block`` where rows are
            a series, whose blocks are resampled whole then.
        test: test rows of the training set.
        out_of_sample: the baseline's predictions of the train rows, each by a model that never saw the row, of which
            those of the validation fold are used; shape (n_train, ...). None fits the baseline on the other folds.
        features: names of the feature columns.
        build: returns a new unfitted pipeline.
        primary_metric: metric of the verdict and of the choice.
        n_resamples: bootstrap resamples.
        seed: seed of the bootstrap and of new folds.
        compare_cleaning: whether any cleaned variant is fitted; if not, the baseline is chosen.
        is_trusted: train rows whose labels may judge a variant on the validation fold, bool of shape (n_train,); None
            trusts all.
        validation_rows: rows that no audit saw, to choose the variant on in place of a fold of the train rows.

    Returns:
        The comparison, with the chosen variant.

    Raises:
        ValueError: there are no test rows, ``primary_metric`` is unknown, or the label issues are of other rows.
    """
    if primary_metric not in task.metrics:
        raise ValueError(f"primary_metric is {primary_metric!r}, expected one of {', '.join(task.metrics)}")
    if test.empty:
        raise ValueError("there are no test rows to compare variants on")
    if not np.array_equal(label_issues["row_id"].to_numpy(), train["row_id"].to_numpy()):
        raise ValueError(
            f"the label issues ({len(label_issues)} rows) and the train rows ({len(train)} rows) are different rows: "
            "materialize both from the same training set"
        )
    labels = task.encode(train["given_label"])
    baseline = CleanedRows(keep=np.ones(len(train), dtype=bool), labels=labels)
    cleaned: Mapping[VariantName, CleanedRows] = {"baseline": baseline}
    if compare_cleaning:
        cleaned = task.clean(label_issues)
    validation: dict[VariantName, _Validation] = {}
    if validation_rows is None:
        validation = _score_on_validation_fold(
            task,
            train,
            out_of_sample,
            features=features,
            build=build,
            n_resamples=n_resamples,
            seed=seed,
            compare_cleaning=compare_cleaning,
            is_trusted=is_trusted,
        )

    test_labels = task.encode(test["given_label"])
    scored: dict[VariantName, ScoredRows] = {}
    scored_aside: dict[VariantName, ScoredRows] = {}
    seconds: dict[VariantName, float] = {}
    for variant, rows in cleaned.items():
        started = perf_counter()
        model = rows.fit(build, train[features])
        seconds[variant] = perf_counter() - started
        scored[variant] = task.score(test_labels, task.predict(model, test[features]))
        if validation_rows is not None and variant in CANDIDATES:
            predicted = task.predict(model, validation_rows[features])
            scored_aside[variant] = task.score(task.encode(validation_rows["given_label"]), predicted)
    if validation_rows is not None:
        aside = _compare_to_baseline(
            scored_aside, _blocks_of(task, validation_rows), n_resamples=n_resamples, seed=seed
        )
        validation = {
            name: _Validation(scored=model, differences=aside.get(name, []), on_all_rows=aside.get(name, []))
            for name, model in scored_aside.items()
        }
    chosen = _choose_variant(validation, primary_metric)
    blocks = _blocks_of(task, test)
    differences = _compare_to_baseline(scored, blocks, n_resamples=n_resamples, seed=seed)
    ids = train["row_id"].to_numpy()
    results = []
    for variant, rows in cleaned.items():
        changed = np.flatnonzero((rows.labels != labels).reshape(len(labels), -1).any(axis=1))
        results.append(
            VariantResult(
                variant=variant,
                n_train=int(rows.keep.sum()),
                removed_rows=ids[~rows.keep].tolist(),
                relabelled_rows=dict(zip(ids[changed].tolist(), task.decode(rows.labels[changed]), strict=True)),
                metrics=scored[variant].compute(),
                differences=differences.get(variant, []),
                verdict=_verdict(differences.get(variant), primary_metric),
                validation_score=validation[variant].score(primary_metric) if variant in validation else None,
                fit_seconds=seconds[variant],
            )
        )
    without_cleaning: Verdict = "no effect shown" if compare_cleaning else "not compared"
    return VariantComparison(
        primary_metric=primary_metric,
        lower_is_better=primary_metric in scored["baseline"].lower_is_better,
        n_test=len(test),
        n_resamples=n_resamples,
        seed=seed,
        chosen=chosen,
        verdict=_verdict(differences.get(chosen), primary_metric) or without_cleaning,
        variants=results,
        n_blocks=None if blocks is None else len(np.unique(blocks)),
    )


def fit_chosen_variant(
    comparison: VariantComparison,
    train: pd.DataFrame,
    *,
    features: list[str],
    build: Callable[[], Pipeline],
    weights: np.ndarray | None = None,
) -> Pipeline:
    """Fit the chosen variant of a comparison on the labels as people read them, so that the model predicts such labels.

    Args:
        comparison: the comparison that chose; it lists the rows that the variant removes and relabels.
        train: train rows of the training set.
        features: names of the feature columns.
        build: returns a new unfitted pipeline.
        weights: weights of all train rows, shape (n_train,); None weighs all the same.
    """
    chosen = comparison.result(comparison.chosen)
    keep = ~train["row_id"].isin(chosen.removed_rows).to_numpy()
    relabelled = train["row_id"].map(chosen.relabelled_rows)
    labels = train["given_label"].astype(object).where(relabelled.isna(), relabelled).infer_objects().to_numpy()
    return CleanedRows(keep=keep, labels=labels, weights=weights).fit(build, train[features])


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
class _Validation:
    """A variant on the trusted rows of the validation fold; its differences to the baseline there and on all rows."""

    scored: ScoredRows
    differences: list[Difference]
    on_all_rows: list[Difference]

    def score(self, metric: str) -> float:
        return self.scored.compute()[metric]

    def goodness(self, metric: str) -> float:
        return self.score(metric) * (-1 if metric in self.scored.lower_is_better else 1)


def _score_on_validation_fold(
    task: VariantTask,
    train: pd.DataFrame,
    out_of_sample: np.ndarray | None,
    *,
    features: list[str],
    build: Callable[[], Pipeline],
    n_resamples: int,
    seed: int,
    compare_cleaning: bool,
    is_trusted: np.ndarray | None,
) -> dict[VariantName, _Validation]:
    """Score the candidates on one fold of the train rows, each audited, cleaned and fitted on the other folds.

    The audit of all train rows cannot be reused: its models saw the labels of the validation fold, so that labels
    suggested by them repeat its errors and relabelling looks better than it is.
    """
    fold = train["fold"].min() if task.validation_fold == "first" else train["fold"].max()
    held_out = (train["fold"] == fold).to_numpy()
    judges = held_out if is_trusted is None or not (held_out & is_trusted).any() else held_out & is_trusted
    labels = task.encode(train["given_label"])
    others = train[~held_out].reset_index(drop=True)
    cleaned: dict[VariantName, CleanedRows] = {}
    if out_of_sample is None:
        cleaned["baseline"] = CleanedRows(keep=np.ones(len(others), dtype=bool), labels=labels[~held_out])
    if compare_cleaning and task.audit_and_clean is not None:
        folds = _keep_or_halve_folds(others, labels[~held_out], features, seed=seed)
        variants = task.audit_and_clean(others, folds)
        cleaned |= {name: variants[name] for name in variants if name in CANDIDATES[1:]}
    predicted: dict[VariantName, np.ndarray] = {}
    if out_of_sample is not None:
        predicted["baseline"] = out_of_sample[held_out]
    for variant, rows in cleaned.items():
        predicted[variant] = task.predict(rows.fit(build, others[features]), train.loc[held_out, features])
    chosen_rows = judges[held_out]
    scored = {name: task.score(labels[judges], values[chosen_rows]) for name, values in predicted.items()}
    blocks = _blocks_of(task, train[judges])
    differences = _compare_to_baseline(scored, blocks, n_resamples=n_resamples, seed=seed)
    on_all = differences
    if not chosen_rows.all():
        whole = {name: task.score(labels[held_out], values) for name, values in predicted.items()}
        on_all = _compare_to_baseline(whole, _blocks_of(task, train[held_out]), n_resamples=n_resamples, seed=seed)
    return {
        name: _Validation(scored=model, differences=differences.get(name, []), on_all_rows=on_all.get(name, []))
        for name, model in scored.items()
    }


def _keep_or_halve_folds(rows: pd.DataFrame, labels: np.ndarray, features: list[str], *, seed: int) -> np.ndarray:
    """Return the folds of the rows, or two new ones where a single fold is left: classes are spread over both."""
    folds = rows["fold"].to_numpy()
    if (folds != folds[0]).any():
        return folds
    is_class_code = np.issubdtype(labels.dtype, np.integer)
    strata = labels if is_class_code else np.zeros(len(labels), dtype=np.int64)
    return divide_rows(strata, group_equal_rows(rows[features]), [0.5, 0.5], seed=seed)


def _blocks_of(task: VariantTask, rows: pd.DataFrame) -> np.ndarray | None:
    """Return the block of each row, such as its stretch of time or its sentence; None where rows are independent."""
    if task.number_blocks is not None:
        return task.number_blocks(rows)
    return rows["time_block"].to_numpy() if "time_block" in rows else None


def _compare_to_baseline(
    scored: Mapping[VariantName, ScoredRows], blocks: np.ndarray | None, *, n_resamples: int, seed: int
) -> dict[str, list[Difference]]:
    others: dict[str, ScoredRows] = {name: model for name, model in scored.items() if name != "baseline"}
    return compare_to_baseline(scored["baseline"], others, n_resamples=n_resamples, seed=seed, blocks=blocks)


def _choose_variant(validation: Mapping[VariantName, _Validation], metric: str) -> VariantName:
    """Choose the best variant that is shown to improve on the validation fold, else the baseline.

    Trusted rows are those that an audit calls right, which cleaned models like by nature: on all rows of the fold the
    variant must not be shown to harm.
    """
    improved = [
        name
        for name, result in validation.items()
        if _verdict(result.differences, metric) == "improves" and _verdict(result.on_all_rows, metric) != "harms"
    ]
    return max(improved, key=lambda name: validation[name].goodness(metric), default="baseline")


def _verdict(differences: list[Difference] | None, metric: str) -> Verdict | None:
    return next((difference.verdict for difference in differences or [] if difference.metric == metric), None)
