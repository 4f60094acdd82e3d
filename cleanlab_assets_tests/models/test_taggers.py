from __future__ import annotations

import numpy as np
import pytest

from cleanlab_assets.datasets.grammar_sentences import DATASET as GRAMMAR
from cleanlab_assets.methods.class_codes import encode_labels
from cleanlab_assets.methods.class_predictions import predict_all_classes
from cleanlab_assets.models.catalogue import BuildContext, build_model
from cleanlab_assets.models.encoding import FeatureKinds
from cleanlab_assets.models.trained_model import TrainedModel

CONTEXT = BuildContext(kinds=FeatureKinds.of(GRAMMAR.columns), n_classes=len(GRAMMAR.class_names), seed=1)
SMALL = {"bilstm": {"word_size": 24, "letter_size": 8, "hidden_size": 32}, "crf": {}, "logistic_regression": {}}
every_tagger = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == "bilstm" else ()) for name in SMALL]
)


@every_tagger
def test_a_tagger_tells_ambiguous_words_by_their_context_and_is_stored_without_pickle(name: str) -> None:
    raw = GRAMMAR.load({})
    train, test = (raw[raw["part"] == part].reset_index(drop=True) for part in ("train", "test"))
    model = build_model("token_classification", name, CONTEXT, parameters=SMALL[name]).fit(
        train[CONTEXT.kinds.names], train["tag"].astype(str).to_numpy()
    )
    is_ambiguous = test["token"].isin(["light", "watch", "plan", "walk", "fish", "paint", "report"]).to_numpy()
    predicted = model.predict(test)
    assert (predicted == test["tag"].astype(str))[is_ambiguous].mean() > 0.9
    restored = TrainedModel.from_bytes(TrainedModel(pipeline=model, card={}).to_bytes({}))
    assert np.array_equal(restored.pipeline.predict(test), predicted)


@every_tagger
def test_a_missing_tag_gets_probability_zero_and_left_out_words_stay_context(name: str) -> None:
    raw = GRAMMAR.load({}).head(1500)
    rows = raw[raw["tag"] != "NUM"]
    model = build_model("token_classification", name, CONTEXT, parameters=SMALL[name])
    model.fit(rows, encode_labels(rows["tag"]))
    probabilities = predict_all_classes(model, raw, n_classes=CONTEXT.n_classes)
    assert probabilities.shape == (1500, CONTEXT.n_classes)
    assert (probabilities[:, GRAMMAR.class_names.index("NUM")] == 0).all()
    alone = predict_all_classes(model, raw.iloc[[3]], n_classes=CONTEXT.n_classes)
    assert alone[0] == pytest.approx(probabilities[3], abs=1e-4)


def test_the_recurrent_tagger_is_the_same_for_the_same_seed() -> None:
    raw = GRAMMAR.load({}).head(800)
    first, second = (
        build_model("token_classification", "bilstm", CONTEXT, parameters=SMALL["bilstm"] | {"max_epochs": 2})
        .fit(raw, encode_labels(raw["tag"]))
        .predict_proba(raw)
        for _ in range(2)
    )
    assert np.array_equal(first, second)
