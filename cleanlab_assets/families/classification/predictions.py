"""The out-of-sample predictions of the classification family."""

from __future__ import annotations

from cleanlab_assets.families.predictions import build_class_predictions
from cleanlab_assets.methods.class_metrics import ScoredPredictions

predictions = build_class_predictions(
    "Out-of-sample predicted probabilities: every row is predicted once, by a model that never saw it: a train row by "
    "one of the other folds, a test row by one of all train rows.",
    quick_models=("logistic_regression", "hist_gradient_boosting"),
    score=lambda _, labels, probabilities: ScoredPredictions(labels, probabilities),
)
