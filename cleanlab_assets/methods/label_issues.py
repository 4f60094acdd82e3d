"""Label issues of single-label classification, from out-of-sample predicted probabilities."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np
import pandas as pd

from cleanlab_assets.methods.calibration import calibrate_by_temperature, require_probabilities_of
from cleanlab_assets.methods.class_codes import decode_labels, encode_labels
from cleanlab_assets.methods.class_predictions import to_probabilities
from cleanlab_assets.methods.error_bracket import bracket_class_errors
from cleanlab_assets.methods.noise_posterior import (
    believe_true,
    estimate_noise_by_em,
    score_by_noise,
)
from cleanlab_assets.methods.ranking import rank_by_quality
from cleanlab_assets.methods.requirements import require_features_of, require_finite, require_rows
from cleanlab_assets.methods.training_set import is_train_row, judge_beside_train_rows

if TYPE_CHECKING:
    from cleanlab_assets.methods.calibration import Calibration
    from cleanlab_assets.methods.error_bracket import ErrorBracket

CleanlabRule = Literal[
    "prune_by_noise_rate",
    "prune_by_class",
    "both",
    "confident_learning",
    "predicted_neq_given",
    "low_normalized_margin",
    "low_self_confidence",
]
FilterRule = Literal["odds", CleanlabRule]
"""Rules of the flags: ours, and cleanlab's."""
CleanlabScore = Literal["self_confidence", "normalized_margin", "confidence_weighted_entropy"]
QualityMethod = Literal[CleanlabScore, "noise_posterior"]
"""Scores that rank: cleanlab's, and the posterior that the given label is right under a noise matrix."""

FindIssues: TypeAlias = Callable[[pd.DataFrame, pd.DataFrame, np.ndarray], "LabelIssues"]
"""An audit with its rules, of predictions, features and folds."""
ODDS = 2.0
"""Where the F1 of flags has a plateau, from 1.6 to 2.7, on data with errors of known truth."""
_RULES_THAT_SPARE_LONELY_ROWS = ("prune_by_noise_rate", "prune_by_class", "both")
REASONS = ("not flagged", "another class is likelier", "given label is unlikely")


@dataclass(frozen=True)
class LabelIssues:
    """The label issues of a dataset.

    ``table`` has one row for each predicted row, in the same order. What is estimated is estimated from the train rows:
    ``n_errors`` is the bracket of the number of label errors among them; ``noise_matrix`` the
    P(given label | true label): rows given, columns true; ``calibration`` says how the probabilities were calibrated
    that the odds and the error probabilities are of; ``notes`` says what limits the estimates.
    """

    table: pd.DataFrame
    n_errors: ErrorBracket
    noise_matrix: pd.DataFrame
    calibration: Calibration
    notes: tuple[str, ...]


