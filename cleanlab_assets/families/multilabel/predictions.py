"""Out-of-sample probabilities of every class of labels that name several, calibrated out of fold."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np
import pandas as pd
from pydantic import Field

from cleanlab_assets.families import settings as shared
from cleanlab_assets.families.contracts import ROW_ID, SPLIT, TableContract, text
from cleanlab_assets.families.in_sample import suspect_in_sample
from cleanlab_assets.families.multilabel.metrics import ScoredLabelSets, measure_label_set_calibration
from cleanlab_assets.families.predictions import store_predictions, tell_unused_weights
from cleanlab_assets.families.step import StepContext, TrainingSetTable, step
from cleanlab_assets.methods.bootstrap import weigh
from cleanlab_assets.methods.calibration import fit_platt
from cleanlab_assets.methods.class_predictions import PROBABILITY_PREFIX
from cleanlab_assets.methods.cross_validation import fit_seconds_of, hold_out_each_fold
from cleanlab_assets.methods.facts import PredictionsFacts
from cleanlab_assets.methods.fitting import fit_pipeline, take_weights
from cleanlab_assets.methods.label_sets import encode_given_labels
from cleanlab_assets.methods.result import Result
from cleanlab_assets.methods.shown import TableView, keep_finite
from cleanlab_assets.methods.training_set import audited_rows, is_train_row, name_rows, row_weights, train_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sklearn.pipeline import Pipeline

    from cleanlab_assets.methods.shown import Shown
    from cleanlab_assets.models.catalogue import PipelineFactory

UNCALIBRATED_PREFIX = "uncalibrated_"
CalibrationMethod = Literal["platt", "isotonic", "none"]
_LIKELY = 0.5


@dataclass(frozen=True)
class LabelSetPredictions:
    """Out-of-sample probabilities of each class, float32 of shape (n_rows, n_classes); rows need not sum to 1.

    ``uncalibrated`` are those of the models, ``probabilities`` the calibrated ones; ``fit_seconds`` is for each fold.
    """

    probabilities: np.ndarray
    uncalibrated: np.ndarray
    fit_seconds: tuple[float, ...]


def predict_label_sets_out_of_sample(
    features: pd.DataFrame,
    indicators: np.ndarray,
    folds: np.ndarray,
    *,
    build: Callable[[], Pipeline],
    calibration: CalibrationMethod = "platt",
    weights: np.ndarray | None = None,
) -> LabelSetPredictions:
    """Predict every row by a model that never saw it, then calibrate it by the rows of the other folds.

    Args:
        features: feature columns, shape (n_rows, n_features).
        indicators: which classes each label names, bool of shape (n_rows, n_classes).
        folds: fold of each row, shape (n_rows,); each fold is predicted by a model fitted on all the others, rows of no
            fold (-1) by one fitted on all folds.
        build: returns a new unfitted pipeline.
        calibration: see ``calibrate_out_of_fold``.
        weights: how much each row counts in a fit, shape (n_rows,), see ``fit_pipeline``; None weighs all alike.

    Returns:
        Probabilities before and after calibration, and fit seconds. A class that all or no rows outside a fold have is
        predicted with probability 1 or 0 there.

    Raises:
        ValueError: there are fewer than two folds, or outside a fold fewer than two classes tell rows apart.
    """
    turns = hold_out_each_fold(folds, weights)
    uncalibrated = np.zeros(indicators.shape, dtype=np.float32)
    for fold in turns:
        known = indicators[fold.others]
        varies = known.any(axis=0) & ~known.all(axis=0)
        if varies.sum() < 2:  # noqa: PLR2004 - one class is a task of another kind
            raise ValueError(f"outside fold {fold.name} only {varies.sum()} classes are on some rows and not on others")
        with fold.time_fit():
            taken = take_weights(weights, fold.others)
            model = fit_pipeline(build, features[fold.others], known[:, varies], taken)
        predicted = np.repeat(known[:1].astype(np.float32), fold.held_out.sum(), axis=0)
        predicted[:, varies] = predict_label_probabilities(model, features[fold.held_out])
        uncalibrated[fold.held_out] = predicted
    return LabelSetPredictions(
        probabilities=calibrate_out_of_fold(uncalibrated, indicators, folds, method=calibration, weights=weights),
        uncalibrated=uncalibrated,
        fit_seconds=fit_seconds_of(turns),
    )


def predict_label_probabilities(model: Pipeline, features: pd.DataFrame) -> np.ndarray:
    """Predict the probability of every class by a model fitted on an indicator matrix whose columns all vary.

    Returns:
        float32 array of shape (n_rows, n_classes).
    """
    predicted = model.predict_proba(features)
    if isinstance(predicted, list):  # forests and neighbours: for each class the probabilities of no and yes
        predicted = np.column_stack([both[:, 1] for both in predicted])
    return np.asarray(predicted, dtype=np.float32).clip(0.0, 1.0)


def calibrate_out_of_fold(
    probabilities: np.ndarray,
    indicators: np.ndarray,
    folds: np.ndarray,
    *,
    method: CalibrationMethod,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Calibrate each class's out-of-sample probabilities; no row is calibrated by a fit on its own label.

    The rows of a fold are calibrated by a fit on the rows of all other folds, rows of no fold (-1) by one on all: with
    ``platt`` a logistic regression on the logit of the probability, with ``isotonic`` a monotonous step function, which
    needs many rows. ``none`` leaves the probabilities as they are. A class that all or no rows outside a fold have is
    left as it is.

    Source: Platt, Probabilistic Outputs for Support Vector Machines, 1999; Zadrozny and Elkan, KDD 2002.

    Args:
        probabilities: out-of-sample probabilities, shape (n_rows, n_classes).
        indicators: which classes each label names, bool of shape (n_rows, n_classes).
        folds: fold of each row, shape (n_rows,).
        method: how to calibrate.
        weights: how much each row counts, shape (n_rows,); None weighs all alike.

    Returns:
        float32 array of shape (n_rows, n_classes).

    Raises:
        ValueError: the method is unknown, or there are fewer than two folds.
    """
    if method not in get_args(CalibrationMethod):
        raise ValueError(f"calibration is {method!r}, expected one of {', '.join(get_args(CalibrationMethod))}")
    calibrated = probabilities.astype(np.float32)
    if method == "none":
        return calibrated
    for fold in hold_out_each_fold(folds, weights):
        counts = take_weights(weights, fold.others)
        for code in range(indicators.shape[1]):
            known = indicators[fold.others, code]
            if known.any() and not known.all():
                fitted = fit_platt if method == "platt" else _fit_isotonic
                calibrate = fitted(probabilities[fold.others, code], known, counts)
                calibrated[fold.held_out, code] = calibrate(probabilities[fold.held_out, code])
    return calibrated


