"""The out-of-sample predictions of the token classification family."""

from __future__ import annotations

from cleanlab_assets.families.predictions import build_class_predictions
from cleanlab_assets.families.token_classification.metrics import TOKEN_METRICS, ScoredTokens

predictions = build_class_predictions(
    "Out-of-sample predicted probabilities: every token is predicted by a model that never saw its document, a train "
    "token by one of the other folds, a validation or test token by one of all train tokens.",
    score=lambda context, labels, found: ScoredTokens(labels, found, tags=context.dataset.class_names),
    metrics=TOKEN_METRICS,
    quick_models=("logistic_regression",),
)
