"""The out-of-sample predictions of the classification family."""

from __future__ import annotations

from cleanlab_assets.families.predictions import build_class_predictions
from cleanlab_assets.methods.class_metrics import ScoredPredictions

predictions = build_class_predictions(
    "Out-of-sample predicted probabilities: every train row is predicted once, by a model that never saw it.",
    score=lambda _, labels, probabilities: ScoredPredictions(labels, probabilities),
)
