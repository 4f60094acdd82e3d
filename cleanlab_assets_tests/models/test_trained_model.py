from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.datasets.synthetic_topics import generate_topics
from cleanlab_assets.families.multilabel.predictions import predict_label_probabilities
from cleanlab_assets.models.catalogue import BuildContext, PipelineFactory
from cleanlab_assets.models.encoding import FeatureKinds
from cleanlab_assets.models.trained_model import TrainedModel, UntrustedModelError
from cleanlab_assets_tests.known_data import fitted_models_of, mixed_table

_FEW_STEPS = {
    "extra_trees": {"n_estimators": 5},
    "hist_gradient_boosting": {"max_iter": 5},
    "random_forest": {"n_estimators": 5},
}


@pytest.mark.parametrize("model", sorted(fitted_models_of("classification")))
def test_a_stored_model_predicts_as_the_fitted_one(model: str) -> None:
    data = mixed_table(120, seed=0)
    pipeline = data.build(model)()
    if "n_estimators" in pipeline[-1].get_params():
        pipeline.set_params(estimator__n_estimators=5)
    fitted = pipeline.fit(data.features, np.array(data.class_names)[data.labels])
    trained = TrainedModel(pipeline=fitted, card={"model": model})

    restored = TrainedModel.from_bytes(trained.to_bytes({"seed": 1}))

    assert np.array_equal(restored.pipeline.predict(data.features), fitted.predict(data.features))
    assert np.array_equal(restored.pipeline.predict_proba(data.features), fitted.predict_proba(data.features))
    assert restored.card["model"] == model


@pytest.mark.parametrize("model", sorted(fitted_models_of("multilabel")))
def test_a_stored_model_of_several_labels_predicts_as_the_fitted_one(model: str) -> None:
    counts, topics = generate_topics(200, 4, 20, seed=0)
    words = tuple(f"word_{number}" for number in range(counts.shape[1]))
    features = pd.DataFrame(counts, columns=list(words))
    context = BuildContext(kinds=FeatureKinds(numeric=words), n_classes=4, seed=0, n_jobs=1)
    fitted = PipelineFactory("multilabel", model, context, _FEW_STEPS.get(model, {}))().fit(features, topics)

    restored = TrainedModel.from_bytes(TrainedModel(pipeline=fitted, card={"model": model}).to_bytes({})).pipeline

    predicted = restored.predict(features)
    assert np.array_equal(predicted, fitted.predict(features))
    assert np.array_equal(
        predict_label_probabilities(restored, features), predict_label_probabilities(fitted, features)
    )
    assert predicted.shape == topics.shape
    assert (predicted.astype(bool) == topics).mean() > 0.8


def test_a_model_file_with_a_foreign_type_is_not_read() -> None:
    import skops.io
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer

    pipeline = Pipeline([("estimator", FunctionTransformer(_foreign_function))])
    content = skops.io.dumps({"pipeline": pipeline, "card": "{}"})

    with pytest.raises(UntrustedModelError, match="_foreign_function, which are not trusted: it was not loaded"):
        TrainedModel.from_bytes(content)


def _foreign_function(table: object) -> object:
    return table
