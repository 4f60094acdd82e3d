"""Which examples to label next, and by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cleanlab_assets.compat import choose_temperature, scale_by_temperature
from cleanlab_assets.families.multiannotator.annotations import NO_LABEL
from cleanlab_assets.families.multiannotator.lean_crowdlab import run_crowdlab, to_sums_of_one

if TYPE_CHECKING:
    from collections.abc import Sequence


def score_examples_to_label(
    labels: np.ndarray, probabilities: np.ndarray, probabilities_unlabelled: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Score how sure the class of each example is, labelled or not; lower scores are worth a label first.

    Source: ``cleanlab.multiannotator.get_active_learning_scores`` (Goh and Mueller, ActiveLab, 2023), with CROWDLAB by
    leaner code.

    Args:
        labels: class codes of the labelled examples, -1 where an annotator gave no label, shape (n_labelled,
            n_annotators); each row and each column holds a label.
        probabilities: their out-of-sample predicted probabilities, shape (n_labelled, n_classes).
        probabilities_unlabelled: predicted probabilities of examples without label, shape (n_unlabelled, n_classes).

    Returns:
        Scores in [0, 1] of the labelled and of the unlabelled examples, comparable with each other.
    """
    exact, unlabelled = to_sums_of_one(probabilities), to_sums_of_one(probabilities_unlabelled)
    is_given, n_classes = labels != NO_LABEL, probabilities.shape[1]
    if is_given.sum(axis=1).max() > 1:
        temperature = choose_temperature(labels, exact)
        found = run_crowdlab(labels, scale_by_temperature(exact, temperature))
        quality, model_weight = found.consensus_quality, found.model_weight
        weights = found.annotators["weight"].to_numpy()
        unlabelled = scale_by_temperature(unlabelled, temperature)
    else:
        quality, model_weight = exact[np.arange(len(labels)), labels.max(axis=1)], 1.0
        weights = np.ones(labels.shape[1])

    def average(confidence: np.ndarray, trust: np.ndarray) -> np.ndarray:
        """Average with one more annotator of average weight, who knows nothing."""
        averaged = (confidence * trust + weights.mean() / n_classes) / (trust + weights.mean())
        return np.asarray(averaged.clip(0, 1))

    trust = np.full(len(unlabelled), model_weight)
    return average(quality, is_given @ weights + model_weight), average(unlabelled.max(axis=1), trust)


def choose_batch(
    labels: np.ndarray,
    scores: np.ndarray,
    examples: Sequence[str],
    annotators: Sequence[str],
    annotator_quality: np.ndarray,
    *,
    size: int,
) -> pd.DataFrame:
    """Choose the examples with the lowest scores, and for each the best annotator who has not labelled it.

    Args:
        labels: class codes of all examples, -1 where there is no label, shape (n_examples, n_annotators).
        scores: active learning score of each example, shape (n_examples,).
        examples: names of the examples.
        annotators: names of the annotators, in the order of the columns.
        annotator_quality: quality of each annotator, shape (n_annotators,).
        size: examples to choose; those that every annotator has labelled are left out.

    Returns:
        ``rank`` (1 = first), ``row_id``, ``active_learning_score``, ``n_annotations``, ``suggested_annotator`` and
        ``reason``, lowest score first.
    """
    is_free = (labels == NO_LABEL).any(axis=1)
    order = np.argsort(scores, kind="stable")
    chosen = order[is_free[order]][:size]
    quality = np.where(labels[chosen] == NO_LABEL, annotator_quality, -np.inf)
    counts = (labels[chosen] != NO_LABEL).sum(axis=1)
    return pd.DataFrame(
        {
            "rank": np.arange(1, len(chosen) + 1),
            "row_id": np.asarray(examples, dtype=object)[chosen],
            "active_learning_score": scores[chosen],
            "n_annotations": counts,
            "suggested_annotator": np.asarray(annotators, dtype=object)[quality.argmax(axis=1)],
            "reason": [_give_reason(labels[example], count) for example, count in zip(chosen, counts, strict=True)],
        }
    )


def _give_reason(labels: np.ndarray, count: int) -> str:
    if count == 0:
        return "nobody labelled it and the model is unsure"
    given = labels[labels != NO_LABEL]
    if len(np.unique(given)) > 1:
        return f"its {count} labels disagree"
    return "a single label, of which the rest is unsure" if count == 1 else f"its {count} labels agree, but are weak"
