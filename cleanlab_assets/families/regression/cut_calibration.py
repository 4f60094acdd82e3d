"""What errors planted in a copy of the train rows say: where to cut the label quality, and whether there is signal."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from cleanlab_assets.families.regression.plant import (
    PLANTED_KINDS,
    plant_value_errors,
    plant_value_errors_of_all_kinds,
)
from cleanlab_assets.families.regression.predictions import predict_values_out_of_sample, to_value_predictions_table
from cleanlab_assets.families.regression.value_quality import CLEANLAB_THRESHOLD, score_value_quality
from cleanlab_assets.methods.detection_power import KindDetectionPower, score_detection_power_by_kind
from cleanlab_assets.methods.detection_verdict import (
    DetectionReport,
    count_of_each_kind,
    judge_copy,
    measure_in_rounds,
)
from cleanlab_assets.methods.planted_audit import MAX_ROWS, PLANTED_SHARE
from cleanlab_assets.methods.seeding import seed_generator
from cleanlab_assets.methods.training_set import row_weights

if TYPE_CHECKING:
    from collections.abc import Callable

    from sklearn.pipeline import Pipeline

    from cleanlab_assets.datasets.dataset import NumericLabel
    from cleanlab_assets.families.regression.predictions import ValuePredictions
    from cleanlab_assets.families.regression.value_quality import ValueIssues
    from cleanlab_assets.methods.planted_errors import PlantedErrors


FIRST_TAIL_QUANTILE = 0.2
LARGEST_ERROR_SHARE = 0.5
"""Above it errors would be the rule, and neither model nor ranking would mean anything."""


class CalibratedCut(BaseModel):
    """A cut of the label quality, below which a row is flagged, and what it costs and finds.

    ``false_flag_rate`` is the wanted share of flags among rows without planted error, ``measured_false_flag_rate`` the
    share among such rows that took no part in choosing a cut; ``recall`` is the share of planted errors below the cut.
    ``highest_false_flag_rate`` is the share of all rows without planted error below the cut: that of right labels if
    none of them is wrong. ``estimated_error_share`` is the estimated share of wrong labels among the rows as they came;
    where the model does not fit, it counts rows that the model gets wrong too.
    ``cleanlab_false_flag_rate`` and ``cleanlab_recall`` are those of cleanlab's own cut on the same copy. ``n_rows``
    are the rows of the audited copy.

    All of these are rates of the copy. Where the model does not fit a group of rows, its right labels score like errors
    and are taken out as such; and without planted errors the model is surer of itself and flags more of them. Only the
    share that the cut flags of the rows as they came bounds the rate there.
    """

    model_config = ConfigDict(frozen=True)

    cut: float
    false_flag_rate: float
    measured_false_flag_rate: float
    highest_false_flag_rate: float
    recall: float
    estimated_error_share: float
    cleanlab_false_flag_rate: float
    cleanlab_recall: float
    n_planted: int
    n_rows: int
    by_kind: list[KindDetectionPower]


def calibrate_cut(
    rows: pd.DataFrame,
    features: list[str],
    *,
    build: Callable[[], Pipeline],
    domain: NumericLabel,
    predict: Callable[[pd.DataFrame, np.ndarray], ValuePredictions] | None = None,
    fraction: float = 0.05,
    false_flag_rate: float = 0.01,
    max_rows: int = 5000,
    seed: int,
) -> CalibratedCut:
    """Choose the cut of the label quality that flags a wanted share of the right labels.

    Errors of every kind are planted in a copy of the rows, since a model that learns from errors scores the others
    otherwise too, and the copy is audited out of sample. The rows without planted error are a mixture of right labels
    and of the errors that the data held before, which are taken to score like the planted ones. The share of those
    errors is the smallest ratio of the two distribution functions, in the tail where planted errors lie; what is left
    after taking them out is the false-flag rate of a cut. For the measured rate, each random half of the rows without
    planted error is judged by the cut and the share of the other half.

    Source: Blanchard, Lee and Scott, Semi-Supervised Novelty Detection, JMLR 2010, for the share.

    Args:
        rows: train rows with ``row_id``, ``given_label``, ``fold`` and the features.
        features: names of the feature columns.
        build: returns a new unfitted pipeline, as for the real audit.
        domain: the values that a label may take.
        predict: predicts rows with other labels than the given ones; by default the model of ``build`` on their folds.
        fraction: share of labels to corrupt.
        false_flag_rate: wanted share of flagged rows among those without planted error, from 0 to 1.
        max_rows: rows of a random sample that bounds the cost.
        seed: seed of the sample, the errors and the halves.

    Returns:
        The cut with its measured false-flag rate, and the recall of planted errors by kind.

    Raises:
        ValueError: too few rows can take an error, see ``plant_value_errors``.
    """

    def plant(copy: pd.DataFrame, seed: int) -> PlantedErrors:
        labels = copy["given_label"].to_numpy(dtype=np.float64)
        return plant_value_errors(labels, domain, fraction=fraction, kind="mixed", seed=seed)

    copy = _audit_planted_copy(
        rows, predict or partial(_predict_on_folds, features, build), plant=plant, max_rows=max_rows, seed=seed
    )
    quality = score_value_quality(copy.planted.labels, copy.predicted.values, copy.predicted.uncertainty)
    is_planted = copy.planted.is_planted
    planted = np.sort(quality[is_planted])
    untouched = seed_generator(seed, "calibration halves").permutation(quality[~is_planted])
    halves = np.array_split(untouched, 2)
    measured = []
    for choosing, judged in (halves, halves[::-1]):
        chosen = _Mixture.of(choosing, planted)
        half_cut = chosen.find_cut(false_flag_rate)
        measured.append(_Mixture(np.sort(judged), planted, chosen.error_share).false_flag_rate(half_cut))
    mixture = _Mixture.of(untouched, planted)
    cut = mixture.find_cut(false_flag_rate)
    is_flagged = quality < cut
    cleanlab_cut = CLEANLAB_THRESHOLD * float(np.median(quality))
    return CalibratedCut(
        cut=cut,
        false_flag_rate=false_flag_rate,
        measured_false_flag_rate=float(np.mean(measured)),
        highest_false_flag_rate=float((untouched < cut).mean()),
        recall=float(is_flagged[is_planted].mean()),
        estimated_error_share=mixture.error_share,
        cleanlab_false_flag_rate=mixture.false_flag_rate(cleanlab_cut),
        cleanlab_recall=float((planted < cleanlab_cut).mean()),
        n_planted=int(is_planted.sum()),
        n_rows=len(quality),
        by_kind=score_detection_power_by_kind(quality, is_flagged, pd.Series(copy.planted.kinds)),
    )


@dataclass(frozen=True)
class _Mixture:
    """Qualities of rows without planted error, ascending: right labels, and a share of errors that score like planted.

    ``planted`` are the qualities of the planted errors, ascending.
    """

    untouched: np.ndarray
    planted: np.ndarray
    error_share: float

    @classmethod
    def of(cls, untouched: np.ndarray, planted: np.ndarray) -> _Mixture:
        """Estimate the share of errors among the rows without planted error."""
        ordered = np.sort(untouched)
        # Below the first of these quantiles too few planted errors lie for a ratio.
        tail = np.quantile(planted, np.linspace(FIRST_TAIL_QUANTILE, 1.0, 50))
        # Qualities of the worst labels underflow to 0, so that ties count.
        below = [np.searchsorted(values, tail, side="right") / len(values) for values in (ordered, planted)]
        ratios = below[0] / below[1]
        return cls(ordered, planted, float(min(ratios.min(), LARGEST_ERROR_SHARE)))

    def false_flag_rate(self, cut: float) -> float:
        """Return the share of right labels below a cut."""
        return float(self._share_of_right_labels(np.array([cut]))[0])

    def find_cut(self, false_flag_rate: float) -> float:
        """Return the highest cut below which no more than the wanted share of right labels lies."""
        rates = np.maximum.accumulate(self._share_of_right_labels(self.untouched))
        allowed = np.flatnonzero(rates <= false_flag_rate)
        return float(self.untouched[allowed[-1]]) if len(allowed) else float(self.untouched[0])

    def _share_of_right_labels(self, cuts: np.ndarray) -> np.ndarray:
        errors = self.error_share * _share_below(self.planted, cuts)
        share: np.ndarray = np.clip((_share_below(self.untouched, cuts) - errors) / (1 - self.error_share), 0.0, 1.0)
        return share


def _share_below(ordered: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    share: np.ndarray = np.searchsorted(ordered, cuts, side="left") / len(ordered)
    return share


def plant_and_audit_values(
    rows: pd.DataFrame,
    features: list[str],
    *,
    build: Callable[[], Pipeline],
    domain: NumericLabel,
    find_issues: Callable[[pd.DataFrame, pd.DataFrame], ValueIssues],
    fraction: float = PLANTED_SHARE,
    max_rows: int = MAX_ROWS,
    seed: int,
) -> DetectionReport:
    """Plant errors of every kind in a copy of the train rows, audit the copy, and measure how they rank.

    A detector without signal ranks them by chance. The ranking without a model is by the distance from the median.

    Args:
        rows: train rows with ``row_id``, ``given_label``, ``fold``, ``residual``, ``label_quality``,
            ``is_label_issue`` and the features; errors that the labels already hold count as correct. A series has
            ``time_block``, and its rows are in the order of time within a block.
        features: names of the feature columns.
        build: returns a new unfitted pipeline, as for the real audit.
        domain: the values that a label may take.
        find_issues: the audit itself, with its domain and cut, as for the real rows.
        fraction: share of labels to corrupt, in equal shares of all kinds.
        max_rows: rows of a random sample that bounds the cost.
        seed: seed of the sample and the errors.

    Returns:
        How well each kind was found, see ``plant_value_errors_of_all_kinds``.

    Raises:
        ValueError: too few rows can take an error, see ``plant_value_errors``.
    """

    def plant(copy: pd.DataFrame, seed: int) -> PlantedErrors:
        is_series = "time_block" in copy
        return plant_value_errors_of_all_kinds(
            copy["given_label"].to_numpy(dtype=np.float64),
            copy["residual"].to_numpy(dtype=np.float64),
            domain,
            time_order=np.argsort(copy["time_block"].to_numpy(), kind="stable") if is_series else None,
            n_of_each=count_of_each_kind(len(copy), len(PLANTED_KINDS) + 1 + is_series, fraction=fraction),
            seed=seed,
        )

    predict = partial(_predict_on_folds, features, build)

    def measure(seed: int) -> DetectionReport:
        copy = _audit_planted_copy(rows, predict, plant=plant, max_rows=max_rows, seed=seed)
        issues = find_issues(to_value_predictions_table(copy.rows, copy.predicted), copy.rows[features]).table
        labels = copy.planted.labels
        return judge_copy(
            copy.rows,
            issues,
            copy.planted,
            gross=PLANTED_KINDS,
            without_model={"distance from the median": -np.abs(labels - np.median(labels))},
            among=f"{len(labels):,} rows",
        )

    return measure_in_rounds(measure, n_rows=min(len(rows), max_rows), most_rows=max_rows, seed=seed)


@dataclass(frozen=True)
class _AuditedCopy:
    """Sampled rows whose ``given_label`` holds planted errors, with the truth and the out-of-sample predictions."""

    rows: pd.DataFrame
    planted: PlantedErrors
    predicted: ValuePredictions


def _audit_planted_copy(
    rows: pd.DataFrame,
    predict: Callable[[pd.DataFrame, np.ndarray], ValuePredictions],
    *,
    plant: Callable[[pd.DataFrame, int], PlantedErrors],
    max_rows: int,
    seed: int,
) -> _AuditedCopy:
    """Plant errors in a random sample of the rows and predict it; ``plant`` takes the sample and a seed."""
    rng = seed_generator(seed, "planted copy")
    sample = np.sort(rng.choice(len(rows), size=min(max_rows, len(rows)), replace=False))
    copy = rows.iloc[sample].reset_index(drop=True)
    # A seed of its own: that of the run may already have planted errors in these rows, which would be the same ones.
    planted = plant(copy, int(rng.integers(2**31)))
    copy["given_label"] = planted.labels
    return _AuditedCopy(rows=copy, planted=planted, predicted=predict(copy, planted.labels))


def _predict_on_folds(
    features: list[str], build: Callable[[], Pipeline], rows: pd.DataFrame, labels: np.ndarray
) -> ValuePredictions:
    """Predict rows out of sample on the folds that they have."""
    folds, weights = rows["fold"].to_numpy(), row_weights(rows)
    return predict_values_out_of_sample(rows[features], labels, folds, build=build, weights=weights)
