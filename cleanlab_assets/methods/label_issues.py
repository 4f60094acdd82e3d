"""Label issues of single-label classification, from out-of-sample predicted probabilities."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from cleanlab_assets.methods.class_codes import decode_labels, encode_labels
from cleanlab_assets.methods.class_predictions import to_probabilities
from cleanlab_assets.methods.ranking import rank_by_quality
from cleanlab_assets.methods.requirements import require_features_of, require_finite
from cleanlab_assets.methods.training_set import is_train_row, judge_beside_train_rows

FilterRule = Literal[
    "prune_by_noise_rate",
    "prune_by_class",
    "both",
    "confident_learning",
    "predicted_neq_given",
    "low_normalized_margin",
    "low_self_confidence",
]
QualityMethod = Literal["self_confidence", "normalized_margin", "confidence_weighted_entropy"]

_RULES_THAT_SPARE_LONELY_ROWS = ("prune_by_noise_rate", "prune_by_class", "both")
REASONS = ("not flagged", "another class is likelier", "given label is unlikely")


@dataclass(frozen=True)
class LabelIssues:
    """The label issues of a dataset.

    ``table`` has one row for each predicted row, in the same order. What is estimated is estimated from the train rows:
    ``estimated_errors`` is the number of label errors among them that the confident joint implies; ``noise_matrix`` the
    P(given label | true label): rows given, columns true; ``notes`` says what limits the estimates.
    """

    table: pd.DataFrame
    estimated_errors: int
    noise_matrix: pd.DataFrame
    notes: tuple[str, ...]


def find_label_issues(
    predictions: pd.DataFrame,
    features: pd.DataFrame,
    *,
    filter_by: FilterRule = "prune_by_noise_rate",
    quality_method: QualityMethod = "self_confidence",
) -> LabelIssues:
    """Score, flag and rank the given label of every row; see ``judge_beside_train_rows`` for rows kept aside.

    Source: ``cleanlab.filter.find_label_issues``, ``cleanlab.rank.get_label_quality_scores`` and
    ``cleanlab.count`` (Northcutt, Jiang and Chuang, Confident Learning, JAIR 2021).

    Args:
        predictions: predictions table (``row_id``, ``split``, ``given_label``, ``probability_<class>``).
        features: feature columns of the same rows, in the same order.
        filter_by: rule that decides which rows are flagged.
        quality_method: score that ranks the rows.

    Returns:
        Table with ``row_id``, ``split``, ``given_label``, ``suggested_label`` (likeliest class), ``label_quality`` in
        [0, 1] (lower is worse), ``is_label_issue``, ``rank`` (1 = worst), ``given_label_probability``,
        ``suggested_label_probability``, ``reason`` and the features; with the estimates behind the flags.

    Raises:
        ValueError: ``filter_by`` or ``quality_method`` is none of the allowed values, a probability is not finite, a
            label is missing, or there are features of other rows.
    """
    from cleanlab.count import compute_confident_joint, estimate_latent, num_label_issues

    check_choice("filter_by", filter_by, get_args(FilterRule))
    check_choice("quality_method", quality_method, get_args(QualityMethod))
    probabilities = to_probabilities(predictions)
    require_finite("predicted probabilities", probabilities, predictions["row_id"].tolist())
    require_features_of(features, len(predictions))
    labels = encode_labels(predictions["given_label"])
    names = list(predictions["given_label"].cat.categories)
    is_train = is_train_row(predictions)

    def judge(chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        _, compact_labels, compact = _keep_given_classes(labels[chosen], probabilities[chosen])
        return _judge_labels(compact_labels, compact, filter_by=filter_by, quality_method=quality_method)

    is_issue, quality = judge_beside_train_rows(judge, is_train)
    present, compact_labels, compact = _keep_given_classes(labels[is_train], probabilities[is_train])
    notes = [f"class {names[code]!r} has no train row" for code in range(len(names)) if code not in present]
    lonely = present[np.bincount(compact_labels) == 1] if filter_by in _RULES_THAT_SPARE_LONELY_ROWS else []
    notes += [f"class {names[code]!r} has a single train row, which {filter_by} never flags" for code in lonely]

    _, noise_matrix, _ = estimate_latent(compute_confident_joint(compact_labels, compact), compact_labels)

    suggested = probabilities.argmax(axis=1)
    rows = np.arange(len(labels))
    reason = np.select([~is_issue, suggested != labels], REASONS[:2], default=REASONS[2])
    table = pd.DataFrame(
        {
            "row_id": predictions["row_id"].to_numpy(),
            "split": predictions["split"].array,
            "given_label": predictions["given_label"].array,
            "suggested_label": decode_labels(suggested, predictions["given_label"]),
            "label_quality": quality.astype(np.float32),
            "is_label_issue": is_issue,
            "rank": rank_by_quality(quality),
            "given_label_probability": probabilities[rows, labels],
            "suggested_label_probability": probabilities[rows, suggested],
            "reason": pd.Categorical(reason, categories=list(REASONS)),
        }
    )
    present_names = [names[code] for code in present]
    return LabelIssues(
        table=pd.concat([table, features.reset_index(drop=True)], axis=1),
        estimated_errors=int(num_label_issues(compact_labels, compact)),
        noise_matrix=pd.DataFrame(noise_matrix, index=present_names, columns=present_names),
        notes=tuple(notes),
    )


def _keep_given_classes(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the classes that occur as given labels, and labels and probabilities of these alone.

    cleanlab works with these classes; the others cannot be anyone's given label.
    """
    present, compact_labels = np.unique(labels, return_inverse=True)
    compact = probabilities[:, present].astype(np.float64)
    compact /= np.maximum(compact.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    return present, compact_labels, compact


def _judge_labels(
    labels: np.ndarray, probabilities: np.ndarray, *, filter_by: FilterRule, quality_method: QualityMethod
) -> tuple[np.ndarray, np.ndarray]:
    """Return flag and label quality of each row, shape (n_rows,); every class occurs as a given label."""
    from cleanlab.count import compute_confident_joint
    from cleanlab.filter import find_label_issues as cleanlab_find_label_issues
    from cleanlab.rank import get_label_quality_scores

    # This rule computes its own confident joint and warns about another one.
    joint = None if filter_by == "confident_learning" else compute_confident_joint(labels, probabilities)
    with warnings.catch_warnings():
        # Said in the notes instead.
        warnings.filterwarnings("ignore", message="May not flag all label issues in class")
        is_issue = cleanlab_find_label_issues(
            labels, probabilities, filter_by=filter_by, confident_joint=joint, n_jobs=1
        )
    quality = get_label_quality_scores(labels, probabilities, method=quality_method)
    return is_issue, quality.clip(0.0, 1.0)


def check_choice(setting: str, value: str, allowed: tuple[str, ...]) -> None:
    """Refuse a value of a setting that is none of the allowed ones, by a ``ValueError``."""
    if value not in allowed:
        raise ValueError(f"{setting} is {value!r}, expected one of {', '.join(allowed)}")
