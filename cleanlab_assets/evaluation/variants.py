"""Does cleaning help? Models trained on differently cleaned rows, compared on untouched test rows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from cleanlab_assets.audit.class_codes import encode_labels
from cleanlab_assets.audit.folds import divide_rows, group_equal_rows
from cleanlab_assets.audit.label_issues import LabelIssues, find_label_issues
from cleanlab_assets.audit.predictions import predict_all_classes, predict_out_of_sample, to_predictions_table
from cleanlab_assets.audit.seeding import seed_generator
from cleanlab_assets.evaluation.bootstrap import Difference, Verdict, compare_to_baseline
from cleanlab_assets.evaluation.metrics import LOWER_IS_BETTER, METRICS, ScoredPredictions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sklearn.pipeline import Pipeline

VariantName = Literal["baseline", "pruned", "relabelled", "cleanlearning", "random_removal"]
CANDIDATES: tuple[VariantName, ...] = ("baseline", "pruned", "relabelled", "cleanlearning")
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


class VariantResult(BaseModel):
    """One variant: what it changed, how it does on the test rows, and its differences to the baseline."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")

    variant: VariantName
    n_train: int
    removed_rows: list[str]
    relabelled_rows: dict[str, str]
    metrics: dict[str, float]
    differences: list[Difference]
    verdict: Verdict | None
    validation_score: float | None
    fit_seconds: float


class VariantComparison(BaseModel):
    """All variants of one dataset and model.

    ``chosen`` was chosen on a held-out fold of the train rows that took no part in the cleaning, never on the test
    rows; ``verdict`` is that of the chosen variant on ``primary_metric``, or that no cleaning was chosen.
    """

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")

    primary_metric: str
    n_test: int
    n_resamples: int
    seed: int
    chosen: VariantName
    verdict: Verdict
    variants: list[VariantResult]

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


def clean_rows(
    label_issues: pd.DataFrame, *, prune_fraction: float, correct_rates: Mapping[str, float], seed: int
) -> dict[VariantName, CleanedRows]:
    """Decide for every variant which rows it trains on, with which labels and weights.

    ``pruned`` removes the worst flagged rows, at most ``prune_fraction`` of all; ``relabelled`` gives the same rows
    their suggested label; ``cleanlearning`` removes every flagged row and weighs the rest as
    ``cleanlab.classification.CleanLearning`` does, so that classes keep their weight; ``random_removal`` removes as
    many random rows as ``pruned``.

    Args:
        label_issues: label issues of all train rows, in source order.
        prune_fraction: largest share of rows to prune or relabel, from 0 to 1.
        correct_rates: for each class the estimated P(given label is the class | it truly is), the diagonal of the
            noise matrix.
        seed: seed of the random removal.

    Returns:
        Rows, labels and weights of each variant.
    """
    labels = encode_labels(label_issues["given_label"])
    suggested = encode_labels(label_issues["suggested_label"])
    is_issue = label_issues["is_label_issue"].to_numpy(dtype=bool, copy=True)
    everything = np.ones(len(labels), dtype=bool)
    by_rank = np.argsort(label_issues["rank"].to_numpy())
    # Of a class whose rows are all flagged the best one stays, so that cleaning never takes a whole class away.
    best_first = by_rank[::-1]
    for code in np.setdiff1d(labels, labels[~is_issue]):
        is_issue[best_first[labels[best_first] == code][0]] = False
    worst = by_rank[is_issue[by_rank]][: round(prune_fraction * len(labels))]
    pruned, relabelled, random = everything.copy(), labels.copy(), everything.copy()
    pruned[worst] = False
    relabelled[worst] = suggested[worst]
    control = seed_generator(seed, "random removal").choice(len(labels), size=len(worst), replace=False)
    random[control] = False
    weights = _correctness_weights(label_issues["given_label"], correct_rates)
    return {
        "baseline": CleanedRows(keep=everything, labels=labels),
        "pruned": CleanedRows(keep=pruned, labels=labels),
        "relabelled": CleanedRows(keep=everything, labels=relabelled),
        "cleanlearning": CleanedRows(keep=~is_issue, labels=labels, weights=weights),
        "random_removal": CleanedRows(keep=random, labels=labels),
    }


