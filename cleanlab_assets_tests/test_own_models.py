"""Models of the user's own, in every family that takes some: they do all that ours do, and what is wrong is said."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets import audit
from cleanlab_assets.datasets.formats.table import FORMAT
from cleanlab_assets.families.chain import steps_of
from cleanlab_assets.families.registry import family_of
from cleanlab_assets.families.step import MODEL, StepContext
from cleanlab_assets.models.catalogue import (
    ESTIMATOR_STEP,
    OWN_MODEL_FAMILIES,
    BuildContext,
    UnknownModelError,
    UnsuitableModelError,
    build_model,
    get_model,
    models_for,
)
from cleanlab_assets.models.encoding import FeatureKinds
from cleanlab_assets.models.own_models import ModelFailedError, OwnModelError, versions_of
from cleanlab_assets.models.trained_model import NOT_STORED, TrainedModel, UntrustedModelError
from cleanlab_assets.orchestration import partitions
from cleanlab_assets_tests.test_own_predictions import CASES, Case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cleanlab_assets import AuditRun

SOURCE = """
    import numpy as np
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.ensemble import AdaBoostClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer
    from sklearn.svm import LinearSVC

    NEIGHBOURS = 20

    def vote():
        return KNeighborsClassifier(n_neighbors=20, algorithm="brute", n_jobs=-1)

    def mean():
        return KNeighborsRegressor(n_neighbors=10, weights="distance", algorithm="brute", n_jobs=-1)

    def linear():
        return LogisticRegression(solver="newton-cholesky", max_iter=1000)

    def forest():
        return RandomForestClassifier(n_estimators=5)

    def seeded_forest():
        return RandomForestClassifier(n_estimators=5, random_state=11)

    def boosted():
        return AdaBoostClassifier(n_estimators=5)

    def piped():
        numbers = make_column_transformer(("passthrough", make_column_selector(dtype_include="number")))
        return make_pipeline(numbers, RandomForestClassifier(n_estimators=5))

    def margin():
        return LinearSVC()

    def mapping():
        return {"n_estimators": 5}

    def needing(rows):
        return vote()

    class Guess(ClassifierMixin, BaseEstimator):
        "Predicts how frequent the classes are, or what else it is told to."

        def __init__(self, value=None, fails_on=None, hides_classes=False):
            self.value, self.fails_on, self.hides_classes = value, fails_on, hides_classes

        def fit(self, features, labels):
            if self.fails_on == "fit":
                raise ValueError("these rows are\\nnot to my taste")
            classes, counts = np.unique(labels, return_counts=True)
            self.shares_ = counts / counts.sum()
            if not self.hides_classes:
                self.classes_ = classes
            return self

        def predict_proba(self, features):
            if self.fails_on == "predict_proba":
                raise MemoryError("no room")
            found = np.tile(self.shares_, (len(features), 1))
            return found if self.value is None else np.full(found.shape, self.value)

        def predict(self, features):
            return self.classes_[self.predict_proba(features).argmax(axis=1)]

    def guess(): return Guess()
    def guess_nothing(): return Guess(value=np.nan)
    def guess_too_much(): return Guess(value=2.0)
    def guess_all(): return Guess(value=1.0)
    def fail_in_fit(): return Guess(fails_on="fit")
    def fail_in_predict(): return Guess(fails_on="predict_proba")
    def hide_classes(): return Guess(hides_classes=True)
