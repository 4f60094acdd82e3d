"""Five models on Adult Income, each audited as cleanlab's documentation shows it, with nothing of this package.

``sweep.py`` runs it for comparison. For each model in turn: out-of-sample probabilities with ``cross_val_predict``,
``find_label_issues``, a fit on all train rows with its test accuracy, and Datalab from the encoded features. Nothing is
kept from one model to the next. Encoding, models and Datalab's issue types are those of the earlier demo
(https://github.com/rezamirzaei/cleanlab-forge): dense one-hot, 300 and 500 trees, one core per model.

The columns are the twelve that the audit uses too; with ``--all-columns`` also ``fnlwgt`` and ``education``, which the
earlier demo gave to its models.

Prints one JSON line per model as soon as it is done, so that a run cut short still tells; the last line is about the
whole process, but for the start of Python.

Needs ``CLEANLAB_DEMO_DATA_DIR`` with ``adult_income/adult.data`` and ``adult.test``.

Run: ``python benchmarks/plain_sweep.py [--rows 3000] > plain.jsonl``
"""

from __future__ import annotations

import argparse
import json
import resource
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

from measurements import require_data_dir

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    import pandas as pd
    from sklearn.base import ClassifierMixin
    from sklearn.compose import ColumnTransformer

SEED = 42
TEST_FRACTION = 0.2
MORE_COLUMNS = ("fnlwgt", "education")
ISSUE_TYPES: Mapping[str, Mapping[str, object]] = {"label": {}, "outlier": {}, "near_duplicate": {}, "non_iid": {}}
MAX_DATALAB_COLUMNS = 50


def main() -> None:
    started = perf_counter()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folds", type=int, default=5, help="folds of the cross-validation")
    parser.add_argument("--rows", type=int, help="rows of a stratified sample; all 48,842 if absent")
    parser.add_argument("--all-columns", action="store_true", help=f"also take {' and '.join(MORE_COLUMNS)}")
    arguments = parser.parse_args()

    features, labels = read_rows(arguments.rows, all_columns=arguments.all_columns)
    for name in build_models():
        print(json.dumps({"model": name, **audit_model(name, features, labels, folds=arguments.folds)}), flush=True)
    settings = {"rows": len(features), "columns": features.shape[1], "folds": arguments.folds}
    print(json.dumps({"process": settings | measure_process(started)}))


def read_rows(rows: int | None, *, all_columns: bool) -> tuple[pd.DataFrame, np.ndarray]:
    """Read the features, shape (rows, columns), and the labels as 0 and 1."""
    import numpy as np
    from plain_cleanlab import CATEGORICAL, NUMERIC, read_adult
    from sklearn.model_selection import train_test_split

    table = read_adult(require_data_dir() / "adult_income")
    if rows is not None:
        table, _ = train_test_split(table, train_size=rows, random_state=SEED, stratify=table["income"])
    more = MORE_COLUMNS if all_columns else ()
    return table[[*NUMERIC, *CATEGORICAL, *more]], (table["income"] == ">50K").to_numpy(dtype=np.int64)


def build_models() -> dict[str, ClassifierMixin]:
    """Build the earlier demo's five classifiers, unfitted."""
    from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier

    return {
        "logistic_regression": LogisticRegression(max_iter=500, solver="lbfgs", random_state=SEED),
        "hist_gradient_boosting": HistGradientBoostingClassifier(random_state=SEED),
        "random_forest": RandomForestClassifier(n_estimators=300, n_jobs=1, random_state=SEED),
        "extra_trees": ExtraTreesClassifier(n_estimators=500, n_jobs=1, random_state=SEED),
        "knn": KNeighborsClassifier(n_neighbors=15),
    }


def build_encoder(features: pd.DataFrame) -> ColumnTransformer:
    """Build the earlier demo's encoding: scaled numbers, and dense one-hot columns for the rest."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numeric = features.select_dtypes("number").columns
    categorical = features.columns.difference(numeric, sort=False)
    one_hot = OneHotEncoder(handle_unknown="ignore", max_categories=100, sparse_output=False)
    return ColumnTransformer(
        [
            ("numeric", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numeric),
            ("categorical", make_pipeline(SimpleImputer(strategy="most_frequent"), one_hot), categorical),
        ]
    )


def audit_model(name: str, features: pd.DataFrame, labels: np.ndarray, *, folds: int) -> dict[str, object]:
    """Split, predict, find label issues, fit, and run Datalab with one model; return metrics and seconds."""
    from cleanlab import Datalab
    from cleanlab.filter import find_label_issues
    from sklearn.decomposition import TruncatedSVD
    from sklearn.metrics import accuracy_score, roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict, train_test_split
    from sklearn.pipeline import make_pipeline

    seconds: dict[str, float] = {}
    train, test, train_labels, test_labels = train_test_split(
        features, labels, test_size=TEST_FRACTION, random_state=SEED, stratify=labels
    )
    model = make_pipeline(build_encoder(features), build_models()[name])
    with _timed(seconds, "cv"):
        splits = StratifiedKFold(folds, shuffle=True, random_state=SEED)
        probabilities = cross_val_predict(model, train, train_labels, cv=splits, method="predict_proba", n_jobs=1)
    with _timed(seconds, "label_issues"):
        issues = find_label_issues(train_labels, probabilities, return_indices_ranked_by="self_confidence")
    with _timed(seconds, "fit"):
        model.fit(train, train_labels)
        test_accuracy = accuracy_score(test_labels, model.predict(test))
    with _timed(seconds, "datalab"):
        encoded = model[:-1].transform(train)
        if encoded.shape[1] > MAX_DATALAB_COLUMNS:
            encoded = TruncatedSVD(MAX_DATALAB_COLUMNS, random_state=SEED).fit_transform(encoded)
        lab = Datalab(train.assign(label=train_labels), task="classification", label_name="label", verbosity=0)
        lab.find_issues(pred_probs=probabilities, features=encoded, issue_types=ISSUE_TYPES)
    return {
        "n_train": len(train),
        "cv_accuracy": float(accuracy_score(train_labels, probabilities.argmax(axis=1))),
        "cv_roc_auc": float(roc_auc_score(train_labels, probabilities[:, 1])),
        "test_accuracy": float(test_accuracy),
        "n_label_issues": len(issues),
        "seconds": {part: round(taken, 2) for part, taken in seconds.items()},
    }


@contextmanager
def _timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    started = perf_counter()
    yield
    seconds[part] = perf_counter() - started


def measure_process(started: float) -> dict[str, float]:
    """Return wall and processor seconds and the peak memory of the largest process, in MB, of this one and its own."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {
        "seconds": perf_counter() - started,
        "processor_seconds": sum(usage.ru_utime + usage.ru_stime for usage in usages),
        "peak_mb": max(usage.ru_maxrss for usage in usages) * 1024 / 1e6,  # the kernel counts in KiB
    }


if __name__ == "__main__":
    main()