def compare_variants(
    label_issues: pd.DataFrame,
    train: pd.DataFrame,
    test: pd.DataFrame,
    out_of_sample: np.ndarray,
    *,
    features: list[str],
    build: Callable[[], Pipeline],
    prune_fraction: float,
    correct_rates: Mapping[str, float],
    primary_metric: str,
    n_resamples: int,
    seed: int,
    find_issues: Callable[[pd.DataFrame, pd.DataFrame], LabelIssues] = find_label_issues,
) -> VariantComparison:
    """Fit every variant on the train rows and compare it with the baseline on the untouched test rows.

    Args:
        label_issues: label issues of the train rows.
        train: train rows of the training set, in the same order, with ``fold``.
        test: test rows of the training set.
        out_of_sample: predicted probabilities of the train rows, shape (n_train, n_classes): the baseline's
            predictions of the validation fold.
        features: names of the feature columns.
        build: returns a new unfitted pipeline.
        prune_fraction: see ``clean_rows``.
        correct_rates: see ``clean_rows``.
        primary_metric: metric of the verdict and of the choice.
        n_resamples: bootstrap resamples.
        seed: seed of the random removal and the bootstrap.
        find_issues: takes predictions and features of some rows and returns their label issues; audits the rows
            outside the validation fold.

    Returns:
        The comparison, with the chosen variant.

    Raises:
        ValueError: there are no test rows, ``primary_metric`` is unknown, or the label issues are of other rows.
    """
    if primary_metric not in METRICS:
        raise ValueError(f"primary_metric is {primary_metric!r}, expected one of {', '.join(METRICS)}")
    if test.empty:
        raise ValueError("there are no test rows to compare variants on")
    if not np.array_equal(label_issues["row_id"].to_numpy(), train["row_id"].to_numpy()):
        raise ValueError(
            f"the label issues ({len(label_issues)} rows) and the train rows ({len(train)} rows) are different rows: "
            "materialize both from the same training set"
        )
    names = list(train["given_label"].cat.categories)
    cleaned = clean_rows(label_issues, prune_fraction=prune_fraction, correct_rates=correct_rates, seed=seed)
    validation = _score_on_validation_fold(
        train,
        out_of_sample,
        features=features,
        build=build,
        prune_fraction=prune_fraction,
        n_resamples=n_resamples,
        seed=seed,
        find_issues=find_issues,
    )
    chosen = _choose_variant(validation, primary_metric)

    test_labels = encode_labels(test["given_label"])
    scored, seconds = {}, {}
    for variant, rows in cleaned.items():
        started = perf_counter()
        model = rows.fit(build, train[features])
        seconds[variant] = perf_counter() - started
        probabilities = predict_all_classes(model, test[features], n_classes=len(names))
        scored[variant] = ScoredPredictions(test_labels, probabilities)
    differences = compare_to_baseline(
        scored["baseline"],
        {name: model for name, model in scored.items() if name != "baseline"},
        n_resamples=n_resamples,
        seed=seed,
    )
    ids = train["row_id"].to_numpy()
    results = []
    for variant, rows in cleaned.items():
        changed = np.flatnonzero(rows.labels != cleaned["baseline"].labels)
        results.append(
            VariantResult(
                variant=variant,
                n_train=int(rows.keep.sum()),
                removed_rows=ids[~rows.keep].tolist(),
                relabelled_rows={ids[row]: names[rows.labels[row]] for row in changed},
                metrics=scored[variant].compute(),
                differences=differences.get(variant, []),
                verdict=_verdict(differences.get(variant), primary_metric),
                validation_score=validation[variant].score(primary_metric) if variant in validation else None,
                fit_seconds=seconds[variant],
            )
        )
    return VariantComparison(
        primary_metric=primary_metric,
        n_test=len(test),
        n_resamples=n_resamples,
        seed=seed,
        chosen=chosen,
        verdict=_verdict(differences.get(chosen), primary_metric) or "no effect shown",
        variants=results,
    )


def fit_variant(
    comparison: VariantComparison,
    label_issues: pd.DataFrame,
    train: pd.DataFrame,
    *,
    features: list[str],
    build: Callable[[], Pipeline],
    correct_rates: Mapping[str, float],
) -> Pipeline:
    """Fit the chosen variant of a comparison on class names, so that the model predicts names.

    Args:
        comparison: the comparison that chose; it lists the rows that the variant removes and relabels.
        label_issues: label issues of the train rows.
        train: train rows of the training set, in the same order.
        features: names of the feature columns.
        build: returns a new unfitted pipeline.
        correct_rates: see ``clean_rows``.
    """
    chosen = comparison.result(comparison.chosen)
    keep = ~train["row_id"].isin(chosen.removed_rows).to_numpy()
    relabelled = train["row_id"].map(chosen.relabelled_rows)
    labels = train["given_label"].astype(object).where(relabelled.isna(), relabelled).to_numpy()
    weights = None
    if comparison.chosen == "cleanlearning":
        weights = _correctness_weights(label_issues["given_label"], correct_rates)
    return CleanedRows(keep=keep, labels=labels, weights=weights).fit(build, train[features])


