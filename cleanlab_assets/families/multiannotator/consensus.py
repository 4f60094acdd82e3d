"""Consensus of annotators and a model: quality of every single label, of every consensus, and of every annotator."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cleanlab_assets.families.multiannotator.annotations import (
    NO_LABEL,
    annotations_of,
    find_decided,
    to_label_matrix,
    vote_by_majority,
)
from cleanlab_assets.families.multiannotator.dawid_skene import estimate_dawid_skene
from cleanlab_assets.families.multiannotator.lean_crowdlab import run_crowdlab
from cleanlab_assets.methods.class_codes import decode_labels, encode_labels
from cleanlab_assets.methods.class_predictions import to_probabilities
from cleanlab_assets.methods.intervals import bound_shares
from cleanlab_assets.methods.ranking import rank_by_quality

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cleanlab_assets.families.multiannotator.dawid_skene import DawidSkene

REASONS = ("not flagged", "the leading consensus is another class")
METHODS = (
    "majority_vote",
    "crowdlab",
    "crowdlab_without_model",
    "dawid_skene",
    "dawid_skene_with_model",
    "model_alone",
)
"""The ways to a consensus label; each is the prefix of a column ``<method>_label``."""
METHOD_NAMES = {
    "majority_vote": "majority vote",
    "crowdlab": "CROWDLAB: annotators and model",
    "crowdlab_without_model": "CROWDLAB with class frequencies in place of the model",
    "dawid_skene": "Dawid-Skene: annotators only",
    "dawid_skene_with_model": "Dawid-Skene with the model as one more annotator",
    "model_alone": "model alone",
}


def choose_leading_method(*, has_model: bool) -> str:
    """Return the method whose consensus leads: Dawid and Skene's, with the model where one looks at features.

    On panels of six kinds it is right more often than CROWDLAB: docs/benchmarks.md (j).
    """
    return "dawid_skene_with_model" if has_model else "dawid_skene"


@dataclass(frozen=True)
class ScoredLabels:
    """Every single label with its quality, CROWDLAB's figures of the annotators and the model, and the leading method.

    ``annotators`` has ``annotator``, ``crowdlab_quality`` and ``crowdlab_weight``.
    """

    table: pd.DataFrame
    annotators: pd.DataFrame
    crowdlab_model_weight: float
    leading_method: str
    leading: DawidSkene


def score_labels(predictions: pd.DataFrame, annotations: pd.DataFrame, *, has_model: bool) -> ScoredLabels:
    """Score every single label of the predicted examples, worst first.

    The quality of a label is how likely its class is to be true by the leading method; a label is flagged where that
    method's consensus of its example is another class. CROWDLAB's quality orders equal ones.

    Args:
        predictions: out-of-sample predictions of the examples under audit.
        annotations: ``row_id``, ``example``, ``annotator`` and ``given_label``; with ``decided_label`` the decided ones
            are certain: they are the consensus of their example.
        has_model: whether the predictions are of a model that looks at features.

    Returns:
        The table has ``row_id``, ``example``, ``annotator``, ``given_label``, ``suggested_label`` (the consensus),
        ``label_quality``, ``crowdlab_quality``, ``is_label_issue``, ``rank``, ``consensus_quality`` of the example (how
        likely its consensus is to be true) and ``example_rank`` (1 = the example whose consensus is least sure).
    """
    rows = annotations_of(annotations, predictions["row_id"])
    labels, probabilities = to_label_matrix(rows, predictions["row_id"]), to_probabilities(predictions)
    leading = estimate_dawid_skene(
        labels,
        n_classes=probabilities.shape[1],
        model=probabilities if has_model else None,
        decided=find_decided(rows, predictions["row_id"]),
    )
    crowdlab = run_crowdlab(labels, probabilities)
    places = pd.Series(np.arange(len(predictions)), index=predictions["row_id"])
    example = rows["example"].map(places).to_numpy(dtype=np.int64)
    given, consensus = encode_labels(rows["given_label"]), leading.consensus
    quality, by_crowdlab = leading.probabilities[example, given], crowdlab.label_quality[example, _columns_of(rows)]
    sureness = leading.probabilities[np.arange(len(labels)), consensus]
    table = rows.assign(
        suggested_label=decode_labels(consensus[example], rows["given_label"]),
        label_quality=quality.astype(np.float32),
        crowdlab_quality=by_crowdlab.astype(np.float32),
        is_label_issue=given != consensus[example],
        rank=rank_by_quality(quality, by_crowdlab),
        consensus_quality=sureness[example].astype(np.float32),
        example_rank=rank_by_quality(sureness, crowdlab.consensus_quality)[example],
    )
    annotators = pd.DataFrame(
        {
            "annotator": list(rows["annotator"].cat.categories),
            "crowdlab_quality": crowdlab.annotators["annotator_quality"],
            "crowdlab_weight": crowdlab.annotators["weight"],
        }
    )
    return ScoredLabels(
        table=table.sort_values("rank", ignore_index=True),
        annotators=annotators,
        crowdlab_model_weight=crowdlab.model_weight,
        leading_method=choose_leading_method(has_model=has_model),
        leading=leading,
    )


def build_consensus(predictions: pd.DataFrame, annotations: pd.DataFrame, label_quality: pd.DataFrame) -> pd.DataFrame:
    """Put the consensus labels of all methods side by side, with and without the model.

    Without the model, CROWDLAB gets the class frequencies in its place. What reviewers decided is the consensus by
    Dawid and Skene's method; the votes, CROWDLAB and the model alone know nothing of it.

    Args:
        predictions: out-of-sample predictions of the examples under audit.
        annotations: annotations of these and other examples.
        label_quality: what ``score_labels`` made of both.

    Returns:
        ``row_id``, ``n_annotations``, ``annotator_agreement`` (share that agrees with the majority vote),
        ``consensus_label`` (of the leading method), ``consensus_quality``, ``crowdlab_quality`` (of CROWDLAB's
        consensus) and ``<method>_label`` of every method.
    """
    rows = annotations_of(annotations, predictions["row_id"])
    labels, probabilities = to_label_matrix(rows, predictions["row_id"]), to_probabilities(predictions)
    n_classes = probabilities.shape[1]
    votes = vote_by_majority(labels, n_classes=n_classes)
    frequencies = np.bincount(votes, minlength=n_classes) / len(votes)
    by_example = label_quality.drop_duplicates("example").set_index("example").loc[predictions["row_id"]]
    crowdlab, decided = run_crowdlab(labels, probabilities), find_decided(rows, predictions["row_id"])
    estimate = partial(estimate_dawid_skene, labels, n_classes=n_classes, decided=decided)
    codes = {
        "majority_vote": votes,
        "crowdlab": crowdlab.consensus,
        "crowdlab_without_model": run_crowdlab(labels, np.tile(frequencies, (len(votes), 1))).consensus,
        "dawid_skene": estimate().consensus,
        "dawid_skene_with_model": estimate(model=probabilities).consensus,
        "model_alone": probabilities.argmax(axis=1),
    }
    given = predictions["given_label"]
    counts = (labels != NO_LABEL).sum(axis=1)
    return pd.DataFrame(
        {
            "row_id": predictions["row_id"].to_numpy(),
            "n_annotations": counts,
            "annotator_agreement": (labels == votes[:, None]).sum(axis=1) / counts,
            "consensus_label": decode_labels(encode_labels(by_example["suggested_label"]), given),
            "consensus_quality": by_example["consensus_quality"].to_numpy(),
            "crowdlab_quality": crowdlab.consensus_quality.astype(np.float32),
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

    The label quality of a vote is that of the labels that agree with it: how likely its class is to be true by the
    leading method, beside CROWDLAB's, which orders equal ones. A vote is flagged where the leading consensus is another
    class. What reviewers decided stands in the place of the vote and is certain: its qualities are 1, whoever gave it.

    Args:
        predictions: out-of-sample predictions of the examples under audit; ``given_label`` is the majority vote, or
            what reviewers decided.
        label_quality: quality of every single label.
        consensus_labels: consensus of every example.
        shown: features and descriptive columns of the examples, in the same order.
    """
    votes = pd.Series(predictions["given_label"].astype(str).to_numpy(), index=predictions["row_id"])
    agreeing = label_quality[label_quality["given_label"].astype(str) == label_quality["example"].map(votes)]
    by_example = agreeing.drop_duplicates("example").set_index("example").reindex(predictions["row_id"])
    is_decided = find_decided(label_quality, predictions["row_id"]) != NO_LABEL
    qualities = by_example[["label_quality", "crowdlab_quality"]].to_numpy(dtype=np.float32)
    quality, by_crowdlab = np.where(is_decided[:, None], np.float32(1), qualities).T
    is_issue = encode_labels(consensus_labels["consensus_label"]) != encode_labels(predictions["given_label"])
    table = pd.DataFrame(
        {
            "row_id": predictions["row_id"].to_numpy(),
            "split": predictions["split"].array,
            "given_label": predictions["given_label"].array,
            "suggested_label": consensus_labels["consensus_label"].array,
            "label_quality": quality,
            "is_label_issue": is_issue,
            "rank": rank_by_quality(quality, by_crowdlab),
            "crowdlab_label": consensus_labels["crowdlab_label"].array,
            "crowdlab_quality": by_crowdlab,
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
        ``annotator``, ``rank`` (1 = worst), ``annotator_quality``: the share of the annotator's labels that is expected
        to be right by the leading method, with the ends of its 95 % interval ``quality_low`` and ``quality_high``, see
        ``bound_shares``; ``agreement_with_consensus``, ``worst_class`` (whose labels are least often right),
        ``n_labels``, ``crowdlab_quality``, ``crowdlab_weight``, and ``true_accuracy`` where the truth is known.
    """
    labels = label_quality.assign(
        annotator=label_quality["annotator"].astype(str),
        label_quality=label_quality["label_quality"].astype(np.float64),
        is_like_consensus=~label_quality["is_label_issue"].to_numpy(dtype=bool),
    )
    if truth is not None:
        labels["is_right"] = labels["given_label"].astype(str) == labels["example"].map(truth).astype(str)
    by_annotator = labels.groupby("annotator")
    counts = by_annotator.size()
    low, high = bound_shares(by_annotator["label_quality"].sum().clip(upper=counts).to_numpy(), counts.to_numpy())
    found = {
        "annotator_quality": by_annotator["label_quality"].mean().clip(upper=1.0),
        "quality_low": pd.Series(low, index=counts.index),
        "quality_high": pd.Series(high, index=counts.index),
        "agreement_with_consensus": by_annotator["is_like_consensus"].mean(),
        "worst_class": _find_worst_classes(labels),
        "n_labels": counts,
    }
    table = figures[["annotator"]].copy()
    for name, values in found.items():
        table[name] = table["annotator"].map(values)
    table[["crowdlab_quality", "crowdlab_weight"]] = figures[["crowdlab_quality", "crowdlab_weight"]]
    if truth is not None:
        table["true_accuracy"] = table["annotator"].map(by_annotator["is_right"].mean())
    rank = rank_by_quality(table["annotator_quality"].to_numpy(), table["crowdlab_quality"].to_numpy())
    table.insert(1, "rank", rank)
    return table.sort_values("rank", ignore_index=True)


def _columns_of(annotations: pd.DataFrame) -> np.ndarray:
    """Return the column of each label in ``to_label_matrix``."""
    return annotations["annotator"].cat.codes.to_numpy()


def _find_worst_classes(labels: pd.DataFrame) -> pd.Series:
    """Return, by annotator, the class whose labels are least often right; among equal ones that of more labels."""
    by_class = labels.assign(given=labels["given_label"].astype(str)).groupby(["annotator", "given"])["label_quality"]
    found = by_class.agg(["mean", "size"]).reset_index()
    found = found.sort_values(["annotator", "mean", "size", "given"], ascending=[True, True, False, True])
    return found.drop_duplicates("annotator").set_index("annotator")["given"]