def find_label_issues(
    predictions: pd.DataFrame,
    features: pd.DataFrame,
    folds: np.ndarray,
    *,
    filter_by: FilterRule = "odds",
    odds: float = ODDS,
    quality_method: QualityMethod = "self_confidence",
) -> LabelIssues:
    """Score, flag and rank the given label of every row; see ``judge_beside_train_rows`` for rows kept aside.

    The rule ``odds`` flags a row where another class is likelier than the given one, by more than ``odds`` to 1, on
    probabilities that are calibrated by temperature, as ``noise_posterior`` takes them. cleanlab's rules and scores
    take them as they are.

    Source: ``cleanlab.filter.find_label_issues``, ``cleanlab.rank.get_label_quality_scores`` and
    ``cleanlab.count`` (Northcutt, Jiang and Chuang, Confident Learning, JAIR 2021); for the calibration Guo et al., On
    Calibration of Modern Neural Networks, ICML 2017; for ``noise_posterior`` see ``estimate_noise_by_em``.

    Args:
        predictions: predictions table (``row_id``, ``split``, ``given_label``, ``probability_<class>``).
        features: feature columns of the same rows, in the same order.
        folds: fold of each row, shape (n_rows,), -1 on rows of none: no row has a say in its own calibration.
        filter_by: rule that decides which rows are flagged.
        odds: odds of the likeliest class against the given one above which ``odds`` flags, at least 1.
        quality_method: score that ranks the rows, see ``quality_choice``.

    Returns:
        Table with ``row_id``, ``split``, ``given_label``, ``suggested_label`` (likeliest class), ``label_quality`` in
        [0, 1] (lower is worse), ``is_label_issue``, ``rank`` (1 = worst), ``given_label_probability``,
        ``suggested_label_probability``, ``error_probability`` (see ``find_error_probabilities``),
        ``normalized_margin`` and ``noise_posterior`` (the scores that the other columns do not have, whichever ranks),
        ``reason`` and the features; with the estimates behind the flags.

    Raises:
        ValueError: ``filter_by`` or ``quality_method`` is none of the allowed values, the odds are below 1, a
            probability is not finite, a label is missing, there are fewer than two folds, or something is of other
            rows.
    """
    check_choice("filter_by", filter_by, get_args(FilterRule))
    check_choice("quality_method", quality_method, get_args(QualityMethod))
    if not odds >= 1:
        raise ValueError(f"odds are {odds}, expected at least 1: below it the given label itself is the likeliest")
    probabilities = to_probabilities(predictions)
    require_finite("predicted probabilities", probabilities, predictions["row_id"].tolist())
    require_features_of(features, len(predictions))
    require_rows(len(predictions), folds=folds)
    labels = encode_labels(predictions["given_label"])
    names = list(predictions["given_label"].cat.categories)
    is_train = is_train_row(predictions)

    judged: list[_Judged] = []

    def judge(chosen: np.ndarray) -> tuple[np.ndarray, ...]:
        _, compact_labels, compact = keep_given_classes(labels[chosen], probabilities[chosen])
        found = _judge_labels(
            compact_labels, compact, folds[chosen], filter_by=filter_by, odds=odds, quality_method=quality_method
        )
        judged.append(found)
        return found.is_issue, found.quality, found.error_probability, found.margin, found.posterior

    is_issue, quality, error_probability, margin, posterior = judge_beside_train_rows(judge, is_train)
    of_train = judged[-1]  # the train rows by themselves are judged last
    present, counts = np.unique(labels[is_train], return_counts=True)
    notes = [f"class {names[code]!r} has no train row" for code in range(len(names)) if code not in present]
    lonely = present[counts == 1] if filter_by in _RULES_THAT_SPARE_LONELY_ROWS else []
    notes += [f"class {names[code]!r} has a single train row, which {filter_by} never flags" for code in lonely]

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
            "error_probability": error_probability.astype(np.float32),
            "normalized_margin": margin.astype(np.float32),
            "noise_posterior": posterior.astype(np.float32),
            "reason": pd.Categorical(reason, categories=list(REASONS)),
        }
    )
    present_names = [names[code] for code in present]
    return LabelIssues(
        table=pd.concat([table, features.reset_index(drop=True)], axis=1),
        n_errors=of_train.n_errors,
        noise_matrix=pd.DataFrame(of_train.noise_matrix, index=present_names, columns=present_names),
        calibration=of_train.calibration,
        notes=tuple(notes),
    )


