"""The quality of numeric labels, from out-of-sample predicted values and how uncertain they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd

from cleanlab_assets.methods.ranking import rank_by_quality
from cleanlab_assets.methods.requirements import require_features_of, require_finite
from cleanlab_assets.methods.training_set import is_train_row

if TYPE_CHECKING:
    from cleanlab_assets.datasets.dataset import NumericLabel

FlagRule = Literal["calibrated", "cleanlab"]
CLEANLAB_THRESHOLD = 0.05
"""Datalab's default: a label is flagged below this share of the median label quality."""
REASONS = (
    "not flagged",
    "given value is far above the prediction",
    "given value is far below the prediction",
)
_TINY = 1e-100
"""cleanlab's stand-in for a median of zero (``cleanlab.internal.constants.TINY_VALUE``)."""


def scale_by_uncertainty(
    labels: np.ndarray, values: np.ndarray, uncertainty: np.ndarray, *, among: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Divide labels and predictions by the uncertainty and by the median residual in that unit.

    cleanlab's ``residual`` score of the result, exp(-|label - prediction|), is then the one that its ``CleanLearning``
    gives to the labels: exp(-(|residual| / uncertainty) / median). Unscaled it would be 0 wherever the unit is small
    against the residuals, such as dollars. cleanlab's other score, ``outre``, takes half of all rows as neighbours of
    each row: memory that grows with the square of the rows.

    Args:
        labels: given labels, shape (n_rows,).
        values: predicted values, shape (n_rows,).
        uncertainty: positive, in the unit of the label, shape (n_rows,).
        among: rows that the median is taken of, bool of shape (n_rows,); all if absent.

    Returns:
        Scaled labels and scaled predictions, float64 of shape (n_rows,).
    """
    # As CleanLearning does where more than half of the labels equal their prediction.
    residuals = np.abs(labels - values) / uncertainty
    median = max(float(np.median(residuals if among is None else residuals[among])), _TINY)
    unit = uncertainty * median
    return labels / unit, values / unit


def score_value_quality(
    labels: np.ndarray, values: np.ndarray, uncertainty: np.ndarray, *, among: np.ndarray | None = None
) -> np.ndarray:
    """Score the quality of numeric labels.

    Source: ``cleanlab.regression.rank.get_label_quality_scores`` on what ``scale_by_uncertainty`` returns, which is
    the score of ``cleanlab.regression.learn.CleanLearning`` for a given uncertainty.

    Args:
        labels: given labels, shape (n_rows,).
        values: out-of-sample predicted values, shape (n_rows,).
        uncertainty: positive, in the unit of the label, shape (n_rows,).
        among: see ``scale_by_uncertainty``.

    Returns:
        float64 in [0, 1] of shape (n_rows,); lower is worse. The median row has exp(-1).
    """
    from cleanlab.regression.rank import get_label_quality_scores

    scaled_labels, scaled_values = scale_by_uncertainty(labels, values, uncertainty, among=among)
    scores: np.ndarray = get_label_quality_scores(scaled_labels, scaled_values, method="residual")
    return scores


@dataclass(frozen=True)
class ValueIssues:
    """The label issues of a regression dataset.

    ``table`` has one row for each predicted row, in the same order; ``cleanlab_cut`` and ``calibrated_cut`` are the
    label qualities below which either rule flags; ``notes`` says what limits the scores.
    """

    table: pd.DataFrame
    cleanlab_cut: float
    calibrated_cut: float | None
    notes: tuple[str, ...]


def find_value_issues(
    predictions: pd.DataFrame,
    features: pd.DataFrame,
    *,
    domain: NumericLabel,
    flag_by: FlagRule = "calibrated",
    calibrated_cut: float | None = None,
) -> ValueIssues:
    """Score, flag and rank the given value of every row, by a scale and cuts that the train rows alone decide.

    ``cleanlab`` flags as Datalab's regression label type does
    (``cleanlab.datalab.internal.issue_manager.regression.label.find_issues_with_predictions``): below 0.05 times the
    median label quality. ``calibrated`` flags below a cut that is known to hold for this dataset and model.

    Args:
        predictions: predictions table (``row_id``, ``split``, ``given_label``, ``predicted_value``, ``uncertainty``).
        features: feature columns of the same rows, in the same order.
        domain: the values that a label may take.
        flag_by: rule that decides which rows are flagged.
        calibrated_cut: label quality below which ``calibrated`` flags.

    Returns:
        Table with ``row_id``, ``split``, ``given_label``, ``suggested_label`` (the prediction, moved to the nearest
        allowed value), ``label_quality`` in [0, 1] (lower is worse), ``is_label_issue``, ``rank`` (1 = worst),
        ``predicted_value``, ``uncertainty``, ``residual`` (given less predicted), ``is_below_cleanlab_cut``,
        ``is_below_calibrated_cut`` (where a cut is given), ``reason`` and the features; with the cuts behind the flags.

    Raises:
        ValueError: ``flag_by`` is none of the allowed values, or is ``calibrated`` without a cut; a number is not
            finite, or there are features of other rows.
    """
    if flag_by not in get_args(FlagRule):
        raise ValueError(f"flag_by is {flag_by!r}, expected one of {', '.join(get_args(FlagRule))}")
    if flag_by == "calibrated" and calibrated_cut is None:
        raise ValueError("flag_by is 'calibrated', which needs a calibrated_cut, got None")
    labels, values, uncertainty = (
        predictions[name].to_numpy(dtype=np.float64) for name in ("given_label", "predicted_value", "uncertainty")
    )
    for what, numbers in (("label", labels), ("predicted value", values), ("uncertainty", uncertainty)):
        require_finite(what, numbers, predictions["row_id"].tolist())
    require_features_of(features, len(predictions))
    is_train = is_train_row(predictions)
    quality = score_value_quality(labels, values, uncertainty, among=is_train)
    residual = labels - values
    cleanlab_cut = CLEANLAB_THRESHOLD * float(np.median(quality[is_train]))
    cuts = {"cleanlab": cleanlab_cut} | ({} if calibrated_cut is None else {"calibrated": calibrated_cut})
    is_below = {f"is_below_{rule}_cut": quality < cut for rule, cut in cuts.items()}
    is_issue = is_below[f"is_below_{flag_by}_cut"]
    suggested = domain.to_allowed(values)
    reason = np.select([~is_issue, residual > 0], REASONS[:2], default=REASONS[2])
    table = pd.DataFrame(
        {
            "row_id": predictions["row_id"].to_numpy(),
            "split": predictions["split"].array,
            "given_label": labels,
            "suggested_label": suggested,
            "label_quality": quality.astype(np.float32),
            "is_label_issue": is_issue,
            # The quality of the very worst labels underflows to 0; their residuals still tell them apart.
            "rank": rank_by_quality(quality, -np.abs(residual) / uncertainty),
            "predicted_value": values,
            "uncertainty": uncertainty,
            "residual": residual,
            **is_below,
            "reason": pd.Categorical(reason, categories=list(REASONS)),
        }
    )
    return ValueIssues(
        table=pd.concat([table, features.reset_index(drop=True)], axis=1),
        cleanlab_cut=cleanlab_cut,
        calibrated_cut=calibrated_cut,
        notes=_describe_limits(values, residual[is_train], domain),
    )


def _describe_limits(values: np.ndarray, residual: np.ndarray, domain: NumericLabel) -> tuple[str, ...]:
    notes = []
    if n_outside := int(((values < domain.minimum) | (values > domain.maximum)).sum()):
        notes.append(
            f"{n_outside:,} predicted values lie outside {domain}: the suggested label is the nearest allowed value"
        )
    if np.median(np.abs(residual)) == 0:
        notes.append(
            "more than half of the train labels equal their prediction: label quality is 1 there and 0 elsewhere"
        )
    return tuple(notes)
