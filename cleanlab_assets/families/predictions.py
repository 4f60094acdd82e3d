"""What out-of-sample predictions have in common: metrics, reliability and the seconds of the fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from cleanlab_assets.families.contracts import GIVEN_LABEL, ROW_ID, SPLIT, TableContract
from cleanlab_assets.families.in_sample import suspect_in_sample
from cleanlab_assets.families.settings import PredictionsSettings
from cleanlab_assets.families.step import StepContext, step
from cleanlab_assets.methods.bootstrap import weigh
from cleanlab_assets.methods.class_codes import encode_labels
from cleanlab_assets.methods.class_metrics import calibrated_log_loss, measure_calibration
from cleanlab_assets.methods.class_predictions import (
    OutOfSamplePredictions,
    predict_out_of_sample,
    to_predictions_table,
    to_probabilities,
)
from cleanlab_assets.methods.facts import PredictionsFacts
from cleanlab_assets.methods.fitting import take_weights, takes_weights
from cleanlab_assets.methods.result import Result
from cleanlab_assets.methods.shown import Json, Notes, Plots, TableView, keep_finite
from cleanlab_assets.methods.training_set import audited_rows, is_train_row, row_weights, train_rows
from cleanlab_assets.reports.plots import plot_reliability

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    from cleanlab_assets.families.step import PredictionsTable, Step, TrainingSetTable
    from cleanlab_assets.methods.bootstrap import ScoredRows
    from cleanlab_assets.methods.calibration import ReliabilityCurve
    from cleanlab_assets.methods.shown import Shown
    from cleanlab_assets.models.catalogue import PipelineFactory

F = TypeVar("F", bound=PredictionsFacts)
CLASS_PREDICTIONS = TableContract(
    "ClassPredictions",
    "Out-of-sample predicted probabilities, one column for each class.",
    (ROW_ID, SPLIT, GIVEN_LABEL),
)


def store_predictions(
    table: pd.DataFrame,
    facts: F,
    *,
    fit_seconds: Sequence[float],
    metrics: Sequence[str] | None = None,
    own_model: Mapping[str, Any] | None = None,
    show: Callable[[], Mapping[str, Shown]] = dict,
) -> Result[pd.DataFrame, F]:
    """Make the result of out-of-sample predictions.

    Args:
        table: one row for each audited row or image.
        facts: metrics and reliability among them.
        fit_seconds: seconds of each fit.
        metrics: names of the metrics that people see; all if absent.
        own_model: what the record says of a model of the user's own, see ``StepContext.describe_own_model``.
        show: further figures.
    """

    def show_all() -> dict[str, Shown]:
        scores = {name: facts.cross_validation[name] for name in metrics or facts.cross_validation}
        curve = plot_curve(facts.reliability) if facts.reliability.counts else None
        return {
            **{f"cross_validated_{name}": value for name, value in keep_finite(scores).items()},
            "expected_calibration_error": facts.reliability.expected_calibration_error,
            **({} if curve is None else {"plots": Plots({"Reliability": curve})}),
            **({"notes": Notes(facts.notes)} if facts.notes else {}),
            "preview": TableView(table),
            **{name: Json(said) for name, said in (own_model or {}).items()},
            **show(),
        }

    return Result(value=table, facts=facts, durations={"fit_seconds": float(sum(fit_seconds))}, show=show_all)


def plot_curve(curve: ReliabilityCurve) -> bytes:
    """Draw how often the model is right at each confidence, as a PNG."""
    return plot_reliability(np.array(curve.mean_confidence), np.array(curve.accuracy), np.array(curve.counts))


def read_metric(name: str) -> Callable[[Result[Any, Any]], float]:
    """Return what reads a cross-validated metric of the result of ``predictions``."""
    return lambda predictions: float(predictions.facts.cross_validation[name])


def measure_calibrated_log_loss(predictions: Result[Any, Any]) -> float:
    """Return the log loss of the train rows after calibration, see ``calibrated_log_loss``."""
    rows = train_rows(predictions.value)
    return calibrated_log_loss(encode_labels(rows["given_label"]), to_probabilities(rows), row_weights(rows))


def tell_unused_weights(context: StepContext, build: PipelineFactory, rows: pd.DataFrame) -> list[str]:
    """Say that rows have weights that the model does not take; nothing where it does, or rows have none."""
    if row_weights(rows) is None or takes_weights(build()):
        return []
    return [
        f"{context.model} takes no weights: rows of weight 0 are left out of its fits, all others count alike; the "
        "metrics are weighted"
    ]


def _cross_validate(build: PipelineFactory, rows: pd.DataFrame) -> np.ndarray:
    labels = encode_labels(rows["given_label"])
    n_classes = len(rows["given_label"].cat.categories)
    features, folds = rows[build.features], rows["fold"].to_numpy()
    return predict_out_of_sample(
        features, labels, folds, n_classes=n_classes, build=build, weights=row_weights(rows)
    ).probabilities


def _measure_misses(rows: pd.DataFrame, probabilities: np.ndarray) -> float:
    """Return the share of rows whose given label is not the most likely class."""
    return float((probabilities.argmax(axis=1) != encode_labels(rows["given_label"])).mean())


def build_class_predictions(
    description: str,
    *,
    build: Callable[[StepContext, int, dict[str, Any]], PipelineFactory] = StepContext.pipeline_factory,
    score: Callable[[StepContext, np.ndarray, np.ndarray], ScoredRows],
    metrics: Sequence[str] | None = None,
    audited: Callable[[pd.DataFrame], pd.DataFrame] = audited_rows,
    quick_models: Sequence[str] = (),
) -> Step:
    """Make the step that predicts the probabilities of each class for every row by a model that never saw it.

    Metrics and reliability are those of the train rows.

    Args:
        description: of the step.
        build: returns what builds the model, from the context, the seed and its parameters.
        score: from the context, class codes and probabilities to metrics.
        metrics: names of the metrics that people see; all if absent.
        audited: returns the rows to predict, of a training set.
        quick_models: models that predictions of the user's own are compared with, where a dataset may bring some.
    """

    def run(context: StepContext, settings: PredictionsSettings, training_set: TrainingSetTable) -> PredictionsTable:
        names, rows = context.dataset.class_names, audited(training_set.value)
        labels, folds = encode_labels(rows["given_label"]), rows["fold"].to_numpy()
        is_train, weights = is_train_row(rows), row_weights(rows)
        suspicion, notes = "", list[str]()
        if context.is_fitted:
            model = build(context, training_set.facts.seed, settings.parameters)
            notes = tell_unused_weights(context, model, rows)
            predicted = predict_out_of_sample(
                rows[model.features], labels, folds, n_classes=len(names), build=model, weights=weights
            )
        else:
            predicted = OutOfSamplePredictions(context.own_predictions(rows).astype(np.float32), ())
            suspicion = suspect_in_sample(
                context,
                train_rows(rows),
                predicted.probabilities[is_train],
                seed=training_set.facts.seed,
                models=quick_models,
                predict=_cross_validate,
                measure=_measure_misses,
            )
        known, found = labels[is_train], predicted.probabilities[is_train]
        facts = PredictionsFacts(
            seed=training_set.facts.seed,
            model_parameters=settings.parameters,
            cross_validation=keep_finite(
                weigh(score(context, known, found), take_weights(weights, is_train)).compute()
            ),
            reliability=measure_calibration(known, found),
            notes=notes,
            looks_in_sample=suspicion,
        )
        table = to_predictions_table(rows, predicted.probabilities, names)
        own_model = context.describe_own_model(training_set.facts.seed, settings.parameters)
        return store_predictions(table, facts, fit_seconds=predicted.fit_seconds, metrics=metrics, own_model=own_model)

    run.__doc__ = description
    return step(
        "scikitlearn",
        name="predictions",
        code_version="3",
        facts=PredictionsFacts,
        contract=CLASS_PREDICTIONS,
        settings=PredictionsSettings,
        is_heavy=True,
        sees_vectors=True,
    )(run)
