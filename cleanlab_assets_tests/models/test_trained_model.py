from __future__ import annotations

import numpy as np
import pytest

from cleanlab_assets.models.catalogue import models_of
from cleanlab_assets.models.trained_model import TrainedModel, UntrustedModelError
from cleanlab_assets_tests.audit.known_data import mixed_table


@pytest.mark.parametrize("model", sorted(models_of("classification")))
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


def test_a_model_file_with_a_foreign_type_is_not_read() -> None:
    import skops.io
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer

    pipeline = Pipeline([("estimator", FunctionTransformer(_foreign_function))])
    content = skops.io.dumps({"pipeline": pipeline, "card": "{}"})

    with pytest.raises(UntrustedModelError, match="_foreign_function, which are not trusted: it was not read"):
        TrainedModel.from_bytes(content)


def _foreign_function(table: object) -> object:
    return table