"""
OURS = {"classification": "vote", "multilabel": "vote", "regression": "mean"}
"""A function of ``SOURCE`` for each family that builds the same estimator as the catalogue's model knn."""
MODULE = "models_of_a_user"
SETTINGS = {"training_set.folds": 2, "variant_comparison.resamples": 100}


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The user's module in the working directory, and nowhere else where Python looks."""
    path = tmp_path / f"{MODULE}.py"
    path.write_text(dedent(SOURCE), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield path
    sys.modules.pop(MODULE, None)


def build(function: str, family: str = "classification", seed: int = 7) -> Any:
    context = BuildContext(kinds=FeatureKinds(numeric=("x",)), n_classes=3, seed=seed, dataset="tickets")
    return build_model(family, f"{MODULE}:{function}", context)


def audit_with(function: str, case: Case) -> AuditRun:
    return audit(case.table, label=case.label, model=f"{MODULE}:{function}", settings=SETTINGS)


def test_every_family_on_tables_takes_them_and_is_tried_here() -> None:
    assert set(OWN_MODEL_FAMILIES) == set(FORMAT.families) == OURS.keys() == CASES.keys()


@pytest.mark.usefixtures("module")
@pytest.mark.parametrize("family", OURS)
def test_one_that_builds_what_ours_builds_gives_the_same_in_every_step(family: str) -> None:
    """Folds, flags, issue types, variants and the final model."""
    case = CASES[family]
    own = audit_with(OURS[family], case)
    ours = own.with_model("knn")

    assert own.model == f"{MODULE}.{OURS[family]}"
    for step in steps_of(family_of(family)):
        if step.level == MODEL and step.storage == "parquet":
            pd.testing.assert_frame_equal(own.result(step.name).value, ours.result(step.name).value, obj=step.name)
    assert own.comparison.content_hash() == ours.comparison.content_hash()
    features = own.result("training_set").value[[column.name for column in own.dataset.features]]
    models = [run.result("retrained_model").value.pipeline for run in (own, ours)]
    assert type(models[0]) is type(models[1]), "the final model takes nothing of this package to be read"
    np.testing.assert_array_equal(*(model.predict(features) for model in models))
    assert f"{MODULE}.{OURS[family]}" in own.report().content


@pytest.mark.usefixtures("module")
def test_a_classifier_of_one_label_is_fitted_for_each_of_several() -> None:
    own = audit_with("linear", CASES["multilabel"])
    ours = own.with_model("logistic_regression").result("predictions")
    pd.testing.assert_frame_equal(own.result("predictions").value, ours.value)


@pytest.mark.usefixtures("module")
def test_a_pipeline_gets_the_table_and_any_other_estimator_one_hot_encoding() -> None:
    rows = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "city": ["a", "b", "a", "b"]})
    labels = np.array([0, 1, 0, 1])
    context = BuildContext(kinds=FeatureKinds(numeric=("x",), categorical=("city",)), n_classes=2, seed=0)
    fitted = {
        name: build_model("classification", f"{MODULE}:{name}", context).fit(rows, labels)
        for name in ("piped", "forest")
    }
    assert fitted["piped"][-1].n_features_in_ == 1, "its own encoding takes the numbers alone"
    assert fitted["forest"][-1].n_features_in_ == 3, "the number and an indicator of each city"
    assert [name for name, _ in fitted["piped"].steps] == ["encoding", ESTIMATOR_STEP]


@pytest.mark.usefixtures("module")
def test_the_seed_is_set_where_there_is_none_and_that_is_said() -> None:
    assert build("forest")[-1].random_state == 7
    assert build("forest").describe()["set_to_the_seed"] == ["random_state"]
    assert build("piped")[-1].random_state == 7
    assert build("seeded_forest")[-1].random_state == 11
    assert build("seeded_forest").describe()["set_to_the_seed"] == []
    assert build("vote").describe()["parameters"]["n_neighbors"] == 20


@pytest.mark.usefixtures("module")
def test_parameters_of_a_run_replace_those_of_the_function() -> None:
    context = BuildContext(kinds=FeatureKinds(numeric=("x",)), n_classes=3, seed=0)
    for function in ("forest", "boosted"):
        name = f"{MODULE}:{function}"
        built = build_model("classification", name, context, parameters={"n_estimators": 3})
        assert built[-1].n_estimators == 3