def to_differences_table(comparison: VariantComparison) -> pd.DataFrame:
    """List all differences to the baseline: ``variant``, ``metric``, ``difference``, ``low``, ``high``, ``verdict``."""
    return pd.DataFrame.from_records(
        [
            {"variant": result.variant, **difference.model_dump()}
            for result in comparison.variants
            for difference in result.differences
        ]
    )


def _correctness_weights(given_labels: pd.Series[str], correct_rates: Mapping[str, float]) -> np.ndarray:
    rates = given_labels.astype(object).map(correct_rates).to_numpy(dtype=np.float64)
    return 1 / np.maximum(rates, 1e-3)


@dataclass(frozen=True)
class _Validation:
    """Metrics of a variant on the validation fold, and its differences to the baseline there."""

    metrics: Mapping[str, float]
    differences: list[Difference]

    def score(self, metric: str) -> float:
        return self.metrics[metric]


def _score_on_validation_fold(
    train: pd.DataFrame,
    out_of_sample: np.ndarray,
    *,
    features: list[str],
    build: Callable[[], Pipeline],
    prune_fraction: float,
    n_resamples: int,
    seed: int,
    find_issues: Callable[[pd.DataFrame, pd.DataFrame], LabelIssues],
) -> dict[VariantName, _Validation]:
    """Score the candidates on the first fold of the train rows, each audited, cleaned and fitted on the other folds.

    The audit of all train rows cannot be reused: its models saw the labels of the validation fold, so that labels
    suggested by them repeat its errors and relabelling looks better than it is.
    """
    held_out = (train["fold"] == train["fold"].min()).to_numpy()
    cleaned = _clean_other_folds(
        train[~held_out].reset_index(drop=True),
        features=features,
        build=build,
        prune_fraction=prune_fraction,
        seed=seed,
        find_issues=find_issues,
    )
    labels = encode_labels(train["given_label"])[held_out]
    scored: dict[VariantName, ScoredPredictions] = {"baseline": ScoredPredictions(labels, out_of_sample[held_out])}
    for variant in CANDIDATES[1:]:
        model = cleaned[variant].fit(build, train.loc[~held_out, features])
        probabilities = predict_all_classes(model, train.loc[held_out, features], n_classes=out_of_sample.shape[1])
        scored[variant] = ScoredPredictions(labels, probabilities)
    others: dict[str, ScoredPredictions] = {name: model for name, model in scored.items() if name != "baseline"}
    differences = compare_to_baseline(scored["baseline"], others, n_resamples=n_resamples, seed=seed)
    return {
        name: _Validation(metrics=model.compute(), differences=differences.get(name, []))
        for name, model in scored.items()
    }


def _clean_other_folds(
    rows: pd.DataFrame,
    *,
    features: list[str],
    build: Callable[[], Pipeline],
    prune_fraction: float,
    seed: int,
    find_issues: Callable[[pd.DataFrame, pd.DataFrame], LabelIssues],
) -> dict[VariantName, CleanedRows]:
    labels, folds = encode_labels(rows["given_label"]), rows["fold"].to_numpy()
    if (folds == folds[0]).all():  # one fold is left of two
        folds = divide_rows(labels, group_equal_rows(rows[features]), [0.5, 0.5], seed=seed)
    names = list(rows["given_label"].cat.categories)
    predicted = predict_out_of_sample(rows[features], labels, folds, n_classes=len(names), build=build)
    issues = find_issues(to_predictions_table(rows, predicted.probabilities, names), rows[features])
    matrix = issues.noise_matrix
    correct_rates = dict(zip(matrix.columns, np.diagonal(matrix), strict=True))
    return clean_rows(issues.table, prune_fraction=prune_fraction, correct_rates=correct_rates, seed=seed)


def _choose_variant(validation: Mapping[VariantName, _Validation], metric: str) -> VariantName:
    """Choose the best variant that is shown to improve on the validation fold, else the baseline."""
    sign = -1 if metric in LOWER_IS_BETTER else 1
    improved = [name for name, result in validation.items() if _verdict(result.differences, metric) == "improves"]
    return max(improved, key=lambda name: sign * validation[name].score(metric), default="baseline")


def _verdict(differences: list[Difference] | None, metric: str) -> Verdict | None:
    return next((difference.verdict for difference in differences or [] if difference.metric == metric), None)
