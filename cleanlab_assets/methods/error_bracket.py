"""The number of label errors as a bracket between two ends: what a model alone can say of it."""

from __future__ import annotations

from math import ceil, floor
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from cleanlab_assets.methods.calibration import require_probabilities_of

CONFIDENT_JOINT = "confident joint"
SURE_CONTRADICTIONS = "contradicted sure predictions"
EXPECTED_DISAGREEMENTS = "expected disagreements"


SUREST_SHARE = 0.05
FEWEST_SURE = 20
"""Predictions of a class that are the surest ones: of fewer, chance decides how many contradict."""


class ErrorBracket(BaseModel):
    """A bracket of the number of label errors; its ends are estimates of two kinds and no interval of confidence.

    ``low_by`` and ``high_by`` name what each end is. Only reviewed rows narrow it.
    """

    model_config = ConfigDict(frozen=True)

    low: int
    high: int
    low_by: str
    high_by: str

    def to_facts(self) -> dict[str, Any]:
        """Return the fields of ``EstimatedErrors``."""
        return {f"estimated_errors_{name}": value for name, value in self.model_dump().items()}

    def describe(self) -> str:
        """Say the bracket in words, its ends named."""
        return f"{self.low:,} ({self.low_by}) to {self.high:,} ({self.high_by})"


class EstimatedErrors(BaseModel):
    """The bracket of the number of label errors as fields of facts; None and empty where there is no estimate."""

    estimated_errors_low: int | None = None
    estimated_errors_high: int | None = None
    estimated_errors_low_by: str = ""
    estimated_errors_high_by: str = ""

    @property
    def error_bracket(self) -> ErrorBracket | None:
        """The bracket itself."""
        if self.estimated_errors_low is None or self.estimated_errors_high is None:
            return None
        return ErrorBracket(
            low=self.estimated_errors_low,
            high=self.estimated_errors_high,
            low_by=self.estimated_errors_low_by,
            high_by=self.estimated_errors_high_by,
        )


def bracket_errors(
    *, confident_joint: int, sure_contradictions: int, contradictions: int, expected_disagreements: float
) -> ErrorBracket:
    """Make the bracket of labels that are classes.

    The lower end begins with the number of errors that the confident joint implies, or with that of the surest
    predictions, whichever is less. Where the features hardly tell classes apart, both also count right labels: then
    they explain only a part of the contradictions, the others being the model's own mistakes, and no more than this
    part of the number counts. The higher end is the sum of one minus the calibrated probability of the given label: it
    counts right labels that are improbable, too, so it is too high, unless the model has learned the errors of its
    labels.

    Args:
        confident_joint: the errors that the confident joint implies.
        sure_contradictions: the errors that the surest predictions imply, see ``find_sure_contradictions``.
        contradictions: labels that are not the class predicted for their row.
        expected_disagreements: sum over the rows of one minus the calibrated probability of the given label.
    """
    fewest, by = min((confident_joint, CONFIDENT_JOINT), (sure_contradictions, SURE_CONTRADICTIONS))
    low = floor(fewest * min(1.0, fewest / max(contradictions, 1)))
    return order_ends((low, by), (ceil(expected_disagreements), EXPECTED_DISAGREEMENTS))


def bracket_class_errors(
    labels: np.ndarray, probabilities: np.ndarray, *, expected_disagreements: float
) -> ErrorBracket:
    """Make the bracket of labels that are classes from out-of-sample predicted probabilities, see ``bracket_errors``.

    Args:
        labels: class codes from 0, each of which occurs, shape (n_rows,).
        probabilities: out-of-sample predicted probabilities, shape (n_rows, n_classes).
        expected_disagreements: the higher end, see ``bracket_errors``.

    Raises:
        ValueError: a number is not finite, a code is that of no class, or one is of other rows.
    """
    require_probabilities_of(labels, probabilities)
    from cleanlab.count import num_label_issues

    return bracket_errors(
        confident_joint=int(num_label_issues(labels, probabilities)),
        sure_contradictions=count_sure_contradictions(labels, probabilities),
        contradictions=int((probabilities.argmax(axis=1) != labels).sum()),
        expected_disagreements=expected_disagreements,
    )


def find_sure_contradictions(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return how often the given label contradicts the surest predictions of each class.

    The surer a prediction, the less often a contradiction is the model's fault: what is left among the surest is the
    share of wrong labels, if labels of a class are wrong as often anywhere. It is the lowest share among the surest n
    predictions of the class, n from ``SUREST_SHARE`` of them on.

    Source: Blanchard, Lee and Scott, Semi-Supervised Novelty Detection, JMLR 2010, for the lowest ratio.

    Args:
        labels: class codes from 0, shape (n_rows,).
        probabilities: out-of-sample predicted probabilities, shape (n_rows, n_classes).

    Returns:
        Shares in [0, 1], float64 of shape (n_classes,); 0 for a class that is never the likeliest.

    Raises:
        ValueError: a number is not finite, a code is that of no class, or one is of other rows.
    """
    require_probabilities_of(labels, probabilities)
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    shares = np.zeros(probabilities.shape[1])
    surest_first = np.argsort(-confidence, kind="stable")
    for code in np.unique(predicted):
        rows = surest_first[predicted[surest_first] == code]
        contradicted = np.cumsum(labels[rows] != code) / np.arange(1, len(rows) + 1)
        fewest = min(len(rows), max(FEWEST_SURE, ceil(SUREST_SHARE * len(rows))))
        shares[code] = contradicted[fewest - 1 :].min()
    return shares


def count_sure_contradictions(labels: np.ndarray, probabilities: np.ndarray) -> int:
    """Return the number of errors if all labels were wrong as often as those of the surest predictions.

    Arguments and errors are those of ``find_sure_contradictions``.
    """
    shares = find_sure_contradictions(labels, probabilities)
    return int(shares[probabilities.argmax(axis=1)].sum())


def order_ends(*ends: tuple[int, str]) -> ErrorBracket:
    """Make a bracket of two numbers of errors and what each of them is, the lower one first."""
    (low, low_by), (high, high_by) = sorted(ends, key=lambda end: end[0])
    return ErrorBracket(low=low, high=high, low_by=low_by, high_by=high_by)
