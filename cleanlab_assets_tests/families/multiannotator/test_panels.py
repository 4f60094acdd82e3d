from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.datasets.dataset import Column, Dataset, Panel
from cleanlab_assets.families.multiannotator.active_learning import choose_batch
from cleanlab_assets.families.multiannotator.agreement import measure_agreement
from cleanlab_assets.families.multiannotator.annotations import (
    PanelLimits,
    build_panel_training_set,
    count_labels_by_file,
    select_annotations,
    vote_by_majority,
)
from cleanlab_assets.families.multiannotator.consensus import (
    build_annotator_quality,
    build_consensus,
    find_consensus_issues,
    score_labels,
)
from cleanlab_assets.families.multiannotator.dawid_skene import estimate_dawid_skene
from cleanlab_assets.families.multiannotator.lean_crowdlab import run_crowdlab
from cleanlab_assets.methods.class_predictions import to_predictions_table
from cleanlab_assets.methods.folds import divide_rows
from cleanlab_assets_tests.known_data import name_splits

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
    right = (estimate_dawid_skene(with_swapper, n_classes=3).consensus == truth).mean()
    vote = (vote_by_majority(with_swapper, n_classes=3) == truth).mean()
    assert right > vote + 0.05


def test_dawid_skene_returns_probabilities_and_refuses_foreign_codes() -> None:
    labels, _ = _simulate([0.9, 0.6], n_examples=50, n_classes=2, seed=2)
    found = estimate_dawid_skene(labels, n_classes=2)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1)
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


