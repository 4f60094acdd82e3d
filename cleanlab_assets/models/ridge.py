"""Ridge regression on scaled numbers and one-hot categories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.models.catalogue import ESTIMATOR_STEP, BuildContext, Model
from cleanlab_assets.models.encoding import one_hot_encoding

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def _build_regressor(context: BuildContext) -> Pipeline:
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import Pipeline

    estimator = Ridge(alpha=1.0, random_state=context.seed)
    return Pipeline([("encoding", one_hot_encoding(context.kinds)), (ESTIMATOR_STEP, estimator)])


MODEL = Model(
    name="ridge",
    description="Linear model with a penalty on large weights: fast, a good first audit of tables.",
    builders={"regression": _build_regressor},
    trusted_types=frozenset({"numpy.dtype"}),
)
