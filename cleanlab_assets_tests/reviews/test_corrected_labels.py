"""Corrected labels take the place of the given ones, in a raw table and in the rows of a training set."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.datasets.dataset import Panel
from cleanlab_assets.reviews.corrected_labels import (
    DECIDED_LABEL,
    CorrectedLabels,
    describe_corrected_labels,
    find_corrected_labels,
    take_corrected_labels,
)
from cleanlab_assets.reviews.corrections import correct_dataset
from cleanlab_assets.reviews.rows import ReviewedRows
from cleanlab_assets_tests.reviews.test_corrections import (
    CLASSES,
    DATASETS,
    LABELS,
    NEW,
    WRITTEN,
    _apply,
    _decide,
    _raw,
)
from cleanlab_assets_tests.reviews.test_elements import CAT, _say
from cleanlab_assets_tests.reviews.test_elements import DATASET as IMAGES
from cleanlab_assets_tests.reviews.test_elements import _apply as _correct_images
from cleanlab_assets_tests.reviews.test_elements import _raw as _raw_images

PANEL = replace(CLASSES, panel=Panel())


def review(kind: str, raw: pd.DataFrame) -> pd.DataFrame:
    """Label the first row anew, find the second one right, and exclude the third."""
    made = (
        _decide(kind, raw, 0, verdict="label is", label=NEW[kind]),
        _decide(kind, raw, 1),
        _decide(kind, raw, 2, verdict="exclude the row"),
    )
    return _apply(kind, raw, *made)[1]


def to_training_set(kind: str, raw: pd.DataFrame) -> pd.DataFrame:
    """Rows of a training set in another order, without the last one."""
    rows = raw.assign(given_label=raw["label"]).iloc[[3, 1, 0, 2]].reset_index(drop=True)
    return rows.astype({"given_label": pd.CategoricalDtype(["a", "b"])}) if kind == "classes" else rows


@pytest.mark.parametrize("kind", sorted(DATASETS))
def test_rows_of_a_training_set_get_the_labels_of_reviewers_and_keep_their_type(kind: str) -> None:
    raw = _raw(LABELS[kind])
    rows = to_training_set(kind, raw)

    found = find_corrected_labels(DATASETS[kind], review(kind, raw))

    assert found is not None
    corrected, labels = found.correct(rows), LABELS[kind]
    assert corrected["given_label"].dtype == rows["given_label"].dtype
    expected = [labels[3], labels[1], WRITTEN[kind], labels[2]]
    assert [None if pd.isna(label) else label for label in corrected["given_label"]] == expected
    assert found.find_reviewed(rows).tolist() == [False, True, True, False]
    assert found.find_usable(rows).tolist() == [True, True, True, False]
    assert found.find_changed(rows).tolist() == [False, False, True, False]
    assert rows["given_label"].tolist()[2] == labels[0], "the rows themselves stay"
    assert not found.changes(rows.iloc[:2])
    assert found.changes(rows.iloc[3:]), "an excluded row changes what is trained on"


@pytest.mark.parametrize("kind", sorted(DATASETS))
def test_a_raw_table_of_corrected_labels_leaves_out_excluded_rows_and_says_so(kind: str) -> None:
    raw, dataset, labels = _raw(LABELS[kind]), DATASETS[kind], LABELS[kind]
    corrected = review(kind, raw)

    taken = take_corrected_labels(dataset, raw, corrected)

    assert list(taken) == list(raw)
    assert taken["row_id"].tolist() == ["t.csv:2", "t.csv:3", "t.csv:5", "t.csv:6"]
    found = [None if pd.isna(label) else label for label in taken["label"]]
    assert found == [WRITTEN[kind], labels[1], labels[3], labels[4]]
    told = describe_corrected_labels(dataset, raw, corrected)
    assert "1 of 5 rows have another label than the source, 1 are left out" in told
    with pytest.raises(ValueError, match="of other rows than the raw dataset"):
        take_corrected_labels(dataset, raw.iloc[1:], corrected)


def test_without_decisions_there_is_nothing_to_correct() -> None:
    raw = _raw(LABELS["classes"])
    corrections = _apply("classes", raw)[0]
    keys = ReviewedRows(CLASSES, raw).keys

    assert find_corrected_labels(CLASSES, correct_dataset(CLASSES, raw, keys, corrections)) is None


def test_an_image_gets_the_boxes_of_reviewers_and_its_classes_follow() -> None:
    raw = _raw_images()
    _, corrected = _correct_images(raw, _say("class is", "dog", element=CAT))
    rows = raw.assign(given_label=raw[IMAGES.label])

    found = find_corrected_labels(IMAGES, pd.DataFrame([corrected]))

    assert found is not None
    new = found.correct(rows)
    assert sorted(json.loads(new["box_labels"].iloc[0])) == ["cat", "dog", "dog"]
    assert new["boxes"].equals(rows["boxes"])
    assert new["class_mask"].equals(rows["class_mask"])
    assert found.find_changed(rows).tolist() == [True]
    assert take_corrected_labels(IMAGES, raw, pd.DataFrame([corrected]))["box_labels"].equals(new["box_labels"])


def test_an_example_of_several_annotators_has_the_label_that_a_reviewer_gave_it() -> None:
    votes: dict[str, Any] = {
        "row_id": [f"v{number}" for number in range(7)],
        "example": ["x", "x", "y", "y", "z", "z", "w"],
        "annotator": ["1", "2", "1", "2", "1", "2", "1"],
        "label": ["a", "b", "a", "b", "a", "a", "b"],
        "corrected_label": ["b", "b", "a", "b", "a", "a", "b"],
        "label_source": ["reviewed"] * 6 + ["given"],
        "is_excluded": [False] * 4 + [True] * 2 + [False],
    }
    corrected = pd.DataFrame(votes)
    examples = pd.DataFrame({"row_id": ["z", "y", "x", "w"], "given_label": pd.Categorical(["a", "a", "a", "b"])})

    found = find_corrected_labels(PANEL, corrected)

    assert isinstance(found, CorrectedLabels)
    assert found.correct(examples)["given_label"].tolist() == ["a", "a", "b", "b"]
    assert found.find_usable(examples).tolist() == [False, True, True, True]
    np.testing.assert_array_equal(found.find_reviewed(examples), [True, False, True, False])
    taken = take_corrected_labels(PANEL, corrected, corrected)
    assert taken["label"].tolist() == ["a", "b", "a", "b", "b"], "single labels of annotators stay"
    assert taken[DECIDED_LABEL].fillna("").tolist() == ["b", "b", "", "", ""]
    told = describe_corrected_labels(PANEL, corrected, corrected)
    assert told.startswith("1 examples have the label that reviewers decided, whatever their annotators said; 2 labels")
    nothing = corrected.assign(label_source="given", corrected_label=corrected["label"])
    assert DECIDED_LABEL not in take_corrected_labels(PANEL, nothing, nothing)
