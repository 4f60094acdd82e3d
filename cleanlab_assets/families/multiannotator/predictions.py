"""The out-of-sample predictions of the multiannotator family."""

from __future__ import annotations

from cleanlab_assets.families.multiannotator.model import build_panel_model
from cleanlab_assets.families.predictions import build_class_predictions
from cleanlab_assets.methods.class_metrics import ScoredPredictions
from cleanlab_assets.methods.training_set import train_rows

predictions = build_class_predictions(
    "Out-of-sample predicted probabilities of every train example, by models that learn from majority votes.",
    build=build_panel_model,
    score=lambda _, labels, probabilities: ScoredPredictions(labels, probabilities),
    # Test examples carry the truth where it is known: no vote of theirs is judged.
    audited=train_rows,
)
