"""How right each consensus of annotators is where the truth is known: panels of several kinds, drawn anew by seed.

The examples are digits. Labels are simulated, the model is real: it learns from the majority votes of the panel.

Run: ``python benchmarks/consensus.py [--panels 10]``
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from measurements import describe_machine

from cleanlab_assets.datasets import digits
from cleanlab_assets.datasets.digits_panel import LOOKALIKES
from cleanlab_assets.datasets.download import resolve_source_files
from cleanlab_assets.families.multiannotator.annotations import put_votes, to_label_matrix
from cleanlab_assets.families.multiannotator.consensus import (
    build_annotator_quality,
    build_consensus,
    find_consensus_issues,
    score_labels,
)
from cleanlab_assets.families.multiannotator.dawid_skene import estimate_dawid_skene
from cleanlab_assets.families.multiannotator.metrics import measure_annotator_ranking, measure_consensus
from cleanlab_assets.families.multiannotator.variants import compare_consensus_variants
from cleanlab_assets.families.tables.variants import AuditedTable
from cleanlab_assets.methods.class_codes import encode_labels
from cleanlab_assets.methods.class_predictions import predict_out_of_sample, to_predictions_table, to_probabilities
from cleanlab_assets.methods.folds import divide_rows
from cleanlab_assets.methods.seeding import seed_generator
from cleanlab_assets.methods.training_set import NO_FOLD, TEST, TRAIN
from cleanlab_assets.methods.variants import ComparisonSettings
from cleanlab_assets.models.catalogue import BuildContext, PipelineFactory
from cleanlab_assets.models.encoding import FeatureKinds

if TYPE_CHECKING:
    from collections.abc import Sequence

MODEL = "logistic_regression"
FOLDS = 5
N_TRAIN = 800
FEW_PIXELS = ("pixel_2_4", "pixel_3_4", "pixel_4_4", "pixel_5_3")
SETTINGS = ComparisonSettings(primary_metric="accuracy", prune_fraction=0.02, n_resamples=200, seed=0)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of panel: how often annotators are right, from the worst to the best, and how much each labels.

    ``n_guessing`` annotators name any digit; ``share_lookalikes`` of the others mistake a digit for the one that looks
    like it. ``features`` are what the model sees; None is all.
    """

    name: str
    n_annotators: int
    accuracy: tuple[float, float]
    coverage: float
    n_guessing: int = 0
    share_lookalikes: float = 0.0
    features: tuple[str, ...] | None = None


KINDS = (
    Kind(name="many labels", n_annotators=12, accuracy=(0.5, 0.95), coverage=1 / 2),
    Kind(name="few labels", n_annotators=60, accuracy=(0.5, 0.95), coverage=1 / 30),
    Kind(name="spammers", n_annotators=12, accuracy=(0.6, 0.95), coverage=0.3, n_guessing=6),
    Kind(name="confused pairs", n_annotators=12, accuracy=(0.5, 0.8), coverage=0.3, share_lookalikes=1.0),
    Kind(name="strong model", n_annotators=12, accuracy=(0.4, 0.9), coverage=0.25, share_lookalikes=0.5),
    Kind(
        name="weak model",
        n_annotators=12,
        accuracy=(0.4, 0.9),
        coverage=0.25,
        share_lookalikes=0.5,
        features=FEW_PIXELS,
    ),
)


