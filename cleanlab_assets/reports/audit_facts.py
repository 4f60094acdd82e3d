"""The facts of one audit: the aggregates that summaries, comparisons and the command line are based on.

One shape for every task family, so that none of them needs code for single families.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from cleanlab_assets.methods.detection_power import TruthDetection
from cleanlab_assets.methods.detection_verdict import DetectionVerdict
from cleanlab_assets.methods.error_bracket import EstimatedErrors
from cleanlab_assets.methods.shown import keep_finite
from cleanlab_assets.methods.slices import measure_issue_rates
from cleanlab_assets.methods.split_counts import SplitCounts, count_by_split
from cleanlab_assets.methods.training_set import test_rows, train_rows
from cleanlab_assets.reports.formatting import NO_CLASS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.methods.detection_power import PlantedDetection
    from cleanlab_assets.methods.detection_verdict import DetectionReport
    from cleanlab_assets.methods.facts import LabelIssuesFacts, PredictionsFacts, TrainingSetFacts
    from cleanlab_assets.methods.result import Result
    from cleanlab_assets.methods.variants import VariantComparison

WORST_ROWS = 10
Unit = Literal["row", "image", "word", "example"]


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
    """How well one kind of planted error is separated from the rows without a planted error."""

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


class SliceFacts(_Facts):
    """How often labels are flagged in a part of the rows, with the 95 % interval of the rate."""

    column: str
    part: str
    n_rows: int
    n_flagged: int
    rate: float
    low: float
    high: float


class WorstRow(_Facts):
    """One of the rows with the lowest label quality: raw data, which leaves the machine only if the settings say so."""

    row_id: str
    split: str
    given_label: str
    suggested_label: str
    label_quality: float


class AuditFacts(EstimatedErrors, _Facts):
    """What an audit of one dataset with one model found, in aggregates.

    ``cross_validation`` and the variants' ``metrics`` are by metric name; the latter are of the untouched test rows.
    ``expected_calibration_error`` is that of the out-of-sample predictions of the train rows. ``n_label_issues`` and
    ``label_issue_rate`` are of all audited rows, ``by_split`` counts those of each split. The estimated number of label
    errors is one among the train rows. ``flag_rule`` says in words how rows are flagged. ``label_distribution``
    describes the given labels of the train rows: rows per class, or quantiles of a number. ``limits`` are the
    thresholds of the dataset's gates. ``chosen`` is the variant that was kept as the final model, ``verdict``
    whether cleaning was shown to help. ``detection`` is None unless errors were planted, ``by_truth`` unless the
    source states true labels. ``is_used_as_published`` says that the model learns nothing from the train rows,
    ``why_not_compared`` why no variants were compared, where that is not by a setting, and ``looks_in_sample`` why
    predictions of the user's own look as if no label error could be found by them.
    ``detection_verdict`` says which errors the audit can find, by planted ones of several kinds, and
    ``detection_evidence`` how well it finds each; None where that was not measured. ``slices`` are the parts of the
    rows by the dataset's ``slice_columns``. ``kinds_of_case`` counts the flagged rows of each kind; empty where the
    family tells none apart. ``unit`` is what carries a label; ``report_asset`` and
    ``duplicates_asset`` are the assets that advice refers to, the latter None where the family looks for no near
    duplicates.
    """

    family: str
    unit: Unit
    report_asset: str
    duplicates_asset: str | None
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
    n_label_issues: int
    label_issue_rate: float
    by_split: dict[str, SplitCounts]
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
    why_not_compared: str = ""
    looks_in_sample: str = ""
    detection_verdict: DetectionVerdict | None = None
    detection_evidence: str = ""
    by_truth: TruthDetection | None = None
    slices: list[SliceFacts] = Field(default_factory=list)
    kinds_of_case: dict[str, int] = Field(default_factory=dict)

    @property
    def n_audited(self) -> int:
        """Number of audited rows of all splits."""
        return sum(found.n_audited for found in self.by_split.values())

    def variant(self, name: str) -> VariantFacts:
        """Return the facts of one variant.

        Raises:
            KeyError: the audit has no such variant.
        """
        for candidate in self.variants:
            if candidate.variant == name:
                return candidate
        raise KeyError(name)


@dataclass(frozen=True, kw_only=True)
class DataIssues:
    """What an audit found beside label issues.

    Attributes:
        summary: One row for each issue type.
        duplicate_sets: The near-duplicate sets, row by row.
        duplicates_asset: Step that lists them.
        kinds_of_case: How many flagged rows are of each kind; empty where the family tells none apart.
    """

    summary: pd.DataFrame
    duplicate_sets: pd.DataFrame
    duplicates_asset: str
    kinds_of_case: Mapping[str, int] = field(default_factory=dict)


def collect_facts(
    *,
    family: str,
    unit: Unit,
    report_asset: str,
    dataset: Dataset,
    model: str,
    training_set: Result[pd.DataFrame, TrainingSetFacts],
    predictions: Result[pd.DataFrame, PredictionsFacts],
    label_issues: Result[pd.DataFrame, LabelIssuesFacts],
    comparison: VariantComparison,
    data_issues: DataIssues | None = None,
    detection_power: DetectionReport,
) -> AuditFacts:
    """Collect the facts of an audit from the results of its steps.

    Args:
        family: task family.
        unit: what carries a label in this family.
        report_asset: step of the family whose page shows the audit.
        dataset: catalogue entry.
        model: name of the model.
        training_set: the rows under audit and the test rows.
        predictions: out-of-sample predictions.
        label_issues: label issues of all audited rows.
        comparison: the variants and the verdict.
        data_issues: what was found beside label issues; None where the family looks for none.
        detection_power: how well planted errors of several kinds were found.
    """
    train = train_rows(training_set.value)
    issues, judged = label_issues.value, label_issues.facts
    n_issues = int(issues["is_label_issue"].sum())
    duplicates = data_issues.duplicate_sets if data_issues else None
    return AuditFacts(
        family=family,
        unit=unit,
        report_asset=report_asset,
        duplicates_asset=data_issues.duplicates_asset if data_issues else None,
        dataset=dataset.name,
        title=dataset.title,
        model=model,
        n_train=len(train),
        n_test=len(test_rows(training_set.value)),
        n_features=len(dataset.features),
        primary_metric=comparison.primary_metric,
        lower_is_better=comparison.lower_is_better,
        cross_validation=keep_finite(predictions.facts.cross_validation),
        expected_calibration_error=predictions.facts.reliability.expected_calibration_error,
        n_label_issues=n_issues,
        label_issue_rate=n_issues / len(issues),
        by_split=count_by_split(issues),
        **({} if judged.error_bracket is None else judged.error_bracket.to_facts()),
        flag_rule=judged.flag_rule,
        label_distribution=_describe_labels(train["given_label"], dataset),
        issue_types=[_describe_issue_type(record) for record in data_issues.summary.to_dict("records")]
        if data_issues
        else [],
        n_duplicate_sets=0 if duplicates is None else int(duplicates["duplicate_set"].nunique()),
        n_duplicate_rows=0 if duplicates is None else len(duplicates),
        variants=_list_variants(comparison),
        chosen=comparison.chosen,
        verdict=comparison.verdict,
        detection=None if judged.planted is None else _describe_detection(judged.planted),
        limits={name: float(limit) for name, limit in asdict(dataset.gates).items()},
        notes=[*training_set.facts.notes, *judged.notes, *comparison.notes],
        worst_rows=_list_worst_rows(issues),
        is_used_as_published=comparison.is_used_as_published,
        why_not_compared=comparison.why_not,
        looks_in_sample=judged.looks_in_sample,
        detection_verdict=detection_power.verdict,
        detection_evidence=detection_power.describe(),
        by_truth=judged.by_truth,
        slices=[
            SliceFacts.model_validate(record)
            for record in measure_issue_rates(training_set.value, issues, dataset.slice_columns).to_dict("records")
        ],
        kinds_of_case=dict(data_issues.kinds_of_case) if data_issues else {},
    )


def _describe_detection(planted: PlantedDetection) -> DetectionFacts:
    kinds = [KindFacts(**power.model_dump(include=set(KindFacts.model_fields))) for power in planted.by_kind]
    whole = planted.overall.model_dump(include=set(DetectionFacts.model_fields))
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
                variant=result.variant, n_train=result.n_train, metrics=keep_finite(result.metrics), **interval
            )
        )
    return facts


def _list_worst_rows(label_issues: pd.DataFrame) -> list[WorstRow]:
    worst = label_issues.sort_values("rank").head(WORST_ROWS)
    return [
        WorstRow(
            row_id=str(row["row_id"]),
            split=str(row["split"]),
            given_label=_as_text(row["given_label"]),
            suggested_label=_as_text(row["suggested_label"]),
            label_quality=float(row["label_quality"]),
        )
        for row in worst.to_dict("records")
    ]


def _as_text(label: object) -> str:
    # The empty text is the label of a row that has none of several classes.
    return f"{label:.6g}" if isinstance(label, float | np.floating) else str(label) or NO_CLASS
