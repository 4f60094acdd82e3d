"""Bidirectional LSTM over word and letter embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.models.catalogue import ESTIMATOR_STEP, BuildContext, Model

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def _build_tagger(context: BuildContext) -> Pipeline:
    from sklearn.pipeline import Pipeline

    from cleanlab_assets.models.tagging.bilstm_tagger import BiLSTMTagger

    return Pipeline([(ESTIMATOR_STEP, BiLSTMTagger(random_state=context.seed))])


MODEL = Model(
    name="bilstm",
    description="Recurrent network over words and their letters: minutes where a linear model takes seconds.",
    builders={"token_classification": _build_tagger},
    trusted_types=frozenset({"cleanlab_assets.models.tagging.bilstm_tagger.BiLSTMTagger"}),
)
