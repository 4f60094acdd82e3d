"""Consensus of annotators and a model: quality of every single label, of every consensus, and of every annotator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cleanlab_assets.families.multiannotator.annotations import (
    NO_LABEL,
    annotations_of,
    to_label_matrix,
    vote_by_majority,
)
from cleanlab_assets.families.multiannotator.dawid_skene import estimate_dawid_skene
from cleanlab_assets.families.multiannotator.lean_crowdlab import run_crowdlab
from cleanlab_assets.methods.class_codes import decode_labels, encode_labels
from cleanlab_assets.methods.class_predictions import to_probabilities
from cleanlab_assets.methods.ranking import rank_by_quality

if TYPE_CHECKING:
    from collections.abc import Mapping

REASONS = ("not flagged", "the weighted consensus is another class")
METHODS = (
    "majority_vote",
    "crowdlab",
    "crowdlab_without_model",
    "dawid_skene",
    "dawid_skene_with_model",
    "model_alone",
)
"""The ways to a consensus label; each is the prefix of a column ``<method>_label``."""


@dataclass(frozen=True)
class ScoredLabels:
    """Every single label with its quality, CROWDLAB's figures of the annotators, and the weight of the model."""

    table: pd.DataFrame
    annotators: pd.DataFrame
    model_weight: float


def score_labels(predictions: pd.DataFrame, annotations: pd.DataFrame) -> ScoredLabels:
    """Score every single label of the predicted examples, worst first.

    A label is flagged where CROWDLAB's consensus of its example is another class.

    Args:
        predictions: out-of-sample predictions of the examples under audit.
        annotations: ``row_id``, ``example``, ``annotator`` and ``given_label``.

    Returns:
        The table has ``row_id``, ``example``, ``annotator``, ``given_label``, ``suggested_label`` (the consensus),
        ``label_quality``, ``is_label_issue``, ``rank``, ``consensus_quality`` of the example and ``example_rank``
        (1 = the example whose consensus is least sure).
    """
    rows = annotations_of(annotations, predictions["row_id"])
    labels = to_label_matrix(rows, predictions["row_id"])
    found = run_crowdlab(labels, to_probabilities(predictions))
    places = pd.Series(np.arange(len(predictions)), index=predictions["row_id"])
    example = rows["example"].map(places).to_numpy(dtype=np.int64)
    given, consensus = encode_labels(rows["given_label"]), found.consensus[example]
    quality = found.label_quality[example, rows["annotator"].cat.codes.to_numpy()]
    table = rows.assign(
        suggested_label=decode_labels(consensus, rows["given_label"]),
        label_quality=quality.astype(np.float32),
        is_label_issue=given != consensus,
        rank=rank_by_quality(quality),
        consensus_quality=found.consensus_quality[example].astype(np.float32),
        example_rank=rank_by_quality(found.consensus_quality)[example],
    )
    table = table.sort_values("rank", ignore_index=True)
    names = list(rows["given_label"].cat.categories)
    figures = found.annotators.assign(
        annotator=list(rows["annotator"].cat.categories),
        worst_class=[names[int(code)] for code in found.annotators["worst_class"]],
    )
    return ScoredLabels(table=table, annotators=figures, model_weight=found.model_weight)