def _fit_isotonic(
    probabilities: np.ndarray, is_named: np.ndarray, weights: np.ndarray | None
) -> Callable[[np.ndarray], np.ndarray]:
    from sklearn.isotonic import IsotonicRegression

    model = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
    model.fit(probabilities.astype(np.float64), is_named.astype(np.float64), sample_weight=weights)
    return lambda values: np.asarray(model.predict(values.astype(np.float64)))


def _cross_validate(class_names: Sequence[str], build: PipelineFactory, rows: pd.DataFrame) -> np.ndarray:
    is_named, folds = encode_given_labels(rows, class_names), rows["fold"].to_numpy()
    return predict_label_sets_out_of_sample(
        rows[build.features], is_named, folds, build=build, calibration="none", weights=row_weights(rows)
    ).uncalibrated


def _measure_misses(class_names: Sequence[str], rows: pd.DataFrame, probabilities: np.ndarray) -> float:
    """Return the share of rows and classes at which labels and probabilities differ, by that of a guess of none."""
    is_named = encode_given_labels(rows, class_names)
    return float(((probabilities > _LIKELY) != is_named).mean() / max(is_named.mean(), 1 / is_named.size))


def to_label_set_predictions_table(
    rows: pd.DataFrame, predicted: LabelSetPredictions, class_names: Sequence[str]
) -> pd.DataFrame:
    """Put ``probability_<class>`` and ``uncalibrated_<class>`` beside what names the rows, see ``name_rows``."""
    columns = {
        f"{prefix}{name}": values[:, code]
        for prefix, values in (
            (PROBABILITY_PREFIX, predicted.probabilities),
            (UNCALIBRATED_PREFIX, predicted.uncalibrated),
        )
        for code, name in enumerate(class_names)
    }
    return name_rows(rows).assign(**columns)


def class_names_of(predictions: pd.DataFrame) -> list[str]:
    """Return the classes of a predictions table, in the order of its columns."""
    return [
        str(name).removeprefix(PROBABILITY_PREFIX) for name in predictions if str(name).startswith(PROBABILITY_PREFIX)
    ]