def keep_given_classes(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the classes that occur as given labels, and labels and probabilities of these alone.

    cleanlab works with these classes; the others cannot be anyone's given label.

    Args:
        labels: class codes from 0, shape (n_rows,).
        probabilities: predicted probabilities, shape (n_rows, n_classes).

    Returns:
        The codes of the classes that occur, shape (n_present,); the labels as positions among these; and float64
        probabilities of shape (n_rows, n_present) that sum to 1.
    """
    present, compact_labels = np.unique(labels, return_inverse=True)
    compact = probabilities[:, present].astype(np.float64)
    compact /= np.maximum(compact.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    return present, compact_labels, compact


def estimate_noise_matrix(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Estimate P(given label | true label) by the confident joint, of rows of which every class is a given label.

    Source: ``cleanlab.count.estimate_latent`` (Northcutt, Jiang and Chuang, Confident Learning, JAIR 2021).

    Args:
        labels: class codes from 0, shape (n_rows,).
        probabilities: out-of-sample predicted probabilities, shape (n_rows, n_classes).

    Returns:
        float64 array of shape (n_classes, n_classes): rows given, columns true.

    Raises:
        ValueError: a number is not finite, a code is that of no class, or one is of other rows.
    """
    require_probabilities_of(labels, probabilities)
    from cleanlab.count import compute_confident_joint, estimate_latent

    _, noise_matrix, _ = estimate_latent(compute_confident_joint(labels, probabilities), labels)
    return np.asarray(noise_matrix, dtype=np.float64)


def score_labels(
    labels: np.ndarray, probabilities: np.ndarray, calibrated: np.ndarray, method: QualityMethod
) -> np.ndarray:
    """Score how likely each given label is right, of rows of which every class is a given label.

    Source: ``cleanlab.rank.get_label_quality_scores``, and ``estimate_noise_by_em`` for ``noise_posterior``.

    Args:
        labels: class codes from 0, shape (n_rows,).
        probabilities: out-of-sample predicted probabilities, shape (n_rows, n_classes), for cleanlab's scores.
        calibrated: the same calibrated, for ``noise_posterior``.
        method: the score.

    Returns:
        float64 array of shape (n_rows,), in [0, 1]; lower is more likely wrong.

    Raises:
        ValueError: a number is not finite, a code is that of no class, or one is of other rows.
    """
    require_probabilities_of(labels, probabilities)
    require_probabilities_of(labels, calibrated)
    if method == "noise_posterior":
        return score_by_noise(labels, calibrated, estimate_noise_by_em(labels, calibrated))
    from cleanlab.rank import get_label_quality_scores

    quality: np.ndarray = get_label_quality_scores(labels, probabilities, method=method).clip(0.0, 1.0)
    return quality


def count_flags_by_rule(predictions: pd.DataFrame, folds: np.ndarray, *, odds: float = ODDS) -> dict[FilterRule, int]:
    """Count how many of the train rows each rule of the flags would flag, see ``find_label_issues``.

    Raises:
        ValueError: a probability is not finite, or there are folds of other rows.
    """
    require_rows(len(predictions), folds=folds)
    all_probabilities, is_train = to_probabilities(predictions), is_train_row(predictions)
    require_finite("predicted probabilities", all_probabilities, predictions["row_id"].tolist())
    codes = encode_labels(predictions["given_label"])
    _, labels, probabilities = keep_given_classes(codes[is_train], all_probabilities[is_train])
    calibrated = calibrate_by_temperature(labels, probabilities, folds[is_train]).probabilities
    flags = {rule: _flag_by_cleanlab(labels, probabilities, rule) for rule in get_args(CleanlabRule) if rule != "both"}
    return {
        "odds": int(_flag_by_odds(labels, calibrated, odds).sum()),
        **{rule: int(is_issue.sum()) for rule, is_issue in flags.items()},
        "both": int((flags["prune_by_class"] & flags["prune_by_noise_rate"]).sum()),
    }


def find_error_probabilities(labels: np.ndarray, probabilities: np.ndarray, noise_matrix: np.ndarray) -> np.ndarray:
    """Return the probability that each given label is wrong, by Bayes' rule.

    Calibrated probabilities are those of given labels, P(given label | features): one minus that of the given label
    also counts rows whose right label is an improbable one. The noise matrix tells errors apart from these: it is taken
    to hold for all rows of a class, so that P(given | features) is the noise matrix times P(true | features).

    Source: see ``believe_true``.

    Args:
        labels: class codes from 0, shape (n_rows,).
        probabilities: calibrated out-of-sample probabilities of given labels, shape (n_rows, n_classes).
        noise_matrix: P(given label | true label), shape (n_classes, n_classes): rows given, columns true.

    Returns:
        float64 array of shape (n_rows,), in [0, 1].

    Raises:
        ValueError: a number is not finite, a code is that of no class, or one is of other rows.
    """
    require_probabilities_of(labels, probabilities)
    require_finite("noise matrix", noise_matrix)
    given_and_true = noise_matrix[labels] * believe_true(probabilities, noise_matrix)
    right = given_and_true[np.arange(len(labels)), labels]
    total = given_and_true.sum(axis=1)
    # Where neither the label itself nor an error explains it, the model says that it cannot be.
    share_right = np.divide(right, total, out=np.zeros(len(labels)), where=total > 0)
    wrong: np.ndarray = (1 - share_right).clip(0.0, 1.0)
    return wrong


@dataclass(frozen=True)
class _Judged:
    """Flag, scores and error probability of each row, shape (n_rows,), and what all of them estimate."""

    is_issue: np.ndarray
    quality: np.ndarray
    error_probability: np.ndarray
    margin: np.ndarray
    posterior: np.ndarray
    n_errors: ErrorBracket
    noise_matrix: np.ndarray
    calibration: Calibration


def _judge_labels(
    labels: np.ndarray,
    probabilities: np.ndarray,
    folds: np.ndarray,
    *,
    filter_by: FilterRule,
    odds: float,
    quality_method: QualityMethod,
) -> _Judged:
    """Judge rows of which every class occurs as a given label."""
    scaled = calibrate_by_temperature(labels, probabilities, folds)
    calibrated = scaled.probabilities
    if filter_by == "odds":
        is_issue = _flag_by_odds(labels, calibrated, odds)
    else:
        is_issue = _flag_by_cleanlab(labels, probabilities, filter_by)
    noise_matrix = estimate_noise_matrix(labels, probabilities)
    return _Judged(
        is_issue=is_issue,
        quality=score_labels(labels, probabilities, calibrated, quality_method),
        error_probability=find_error_probabilities(labels, calibrated, noise_matrix),
        margin=score_labels(labels, probabilities, calibrated, "normalized_margin"),
        posterior=score_labels(labels, probabilities, calibrated, "noise_posterior"),
        n_errors=bracket_class_errors(
            labels,
            probabilities,
            expected_disagreements=float((1 - calibrated[np.arange(len(labels)), labels]).sum()),
        ),
        noise_matrix=noise_matrix,
        calibration=scaled.calibration,
    )


def _flag_by_odds(labels: np.ndarray, calibrated: np.ndarray, odds: float) -> np.ndarray:
    of_given = calibrated[np.arange(len(labels)), labels]
    is_issue: np.ndarray = calibrated.max(axis=1) > odds * of_given
    return is_issue


def _flag_by_cleanlab(labels: np.ndarray, probabilities: np.ndarray, filter_by: CleanlabRule) -> np.ndarray:
    from cleanlab.count import compute_confident_joint
    from cleanlab.filter import find_label_issues as cleanlab_find_label_issues

    # This rule computes its own confident joint and warns about another one.
    joint = None if filter_by == "confident_learning" else compute_confident_joint(labels, probabilities)
    with warnings.catch_warnings():
        # Said in the notes instead.
        warnings.filterwarnings("ignore", message="May not flag all label issues in class")
        is_issue: np.ndarray = cleanlab_find_label_issues(
            labels, probabilities, filter_by=filter_by, confident_joint=joint, n_jobs=1
        )
    return is_issue


def check_choice(setting: str, value: str, allowed: tuple[str, ...]) -> None:
    """Refuse a value of a setting that is none of the allowed ones, by a ``ValueError``."""
    if value not in allowed:
        raise ValueError(f"{setting} is {value!r}, expected one of {', '.join(allowed)}")