@pytest.mark.usefixtures("module")
@pytest.mark.parametrize(
    ("reference", "family", "message"),
    [
        ("absent:build", "classification", "there is no module absent in the working directory"),
        (f"{MODULE}.deeper:build", "classification", f"there is no module {MODULE}.deeper in the working directory"),
        (f"{MODULE}:absent", "classification", f"{MODULE} has no absent: expected a function, and it has vote, mean,"),
        (f"{MODULE}:NEIGHBOURS", "classification", "NEIGHBOURS is 20, expected a function that returns an estimator"),
        (f"{MODULE}:needing", "classification", "the function raised TypeError: needing() missing 1 required"),
        (f"{MODULE}:mapping", "classification", "the function returned {'n_estimators': 5}, expected an estimator"),
        (f"{MODULE}:margin", "classification", "LinearSVC has no predict_proba, and an audit of classes needs their"),
        (f"{MODULE}:margin", "multilabel", "wrap it in sklearn.calibration.CalibratedClassifierCV"),
        (f"{MODULE}:mean", "classification", "KNeighborsRegressor has no predict_proba"),
        (f"{MODULE}:vote", "regression", "KNeighborsClassifier is a classifier, expected a regressor"),
    ],
)
def test_what_leads_to_no_estimator_is_named_with_dataset_and_reference(
    reference: str, family: str, message: str
) -> None:
    context = BuildContext(kinds=FeatureKinds(numeric=("x",)), n_classes=3, seed=0, dataset="tickets")
    with pytest.raises(OwnModelError) as caught:
        build_model(family, reference, context)
    assert str(caught.value).startswith(f"tickets: model {reference}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "raised"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("raise SystemExit('a script')", "SystemExit: a script"),
    ],
)
def test_a_module_that_cannot_be_imported_says_why(module: Path, line: str, raised: str) -> None:
    module.write_text(f"{line}\n", encoding="utf-8")
    with pytest.raises(OwnModelError, match=re.escape(f"the import of {MODULE} raised {raised}")):
        build("vote")