def to_label_set_probabilities(predictions: pd.DataFrame, *, calibrated: bool = True) -> np.ndarray:
    """Return the probabilities of a predictions table, float32 of shape (n_rows, n_classes), in class order."""
    prefix = PROBABILITY_PREFIX if calibrated else UNCALIBRATED_PREFIX
    return predictions[[f"{prefix}{name}" for name in class_names_of(predictions)]].to_numpy(dtype=np.float32)


class PredictionsSettings(shared.PredictionsSettings):
    """The model that predicts out of sample, and how its probabilities are calibrated."""

    calibration: CalibrationMethod = Field("platt", description="Calibration of each class on the other folds.")


class LabelSetPredictionsFacts(PredictionsFacts):
    """How label sets were predicted; ``uncalibrated_error`` is the calibration error of the model as it is."""

    calibration_method: CalibrationMethod
    class_roc_auc: dict[str, float]
    uncalibrated_error: float


LabelSetPredictionsTable: TypeAlias = Result[pd.DataFrame, LabelSetPredictionsFacts]


@step(
    "scikitlearn",
    code_version="3",
    facts=LabelSetPredictionsFacts,
    contract=TableContract(
        "LabelSetPredictions",
        "Out-of-sample probabilities of each class, calibrated and not; a row's need not sum to 1.",
        (ROW_ID, SPLIT, text("given_label")),
    ),
    settings=PredictionsSettings,
    is_heavy=True,
    sees_vectors=True,
)
def predictions(
    context: StepContext, settings: PredictionsSettings, training_set: TrainingSetTable
) -> LabelSetPredictionsTable:
    """Out-of-sample probability of each class: every row is predicted once, by a model that never saw it.

    A train row is predicted by a model of the other folds, a test row by one of all train rows. Probabilities are
    calibrated class by class on the same rows; those of the model are kept beside.
    """
    names = context.dataset.class_names
    rows = audited_rows(training_set.value)
    is_named, is_train = encode_given_labels(rows, names), is_train_row(rows)
    folds, weights = rows["fold"].to_numpy(), row_weights(rows)
    suspicion, notes = "", list[str]()
    if context.is_fitted:
        build = context.pipeline_factory(training_set.facts.seed, settings.parameters)
        notes = tell_unused_weights(context, build, rows)
        predicted = predict_label_sets_out_of_sample(
            rows[build.features], is_named, folds, build=build, calibration=settings.calibration, weights=weights
        )
    else:
        given = context.own_predictions(rows).astype(np.float32)
        calibrated = calibrate_out_of_fold(given, is_named, folds, method=settings.calibration, weights=weights)
        predicted = LabelSetPredictions(probabilities=calibrated, uncalibrated=given, fit_seconds=())
        suspicion = suspect_in_sample(
            context,
            train_rows(rows),
            predicted.uncalibrated[is_train],
            seed=training_set.facts.seed,
            models=("logistic_regression", "hist_gradient_boosting"),
            predict=partial(_cross_validate, names),
            measure=partial(_measure_misses, names),
        )
    known, uncalibrated = is_named[is_train], predicted.uncalibrated[is_train]
    # Metrics are those of the model as it is trained and stored, the calibration error that of what the audit uses.
    counts = take_weights(weights, is_train)
    scored = ScoredLabelSets(known, uncalibrated)
    before = measure_label_set_calibration(known, uncalibrated).expected_calibration_error
    areas = dict(zip(names, scored.class_areas(counts), strict=True))
    facts = LabelSetPredictionsFacts(
        seed=training_set.facts.seed,
        model_parameters=settings.parameters,
        cross_validation=keep_finite(weigh(scored, counts).compute()),
        reliability=measure_label_set_calibration(known, predicted.probabilities[is_train]),
        notes=notes,
        calibration_method=settings.calibration,
        class_roc_auc=areas,
        uncalibrated_error=before,
        looks_in_sample=suspicion,
    )

    def show() -> dict[str, Shown]:
        table = pd.DataFrame({"class_name": list(areas), "roc_auc": list(areas.values())})
        return {
            "expected_calibration_error_before_calibration": before,
            "roc_auc_by_class": TableView(table, len(table)),
        }

    table = to_label_set_predictions_table(rows, predicted, names)
    own_model = context.describe_own_model(training_set.facts.seed, settings.parameters)
    return store_predictions(table, facts, fit_seconds=predicted.fit_seconds, own_model=own_model, show=show)
