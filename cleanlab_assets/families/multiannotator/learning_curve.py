"""Active learning in rounds on data with known truth: labels are revealed as if they were being collected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import pandas as pd
from pydantic import Field

from cleanlab_assets.families.contracts import TableContract, filled, share
from cleanlab_assets.families.multiannotator.active_learning import score_examples_to_label
from cleanlab_assets.families.multiannotator.annotations import NO_LABEL, to_label_matrix, vote_by_majority
from cleanlab_assets.families.multiannotator.lean_crowdlab import run_crowdlab
from cleanlab_assets.families.multiannotator.plots import plot_learning_curve
from cleanlab_assets.families.step import DATASET, Settings, StepContext, step
from cleanlab_assets.methods.class_codes import encode_labels
from cleanlab_assets.methods.class_predictions import predict_all_classes, predict_out_of_sample
from cleanlab_assets.methods.folds import divide_rows
from cleanlab_assets.methods.result import Facts, Result
from cleanlab_assets.methods.seeding import seed_generator
from cleanlab_assets.methods.shown import Json, Notes, Plots
from cleanlab_assets.methods.training_set import test_rows, train_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sklearn.pipeline import Pipeline

    from cleanlab_assets.families.multiannotator.training_set import (
        AnnotationsTable,
        PanelTrainingSetTable,
    )
    from cleanlab_assets.methods.shown import Shown
    from cleanlab_assets.models.catalogue import PipelineFactory

Strategy = Literal["active_pairs", "active_examples", "random"]
STRATEGIES: tuple[Strategy, ...] = ("active_pairs", "active_examples", "random")
FOLDS = 3
CONFIDENCE = 0.95


@dataclass(frozen=True)
class LabelPool:
    """Examples whose labels are hidden at first: ``labels`` of shape (n_examples, n_annotators), -1 where none exists.

    ``truth`` are class codes, shape (n_examples,).
    """

    features: pd.DataFrame
    labels: np.ndarray
    truth: np.ndarray
    n_classes: int


def simulate_rounds(
    pool: LabelPool,
    test_features: pd.DataFrame,
    test_truth: np.ndarray,
    *,
    strategy: Strategy,
    build: Callable[[], Pipeline],
    start: int,
    batch: int,
    rounds: int,
    seed: int,
) -> pd.DataFrame:
    """Reveal labels round by round and measure after each round.

    The first labels are the same for both strategies of a seed: one label of each of ``start`` random examples, and a
    second one of half of them, so that annotators can be compared. Each round reveals one more label of ``batch``
    examples: those with the lowest active learning scores, or random ones. Its annotator is a random one of those whose
    label is still hidden, but with ``active_pairs``: there it is the one of the best quality so far, as
    ``labeling_batch`` suggests.

    Args:
        pool: examples with their labels and truth.
        test_features: features of other examples.
        test_truth: their true class codes.
        strategy: ``active_pairs``, ``active_examples`` or ``random``.
        build: returns a new unfitted pipeline.
        start: examples with a label at the beginning.
        batch: labels for each round.
        rounds: rounds after the beginning.
        seed: seed of everything that is drawn.

    Returns:
        One row for each round: ``strategy``, ``seed``, ``round``, ``n_labels``, ``n_labelled_examples``,
        ``test_accuracy`` of a model trained on the consensus labels, and ``pool_accuracy``: the share of all examples
        of the pool whose class is right by consensus or, without any label, by the model.
    """
    rng = seed_generator(seed, "first labels")
    known = np.full_like(pool.labels, NO_LABEL)
    able = np.flatnonzero((pool.labels != NO_LABEL).sum(axis=1) > 1)
    first = _spread_over_classes(pool, rng.permutation(able), start)
    _reveal(known, pool.labels, first, rng)
    _reveal(known, pool.labels, first[: len(first) // 2], rng)
    rng = seed_generator(seed, f"rounds of {strategy} learning")
    records = []
    for number in range(rounds + 1):
        labelled = np.flatnonzero((known != NO_LABEL).any(axis=1))
        unlabelled = np.setdiff1d(np.arange(len(known)), labelled)
        used = (known != NO_LABEL).any(axis=0)
        labels = known[labelled][:, used]
        votes = vote_by_majority(labels, n_classes=pool.n_classes)
        features = pool.features.iloc[labelled]
        folds = divide_rows(votes, np.arange(len(votes)), [1 / FOLDS] * FOLDS, seed=seed)
        predicted = predict_out_of_sample(features, votes, folds, n_classes=pool.n_classes, build=build)
        probabilities = _mix_with_uniform(predicted.probabilities)
        found = run_crowdlab(labels, probabilities)
        consensus = found.consensus
        model = build().fit(features, consensus)
        others = _mix_with_uniform(
            predict_all_classes(model, pool.features.iloc[unlabelled], n_classes=pool.n_classes)
            if len(unlabelled)
            else np.empty((0, pool.n_classes))
        )
        test = predict_all_classes(model, test_features, n_classes=pool.n_classes).argmax(axis=1)
        n_right = (consensus == pool.truth[labelled]).sum() + (others.argmax(axis=1) == pool.truth[unlabelled]).sum()
        records.append(
            {
                "strategy": strategy,
                "seed": seed,
                "round": number,
                "n_labels": int((known != NO_LABEL).sum()),
                "n_labelled_examples": len(labelled),
                "test_accuracy": float((test == test_truth).mean()),
                "pool_accuracy": float(n_right / len(known)),
            }
        )
        if number < rounds:
            scores = np.empty(len(known))
            scores[labelled], scores[unlabelled] = score_examples_to_label(labels, probabilities, others)
            order = rng.permutation(len(known)) if strategy == "random" else np.argsort(scores, kind="stable")
            is_hidden = ((pool.labels != NO_LABEL) & (known == NO_LABEL)).any(axis=1)
            quality = None
            if strategy == "active_pairs":
                quality = np.full(known.shape[1], found.annotators["annotator_quality"].mean())
                quality[used] = found.annotators["annotator_quality"]
            _reveal(known, pool.labels, order[is_hidden[order]][:batch], rng, quality)
    return pd.DataFrame.from_records(records)


def compare_curves(
    curves: pd.DataFrame, metric: str, *, strategy: Strategy = "active_pairs", n_resamples: int = 2000, seed: int = 0
) -> dict[str, float]:
    """Return the mean area between the curves of a strategy and of random choice, with its interval over the seeds.

    The area is the difference of the metric, averaged over the rounds after the beginning. The interval is the
    percentile interval of a bootstrap of the seeds, which are paired.

    Args:
        curves: rounds of both strategies with the same seeds, see ``simulate_rounds``.
        metric: column to compare.
        strategy: the strategy that is compared with ``random``.
        n_resamples: bootstrap resamples.
        seed: seed of the bootstrap.

    Returns:
        ``area``, ``low``, ``high`` and ``n_seeds``.
    """
    later = curves[curves["round"] > 0]
    means = later.pivot_table(index="seed", columns="strategy", values=metric, aggfunc="mean")
    areas = (means[strategy] - means["random"]).to_numpy()
    drawn = seed_generator(seed, "bootstrap").choice(areas, size=(n_resamples, len(areas))).mean(axis=1)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return {"area": float(areas.mean()), "low": float(low), "high": float(high), "n_seeds": len(areas)}


def _reveal(
    known: np.ndarray,
    labels: np.ndarray,
    examples: np.ndarray,
    rng: np.random.Generator,
    quality: np.ndarray | None = None,
) -> None:
    """Copy one hidden label of each of the examples, of a random annotator or of the best, in place."""
    for example in examples:
        hidden = np.flatnonzero((labels[example] != NO_LABEL) & (known[example] == NO_LABEL))
        annotator = rng.choice(hidden) if quality is None else hidden[quality[hidden].argmax()]
        known[example, annotator] = labels[example, annotator]


def _spread_over_classes(pool: LabelPool, order: np.ndarray, size: int) -> np.ndarray:
    """Choose examples in that order, a few of each class at first: a model needs classes to begin with."""
    turn = pd.Series(pool.truth[order]).groupby(pool.truth[order]).cumcount().to_numpy()
    few = order[turn < FOLDS]
    return np.concatenate([few, order[turn >= FOLDS]])[: max(size, len(few))]


def _mix_with_uniform(probabilities: np.ndarray, share: float = 1e-3) -> np.ndarray:
    """Keep probabilities off 0, where a class that a fold never saw would be impossible."""
    return np.asarray((1 - share) * probabilities + share / probabilities.shape[1], dtype=np.float64)


CURVE_MODEL = "logistic_regression"
CURVE_PARAMETERS = {"C": 0.05}
"""Noisy labels need a smooth model, which is also quicker to fit."""
CURVE_METRIC = "test_accuracy"


class LearningCurveSettings(Settings):
    """The experiment with active learning on data with known truth."""

    seeds: int = Field(4, ge=2, le=100, description="Repetitions, each on examples drawn anew.")
    max_examples: int = Field(1000, ge=50, description="Most examples whose labels are revealed.")
    start: int = Field(400, ge=10, description="Examples with a label at the beginning.")
    batch_size: int = Field(80, ge=1, description="Labels for each round.")
    rounds: int = Field(5, ge=1, le=100, description="Rounds after the beginning.")


def simulate_curves(
    train: pd.DataFrame,
    test: pd.DataFrame,
    labels: np.ndarray,
    *,
    build: PipelineFactory,
    n_classes: int,
    settings: LearningCurveSettings,
    seeds: Iterable[int],
) -> pd.DataFrame:
    """Simulate the rounds of every strategy for every seed, each seed on train examples of its own.

    Args:
        train: train rows with ``true_label`` and the features.
        test: test rows with the same.
        labels: labels of the train rows, shape (n_train, n_annotators), -1 where none exists.
        build: returns a new unfitted pipeline.
        n_classes: number of classes.
        settings: size of the pool and of the rounds.
        seeds: seeds of the draws.

    Returns:
        The rounds of all, see ``simulate_rounds``.
    """
    features, truth, test_truth = build.features, encode_labels(train["true_label"]), encode_labels(test["true_label"])
    curves = []
    for seed in seeds:
        drawn = np.sort(seed_generator(seed, "pool").permutation(len(train))[: settings.max_examples])
        pool = LabelPool(train[features].iloc[drawn], labels[drawn], truth[drawn], n_classes)
        curves += [
            simulate_rounds(
                pool,
                test[features],
                test_truth,
                strategy=strategy,
                build=build,
                start=settings.start,
                batch=settings.batch_size,
                rounds=settings.rounds,
                seed=seed,
            )
            for strategy in STRATEGIES
        ]
    return pd.concat(curves, ignore_index=True)


class CurveGain(Facts):
    """Mean area between the curve of a strategy and that of random choice, with its interval over the seeds."""

    area: float
    low: float
    high: float
    n_seeds: int


class LearningCurveFacts(Facts):
    """What each strategy gains over random choice, by strategy and metric; empty where nothing could be measured."""

    model: str = CURVE_MODEL
    gains: dict[str, dict[str, CurveGain]] = Field(default_factory=dict)
    why_empty: str = ""

    @property
    def gain(self) -> CurveGain | None:
        """The gain of active learning of example and annotator on the test rows; None where it was not measured."""
        return self.gains["active_pairs"][CURVE_METRIC] if self.gains else None


LearningCurveTable: TypeAlias = Result[pd.DataFrame, LearningCurveFacts]


@step(
    "cleanlab",
    level=DATASET,
    code_version="3",
    facts=LearningCurveFacts,
    contract=TableContract(
        "LearningCurve",
        "Rounds of labelling by strategy and seed; empty where no truth is known.",
        (*filled("strategy", "seed", "round", "n_labels"), share("test_accuracy"), share("pool_accuracy")),
    ),
    settings=LearningCurveSettings,
    is_heavy=True,
)
def learning_curve(
    context: StepContext,
    settings: LearningCurveSettings,
    training_set: PanelTrainingSetTable,
    annotations: AnnotationsTable,
) -> LearningCurveTable:
    """Active learning against random choice: labels of the train examples revealed round by round, several seeds.

    Needs known truth and features; without them the table is empty and says so.
    """
    rows, features = training_set.value, context.features
    if "true_label" not in rows or not features:
        columns = ["strategy", "seed", "round", "n_labels", "n_labelled_examples", "test_accuracy", "pool_accuracy"]
        empty = pd.DataFrame(columns=columns).astype({"test_accuracy": float, "pool_accuracy": float})
        missing = "features" if "true_label" in rows else "truth"
        why_empty = f"no {missing}: what active learning gains cannot be measured"
        facts = LearningCurveFacts(why_empty=why_empty)
        return Result(value=empty, facts=facts, show=lambda: {"notes": Notes([why_empty])})
    seed, train, test = training_set.facts.seed, train_rows(rows), test_rows(rows)
    build = context.pipeline_factory(seed, CURVE_PARAMETERS, model=CURVE_MODEL)
    labels = to_label_matrix(annotations.value, train["row_id"])
    seeds = range(seed, seed + settings.seeds)
    table = simulate_curves(
        train, test, labels, build=build, n_classes=len(context.dataset.class_names), settings=settings, seeds=seeds
    )
    facts = LearningCurveFacts(
        gains={
            strategy: {
                metric: CurveGain(**compare_curves(table, metric, strategy=strategy))
                for metric in (CURVE_METRIC, "pool_accuracy")
            }
            for strategy in STRATEGIES
            if strategy != "random"
        }
    )

    def show() -> dict[str, Shown]:
        gain = facts.gains["active_pairs"][CURVE_METRIC]
        return {
            "area_between_curves": gain.area,
            "area_low": gain.low,
            "area_high": gain.high,
            "n_seeds": settings.seeds,
            "model": CURVE_MODEL,
            "areas": Json(facts.model_dump()["gains"]),
            "plots": Plots({"Accuracy on test rows by labels": plot_learning_curve(table, CURVE_METRIC)}),
        }

    return Result(value=table, facts=facts, show=show)
