"""The comparison of models on one dataset, in one shape for every task family."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Literal, TypeGuard

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from cleanlab_assets.methods.model_agreement import collect_flags, measure_pairwise_jaccard

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cleanlab_assets.reports.audit_facts import AuditFacts

NotCompared = Literal["failed", "not materialized", "out of date"]
BASELINE = "baseline"


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings", extra="forbid")


class ModelResult(_Result):
    """One model; everything after ``error`` is None or empty unless it was compared, undefined metrics are None too.

    ``cv_metric`` and ``test_metric`` are the primary metric: of the out-of-sample predictions of the train rows, and of
    the untouched test rows by the model trained on all train rows as they are. ``chosen_test_metric`` is that of the
    variant which its audit kept, ``verdict`` whether cleaning was shown to help. The planted figures are None unless
    errors were planted.
    """

    model: str
    status: Literal["compared"] | NotCompared
    error: str | None = None
    cv_metric: float | None = None
    cv_metrics: dict[str, float] = Field(default_factory=dict)
    test_metric: float | None = None
    test_metrics: dict[str, float] = Field(default_factory=dict)
    expected_calibration_error: float | None = None
    fit_seconds: float | None = None
    n_label_issues: int | None = None
    label_issue_rate: float | None = None
    chosen_variant: str | None = None
    chosen_test_metric: float | None = None
    verdict: str | None = None
    planted_average_precision: float | None = None
    planted_auroc: float | None = None


class PairAgreement(_Result):
    """Rows that two models flag, and the share of the rows flagged by either that both flag; None if neither flags."""

    model_a: str
    model_b: str
    n_a: int
    n_b: int
    n_both: int
    jaccard: float | None


class ModelComparison(_Result):
    """All models of one dataset: best cross-validated metric first, then those not compared, by name.

    ``selected`` has the best cross-validated metric; the test rows have no say. ``agreement`` has every pair of
    compared models, ``flagged_by_count`` the number of rows that exactly 0, 1, ... of them flag. Metric, direction and
    sizes are None where no model could be compared.
    """

    family: str
    dataset: str
    title: str
    primary_metric: str | None
    lower_is_better: bool | None
    n_train: int | None
    n_test: int | None
    results: list[ModelResult]
    selected: str | None
    agreement: list[PairAgreement]
    n_models_compared: int
    flagged_by_count: dict[int, int]

    def content_hash(self) -> str:
        """Hash everything but the durations, which differ from run to run."""
        content = self.model_dump_json(exclude={"results": {"__all__": {"fit_seconds"}}})
        return hashlib.sha256(content.encode()).hexdigest()

    @property
    def compared(self) -> list[ModelResult]:
        """The models that were compared, best first."""
        return [result for result in self.results if result.status == "compared"]

    def result(self, model: str) -> ModelResult:
        """Return the result of one model.

        Raises:
            KeyError: the comparison has no such model.
        """
        for candidate in self.results:
            if candidate.model == model:
                return candidate
        raise KeyError(model)


def compare_models(
    facts: Mapping[str, AuditFacts],
    not_compared: Mapping[str, tuple[NotCompared, str]],
    label_issues: Mapping[str, pd.DataFrame],
    *,
    fit_seconds: Mapping[str, float],
    family: str,
    dataset: str,
    title: str,
) -> ModelComparison:
    """Compare the audits of one dataset with several models.

    Args:
        facts: the facts of each audit to compare, by model; all of one training set.
        not_compared: status and reason of each of the other models, by model. An audit of another training set belongs
            here, as out of date.
        label_issues: label issues of the compared models: ``row_id``, ``given_label``, ``is_label_issue``.
        fit_seconds: seconds that fitting took in cross-validation, by model.
        family: task family of the dataset.
        dataset: name of the dataset.
        title: title of the dataset.

    Returns:
        The comparison. The selected model is the one with the best cross-validated primary metric, ties by name; None
        where no model was compared or none has a metric that is a number.

    Raises:
        ValueError: the models of ``facts`` and ``label_issues`` differ, a model is both compared and not, facts are of
            another model, dataset, training set or metric, or label issues are of other rows or labels.
    """
    _check_models(facts, not_compared, label_issues)
    shared = _check_facts(facts, family=family, dataset=dataset)
    compared = [_read_result(model, audit, fit_seconds[model]) for model, audit in facts.items()]
    sign = 1 if shared and shared.lower_is_better else -1
    compared.sort(key=lambda result: _order_result(result, sign))
    others = [
        ModelResult(model=model, status=status, error=reason or None)
        for model, (status, reason) in sorted(not_compared.items())
    ]
    flags = collect_flags({result.model: label_issues[result.model] for result in compared})
    by_count = np.bincount(flags.sum(axis=1), minlength=len(compared) + 1)
    selectable = [result.model for result in compared if _is_number(result.cv_metric)]
    return ModelComparison(
        family=family,
        dataset=dataset,
        title=title,
        primary_metric=shared.primary_metric if shared else None,
        lower_is_better=shared.lower_is_better if shared else None,
        n_train=shared.n_train if shared else None,
        n_test=shared.n_test if shared else None,
        results=[*compared, *others],
        selected=selectable[0] if selectable else None,
        agreement=_list_pairs(flags),
        n_models_compared=len(compared),
        flagged_by_count={number: int(count) for number, count in enumerate(by_count)} if compared else {},
    )


def to_comparison_table(comparison: ModelComparison) -> pd.DataFrame:
    """Return one row per model in the order of the comparison, with flat columns.

    Returns:
        ``model``, ``status``, ``selected``, ``cv_<metric>`` and ``test_<metric>`` of every metric with the primary one
        first, ``chosen_variant``, ``chosen_test_<primary metric>``, ``verdict``, ``expected_calibration_error``,
        ``fit_seconds``, ``n_label_issues``, ``label_issue_rate``, ``planted_average_precision``, ``planted_auroc`` and
        ``error``. Numbers that are not there are missing values, texts are empty.
    """
    results = comparison.results
    metrics = list_metrics(comparison)
    columns: dict[str, object] = {
        "model": [result.model for result in results],
        "status": [result.status for result in results],
        "selected": [result.model == comparison.selected for result in results],
        **{f"cv_{name}": _to_floats([result.cv_metrics.get(name) for result in results]) for name in metrics},
        **{f"test_{name}": _to_floats([result.test_metrics.get(name) for result in results]) for name in metrics},
        "chosen_variant": [result.chosen_variant or "" for result in results],
    }
    if comparison.primary_metric:
        chosen = [result.chosen_test_metric for result in results]
        columns[f"chosen_test_{comparison.primary_metric}"] = _to_floats(chosen)
    columns |= {
        "verdict": [result.verdict or "" for result in results],
        "expected_calibration_error": _to_floats([result.expected_calibration_error for result in results]),
        "fit_seconds": _to_floats([result.fit_seconds for result in results]),
        "n_label_issues": pd.array([result.n_label_issues for result in results], dtype="Int64"),
        "label_issue_rate": _to_floats([result.label_issue_rate for result in results]),
        "planted_average_precision": _to_floats([result.planted_average_precision for result in results]),
        "planted_auroc": _to_floats([result.planted_auroc for result in results]),
        "error": [result.error or "" for result in results],
    }
    return pd.DataFrame(columns)


def list_metrics(comparison: ModelComparison) -> list[str]:
    """Return the names of all metrics, the primary one first, then in order of appearance."""
    primary = [comparison.primary_metric] if comparison.primary_metric else []
    found = (name for result in comparison.results for name in (*result.cv_metrics, *result.test_metrics))
    return list(dict.fromkeys([*primary, *found]))


def _check_models(
    facts: Mapping[str, AuditFacts],
    not_compared: Mapping[str, tuple[NotCompared, str]],
    label_issues: Mapping[str, pd.DataFrame],
) -> None:
    if facts.keys() != label_issues.keys():
        raise ValueError(
            f"facts are of the models {sorted(facts)}, label issues of {sorted(label_issues)}: expected the same models"
        )
    both = sorted(facts.keys() & not_compared.keys())
    if both:
        raise ValueError(f"models {both} are both compared and not compared")


def _check_facts(facts: Mapping[str, AuditFacts], *, family: str, dataset: str) -> AuditFacts | None:
    """Check that the facts are of one dataset, training set and metric; return those of the first model."""
    first: AuditFacts | None = None
    for model, audit in facts.items():
        first = first or audit
        expected: dict[str, object] = {"model": model, "family": family, "dataset": dataset}
        shared = ("n_train", "n_test", "primary_metric", "lower_is_better")
        expected |= {name: getattr(first, name) for name in shared}
        for name, value in expected.items():
            if getattr(audit, name) != value:
                found = getattr(audit, name)
                raise ValueError(f"facts of model {model!r} have {name} {found!r}, expected {value!r}")
    return first


def _read_result(model: str, audit: AuditFacts, fit_seconds: float) -> ModelResult:
    primary, baseline = audit.primary_metric, audit.variant(BASELINE)
    return ModelResult(
        model=model,
        status="compared",
        cv_metric=audit.cross_validation.get(primary),
        cv_metrics=audit.cross_validation,
        test_metric=baseline.metrics.get(primary),
        test_metrics=baseline.metrics,
        expected_calibration_error=audit.expected_calibration_error,
        fit_seconds=fit_seconds,
        n_label_issues=audit.n_label_issues,
        label_issue_rate=audit.label_issue_rate,
        chosen_variant=audit.chosen,
        chosen_test_metric=audit.variant(audit.chosen).metrics.get(primary),
        verdict=audit.verdict,
        planted_average_precision=audit.detection.average_precision if audit.detection else None,
        planted_auroc=audit.detection.auroc if audit.detection else None,
    )


def _list_pairs(flags: pd.DataFrame) -> list[PairAgreement]:
    pairs = measure_pairwise_jaccard(flags).to_dict("records")
    return [
        PairAgreement.model_validate(pair | {"jaccard": None if np.isnan(pair["jaccard"]) else pair["jaccard"]})
        for pair in pairs
    ]


def _order_result(result: ModelResult, sign: int) -> tuple[bool, float, str]:
    if _is_number(result.cv_metric):
        return False, sign * result.cv_metric, result.model
    return True, 0.0, result.model


def _is_number(metric: float | None) -> TypeGuard[float]:
    return metric is not None and math.isfinite(metric)


def _to_floats(values: Sequence[float | None]) -> np.ndarray:
    return np.array(values, dtype=np.float64)