def build_consensus(predictions: pd.DataFrame, annotations: pd.DataFrame, label_quality: pd.DataFrame) -> pd.DataFrame:
    """Put the consensus labels of all methods side by side, with and without the model.

    Without the model, CROWDLAB gets the class frequencies in its place. Dawid and Skene's method gets the model as one
    more annotator.

    Args:
        predictions: out-of-sample predictions of the examples under audit.
        annotations: annotations of these and other examples.
        label_quality: what ``score_labels`` made of both.

    Returns:
        ``row_id``, ``n_annotations``, ``annotator_agreement`` (share that agrees with the majority vote),
        ``consensus_label`` (CROWDLAB's), ``consensus_quality`` and ``<method>_label`` of every method.
    """
    rows = annotations_of(annotations, predictions["row_id"])
    labels, probabilities = to_label_matrix(rows, predictions["row_id"]), to_probabilities(predictions)
    n_classes = probabilities.shape[1]
    votes = vote_by_majority(labels, n_classes=n_classes)
    model = probabilities.argmax(axis=1)
    frequencies = np.bincount(votes, minlength=n_classes) / len(votes)
    by_example = label_quality.drop_duplicates("example").set_index("example").loc[predictions["row_id"]]
    consensus = encode_labels(by_example["suggested_label"])
    codes = {
        "majority_vote": votes,
        "crowdlab": consensus,
        "crowdlab_without_model": run_crowdlab(labels, np.tile(frequencies, (len(votes), 1))).consensus,
        "dawid_skene": estimate_dawid_skene(labels, n_classes=n_classes).argmax(axis=1),
        "dawid_skene_with_model": estimate_dawid_skene(np.column_stack([labels, model]), n_classes=n_classes).argmax(
            axis=1
        ),
        "model_alone": model,
    }
    given = predictions["given_label"]
    counts = (labels != NO_LABEL).sum(axis=1)
    return pd.DataFrame(
        {
            "row_id": predictions["row_id"].to_numpy(),
            "n_annotations": counts,
            "annotator_agreement": (labels == votes[:, None]).sum(axis=1) / counts,
            "consensus_label": decode_labels(consensus, given),
            "consensus_quality": by_example["consensus_quality"].to_numpy(),
            **{f"{method}_label": decode_labels(codes[method], given) for method in METHODS},
        }
    )


def find_consensus_issues(
    predictions: pd.DataFrame,
    label_quality: pd.DataFrame,
    consensus_labels: pd.DataFrame,
    shown: pd.DataFrame,
) -> pd.DataFrame:
    """Score, flag and rank the majority vote of every example.

    The label quality of a vote is CROWDLAB's quality of the labels that agree with it; a vote is flagged where
    CROWDLAB's consensus is another class.

    Args:
        predictions: out-of-sample predictions of the examples under audit; ``given_label`` is the majority vote.
        label_quality: quality of every single label.
        consensus_labels: consensus of every example.
        shown: features and descriptive columns of the examples, in the same order.
    """
    votes = pd.Series(predictions["given_label"].astype(str).to_numpy(), index=predictions["row_id"])
    agreeing = label_quality[label_quality["given_label"].astype(str) == label_quality["example"].map(votes)]
    quality = agreeing.groupby("example")["label_quality"].first().loc[predictions["row_id"]].to_numpy(np.float64)
    is_issue = encode_labels(consensus_labels["consensus_label"]) != encode_labels(predictions["given_label"])
    table = pd.DataFrame(
        {
            "row_id": predictions["row_id"].to_numpy(),
            "split": predictions["split"].array,
            "given_label": predictions["given_label"].array,
            "suggested_label": consensus_labels["consensus_label"].array,
            "label_quality": quality.astype(np.float32),
            "is_label_issue": is_issue,
            "rank": rank_by_quality(quality),
            "dawid_skene_label": consensus_labels["dawid_skene_label"].array,
            "n_annotations": consensus_labels["n_annotations"].to_numpy(),
            "annotator_agreement": consensus_labels["annotator_agreement"].to_numpy(),
            "reason": pd.Categorical(np.where(is_issue, REASONS[1], REASONS[0]), categories=list(REASONS)),
        }
    )
    return pd.concat([table, shown.reset_index(drop=True)], axis=1)


def build_annotator_quality(
    figures: pd.DataFrame, label_quality: pd.DataFrame, truth: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """List the annotators, worst first.

    Args:
        figures: CROWDLAB's figures of the annotators, see ``ScoredLabels``.
        label_quality: every single label.
        truth: true class by example, where it is known.

    Returns:
        ``annotator``, ``rank`` (1 = worst), ``annotator_quality`` (CROWDLAB), ``agreement_with_consensus``,
        ``worst_class``, ``n_labels``, ``weight``, and ``true_accuracy`` where the truth is known.
    """
    columns = ["annotator", "annotator_quality", "agreement_with_consensus", "worst_class", "weight"]
    table = figures[columns]
    counts = label_quality["annotator"].astype(str).value_counts()
    table["n_labels"] = table["annotator"].map(counts)
    if truth is not None:
        is_right = label_quality["given_label"].astype(str) == label_quality["example"].map(truth).astype(str)
        table["true_accuracy"] = table["annotator"].map(is_right.groupby(label_quality["annotator"].astype(str)).mean())
    rank = rank_by_quality(table["annotator_quality"].to_numpy(), table["agreement_with_consensus"].to_numpy())
    table.insert(1, "rank", rank)
    return table.sort_values("rank", ignore_index=True)
