"""How well wrong labels are found, by the rules of today and by cleanlab's own, on generated data of known truth.

Five kinds of labels, six kinds of noise, models of three strengths. cleanlab's own rules are, for classes and words,
the flags of ``prune_by_noise_rate`` and a number of errors by the confident joint; for sets of classes the same flags
for each class, on probabilities that are not calibrated, ranked by the exponential moving average; for values the cut
at 0.05 times the median quality; for several annotators CROWDLAB. Where cleanlab states no number of errors, it is that
of its flags.

Run: ``python benchmarks/detection_quality.py [--seeds 5] [--rows 1500] [--small]``
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from math import ceil
from time import process_time
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from measurements import describe_machine
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from cleanlab_assets.datasets.dataset import NumericLabel
from cleanlab_assets.families.multiannotator.annotations import vote_by_majority
from cleanlab_assets.families.multiannotator.dawid_skene import estimate_dawid_skene
from cleanlab_assets.families.multiannotator.lean_crowdlab import run_crowdlab
from cleanlab_assets.families.multilabel.class_quality import choose_class_quality
from cleanlab_assets.families.multilabel.label_set_quality import choose_aggregation, find_label_set_issues
from cleanlab_assets.families.multilabel.predictions import (
    predict_label_sets_out_of_sample,
    to_label_set_predictions_table,
)
from cleanlab_assets.families.regression.cut_calibration import calibrate_cut
from cleanlab_assets.families.regression.issues import bracket_value_errors
from cleanlab_assets.families.regression.plant import PLANTED_KINDS, plant_value_errors
from cleanlab_assets.families.regression.predictions import predict_values_out_of_sample, to_value_predictions_table
from cleanlab_assets.families.regression.value_quality import find_value_issues
from cleanlab_assets.methods.class_codes import decode_labels
from cleanlab_assets.methods.class_predictions import predict_out_of_sample, to_predictions_table
from cleanlab_assets.methods.detection_power import score_detection_power
from cleanlab_assets.methods.error_bracket import order_ends
from cleanlab_assets.methods.folds import divide_rows
from cleanlab_assets.methods.label_issues import find_label_issues, keep_given_classes
from cleanlab_assets.methods.label_sets import decode_label_sets
from cleanlab_assets.methods.quality_choice import choose_quality_method
from cleanlab_assets.methods.seeding import seed_generator
from cleanlab_assets.models.tagging.context_features import to_context_features

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cleanlab_assets.methods.error_bracket import ErrorBracket

NOISES = ("uniform", "by class", "class pairs", "near the border", "clusters", "by annotator")
VALUE_NOISES = (*PLANTED_KINDS, "clusters", "drift")
STRENGTHS = ("weak", "middle", "strong")
RATE = 0.1
MOST_OFTEN_WRONG = 0.45
"""From a half on a wrong class would be the usual one, and nothing could tell it from the right one."""
N_CLASSES, N_FEATURES, N_BLOCKS, N_ANNOTATORS = 4, 12, 20, 10
FEATURES_SEEN = {"weak": 3, "middle": 6, "strong": N_FEATURES}
VALUE_FEATURES_SEEN = {"weak": 1, "middle": 2, "strong": 3}
HASHED_FEATURES = {"weak": 2**4, "middle": 2**7, "strong": 2**12}
LABELS_OF_AN_EXAMPLE = 0.4
FOLDS = 5
WORSE_BY = 0.01
"""Less than this is no difference."""
CLASS_NAMES = [f"class {code}" for code in range(N_CLASSES)]


@dataclass(frozen=True)
class Found:
    """What a rule finds: quality and flag of each label, shape (n_labels,), and its number of errors."""

    quality: np.ndarray
    is_flagged: np.ndarray
    n_errors: float


@dataclass(frozen=True)
class Audit:
    """The labels that are wrong, what cleanlab's rule finds and today's does, and what today's expects.

    ``expected_precision`` is the share of its flags that are wrong as it says itself, NaN without flags.
    """

    is_wrong: np.ndarray
    by_cleanlab: Found
    today: Found
    expected_precision: float
    bracket: ErrorBracket


@dataclass(frozen=True)
class Items:
    """What carries labels: true class, distance to the border, likeliest other class, block and annotator of each."""

    truth: np.ndarray
    margin: np.ndarray
    second: np.ndarray
    block: np.ndarray
    annotator: np.ndarray


def find_chances(noise: str, items: Items, rate: float) -> np.ndarray:
    """Return how likely each label is wrong, on average as often as the rate says, shape (n_items,)."""
    weights = np.ones(len(items.truth))
    if noise == "by class":
        weights = np.where(items.truth == 0, 6.0, 0.3)
    elif noise == "near the border":
        weights = np.exp(-1.5 * items.margin / items.margin.std())
    elif noise == "clusters":
        weights = np.where(items.block < N_BLOCKS // 5, 1.0, 0.1)
    elif noise == "by annotator":
        weights = np.where(items.annotator < N_ANNOTATORS // 5, 1.0, 0.1)
    chances: np.ndarray = (weights * rate / weights.mean()).clip(0, MOST_OFTEN_WRONG)
    return chances


def make_wrong(noise: str, items: Items, rate: float, rng: np.random.Generator) -> np.ndarray:
    """Return the given class of each item, some of them wrong, shape (n_items,)."""
    truth = items.truth
    wrong = (truth + rng.integers(1, N_CLASSES, size=len(truth))) % N_CLASSES
    if noise == "near the border":
        wrong = items.second
    elif noise == "class pairs":
        wrong = truth ^ 1
    elif noise in ("by class", "clusters"):
        wrong = (truth + 1) % N_CLASSES
    return np.where(rng.random(len(truth)) < find_chances(noise, items, rate), wrong, truth)


def draw_blobs(n_rows: int, rng: np.random.Generator) -> tuple[np.ndarray, Items]:
    """Draw rows of overlapping classes; a block is a region of the features."""
    truth, centres = rng.integers(N_CLASSES, size=n_rows), rng.normal(size=(N_CLASSES, N_FEATURES))
    features = centres[truth] + rng.normal(size=(n_rows, N_FEATURES)) * 0.8
    distances = ((features[:, None] - centres) ** 2).sum(axis=2)
    rows = np.arange(n_rows)
    own = distances[rows, truth].copy()
    distances[rows, truth] = np.inf
    block = np.argsort(np.argsort(features[:, 0])) * N_BLOCKS // n_rows
    annotator = rng.integers(N_ANNOTATORS, size=n_rows)
    return features, Items(truth, distances.min(axis=1) - own, distances.argmin(axis=1), block, annotator)


def to_rows(labels: Any) -> pd.DataFrame:
    """Return the columns that a training set has beside the features, all rows in the train part."""
    return pd.DataFrame(
        {"row_id": [f"row:{row}" for row in range(len(labels))], "split": "train", "given_label": labels}
    )


def audit_codes(given: np.ndarray, items: Items, features: pd.DataFrame, build: Any, folds: np.ndarray) -> Audit:
    """Audit labels of one class each by both rules."""
    from cleanlab.count import num_label_issues

    probabilities = predict_out_of_sample(features, given, folds, n_classes=N_CLASSES, build=build).probabilities
    predictions = to_predictions_table(
        to_rows(decode_labels(given, pd.Series(pd.Categorical([], categories=CLASS_NAMES)))), probabilities, CLASS_NAMES
    )
    no_features = pd.DataFrame(index=predictions.index)
    chosen = choose_quality_method(predictions, folds, seed=0).chosen
    today = find_label_issues(predictions, no_features, folds, quality_method=chosen)  # type: ignore[arg-type]
    by_cleanlab = find_label_issues(
        predictions, no_features, folds, filter_by="prune_by_noise_rate", quality_method="self_confidence"
    )
    _, labels, kept = keep_given_classes(given, probabilities)
    return Audit(
        given != items.truth,
        to_found(by_cleanlab.table, int(num_label_issues(labels, kept))),
        to_found(today.table, np.nan),
        expect(today.table),
        today.n_errors,
    )


def to_found(table: pd.DataFrame, n_errors: float) -> Found:
    """Read quality and flags of a table of label issues."""
    return Found(table["label_quality"].to_numpy(dtype=float), table["is_label_issue"].to_numpy(dtype=bool), n_errors)


def expect(table: pd.DataFrame) -> float:
    """Return the mean error probability of the flagged rows, NaN without any."""
    return float(table.loc[table["is_label_issue"], "error_probability"].mean())


def build_logistic() -> Pipeline:
    """Build the model of classes."""
    return Pipeline([("encoding", StandardScaler()), ("estimator", LogisticRegression(max_iter=300))])


def audit_classes(noise: str, strength: str, n_rows: int, seed: int) -> Audit:
    """Audit rows of one class each; weaker models see fewer features."""
    rng = seed_generator(seed, "classes")
    features, items = draw_blobs(n_rows, rng)
    given = make_wrong(noise, items, RATE, rng)
    folds = divide_rows(given, np.arange(n_rows), [1 / FOLDS] * FOLDS, seed=seed)
    return audit_codes(given, items, to_frame(features[:, : FEATURES_SEEN[strength]]), build_logistic, folds)


def to_frame(features: np.ndarray) -> pd.DataFrame:
    """Name the columns of features."""
    return pd.DataFrame(features, columns=[f"x{column}" for column in range(features.shape[1])])


def audit_words(noise: str, strength: str, n_rows: int, seed: int) -> Audit:
    """Audit words; a third of them may have either of two tags, and weaker models mix up more features."""
    rng, length = seed_generator(seed, "words"), 10
    truth, second = np.empty(n_rows, dtype=np.int64), np.empty(n_rows, dtype=np.int64)
    follows = rng.dirichlet(np.full(N_CLASSES, 0.3), size=N_CLASSES)
    is_shared = rng.random(n_rows) < 1 / 3
    words = []
    for place in range(n_rows):
        truth[place] = rng.choice(N_CLASSES, p=follows[truth[place - 1]]) if place % length else rng.integers(N_CLASSES)
        second[place] = truth[place] ^ 1
        kind = f"shared{truth[place] // 2}" if is_shared[place] else f"tag{truth[place]}"
        words.append(f"{kind}x{rng.integers(15)}")
    sentence = np.arange(n_rows) // length
    texts = [" ".join(words[number * length : (number + 1) * length]) for number in range(sentence.max() + 1)]
    rows = pd.DataFrame(
        {"sentence": np.array(texts, dtype=object)[sentence], "position": np.arange(n_rows) % length + 1}
    )
    margin = np.where(is_shared, 0.0, 2.0) + rng.random(n_rows)
    items = Items(truth, margin, second, sentence * N_BLOCKS // (sentence.max() + 1), sentence % N_ANNOTATORS)
    given = make_wrong(noise, items, RATE, rng)

    def build() -> Pipeline:
        hashed = FunctionTransformer(to_context_features, kw_args={"n_features": HASHED_FEATURES[strength]})
        return Pipeline([("encoding", hashed), ("estimator", LogisticRegression(max_iter=300))])

    return audit_codes(given, items, rows, build, sentence % FOLDS)


def audit_sets(noise: str, strength: str, n_rows: int, seed: int) -> Audit:
    """Audit labels that name several classes; in a row with an error one class is wrong, or two exchanged."""
    rng, rows = seed_generator(seed, "sets"), np.arange(n_rows)
    features, drawn = draw_blobs(n_rows, rng)
    scores = features @ rng.normal(size=(N_FEATURES, N_CLASSES)) / 2 + rng.normal(size=(n_rows, N_CLASSES)) * 0.3
    truth = scores > np.quantile(scores, 0.7, axis=0)
    distance = np.abs(scores - np.quantile(scores, 0.7, axis=0))
    items = Items(
        np.where(truth[:, 0], 0, 1), distance.min(axis=1), distance.argmin(axis=1), drawn.block, drawn.annotator
    )
    hit = np.flatnonzero(rng.random(n_rows) < find_chances(noise, items, RATE))
    given, wrong_class = truth.copy(), rng.integers(N_CLASSES, size=n_rows)
    if noise == "near the border":
        wrong_class = items.second
    elif noise in ("by class", "clusters", "class pairs"):
        wrong_class = np.zeros(n_rows, dtype=np.int64)
    if noise == "class pairs":
        differ = hit[truth[hit, 0] != truth[hit, 1]]
        given[differ, 1] ^= True
    given[hit, wrong_class[hit]] ^= True
    seen = to_frame(features[:, : FEATURES_SEEN[strength]])
    folds = rng.permutation(rows % FOLDS)

    def build() -> Pipeline:
        model = MultiOutputClassifier(LogisticRegression(max_iter=300))
        return Pipeline([("encoding", StandardScaler()), ("estimator", model)])

    predicted = predict_label_sets_out_of_sample(seen, given, folds, build=build)
    table = to_label_set_predictions_table(to_rows(decode_label_sets(given, CLASS_NAMES)), predicted, CLASS_NAMES)
    of_classes: Any = choose_class_quality(table, seed=seed).chosen
    of_rows: Any = choose_aggregation(table, quality_method=of_classes, seed=seed).chosen
    no_features = pd.DataFrame(index=rows)
    today = find_label_set_issues(table, no_features, quality_method=of_classes, aggregation=of_rows, seed=seed)
    by_cleanlab = find_label_set_issues(
        table, no_features, filter_by="prune_by_noise_rate", aggregation="exponential_moving_average", calibrated=False
    )
    return Audit(
        (given != truth).any(axis=1),
        to_found(by_cleanlab.table, int(by_cleanlab.table["is_label_issue"].sum())),
        to_found(today.table, np.nan),
        expect(today.table),
        today.n_errors,
    )


def audit_values(noise: str, strength: str, n_rows: int, seed: int) -> Audit:
    """Audit values that are linear in three features; clusters and drift shift neighbouring rows."""
    rng = seed_generator(seed, "values")
    features = rng.normal(size=(n_rows, 3))
    truth = (200 + features @ np.array([30.0, 20.0, -10.0]) + rng.normal(0, 5.0, n_rows)).clip(min=1.0)
    domain, given = NumericLabel(minimum=0.0), truth.copy()
    if noise in PLANTED_KINDS:
        given = plant_value_errors(truth, domain, fraction=RATE, kind=noise, seed=seed).labels
    else:
        order = np.arange(n_rows) if noise == "drift" else np.argsort(features[:, 0])
        n_wrong, start = round(RATE * n_rows), int(rng.integers(n_rows // 2))
        given[order[start : start + n_wrong]] += 2 * truth.std()
    seen = to_frame(features[:, : VALUE_FEATURES_SEEN[strength]])
    folds = rng.permutation(np.arange(n_rows) % FOLDS)
    table = pd.concat([to_rows(given), seen], axis=1).assign(fold=folds)

    def build() -> Pipeline:
        return Pipeline([("encoding", StandardScaler()), ("estimator", LinearRegression())])

    predicted = predict_values_out_of_sample(seen, given, folds, build=build)
    calibrated = calibrate_cut(table, seen.columns.tolist(), build=build, domain=domain, seed=seed)
    found = find_value_issues(
        to_value_predictions_table(table, predicted), seen, domain=domain, calibrated_cut=calibrated.cut
    ).table
    is_below, quality = found["is_label_issue"].to_numpy(dtype=bool), found["label_quality"].to_numpy(dtype=float)
    by_cleanlab = found["is_below_cleanlab_cut"].to_numpy(dtype=bool)
    unexplained = is_below.sum() - calibrated.measured_false_flag_rate * n_rows
    return Audit(
        given != truth,
        Found(quality, by_cleanlab, int(by_cleanlab.sum())),
        Found(quality, is_below, np.nan),
        max(0.0, unexplained / is_below.sum()) if is_below.any() else np.nan,
        bracket_value_errors(found, calibrated),
    )


def audit_votes(noise: str, strength: str, n_rows: int, seed: int) -> Audit:
    """Audit the majority votes of ten annotators, who give a label to two in five examples and err in three in ten.

    Under the noise by annotator half of them err far more often than the others.
    """
    rng = seed_generator(seed, "votes")
    features, items = draw_blobs(n_rows, rng)
    by_annotator = [
        make_wrong(noise, Items(**{**vars(items), "annotator": np.full(n_rows, number)}), rate, rng)
        for number, rate in enumerate(find_rates(noise))
    ]
    shape = (n_rows, N_ANNOTATORS)
    is_given = rng.random(shape) < LABELS_OF_AN_EXAMPLE
    is_given[np.arange(n_rows), rng.integers(N_ANNOTATORS, size=n_rows)] = True
    labels = np.where(is_given, np.column_stack(by_annotator), -1)
    votes, rows = vote_by_majority(labels, n_classes=N_CLASSES), np.arange(n_rows)
    folds = divide_rows(votes, rows, [1 / FOLDS] * FOLDS, seed=seed)
    seen = to_frame(features[:, : FEATURES_SEEN[strength]])
    model = predict_out_of_sample(seen, votes, folds, n_classes=N_CLASSES, build=build_logistic).probabilities
    leading, crowdlab = estimate_dawid_skene(labels, n_classes=N_CLASSES, model=model), run_crowdlab(labels, model)
    quality = leading.probabilities[rows, votes]
    # All labels of a vote's class have one quality.
    agreeing = np.where(labels == votes[:, None], crowdlab.label_quality, np.nan)
    is_flagged, is_overruled = leading.consensus != votes, crowdlab.consensus != votes
    return Audit(
        votes != items.truth,
        Found(np.nanmax(agreeing, axis=1), is_overruled, int(is_overruled.sum())),
        Found(quality, is_flagged, np.nan),
        float((1 - quality[is_flagged]).mean()) if is_flagged.any() else np.nan,
        order_ends((int(is_flagged.sum()), "overruled votes"), (ceil((1 - quality).sum()), "expected errors")),
    )


def find_rates(noise: str) -> np.ndarray:
    """Return how often each annotator errs, shape (n_annotators,)."""
    if noise == "by annotator":
        return np.where(np.arange(N_ANNOTATORS) < N_ANNOTATORS // 2, MOST_OFTEN_WRONG, 0.1)
    return np.full(N_ANNOTATORS, 0.3)


AUDITS: Mapping[str, tuple[Callable[[str, str, int, int], Audit], tuple[str, ...]]] = {
    "classes": (audit_classes, NOISES),
    "sets of classes": (audit_sets, NOISES),
    "values": (audit_values, VALUE_NOISES),
    "words": (audit_words, NOISES),
    "several annotators": (audit_votes, NOISES),
}


def measure(audit: Audit) -> dict[str, float]:
    """Measure what both rules find against the truth.

    Returns:
        F1 of the flags and average precision of the ranking by either rule; the precision that today's rule expects
        and the true one, NaN where it flags nothing; whether the bracket holds the number of errors, and how many
        times that number cleanlab's own is.
    """
    old, new = (
        score_detection_power(found.quality, found.is_flagged, audit.is_wrong)
        for found in (audit.by_cleanlab, audit.today)
    )
    n_wrong, has_flags = int(audit.is_wrong.sum()), audit.today.is_flagged.any()
    return {
        "F1, cleanlab": old.f1,
        "F1": new.f1,
        "AP, cleanlab": old.average_precision,
        "AP": new.average_precision,
        "expected precision": audit.expected_precision,
        "true precision": new.precision if has_flags else np.nan,
        "bracket holds": float(audit.bracket.low <= n_wrong <= audit.bracket.high),
        "cleanlab's number / true": audit.by_cleanlab.n_errors / n_wrong,
    }


def measure_all(n_rows: int, n_seeds: int, strengths: tuple[str, ...], most_noises: int | None = None) -> pd.DataFrame:
    """Measure every kind of labels under every noise; one row for each, with ``labels``, ``noise`` and ``model``."""
    return pd.DataFrame(
        [
            {"labels": labels, "noise": noise, "model": strength, **measure(audit(noise, strength, n_rows, seed))}
            for labels, (audit, noises) in AUDITS.items()
            for noise in noises[:most_noises]
            for strength in strengths
            for seed in range(n_seeds)
        ]
    )


def print_means(found: pd.DataFrame, by: str) -> None:
    """Print the means of the figures by one column, for each kind of labels."""
    figures = [str(name) for name in found.select_dtypes("number")]
    print(f"| labels | {by} | " + " | ".join(figures) + " |", "| --- | --- |" + " ---: |" * len(figures), sep="\n")
    for row in found.groupby(["labels", by], sort=False)[figures].mean().reset_index().to_dict("records"):
        print(f"| {row['labels']} | {row[by]} | " + " | ".join(f"{row[figure]:.2f}" for figure in figures) + " |")
    print()


def list_worse(found: pd.DataFrame) -> list[str]:
    """Say where today's rules do worse than cleanlab's own, on average over the seeds, by more than ``WORSE_BY``."""
    means = found.groupby(["labels", "noise", "model"], sort=False).mean(numeric_only=True).reset_index()
    return [
        f"{row['labels']}, {row['noise']}, {row['model']} model: {figure} {row[figure]:.2f}, "
        f"cleanlab {row[f'{figure}, cleanlab']:.2f}"
        for row in means.to_dict("records")
        for figure in ("F1", "AP")
        if row[figure] < row[f"{figure}, cleanlab"] - WORSE_BY
    ]


def main() -> None:
    """Print the tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=1500)
    parser.add_argument("--small", action="store_true", help="a strong model, two kinds of noise, few rows, one seed")
    options = parser.parse_args()
    print(describe_machine(), end="\n\n")
    started = process_time()
    if options.small:
        found = measure_all(300, 1, ("strong",), most_noises=2)
    else:
        found = measure_all(options.rows, options.seeds, STRENGTHS)
    print_means(found, "noise")
    print_means(found, "model")
    worse = list_worse(found)
    print("Where today's rules are worse:\n", *(f"- {line}" for line in worse or ["nowhere"]), sep="\n")
    print(f"\n{len(found)} audits, {process_time() - started:.0f} CPU s")


if __name__ == "__main__":
    main()
