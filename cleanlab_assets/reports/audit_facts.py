"""The facts of one audit: aggregates that summaries, comparisons and the command line tell from.

One shape for every task family, so that whoever tells about audits needs no code of its own for each family.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from cleanlab_assets.methods.training_set import test_rows, train_rows
from cleanlab_assets.reports.formatting import NO_CLASS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.methods.variants import VariantComparison

WORST_ROWS = 10


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


class KindFacts(_Facts):
    """How well one kind of planted error is told from the rows without a planted error."""

    kind: str
    n_planted: int
    average_precision: float
    auroc: float
    recall: float
    chance: float
    """Average precision of a random ranking."""


class DetectionFacts(_Facts):
    """How well planted errors were found; chance is ``planted_share`` for average precision, 0.5 for AUROC.

    ``by_kind`` is empty where all planted errors are of one kind.
    """

    n_planted: int
    planted_share: float
    precision: float
    recall: float
    average_precision: float
    auroc: float
    by_kind: list[KindFacts] = Field(default_factory=list)


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
    ``is_used_as_published`` says that the model learns nothing from the train rows.
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
    is_used_as_published: bool = False

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


def collect_facts(
    *,
    family: str,
    dataset: Dataset,
    model: str,
    training_set: pd.DataFrame,
    predictions: pd.DataFrame,
    label_issues: pd.DataFrame,
    comparison: VariantComparison,
    datalab_summary: pd.DataFrame | None = None,
    duplicate_sets: pd.DataFrame | None = None,
    n_features: int | None = None,
) -> AuditFacts:
    """Collect the facts of an audit from its artifacts.

    Args:
        family: task family.
        dataset: catalogue entry.
        model: name of the model.
        training_set: training set; its ``attrs`` hold ``notes``.
        predictions: out-of-sample predictions; the ``attrs`` hold ``cross_validation``, ``calibration`` and
            ``fit_seconds``.
        label_issues: label issues of all train rows; the ``attrs`` hold ``flag_rule``, ``notes``, ``estimated_errors``
            where the family estimates them, and, where errors were planted, ``detection`` and for errors of several
            kinds ``detection_by_kind``.
        comparison: the variants and the verdict.
        datalab_summary: one row for each Datalab issue type; None where the family has no Datalab report.
        duplicate_sets: near-duplicate sets row by row; None where the family looks for none.
        n_features: how many features the model sees; the dataset's feature columns by default.
    """
    train = train_rows(training_set)
    attrs = label_issues.attrs
    n_issues = int(label_issues["is_label_issue"].sum())
    detection = attrs.get("detection")
    return AuditFacts(
        family=family,
        dataset=dataset.name,
        title=dataset.title,
        model=model,
        n_train=len(train),
        n_test=len(test_rows(training_set)),
        n_features=len(dataset.features) if n_features is None else n_features,
        primary_metric=comparison.primary_metric,
        lower_is_better=comparison.lower_is_better,
        cross_validation=_keep_finite(predictions.attrs["cross_validation"]),
        expected_calibration_error=predictions.attrs["calibration"]["expected_calibration_error"],
        fit_seconds=float(sum(predictions.attrs["fit_seconds"])),
        n_label_issues=n_issues,
        label_issue_rate=n_issues / len(label_issues),
        estimated_errors=attrs.get("estimated_errors"),
        flag_rule=attrs["flag_rule"],
        label_distribution=_describe_labels(train["given_label"], dataset),
        issue_types=[]
        if datalab_summary is None
        else [_describe_issue_type(record) for record in datalab_summary.to_dict("records")],
        n_duplicate_sets=0 if duplicate_sets is None else int(duplicate_sets["duplicate_set"].nunique()),
        n_duplicate_rows=0 if duplicate_sets is None else len(duplicate_sets),
        variants=_list_variants(comparison),
        chosen=comparison.chosen,
        verdict=comparison.verdict,
        detection=None if detection is None else _describe_detection(detection, attrs.get("detection_by_kind", [])),
        limits={name: float(limit) for name, limit in asdict(dataset.gates).items()},
        notes=[*training_set.attrs["notes"], *attrs["notes"], *comparison.notes],
        worst_rows=_list_worst_rows(label_issues),
        is_used_as_published=comparison.is_used_as_published,
    )


def _describe_detection(detection: Mapping[str, Any], by_kind: Sequence[Mapping[str, Any]]) -> DetectionFacts:
    whole = {name: detection[name] for name in DetectionFacts.model_fields if name != "by_kind"}
    kinds = [KindFacts(**{name: record[name] for name in KindFacts.model_fields}) for record in by_kind]
    return DetectionFacts(**whole, by_kind=kinds)


def _describe_labels(labels: pd.Series[Any], dataset: Dataset) -> dict[str, float]:
    """Rows per class, or quantiles of a numeric label; a row of several classes counts for each of them."""
    if dataset.label_separator is not None:
        named = labels.map(dataset.split_label).explode().value_counts()
        return {name: float(named.get(name, 0)) for name in dataset.class_names}
    if isinstance(labels.dtype, pd.CategoricalDtype):
        return {str(name): float(count) for name, count in labels.value_counts(sort=False).items()}
    quantiles = labels.quantile([0, 0.25, 0.5, 0.75, 1])
    names = ("minimum", "lower quartile", "median", "upper quartile", "maximum")
    return dict(zip(names, map(float, quantiles), strict=True))


def _describe_issue_type(record: dict[Any, Any]) -> IssueTypeFacts:
    ran = record["status"] == "ran"
    return IssueTypeFacts(
        issue_type=record["issue_type"],
        description=record["description"],
        n_issues=int(record["n_issues"]) if ran else None,
        share=float(record["share"]) if ran else None,
        status=record["status"],
        reason=record["reason"] or "",
    )


def _list_variants(comparison: VariantComparison) -> list[VariantFacts]:
    facts = []
    for result in comparison.variants:
        found = next((item for item in result.differences if item.metric == comparison.primary_metric), None)
        interval = {} if found is None else found.model_dump(include={"difference", "low", "high", "verdict"})
        facts.append(
            VariantFacts(
                variant=result.variant, n_train=result.n_train, metrics=_keep_finite(result.metrics), **interval
            )
        )
    return facts


def _list_worst_rows(label_issues: pd.DataFrame) -> list[WorstRow]:
    worst = label_issues.sort_values("rank").head(WORST_ROWS)
    return [
        WorstRow(
            row_id=str(row["row_id"]),
            given_label=_as_text(row["given_label"]),
            suggested_label=_as_text(row["suggested_label"]),
            label_quality=float(row["label_quality"]),
        )
        for row in worst.to_dict("records")
    ]


def _as_text(label: object) -> str:
    # The empty text is the label of a row that has none of several classes.
    return f"{label:.6g}" if isinstance(label, float | np.floating) else str(label) or NO_CLASS


def _keep_finite(metrics: dict[str, float]) -> dict[str, float]:
    """Leave undefined metrics out, such as the ROC AUC of a single class."""
    return {name: float(value) for name, value in metrics.items() if math.isfinite(value)}