def draw_labels(truth: np.ndarray, kind: Kind, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Let a panel label examples.

    Args:
        truth: true digits, shape (n_examples,).
        kind: the kind of panel.
        seed: seed of the annotators and their labels.

    Returns:
        Labels, shape (n_examples, n_annotators), -1 where none; and how often each annotator is right in the long run.
    """
    rng = seed_generator(seed, f"panel of {kind.name}")
    accuracy = rng.uniform(*kind.accuracy, size=kind.n_annotators)
    accuracy[: kind.n_guessing] = 1 / 10
    is_lookalike = np.arange(kind.n_annotators) >= kind.n_annotators * (1 - kind.share_lookalikes)
    shape = (len(truth), kind.n_annotators)
    any_digit = (truth[:, None] + rng.integers(1, 10, size=shape)) % 10
    mistakes = np.where(is_lookalike, np.array([LOOKALIKES[digit] for digit in range(10)])[truth][:, None], any_digit)
    labels = np.where(rng.random(shape) < accuracy, truth[:, None], mistakes)
    return np.where(rng.random(shape) < kind.coverage, labels, -1), accuracy


def to_annotations(labels: np.ndarray, examples: Sequence[str]) -> pd.DataFrame:
    """Return labels as a table, a row for each."""
    example, annotator = np.nonzero(labels >= 0)
    names = [f"annotator {number:02d}" for number in range(labels.shape[1])]
    return pd.DataFrame(
        {
            "row_id": [f"label:{number}" for number in range(len(example))],
            "example": np.asarray(examples, dtype=object)[example],
            "annotator": pd.Categorical.from_codes(annotator.tolist(), categories=pd.Index(names)),
            "given_label": pd.Categorical.from_codes(
                labels[example, annotator].tolist(), categories=pd.Index(digits.CLASS_NAMES)
            ),
        }
    )


def measure_panel(images: pd.DataFrame, kind: Kind, seed: int) -> dict[str, float]:
    """Measure every consensus of one panel, the quality of its annotators, and the models trained on each consensus."""
    drawn = images.iloc[seed_generator(seed, "examples").permutation(len(images))].reset_index(drop=True)
    truth = drawn[digits.LABEL].cat.codes.to_numpy(dtype=np.int64)
    labels, accuracy = draw_labels(truth[:N_TRAIN], kind, seed=seed)
    is_labelled = (labels >= 0).any(axis=1)
    rows = drawn.rename(columns={digits.LABEL: "true_label"})
    examples = rows.iloc[np.flatnonzero(is_labelled)].reset_index(drop=True)
    annotations = to_annotations(labels[is_labelled], examples["row_id"].tolist())
    train = put_votes(examples, annotations)
    folds = divide_rows(encode_labels(train["given_label"]), np.arange(len(train)), [1 / FOLDS] * FOLDS, seed=seed)
    train = train.assign(fold=folds, split=TRAIN)
    test = rows[N_TRAIN:].reset_index(drop=True).assign(fold=NO_FOLD, split=TEST)
    test["given_label"] = test["true_label"]
    build = build_pipelines(kind.features)
    votes = encode_labels(train["given_label"])
    predicted = predict_out_of_sample(train[build.features], votes, folds, n_classes=10, build=build).probabilities
    predictions = to_predictions_table(train, predicted, digits.CLASS_NAMES)
    scored = score_labels(predictions, annotations, has_model=True)
    consensus = build_consensus(predictions, annotations, scored.table)
    issues = find_consensus_issues(predictions, scored.table, consensus, train[build.features])
    by_example = dict(zip(train["row_id"], train["true_label"].astype(str), strict=True))
    annotators = build_annotator_quality(scored.annotators, scored.table, by_example)
    by_crowdlab = annotators.assign(annotator_quality=annotators["crowdlab_quality"])
    skill = annotators["annotator"].map(dict(zip(annotations["annotator"].cat.categories, accuracy, strict=True)))
    with_class = np.column_stack([to_label_matrix(annotations, train["row_id"]), predicted.argmax(axis=1)])
    by_class = estimate_dawid_skene(with_class, n_classes=10).consensus
    true = encode_labels(train["true_label"])
    audited = AuditedTable(train=train, test=test, label_issues=issues, features=build.features, build=build)
    compared = compare_consensus_variants(
        audited, annotations, to_probabilities(predictions), has_model=True, settings=SETTINGS
    )
    return {
        **measure_consensus(consensus, train["true_label"]),
        "accuracy_with_class_of_model": float((by_class == true).mean()),
        "temperature": scored.leading.temperature or np.nan,
        "rounds": scored.leading.n_rounds,
        "precision": measure_ranking(issues["label_quality"], votes != true),
        "precision_crowdlab": measure_ranking(issues["crowdlab_quality"], votes != true),
        "spearman": measure_annotator_ranking(annotators),
        "spearman_crowdlab": measure_annotator_ranking(by_crowdlab),
        "error": float((annotators["annotator_quality"] - skill).abs().mean()),
        "error_crowdlab": float((annotators["crowdlab_quality"] - skill).abs().mean()),
        "coverage": float(skill.between(annotators["quality_low"], annotators["quality_high"]).mean()),
        **{f"model_{result.variant}": result.metrics["accuracy"] for result in compared.variants},
        "improves": float(compared.result("leading_consensus").verdict == "improves"),
        "chosen": float(compared.chosen == "leading_consensus"),
    }


def measure_ranking(quality: pd.Series, is_wrong: np.ndarray) -> float:
    """Return the average precision of low quality for wrong votes."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(is_wrong, -quality.to_numpy()))


def build_pipelines(features: Sequence[str] | None) -> PipelineFactory:
    """Return the factory of a model that sees all pixels, or only some."""
    columns = [column for column in digits.PIXEL_COLUMNS if features is None or column.name in features]
    context = BuildContext(kinds=FeatureKinds.of(columns), n_classes=10, seed=0)
    return PipelineFactory("multiannotator", MODEL, context, {})


TABLES = {
    "Accuracy of each consensus": {
        "majority vote": "accuracy_majority_vote",
        "CROWDLAB": "accuracy_crowdlab",
        "Dawid-Skene with model": "accuracy_dawid_skene_with_model",
        "the same, its class alone": "accuracy_with_class_of_model",
        "model alone": "accuracy_model_alone",
        "CROWDLAB without model": "accuracy_crowdlab_without_model",
        "Dawid-Skene": "accuracy_dawid_skene",
        "temperature": "temperature",
        "rounds": "rounds",
    },
    "Quality by Dawid-Skene with model, and by CROWDLAB": {
        "AUROC": "consensus_quality_auroc",
        "CROWDLAB": "crowdlab_quality_auroc",
        "AP of wrong votes": "precision",
        "CROWDLAB ": "precision_crowdlab",
        "Spearman": "spearman",
        "CROWDLAB  ": "spearman_crowdlab",
        "error of annotators": "error",
        "CROWDLAB   ": "error_crowdlab",
        "intervals cover": "coverage",
    },
    "Accuracy of models on test digits": {
        "majority vote": "model_baseline",
        "leading consensus": "model_leading_consensus",
        "CROWDLAB": "model_crowdlab",
        "worst pruned": "model_pruned",
        "leading shown to improve": "improves",
        "leading chosen": "chosen",
    },
}


def main() -> None:
    """Print the tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--panels", type=int, default=10)
    n_panels = parser.parse_args().panels
    print(describe_machine())
    started = process_time()
    with tempfile.TemporaryDirectory() as directory:
        images = digits.load_digits(resolve_source_files(digits.DATASET, Path(directory)))
    found = pd.DataFrame(
        [{"panels": kind.name, **measure_panel(images, kind, seed)} for kind in KINDS for seed in range(n_panels)]
    )
    means = found.groupby("panels", sort=False).mean()
    means.loc["mean"] = means.mean()
    for title, columns in TABLES.items():
        print(f"\n{title}\n")
        print("| panels | " + " | ".join(columns) + " |", "| --- |" + " ---: |" * len(columns), sep="\n")
        for name, row in means.iterrows():
            print(f"| {name} | " + " | ".join(f"{row[column]:.3f}" for column in columns.values()) + " |")
    is_chosen = found["chosen"] == 1
    n_better = int((found["model_leading_consensus"] > found["model_baseline"])[is_chosen].sum())
    print(
        f"\nThe leading consensus was chosen {is_chosen.sum()} times, {n_better} times it was better on the test digits"
    )
    for leading, other in (("dawid_skene_with_model", "crowdlab"), ("dawid_skene", "crowdlab_without_model")):
        ahead = found[f"accuracy_{leading}"] > found[f"accuracy_{other}"]
        counts = ahead.groupby(found["panels"], sort=False).sum()
        print(f"\n{leading} ahead of {other}: " + ", ".join(f"{name} {count}" for name, count in counts.items()))
    print(f"{len(found)} panels, {process_time() - started:.0f} CPU s")


if __name__ == "__main__":
    main()
