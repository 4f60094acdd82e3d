from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from cleanlab_assets.methods.detection_verdict import CAN_FIND, CANNOT_TELL, ONLY_GROSS
from cleanlab_assets.methods.planted_errors import CLASS_ERROR_KINDS
from cleanlab_assets_tests.known_data import Labelled, embedded, measure_classes, name_splits

NAMES = embedded("breast_cancer", 10).kinds.names[:2]


def blobs(distance: float, *, n_rows: int = 1500, seed: int) -> Labelled:
    """Three classes on a line, so far apart: their labels are right."""
    data = embedded("breast_cancer", 10)
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=n_rows)
    features = pd.DataFrame(rng.normal(size=(n_rows, 2)), columns=NAMES)
    features[NAMES[0]] += distance * labels
    return Labelled(features, labels, data.kinds, ("low", "middle", "high"))


def build_linear() -> Pipeline:
    return Pipeline([("estimator", LogisticRegression())])


# Measured over seeds 0 to 4; border errors of overlapping classes: average precision 0.06 to 0.08, chance 0.04.
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(("distance", "verdict"), [(8.0, CAN_FIND), (1.0, ONLY_GROSS), (0.0, CANNOT_TELL)])
def test_the_verdict_is_that_of_data_whose_classes_are_known_to_overlap_or_not(
    distance: float, verdict: str, seed: int
) -> None:
    data = blobs(distance, seed=seed)

    report = measure_classes(data.rows(), NAMES, build_linear, seed=seed)

    assert report.verdict == verdict, report.describe()
    assert {found.kind for found in report.kinds} == set(CLASS_ERROR_KINDS)


def test_a_sample_bounds_the_rows_and_the_table_is_left_as_it_is() -> None:
    data = embedded("breast_cancer")
    rows = data.rows()
    before = rows.copy()

    report = measure_classes(rows, data.kinds.names, data.build("logistic_regression"), max_rows=200, seed=0)

    assert report.among == "200 rows"
    assert [found.n_planted for found in report.kinds] == [7, 7, 7]
    pd.testing.assert_frame_equal(rows, before)


def test_errors_planted_before_are_taken_out_first() -> None:
    data = blobs(8.0, seed=0)
    rng = np.random.default_rng(2)
    is_wrong = rng.random(len(data.labels)) < 0.4
    rows = data.rows(np.where(is_wrong, (data.labels + 1) % 3, data.labels))
    planted = rows.assign(planted_error=is_wrong, true_label=data.rows()["given_label"])

    known, unknown = (measure_classes(given, NAMES, build_linear, seed=0) for given in (planted, rows))

    assert {found.kind: found for found in known.kinds}["uniform"].average_precision > 0.9
    assert {found.kind: found for found in unknown.kinds}["uniform"].average_precision < 0.5


def test_few_rows_are_audited_in_several_copies() -> None:
    data = embedded("breast_cancer", 150)

    report = measure_classes(data.rows(), data.kinds.names, data.build("logistic_regression"), seed=0)

    assert report.among == "150 rows in each of 3 copies"
    assert [found.n_planted for found in report.kinds] == [15, 15, 15]


def test_two_audits_of_the_same_rows_agree_where_rows_are_told_apart_and_hardly_where_they_are_not() -> None:
    """Of labels that features say nothing of, what ranks worst depends on the rows that a model saw."""
    clear, noise = blobs(3.0, seed=0), blobs(0.0, seed=0)
    rng = np.random.default_rng(1)

    def measure(data: Labelled) -> float:
        wrong = np.where(rng.random(len(data.labels)) < 0.05, (data.labels + 1) % 3, data.labels)
        report = measure_classes(data.rows(wrong), NAMES, build_linear, seed=0)
        assert report.agreement is not None
        return report.agreement

    assert measure(clear) > 0.8
    assert measure(clear) > measure(noise)


def test_rows_that_belong_together_are_not_predicted_from_each_other() -> None:
    """A model that repeats the label of the nearest row sees errors only where that row is of the same pair."""
    from sklearn.base import clone
    from sklearn.neighbors import KNeighborsClassifier

    pair = np.arange(400) // 2
    labels = np.random.default_rng(0).integers(2, size=200)[pair]
    rows = pd.DataFrame(
        {
            "row_id": [f"row:{number}" for number in range(400)],
            "split": name_splits(400),
            "given_label": pd.Categorical(np.where(labels == 1, "yes", "no")),
            "x": pair + 0.1 * (np.arange(400) % 2),
            "sentence": pair.astype(str),
        }
    )

    def measure(keep_together: list[str] | None) -> float:
        model = Pipeline([("estimator", KNeighborsClassifier(n_neighbors=1))])
        report = measure_classes(rows, ["x"], lambda: clone(model), seed=0, keep_together=keep_together)
        return {found.kind: found for found in report.kinds}["uniform"].lift

    assert measure(["sentence"]) < 1.6
    assert measure(None) > 1.9