@pytest.mark.usefixtures("module")
@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("fail_in_fit", "features raised ValueError: these rows are not to my taste"),
        ("fail_in_predict", "predict_proba on "),
        ("guess_nothing", "predict_proba of Guess returned a number that is no probability"),
        ("guess_too_much", "predict_proba of Guess returned a number that is no probability"),
        ("guess_all", "predict_proba of Guess returned probabilities of a row that do not sum to 1"),
        ("hide_classes", "Guess has no classes_ after fit"),
    ],
)
def test_an_estimator_that_fails_is_named_with_what_it_did(function: str, message: str) -> None:
    run = audit_with(function, CASES["classification"])
    with pytest.raises(ModelFailedError) as caught:
        run.result("predictions")
    assert str(caught.value).startswith(f"table: model {MODULE}:{function}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("module")
def test_a_final_model_of_types_that_nobody_trusts_is_a_card_that_says_how_to_trust_them() -> None:
    run = audit_with("guess", CASES["classification"])
    trained = run.result("retrained_model").value
    line = f'trusted_types = ["{MODULE}.Guess"] at the top of dataset.toml'
    assert line in trained.why_not_stored
    assert trained.card[NOT_STORED] == trained.why_not_stored
    assert run.result("retrained_model").show()[NOT_STORED] == trained.why_not_stored
    assert trained.pipeline is not None, "in memory it is there"
    restored = TrainedModel.from_bytes(trained.to_bytes({"run_id": "x"}))
    assert restored.pipeline is None
    assert restored.card["own_model"]["reference"] == f"{MODULE}:guess"
    assert restored.card["own_model"]["estimator"] == f"{MODULE}.Guess"


@pytest.mark.usefixtures("module")
def test_a_final_model_is_stored_where_the_user_trusts_its_types_and_read_back_by_them_alone() -> None:
    trust = frozenset({f"{MODULE}.Guess"})
    run = audit_with("guess", CASES["classification"])
    trusting = replace(run, dataset=replace(run.dataset, trusted_types=trust), _results={})
    trained = trusting.result("retrained_model").value
    assert trained.why_not_stored == ""
    content = trained.to_bytes({"run_id": "x"})
    with pytest.raises(UntrustedModelError, match=f"{MODULE}.Guess, which are not trusted: it was not loaded"):
        TrainedModel.from_bytes(content)
    features = trusting.result("training_set").value[["x"]]
    restored = TrainedModel.from_bytes(content, trust).pipeline
    np.testing.assert_array_equal(restored.predict_proba(features), trained.pipeline.predict_proba(features))
    versions = [one.result("retrained_model").origin.versions["trusted types"] for one in (run, trusting)]
    assert versions == ["none", f"{MODULE}.Guess"], "so that the file is made anew"


def test_a_record_changes_with_the_source_and_nothing_is_run_to_tell(module: Path) -> None:
    before = versions_of(f"{MODULE}:vote")
    assert before == versions_of(f"{MODULE}:mean")
    module.write_text("raise SystemExit('this was run')\n", encoding="utf-8")
    after = versions_of(f"{MODULE}:vote")
    assert before.keys() == after.keys() == {MODULE}
    assert before != after
    module.unlink()
    assert versions_of(f"{MODULE}:vote") == {MODULE: "not found"}
    assert versions_of("absent.deeper:vote") == {"absent.deeper": "not found"}


def test_a_package_counts_with_its_version() -> None:
    found = versions_of("sklearn.linear_model:LogisticRegression")
    assert found.keys() == {"sklearn.linear_model", "scikit-learn"}
    assert found["sklearn.linear_model"].startswith("source ")


@pytest.mark.usefixtures("module")
def test_results_of_the_model_level_record_its_code_and_those_of_the_dataset_level_do_not() -> None:
    run = audit_with("vote", CASES["classification"])
    code = versions_of(f"{MODULE}:vote")[MODULE]
    assert run.result("predictions").origin.versions[MODULE] == code
    assert run.result("label_issues").origin.versions[MODULE] == code
    shown: Any = run.result("predictions").show()["own_model"]
    assert shown.content["reference"] == f"{MODULE}:vote"
    assert shown.content["parameters"]["n_neighbors"] == 20
    family = family_of(run.family)
    of_dataset = [step for step in steps_of(family) if step.level != MODEL]
    assert all(not step.versions_of_model(run.family, "", run.dataset) for step in of_dataset)
    assert all(not step.versions_of_model(run.family, "knn", run.dataset) for step in steps_of(family))


def from_a_function() -> object:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(n_neighbors=20, algorithm="brute", n_jobs=-1)


def test_in_python_the_function_itself_may_be_given() -> None:
    case = CASES["classification"]
    run = audit(case.table, label=case.label, model=from_a_function, settings=SETTINGS)
    assert run.model == f"{__name__}.from_a_function"
    same = run.with_model("knn").with_model(from_a_function)
    pd.testing.assert_frame_equal(run.label_issues, same.label_issues)
    nobody: list[Callable[[], object]] = [lambda: 1]
    with pytest.raises(OwnModelError, match="expected a function that stands at the top of a module"):
        audit(case.table, label=case.label, model=nobody[0])


def test_a_model_is_one_of_the_datasets_that_name_it() -> None:
    plain = audit(CASES["classification"].table, label="y", model="knn").dataset
    naming = replace(plain, own_models=("my_package.module:build",))
    assert list(models_for("classification", naming))[-1] == "my_package.module.build"
    assert "my_package.module.build" not in models_for("classification", plain)
    context = StepContext(family="classification", dataset=plain, model="my_package.module.build", data_dir=None)  # type: ignore[arg-type]
    message = "add 'my_package.module:build' to models in its dataset.toml, or choose one of"
    with pytest.raises(UnsuitableModelError, match=re.escape(message)):
        context.pipeline_factory(0, {})


def test_its_name_is_a_partition_beside_those_of_the_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = audit(CASES["classification"].table, label="y", model="knn").dataset
    naming = replace(plain, own_models=("my_package.module:build",))
    monkeypatch.setattr(partitions, "datasets_of", lambda _: {"plain": plain, "naming": naming})
    keys = partitions.upstream_partitions("classification", MODEL, "naming")
    assert keys[-1] == "naming|my_package.module.build"
    assert len(set(keys)) == len(keys)
    assert partitions.Partition.parse(keys[-1]).command == "cleanlab-demo run -d naming -m my_package.module.build"


def test_a_family_that_takes_none_says_which_do() -> None:
    message = "is no model for token_classification: one of your own can learn classification, multilabel, regression"
    with pytest.raises(UnknownModelError, match=message):
        get_model("token_classification", "my_package.module:build")
    with pytest.raises(UnknownModelError, match=r"expected a name without a colon, or package\.module:function"):
        get_model("classification", "my package:build")


def test_values_that_are_not_finite_are_refused(module: Path) -> None:
    lines = [
        "from sklearn.linear_model import Ridge",
        "class Endless(Ridge):",
        "    def predict(self, features):",
        "        return super().predict(features) / 0",
        "def endless(): return Endless()",
    ]
    module.write_text("\n".join(lines), encoding="utf-8")
    run = audit_with("endless", CASES["regression"])
    with np.errstate(all="ignore"), pytest.raises(ModelFailedError, match="returned a number that is not finite"):
        run.result("predictions")
