from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.datasets.dataset import Column, Dataset, Panel
from cleanlab_assets.families.multiannotator.active_learning import choose_batch
from cleanlab_assets.families.multiannotator.agreement import measure_agreement
from cleanlab_assets.families.multiannotator.annotations import (
    PanelLimits,
    count_labels_by_file,
    select_annotations,
    vote_by_majority,
)
from cleanlab_assets.families.multiannotator.dawid_skene import estimate_dawid_skene
from cleanlab_assets.families.multiannotator.lean_crowdlab import run_crowdlab

CLASSES = ("cat", "dog")


def _dataset() -> Dataset:
    return Dataset(
        name="pets",
        families=("multiannotator",),
        title="",
        description="",
        homepage="",
        licence="",
        citation="",
        files=(),
        load=lambda _: pd.DataFrame(),
        label="label",
        class_names=CLASSES,
        columns=tuple(Column(name=name, kind="categorical", is_feature=False) for name in ("example", "annotator")),
        expected_rows=None,
        panel=Panel(),
    )


def _raw(*rows: tuple[str | None, ...]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["example", "annotator", "label"], dtype=object)
    table.insert(0, "row_id", [f"labels.csv:{line}" for line in range(2, len(rows) + 2)])
    return table


def _simulate(accuracies: list[float], *, n_examples: int, n_classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels of annotators of known accuracy, of whom each labels half of the examples, and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(n_classes, size=n_examples)
    labels = np.full((n_examples, len(accuracies)), -1)
    for column, accuracy in enumerate(accuracies):
        other = (truth + rng.integers(1, n_classes, size=n_examples)) % n_classes
        given = np.where(rng.random(n_examples) < accuracy, truth, other)
        labels[:, column] = np.where(rng.random(n_examples) < 0.6, given, -1)
    return labels[(labels >= 0).any(axis=1)], truth[(labels >= 0).any(axis=1)]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [("a", "x", "cat"), ("a", "y", "dog"), ("a", "x", "dog"), ("b", "x", "cat"), ("b", "y", "cat")],
            "pets: annotator 'x' labelled example 'a' 2 times (labels.csv:2, labels.csv:4), expected once",
        ),
        ([("a", "x", "cow"), ("a", "y", "dog")], "labels.csv:2: found label 'cow', expected one of cat, dog"),
        ([("a", "x", None), ("a", "y", "dog")], "labels.csv:2: found annotator 'x' with label None, expected both"),
        ([("a", "x", "cat"), ("b", "x", "dog")], "pets: 1 annotators with at least 2 labels"),
    ],
)
def test_wrong_annotations_are_named_with_their_place(rows: list[tuple[str | None, ...]], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        select_annotations(_raw(*rows), _dataset(), PanelLimits())


def test_annotators_with_one_label_and_examples_with_none_are_left_out_and_said() -> None:
    rows = [("a", "x", "cat"), ("a", "y", "cat"), ("b", "x", "dog"), ("b", "y", "dog"), ("c", "z", "cat")]
    selection = select_annotations(_raw(*rows, ("d", None, None)), _dataset(), PanelLimits())
    assert set(selection.table["annotator"]) == {"x", "y"}
    assert set(selection.table["example"]) == {"a", "b"}
    assert selection.notes[0].startswith("2 of 3 annotators and 2 of 3 labelled examples are audited")


def test_a_tie_goes_to_the_class_that_is_given_more_often() -> None:
    labels = np.array([[0, 1, -1], [1, 1, 0], [1, -1, -1], [0, 0, 1]])
    assert vote_by_majority(labels, n_classes=2).tolist() == [1, 1, 1, 0]


def test_dawid_skene_sees_through_an_annotator_who_swaps_two_classes() -> None:
    labels, truth = _simulate([0.9, 0.85, 0.8, 0.8], n_examples=800, n_classes=3, seed=1)
    with_swapper = np.column_stack([labels, np.array([1, 0, 2])[truth]])
    right = (estimate_dawid_skene(with_swapper, n_classes=3).argmax(axis=1) == truth).mean()
    vote = (vote_by_majority(with_swapper, n_classes=3) == truth).mean()
    assert right > vote + 0.05


def test_dawid_skene_returns_probabilities_and_refuses_foreign_codes() -> None:
    labels, _ = _simulate([0.9, 0.6], n_examples=50, n_classes=2, seed=2)
    found = estimate_dawid_skene(labels, n_classes=2)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    with pytest.raises(ValueError, match="expected codes from 0 to 1"):
        estimate_dawid_skene(labels + 2, n_classes=2)


def test_crowdlab_ranks_a_spammer_last_and_beats_the_vote() -> None:
    labels, truth = _simulate([0.9, 0.8, 0.75, 0.25, 0.25], n_examples=800, n_classes=4, seed=3)
    rng = np.random.default_rng(0)
    noisy = np.where(rng.random(len(truth)) < 0.75, truth, rng.integers(4, size=len(truth)))
    probabilities = np.full((len(truth), 4), 0.1)
    probabilities[np.arange(len(truth)), noisy] = 0.7
    found = run_crowdlab(labels, probabilities)
    quality = found.annotators["annotator_quality"].to_numpy()
    assert set(np.argsort(quality)[:2]) == {3, 4}
    assert np.argmax(quality) == 0
    accuracy = (found.consensus == truth).mean()
    assert accuracy > (vote_by_majority(labels, n_classes=4) == truth).mean() + 0.03
    assert accuracy >= (noisy == truth).mean()


def test_agreement_is_that_of_krippendorffs_own_example() -> None:
    # Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011, section C: nominal 0.743, ordinal 0.815.
    text = "1 2 3 3 2 1 4 1 2 - - - / 1 2 3 3 2 2 4 1 2 5 - 3 / - 3 3 3 2 3 4 2 2 5 1 - / 1 2 3 3 2 4 4 1 2 5 1 -"
    rows = [[-1 if mark == "-" else int(mark) - 1 for mark in part.split()] for part in text.split("/")]
    labels = np.array(rows).T
    assert measure_agreement(labels, n_classes=5, scale="nominal") == pytest.approx(0.743, abs=0.001)
    assert measure_agreement(labels, n_classes=5, scale="ordinal") == pytest.approx(0.815, abs=0.001)


def test_the_batch_takes_the_lowest_scores_and_asks_the_best_annotator_who_is_free() -> None:
    labels = np.array([[0, 0, 0], [0, 1, -1], [-1, 0, -1], [-1, -1, -1]])
    batch = choose_batch(
        labels, np.array([0.1, 0.3, 0.9, 0.2]), list("abcd"), ["x", "y", "z"], np.array([0.9, 0.5, 0.6]), size=2
    )
    assert batch["row_id"].tolist() == ["d", "b"]
    assert batch["suggested_annotator"].tolist() == ["x", "z"]
    assert batch["reason"].tolist() == ["nobody labelled it and the model is unsure", "its 2 labels disagree"]


def test_labels_are_counted_by_the_file_that_their_row_id_names() -> None:
    names = ["labels.csv:2", "labels.csv:3", "new_labels_b.csv:2", "digits.csv.gz:7/annotator_01"]
    found = count_labels_by_file(pd.DataFrame({"row_id": names}))
    assert found == {"labels.csv": 2, "new_labels_b.csv": 1, "digits.csv.gz": 1}
