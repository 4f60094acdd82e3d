from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.families.multiannotator.annotations import put_votes
from cleanlab_assets.families.multiannotator.plant import (
    plant_and_audit_annotations,
    plant_annotation_errors,
    score_annotation_detection_power,
    to_reference,
)
from cleanlab_assets.methods.class_predictions import predict_out_of_sample, to_predictions_table
from cleanlab_assets.methods.detection_verdict import CAN_FIND
from cleanlab_assets_tests.known_data import name_splits

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

CLASSES = ["a", "b", "c"]


def annotate(n_examples: int, *, accuracy: float, seed: int) -> tuple[pd.DataFrame, pd.Series]:
    """Three labels of each example, right as often as ``accuracy`` says, and the true classes."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(3, size=n_examples)
    example = np.repeat(np.arange(n_examples), 3)
    is_wrong = rng.random(len(example)) > accuracy
    codes = np.where(is_wrong, truth[example] + rng.integers(1, 3, len(example)), truth[example]) % 3
    annotations = pd.DataFrame(
        {
            "row_id": [f"labels.csv:{number + 2}" for number in range(len(example))],
            "example": [f"e{number}" for number in example],
            "annotator": pd.Categorical([f"w{number}" for number in np.arange(len(example)) % 3]),
            "given_label": pd.Categorical.from_codes(codes.tolist(), dtype=pd.CategoricalDtype(CLASSES)),
        }
    )
    reference = pd.Series([CLASSES[code] for code in truth], index=[f"e{number}" for number in range(n_examples)])
    return annotations, reference


def test_a_share_of_the_right_labels_becomes_wrong_and_wrong_ones_stay() -> None:
    annotations, reference = annotate(200, accuracy=0.8, seed=0)
    right = annotations["given_label"].astype(str) == annotations["example"].map(reference)

    planted = plant_annotation_errors(annotations, reference, fraction=0.2, seed=1)

    assert planted["planted_error"].sum() == round(0.2 * right.sum())
    assert right[planted["planted_error"]].all()
    assert (planted["true_label"] == annotations["given_label"]).all()
    assert ((planted["given_label"] != planted["true_label"]) == planted["planted_error"]).all()


def test_less_than_one_error_is_refused() -> None:
    annotations, reference = annotate(4, accuracy=1, seed=0)

    with pytest.raises(ValueError, match=r"0\.01 of 12 right labels is less than one planted error"):
        plant_annotation_errors(annotations, reference, fraction=0.01, seed=0)


def test_the_reference_is_the_truth_where_it_is_known_else_the_vote() -> None:
    rows = pd.DataFrame({"row_id": ["e0", "e1"], "given_label": ["a", "b"], "true_label": ["a", "c"]})

    assert to_reference(rows).to_dict() == {"e0": "a", "e1": "c"}
    assert to_reference(rows.drop(columns="true_label")).to_dict() == {"e0": "a", "e1": "b"}


def test_labels_that_were_wrong_before_are_not_looked_at() -> None:
    quality = pd.DataFrame(
        {
            "example": ["e0", "e0", "e1", "e1"],
            "true_label": ["a", "b", "c", "c"],  # of e0 the second label was wrong before
            "label_quality": [0.9, 0.0, 0.2, 0.8],
            "is_label_issue": [False, True, True, False],
            "planted_error": [False, False, True, False],
        }
    )

    power = score_annotation_detection_power(quality, pd.Series({"e0": "a", "e1": "c"}))

    assert (power.n_planted, power.planted_share) == (1, 1 / 3)
    assert power.precision == power.recall == power.average_precision == 1


def test_the_audit_finds_what_was_planted_in_a_panel_that_is_mostly_right() -> None:
    from sklearn.linear_model import LogisticRegression

    annotations, reference = annotate(300, accuracy=0.95, seed=2)
    rng = np.random.default_rng(0)
    names = reference.index.to_numpy()
    centres = reference.map({"a": 0.0, "b": 4.0, "c": 8.0}).to_numpy()
    train = pd.DataFrame(
        {
            "row_id": names,
            "split": name_splits(len(names)),
            "x": centres + rng.normal(size=len(names)),
            "true_label": reference.to_numpy(),
            "fold": np.arange(len(names)) % 3,
        }
    )

    def build() -> LogisticRegression:
        return LogisticRegression(max_iter=500)

    rows = put_votes(train, annotations)
    class_names = list(rows["given_label"].cat.categories)
    codes, folds = rows["given_label"].cat.codes.to_numpy(), rows["fold"].to_numpy()
    predicted = predict_out_of_sample(rows[["x"]], codes, folds, n_classes=len(class_names), build=build)
    report = plant_and_audit_annotations(
        train,
        annotations,
        to_predictions_table(rows, predicted.probabilities, class_names),
        features=["x"],
        build=build,
        has_model=True,
        fraction=0.1,
        seed=3,
    )

    right = (annotations["given_label"].astype(str) == annotations["example"].map(reference)).sum()
    assert sum(found.n_planted for found in report.kinds) == pytest.approx(0.1 * right, abs=3)
    found = {kind.kind: kind for kind in report.kinds}
    assert min(found[name].average_precision for name in ("uniform", "noise_matrix")) > 0.7
    assert found["uniform"].recall > 0.8
    assert report.verdict == CAN_FIND