def audit_panel(
    labels: np.ndarray, probabilities: np.ndarray, names: tuple[str, ...]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predictions and annotations of examples that each have a label."""
    example, annotator = np.nonzero(labels >= 0)
    annotations = pd.DataFrame(
        {
            "row_id": [f"labels.csv:{line}" for line in range(2, len(example) + 2)],
            "example": [f"e{number}" for number in example],
            "annotator": pd.Categorical([f"w{number:02d}" for number in annotator]),
            "given_label": pd.Categorical(np.array(names)[labels[example, annotator]], categories=list(names)),
        }
    )
    given = pd.Categorical(np.array(names)[vote_by_majority(labels, n_classes=len(names))], categories=list(names))
    row_ids = [f"e{number}" for number in range(len(labels))]
    rows = pd.DataFrame({"row_id": row_ids, "split": name_splits(len(labels)), "given_label": given})
    return to_predictions_table(rows, probabilities, names), annotations


@pytest.fixture
def labelled() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predictions and annotations of 60 examples, of whose three annotators the last one answers at random."""
    rng = np.random.default_rng(0)
    truth = np.arange(60) % 2
    labels = np.column_stack([truth, np.where(rng.random(60) < 0.9, truth, 1 - truth), rng.integers(2, size=60)])
    return audit_panel(labels, np.where(truth[:, None] == [0, 1], 0.85, 0.15), CLASSES)


def test_labels_are_flagged_that_are_unlike_the_consensus(labelled: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    table = score_labels(*labelled, has_model=True).table

    assert (table["is_label_issue"] == (table["given_label"] != table["suggested_label"])).all()
    assert 0.1 < table["is_label_issue"].mean() < 0.4
    assert table.loc[table["annotator"] == "w02", "is_label_issue"].mean() > 0.3


def test_the_quality_of_a_vote_is_that_of_the_labels_that_agree_with_it(
    labelled: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    predictions, annotations = labelled
    quality = score_labels(predictions, annotations, has_model=True).table
    consensus = build_consensus(predictions, annotations, quality)

    issues = find_consensus_issues(predictions, quality, consensus, predictions[["row_id"]].rename(columns=str.upper))

    by_label = quality.groupby(["example", "given_label"], observed=True)["label_quality"].first()
    expected = by_label.loc[list(zip(issues["row_id"], issues["given_label"], strict=True))]
    assert issues["label_quality"].tolist() == expected.tolist()
    assert (quality.groupby("example")["label_quality"].min().loc[issues["row_id"]] < expected.to_numpy()).any()


@pytest.mark.parametrize(("has_model", "method"), [(True, "dawid_skene_with_model"), (False, "dawid_skene")])
def test_labels_flags_and_quality_follow_from_the_leading_method(
    labelled: tuple[pd.DataFrame, pd.DataFrame], *, has_model: bool, method: str
) -> None:
    predictions, annotations = labelled
    scored = score_labels(predictions, annotations, has_model=has_model)
    consensus = build_consensus(predictions, annotations, scored.table)
    issues = find_consensus_issues(
        predictions, scored.table, consensus, predictions[["row_id"]].rename(columns=str.upper)
    )

    assert scored.leading_method == method
    assert consensus["consensus_label"].tolist() == consensus[f"{method}_label"].tolist()
    assert (consensus["consensus_quality"] >= 0.5).all(), "the likelier one of two classes"
    assert issues["suggested_label"].tolist() == consensus["consensus_label"].tolist()
    assert (issues["is_label_issue"] == (issues["label_quality"] < 0.5)).all()
    assert issues.sort_values("rank")["label_quality"].is_monotonic_increasing
    flagged = scored.table["is_label_issue"]
    assert scored.table.loc[flagged, "label_quality"].max() <= scored.table.loc[~flagged, "label_quality"].min()


def test_the_quality_of_an_annotator_is_the_expected_share_of_right_labels_and_lies_in_its_interval() -> None:
    figures = pd.DataFrame({"annotator": ["x", "y"], "crowdlab_quality": [0.5, 0.6], "crowdlab_weight": [0.3, 0.4]})
    labels = pd.DataFrame(
        {
            "annotator": ["x"] * 40 + ["y"] * 2,
            "example": [f"e{number}" for number in range(42)],
            "given_label": ["cat"] * 20 + ["dog"] * 22,
            "label_quality": np.array([0.25] * 20 + [1.0] * 22, dtype=np.float32),
            "is_label_issue": [True] * 20 + [False] * 22,
        }
    )
    truth = dict.fromkeys(labels["example"], "dog")

    found = build_annotator_quality(figures, labels, truth).set_index("annotator")

    assert found.index.tolist() == ["x", "y"]
    assert found["annotator_quality"].tolist() == pytest.approx([(20 * 0.25 + 20) / 40, 1.0])
    assert found["n_labels"].tolist() == [40, 2]
    assert found["worst_class"].tolist() == ["cat", "dog"]
    assert found["agreement_with_consensus"].tolist() == found["true_accuracy"].tolist() == [0.5, 1.0]
    assert found["crowdlab_quality"].tolist() == [0.5, 0.6]
    low, high = found["quality_low"].tolist(), found["quality_high"].tolist()
    assert 0.4 < low[0] < 0.625 < high[0] < 0.8
    assert low[1] < 0.4, "two labels say little"
    assert high[1] == 1


def test_intervals_of_annotators_of_few_labels_cover_their_accuracy() -> None:
    rng = np.random.default_rng(4)
    accuracy, truth = rng.uniform(0.5, 0.95, 60), rng.integers(3, size=900)
    others = (truth[:, None] + rng.integers(1, 3, size=(900, 60))) % 3
    labels = np.where(rng.random((900, 60)) < accuracy, truth[:, None], others)
    labels = np.where(rng.random((900, 60)) < 0.08, labels, -1)
    labels = labels[(labels >= 0).any(axis=1)]
    panel = audit_panel(labels, np.full((len(labels), 3), 1 / 3), ("a", "b", "c"))
    scored = score_labels(*panel, has_model=False)
    found = build_annotator_quality(scored.annotators, scored.table)
    skill = found["annotator"].str[1:].astype(int).map(pd.Series(accuracy))
    assert skill.between(found["quality_low"], found["quality_high"]).mean() > 0.85
    assert (found["quality_high"] - found["quality_low"]).max() < 0.35


def test_annotators_of_equal_quality_are_ranked_by_crowdlabs() -> None:
    figures = pd.DataFrame({"annotator": ["x", "y", "z"], "crowdlab_quality": [0.9, 0.6, 0.95], "crowdlab_weight": 0.3})
    labels = pd.DataFrame(
        {
            "annotator": ["x", "y", "z"],
            "given_label": ["cat"] * 3,
            "label_quality": np.array([0.5, 0.5, 0.25], dtype=np.float32),
            "is_label_issue": [False, False, True],
        }
    )
    assert build_annotator_quality(figures, labels)["annotator"].tolist() == ["z", "y", "x"]


def build_known_panel(*, seed: int = 0, test_fraction: float = 0.25) -> pd.DataFrame:
    """Sixty examples whose truth the source knows; three annotators call every third one by the wrong name."""
    columns = [Column(name=name, kind="categorical", is_feature=False) for name in ("example", "annotator", "truth")]
    dataset = replace(_dataset(), columns=(Column(name="size", kind="numeric"), *columns), panel=Panel(truth="truth"))
    rows = [
        (f"e{number}", annotator, CLASSES[(number + (number % 3 == 0)) % 2], CLASSES[number % 2], float(number))
        for number in range(60)
        for annotator in "xyz"
    ]
    raw = pd.DataFrame(rows, columns=["example", "annotator", "label", "truth", "size"])
    raw.insert(0, "row_id", [f"labels.csv:{line}" for line in range(2, len(raw) + 2)])
    selection = select_annotations(raw, dataset, PanelLimits())
    return build_panel_training_set(
        selection.table, raw, dataset, test_fraction=test_fraction, folds=3, seed=seed
    ).table


def test_train_rows_carry_the_vote_and_test_rows_the_known_truth() -> None:
    table = build_known_panel()

    is_right = table["given_label"] == table["true_label"]
    assert is_right[table["split"] == "test"].all()
    number = table["row_id"].str[1:].astype(int)
    is_train = table["split"] == "train"
    assert is_right[is_train].tolist() == (number[is_train] % 3 != 0).tolist()


def test_without_test_rows_every_example_carries_its_vote_and_has_a_fold() -> None:
    table = build_known_panel(test_fraction=0.0)

    assert (table["split"] == "train").all()
    assert set(table["fold"]) == {0, 1, 2}
    number = table["row_id"].str[1:].astype(int)
    assert (table["given_label"] == table["true_label"]).tolist() == (number % 3 != 0).tolist()


def test_folds_are_drawn_apart_from_the_split() -> None:
    train = build_known_panel(seed=4).query("split == 'train'")

    codes = train["given_label"].cat.codes.to_numpy()
    as_the_split = divide_rows(codes, np.arange(len(train)), [1 / 3] * 3, seed=4)
    assert (train["fold"] != as_the_split).mean() > 0.4
