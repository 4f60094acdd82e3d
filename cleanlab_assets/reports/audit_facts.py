"""The facts of one audit: aggregates that summaries, comparisons and the command line tell from.

One shape for every task family, so that whoever tells about audits needs no code of its own for each family.
"""

from __future__ import annotations

import hashlib
from typing import Literal

from pydantic import BaseModel, ConfigDict


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings", extra="forbid")


class IssueTypeFacts(_Facts):
    """One Datalab issue type; counts are None where it did not run."""

    issue_type: str
    description: str
    n_issues: int | None
    share: float | None
    status: Literal["ran", "not run"]
    reason: str = ""


class VariantFacts(_Facts):
    """One variant of the comparison; the difference to the baseline is that of the primary metric, with its interval.

    Difference, interval and verdict are None for the baseline itself.
    """

    variant: str
    n_train: int
    metrics: dict[str, float]
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    verdict: str | None = None


class DetectionFacts(_Facts):
    """How well planted errors were found; chance is ``planted_share`` for average precision, 0.5 for AUROC."""

    n_planted: int
    planted_share: float
    precision: float
    recall: float
    average_precision: float
    auroc: float


class WorstRow(_Facts):
    """One of the rows with the lowest label quality: raw data, which no summary sends anywhere unless told to."""

    row_id: str
    given_label: str
    suggested_label: str
    label_quality: float


class AuditFacts(_Facts):
    """What an audit of one dataset with one model found, in aggregates.

    ``cross_validation`` and the variants' ``metrics`` are by metric name; the latter are of the untouched test rows.
    ``expected_calibration_error`` is that of the out-of-sample predictions. ``estimated_errors`` is an estimate of the
    number of label errors, None where the family has none. ``flag_rule`` says in words how rows are flagged.
    ``label_distribution`` describes the given labels of the train rows: rows per class, or quantiles of a number.
    ``limits`` are the thresholds of the dataset's gates. ``chosen`` is the variant that was kept as the final model,
    ``verdict`` whether cleaning was shown to help. ``detection`` is None unless errors were planted.
    """

    family: str
    dataset: str
    title: str
    model: str
    n_train: int
    n_test: int
    n_features: int
    primary_metric: str
    lower_is_better: bool
    cross_validation: dict[str, float]
    expected_calibration_error: float | None
    fit_seconds: float
    n_label_issues: int
    label_issue_rate: float
    estimated_errors: int | None
    flag_rule: str
    label_distribution: dict[str, float]
    issue_types: list[IssueTypeFacts]
    n_duplicate_sets: int
    n_duplicate_rows: int
    variants: list[VariantFacts]
    chosen: str
    verdict: str
    detection: DetectionFacts | None
    limits: dict[str, float]
    notes: list[str]
    worst_rows: list[WorstRow]

    def content_hash(self) -> str:
        """Hash everything but the duration, which differs from run to run."""
        return hashlib.sha256(self.model_dump_json(exclude={"fit_seconds"}).encode()).hexdigest()

    def variant(self, name: str) -> VariantFacts:
        """Return the facts of one variant.

        Raises:
            KeyError: the audit has no such variant.
        """
        for candidate in self.variants:
            if candidate.variant == name:
                return candidate
        raise KeyError(name)
