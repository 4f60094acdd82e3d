"""Models of tables and of tokens as rows: estimators of scikit-learn, each with the encoding that suits it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cleanlab_assets.models.catalogue import Model, to_pipeline
from cleanlab_assets.models.encoding import category_code_encoding, one_hot_encoding, ordinal_encoding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sklearn.pipeline import Pipeline

    from cleanlab_assets.models.catalogue import BuildContext, Builder


def _grow_forest(estimator: str, *, min_samples_leaf: int) -> Builder:
    """Build a forest with leaves of a few rows.

    They give better probabilities than pure leaves, and label auditing lives on probabilities. With a tenth of the
    labels wrong, their means predict better, too, and they grow faster.
    """

    def build(context: BuildContext) -> Pipeline:
        from sklearn import ensemble

        forest = getattr(ensemble, estimator)(
            n_estimators=200, min_samples_leaf=min_samples_leaf, random_state=context.seed, n_jobs=context.n_jobs
        )
        return to_pipeline(forest, ordinal_encoding(context.kinds))

    return build


def _boost(estimator: str) -> Builder:
    """Build 100 steps of 0.1, the default: an audit fits dozens of times, and 300 of 0.05 lower the error by 3 % only.

    Early stopping would set rows aside above 10,000 only, and fails where a class has a single row.
    """

    def build(context: BuildContext) -> Pipeline:
        from sklearn import ensemble

        # The encoding puts the category codes right behind the numbers.
        first = len(context.kinds.numeric) + len(context.kinds.binary)
        boosting = getattr(ensemble, estimator)(
            categorical_features=list(range(first, first + len(context.kinds.categorical))),
            early_stopping=False,
            random_state=context.seed,
        )
        return to_pipeline(boosting, category_code_encoding(context.kinds))

    return build


def _ask_neighbours(estimator: str, **parameters: Any) -> Builder:
    def build(context: BuildContext) -> Pipeline:
        from sklearn import neighbors

        found = getattr(neighbors, estimator)(algorithm="brute", n_jobs=context.n_jobs, **parameters)
        return to_pipeline(found, one_hot_encoding(context.kinds))

    return build


def _one_for_each_label(build_classifier: Builder) -> Builder:
    """Build a classifier for each label, where one of several labels is more than the classifier can learn."""

    def build(context: BuildContext) -> Pipeline:
        from sklearn.multiclass import OneVsRestClassifier

        binary = replace(context, n_classes=2)
        encoding, classifier = (step for _, step in build_classifier(binary).steps)
        return to_pipeline(OneVsRestClassifier(classifier), encoding)

    return build


def _build_logistic_regression(context: BuildContext) -> Pipeline:
    from sklearn.linear_model import LogisticRegression

    # Newton's method solves the small binary problem in a few exact steps; its Hessian grows with the square of the
    # number of classes, where L-BFGS is faster.
    solver = "newton-cholesky" if context.n_classes <= 2 else "lbfgs"  # noqa: PLR2004 - two classes are binary
    estimator = LogisticRegression(solver=solver, max_iter=1000, random_state=context.seed)
    return to_pipeline(estimator, one_hot_encoding(context.kinds))


def _build_classifier_chain(context: BuildContext) -> Pipeline:
    from sklearn.linear_model import LogisticRegression
    from sklearn.multioutput import ClassifierChain

    link = LogisticRegression(solver="newton-cholesky", max_iter=1000)
    chain = ClassifierChain(link, order="random", random_state=context.seed)
    return to_pipeline(chain, one_hot_encoding(context.kinds))


def _build_tagger(context: BuildContext) -> Pipeline:
    from sklearn.linear_model import SGDClassifier
    from sklearn.preprocessing import FunctionTransformer

    from cleanlab_assets.models.tagging.context_features import to_context_features

    # Five passes of averaged gradient descent reach an accuracy that thirty steps of L-BFGS do not, in less time.
    estimator = SGDClassifier(
        loss="log_loss",
        alpha=1e-6,
        learning_rate="constant",
        eta0=0.05,
        average=True,
        max_iter=5,
        tol=None,
        random_state=context.seed,
    )
    return to_pipeline(estimator, FunctionTransformer(to_context_features))


def _build_crf(context: BuildContext) -> Pipeline:
    from cleanlab_assets.models.tagging.crf_tagger import CRFTagger

    return to_pipeline(CRFTagger(random_state=context.seed))


def _build_ridge(context: BuildContext) -> Pipeline:
    from sklearn.linear_model import Ridge

    return to_pipeline(Ridge(alpha=1.0, random_state=context.seed), one_hot_encoding(context.kinds))


def _build_without_features(context: BuildContext) -> Pipeline:
    from sklearn.dummy import DummyClassifier

    return to_pipeline(DummyClassifier(strategy="prior", random_state=context.seed))


def _of_all_tables(
    classifier: Builder, regressor: Builder, *, label_sets: Builder | None = None
) -> Mapping[str, Builder]:
    """Return the builders of a model for the families on tables; most classifiers take several labels as they are."""
    return {
        "classification": classifier,
        "multilabel": label_sets or classifier,
        "regression": regressor,
        "multiannotator": classifier,
    }


_LINEAR_TYPES = frozenset({"numpy.dtype"})
_FOREST_TYPES = frozenset({"sklearn.tree._tree.Tree"})
_boost_classes = _boost("HistGradientBoostingClassifier")

MODELS = (
    Model(
        name="crf",
        description="Linear model of a word's context and of which tags follow each other: as fast, and stronger.",
        builders={"token_classification": _build_crf},
        trusted_types=frozenset({"cleanlab_assets.models.tagging.crf_tagger.CRFTagger"}),
    ),
    Model(
        name="annotators_only",
        description="No model: predicts how frequent the classes are, so that the annotators' agreement alone decides.",
        builders={"multiannotator": _build_without_features},
        trusted_types=_LINEAR_TYPES,
    ),
    Model(
        name="classifier_chain",
        description="Chain of logistic regressions: learns which labels go together.",
        builders={"multilabel": _build_classifier_chain},
        trusted_types=_LINEAR_TYPES,
    ),
    Model(
        name="extra_trees",
        description="Extremely randomized trees: no scaling needed, robust to odd columns.",
        builders=_of_all_tables(
            _grow_forest("ExtraTreesClassifier", min_samples_leaf=2),
            _grow_forest("ExtraTreesRegressor", min_samples_leaf=3),
        ),
        trusted_types=_FOREST_TYPES,
    ),
    Model(
        name="hist_gradient_boosting",
        description="Histogram gradient boosting: usually the most accurate model for tables.",
        builders=_of_all_tables(
            _boost_classes, _boost("HistGradientBoostingRegressor"), label_sets=_one_for_each_label(_boost_classes)
        ),
        trusted_types=frozenset(
            {
                "functools.partial",
                "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
                "sklearn.utils.validation.check_array",
            }
        ),
    ),
    Model(
        name="knn",
        description="Vote or mean of the nearest neighbours: no training, an independent second opinion.",
        builders=_of_all_tables(
            _ask_neighbours("KNeighborsClassifier", n_neighbors=20),
            _ask_neighbours("KNeighborsRegressor", n_neighbors=10, weights="distance"),
        ),
        trusted_types=_LINEAR_TYPES,
    ),
    Model(
        name="logistic_regression",
        description="Linear model with calibrated probabilities: fast, a good first audit.",
        builders={
            "classification": _build_logistic_regression,
            "multilabel": _one_for_each_label(_build_logistic_regression),
            "multiannotator": _build_logistic_regression,
            "token_classification": _build_tagger,
        },
        trusted_types=_LINEAR_TYPES | {"cleanlab_assets.models.tagging.context_features.to_context_features"},
    ),
    Model(
        name="random_forest",
        description="Random forest: no scaling needed, robust to odd columns.",
        builders=_of_all_tables(
            _grow_forest("RandomForestClassifier", min_samples_leaf=3),
            _grow_forest("RandomForestRegressor", min_samples_leaf=3),
        ),
        trusted_types=_FOREST_TYPES,
    ),
    Model(
        name="ridge",
        description="Linear model with a penalty on large weights: fast, a good first audit of tables.",
        builders={"regression": _build_ridge},
        trusted_types=_LINEAR_TYPES,
    ),
)
