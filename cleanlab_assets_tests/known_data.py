"""Small data with known truth, shared by the tests of models, audit and evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cleanlab_assets.datasets.dataset import Column, Dataset, NumericLabel
from cleanlab_assets.methods.class_predictions import to_predictions_table
from cleanlab_assets.models.catalogue import BuildContext, build_model, models_of
from cleanlab_assets.models.encoding import FeatureKinds
from cleanlab_assets.orchestration.datasets import get_dataset

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sklearn.pipeline import Pipeline

    from cleanlab_assets.methods.detection_verdict import DetectionReport


FEWER_TREES = {name: {"n_estimators": 60} for name in ("extra_trees", "random_forest")}
"""A forest of less than half of the usual trees finds in small tables what the usual one does."""


@dataclass(frozen=True)
class Labelled:
    """Features, true integer codes and what a model must know about both."""

    features: pd.DataFrame
    labels: np.ndarray
    kinds: FeatureKinds
    class_names: tuple[str, ...]

    def build(self, model: str, *, seed: int = 0) -> Callable[[], Pipeline]:
        context = BuildContext(kinds=self.kinds, n_classes=len(self.class_names), seed=seed, n_jobs=1)
        return lambda: build_model("classification", model, context, parameters=FEWER_TREES.get(model))

    def take(self, rows: np.ndarray) -> Labelled:
        return Labelled(
            features=self.features.iloc[rows].reset_index(drop=True),
            labels=self.labels[rows],
            kinds=self.kinds,
            class_names=self.class_names,
        )

    def rows(self, codes: np.ndarray | None = None) -> pd.DataFrame:
        """Return train rows: ``row_id``, ``split``, ``given_label``, features; ``codes`` replace the true labels."""
        names = np.array(self.class_names, dtype=object)
        given = pd.Categorical(names[self.labels if codes is None else codes], categories=list(self.class_names))
        ids = [f"row:{number}" for number in range(len(self.labels))]
        known = pd.DataFrame({"row_id": ids, "split": name_splits(len(ids)), "given_label": given})
        return pd.concat([known, self.features], axis=1)


def name_splits(n_train: int, n_test: int = 0) -> pd.Categorical:
    """Return the splits of rows: train rows, then test rows."""
    return pd.Categorical(["train"] * n_train + ["test"] * n_test, categories=["train", "test"])


def embedded(name: str, n_rows: int | None = None) -> Labelled:
    """Return an embedded dataset, or a random part of it."""
    from sklearn.datasets import load_breast_cancer, load_digits

    dataset = get_dataset(name)
    bunch = {"breast_cancer": load_breast_cancer, "digits": load_digits}[name]()
    columns = [column.name for column in dataset.features]
    whole = Labelled(
        features=pd.DataFrame(bunch.data, columns=columns),
        labels=bunch.target.astype(np.int64),
        kinds=FeatureKinds.of(dataset.columns),
        class_names=dataset.class_names,
    )
    if n_rows is None:
        return whole
    return whole.take(np.sort(np.random.default_rng(0).choice(len(whole.labels), size=n_rows, replace=False)))


MIXED_KINDS = FeatureKinds(numeric=("age", "hours"), binary=("member",), categorical=("region", "job"))


def mixed_table(n_rows: int, *, seed: int) -> Labelled:
    """Return three classes that numbers, a binary column and categories tell apart; all kinds of values are missing."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=n_rows)
    regions, jobs = np.array(["north", "south", "west"]), np.array(["nurse", "clerk", "smith", "pilot"])
    region = np.where(rng.random(n_rows) < 0.8, regions[labels], rng.choice(regions, n_rows))
    table = pd.DataFrame(
        {
            "age": 40 + 10 * labels + rng.normal(0, 4, n_rows),
            "hours": rng.normal(30, 5, n_rows) - 4 * (labels == 1),
            "member": ((labels == 2) ^ (rng.random(n_rows) < 0.1)).astype(float),
            "region": pd.Series(region, dtype=object),
            "job": pd.Categorical(rng.choice(jobs, n_rows), categories=list(jobs)),
        }
    )
    for column in ("hours", "member", "region", "job"):
        table.loc[rng.random(n_rows) < 0.08, column] = None if column == "region" else np.nan
    return Labelled(features=table, labels=labels, kinds=MIXED_KINDS, class_names=("low", "mid", "high"))


def predictions_for(
    given: np.ndarray, probabilities: np.ndarray, class_names: Sequence[str] | None = None, *, n_test: int = 0
) -> pd.DataFrame:
    """Return a predictions table for given codes, of which the last few are those of test rows."""
    names = list(class_names or [f"k{code}" for code in range(probabilities.shape[1])])
    labels = pd.Categorical(np.array(names, dtype=object)[given], categories=names)
    ids = [f"row:{number}" for number in range(len(given))]
    rows = pd.DataFrame({"row_id": ids, "split": name_splits(len(given) - n_test, n_test), "given_label": labels})
    return to_predictions_table(rows, probabilities.astype(np.float32), names)


def make_dataset(columns: Sequence[Column], class_names: Sequence[str], *, label: str = "label") -> Dataset:
    """Return a catalogue entry for a table that a test writes itself."""

    return _make_entry(
        families=("classification",),
        label=label,
        class_names=tuple(class_names),
        columns=(*columns, Column(name=label, kind="categorical", is_feature=False)),
    )


def make_value_dataset(
    columns: Sequence[Column],
    domain: NumericLabel,
    *,
    label: str = "label",
    time_column: str | None = None,
    time_block: int = 1,
) -> Dataset:
    """Return a catalogue entry with a numeric label for a table that a test writes itself."""
    return _make_entry(
        families=("regression",),
        label=label,
        numeric_label=domain,
        time_column=time_column,
        time_block=time_block,
        columns=(*columns, Column(name=label, kind="numeric", is_feature=False)),
    )


def _make_entry(**entry: Any) -> Dataset:
    def load(_: object) -> pd.DataFrame:
        raise NotImplementedError

    return Dataset(
        name="toy",
        title="Toy",
        description="A toy.",
        homepage="https://example.org",
        licence="CC0",
        citation="none",
        files=(),
        load=load,
        expected_rows=1,
        **entry,
    )


def fitted_models_of(family: str) -> list[str]:
    """Name the models of a task family that are fitted, in alphabetical order."""
    return [name for name, model in models_of(family).items() if model.is_fitted]


def measure_classes(
    rows: pd.DataFrame, features: list[str], build: Callable[[], Pipeline], *, seed: int, **rest: Any
) -> DetectionReport:
    """Audit rows with a model, then measure what such an audit can find; ``rest`` goes to the measure."""
    from cleanlab_assets.methods.class_predictions import predict_out_of_sample, to_predictions_table
    from cleanlab_assets.methods.label_issues import find_label_issues
    from cleanlab_assets.methods.planted_audit import plant_and_audit_classes

    codes, names = rows["given_label"].cat.codes.to_numpy(), list(rows["given_label"].cat.categories)
    folds = np.arange(len(rows)) % 3
    predicted = predict_out_of_sample(rows[features], codes, folds, n_classes=len(names), build=build)
    predictions = to_predictions_table(rows, predicted.probabilities, names)
    issues = find_label_issues(predictions, rows[features], folds).table
    extra = rows[[name for name in rows if name not in issues]]
    return plant_and_audit_classes(
        issues.join(extra), predictions, features, build=build, find_issues=find_label_issues, seed=seed, **rest
    )
