"""The checks that hold back what follows: each passes sound tables, and names what is impossible."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.datasets.boxes import ScoredBoxes
from cleanlab_assets.datasets.images import make_image_table
from cleanlab_assets.families.images.checks import no_equal_images_across_splits
from cleanlab_assets.families.images.steps import ImagesTrainingSetFacts
from cleanlab_assets.families.multilabel import checks as multilabel
from cleanlab_assets.families.object_detection.checks import boxes_are_valid
from cleanlab_assets.families.object_detection.predictions import predictions as box_predictions
from cleanlab_assets.families.regression.checks import values_are_valid
from cleanlab_assets.families.segmentation import checks as segmentation
from cleanlab_assets.families.segmentation.predictions import pack_probabilities
from cleanlab_assets.families.settings import PredictionsSettings
from cleanlab_assets.families.standard_checks import each_row_predicted_once
from cleanlab_assets.families.step import StepContext
from cleanlab_assets.families.tables.checks import no_row_in_both_splits, probabilities_are_valid
from cleanlab_assets.families.token_classification.checks import no_sentence_in_two_parts
from cleanlab_assets.methods.result import NoFacts, Result
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets_tests.datasets.known_scenes import make_scenes
from cleanlab_assets_tests.known_data import make_dataset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cleanlab_assets.datasets.images import AnnotatedImage
    from cleanlab_assets.families.step import Check, CheckResult

CONTEXT = StepContext(family="toy", dataset=make_dataset([], ["x", "y"]), data_dir=Path())
SCENES = StepContext(family="toy", dataset=get_dataset("digit_scenes"), data_dir=Path())


def judge(check: Check, context: StepContext = CONTEXT, **tables: pd.DataFrame) -> CheckResult:
    assert check.is_blocking
    found = check.run(context, **{name: Result(value=table, facts=NoFacts()) for name, table in tables.items()})
    assert found.severity == "error"
    return found


def judge_predicted(predicted: list[str], split: str | list[str] = "train") -> CheckResult:
    return judge(
        each_row_predicted_once,
        predictions=pd.DataFrame({"row_id": predicted, "split": split}),
        training_set=pd.DataFrame({"row_id": ["a", "b", "c", "test"], "split": ["train"] * 3 + ["test"]}),
    )


def test_each_row_once_in_any_order_is_right() -> None:
    assert judge_predicted(["c", "a", "b"]).passed
    assert judge_predicted(["c", "a", "test", "b"], split=["train", "train", "test", "train"]).passed


def test_a_test_row_without_a_prediction_is_an_error_where_test_rows_are_audited() -> None:
    found = judge_predicted(["a", "b", "c"], split=["train", "train", "test"])

    assert not found.passed
    assert found.figures["examples"] == "test"


@pytest.mark.parametrize(
    ("predicted", "n_missing", "n_surplus", "examples"),
    [
        (["a", "c"], 1, 0, "b"),
        (["a", "b", "c", "stranger"], 0, 1, "stranger"),
        (["a", "b", "c", "test"], 0, 1, "test"),
        (["a", "b", "c", "b"], 0, 1, "b"),
        (["a", "b", "b"], 1, 1, "c, b"),
    ],
)
def test_rows_without_a_prediction_and_predictions_without_a_row_are_errors(
    predicted: list[str], n_missing: int, n_surplus: int, examples: str
) -> None:
    found = judge_predicted(predicted)

    assert not found.passed
    assert found.figures == {"n_missing": n_missing, "n_surplus": n_surplus, "examples": examples}


def invalid_rows(found: CheckResult) -> list[str]:
    """Return the rows that a check names, which fails if there are any."""
    rows: Any = found.figures["rows"]
    assert found.passed == (rows.content == [])
    return list(rows.content)


@pytest.mark.parametrize(
    ("x", "y", "is_valid"),
    [(1, 0, True), (0.3, 0.7, True), (-0.1, 1.1, False), (0.3, 0.6, False), (np.nan, 1, False), (np.inf, 0, False)],
)
def test_probabilities_of_classes_are_shares_of_one(x: float, y: float, *, is_valid: bool) -> None:
    table = pd.DataFrame(
        {
            "row_id": ["sound", "other"],
            "given_label": pd.Categorical(["x", "y"]),
            "probability_x": [0.5, x],
            "probability_y": [0.5, y],
        }
    )
    assert invalid_rows(judge(probabilities_are_valid, predictions=table)) == ([] if is_valid else ["other"])


@pytest.mark.parametrize("kind", ["probability", "uncalibrated"])
@pytest.mark.parametrize(
    ("found", "is_valid"), [(0, True), (1, True), (-0.01, False), (1.01, False), (np.nan, False), (np.inf, False)]
)
def test_probabilities_of_label_sets_lie_between_0_and_1(kind: str, found: float, *, is_valid: bool) -> None:
    columns = [f"{prefix}_{name}" for prefix in ("probability", "uncalibrated") for name in ("x", "y")]
    table = pd.DataFrame(1.0, index=[0, 1], columns=columns).assign(row_id=["sound", "other"])
    table.loc[1, f"{kind}_y"] = found

    assert invalid_rows(judge(multilabel.probabilities_are_valid, predictions=table)) == ([] if is_valid else ["other"])


@pytest.mark.parametrize(
    ("value", "uncertainty", "is_valid"),
    [(-5, 0.1, True), (0, 0, False), (0, -1, False), (0, np.inf, False), (np.nan, 1, False), (np.inf, 1, False)],
)
def test_values_are_numbers_with_a_positive_uncertainty(value: float, uncertainty: float, *, is_valid: bool) -> None:
    table = pd.DataFrame(
        {"row_id": ["sound", "other"], "predicted_value": [1.0, value], "uncertainty": [1.0, uncertainty]}
    )
    assert invalid_rows(judge(values_are_valid, predictions=table)) == ([] if is_valid else ["other"])


@pytest.mark.parametrize(
    ("box", "is_valid"),
    [
        ((0, 0, 100, 80), True),
        ((5, 5, 5, 9), False),
        ((5, 9, 9, 5), False),
        ((-2, 5, 9, 9), False),
        ((5, 5, 102, 9), False),
        ((5, 5, 9, 82), False),
    ],
)
def test_predicted_boxes_have_an_area_inside_their_image(box: tuple[float, ...], *, is_valid: bool) -> None:
    rows = pd.DataFrame({"row_id": ["sound", "other"], "width": 100, "height": 80, "split": "train"})
    table = pd.DataFrame(
        {
            "row_id": rows["row_id"],
            "predicted_boxes": ["[[1, 1, 9, 9]]", f"[[1, 1, 9, 9], {list(box)}]"],
            "predicted_classes": ['["1"]', '["1", "2"]'],
            "probabilities": ["[0.5]", "[0.5, 0.5]"],
        }
    )
    found = judge(boxes_are_valid, SCENES, predictions=table, training_set=rows)

    assert invalid_rows(found) == ([] if is_valid else ["other"])


class CarelessDetector:
    """Predicts the given boxes, and in each picture one of no width and one outside of it."""

    def fit(self, _: Sequence[AnnotatedImage]) -> CarelessDetector:
        return self

    def predict(self, images: Sequence[AnnotatedImage]) -> list[ScoredBoxes]:
        found = []
        for image in images:
            boxes = np.vstack([image.boxes, [[5, 5, 5, 9], [image.width + 5, 5, image.width + 9, 9]]])
            scores = np.append(np.full(len(image.boxes), 0.9), [0.0005, 0.4])
            found.append(ScoredBoxes(boxes=boxes, codes=np.zeros(len(boxes), dtype=np.int64), scores=scores))
        return found


def test_boxes_without_width_or_outside_the_picture_are_counted_and_stop_no_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scenes = make_scenes(4)
    rows = make_image_table(scenes).assign(split="train", fold=[0, 1, 0, 1], given_label="")
    training_set = Result(value=rows, facts=ImagesTrainingSetFacts(seed=1, folds=2, notes=[], planted=[]))
    monkeypatch.setattr(StepContext, "pipeline_factory", lambda *_: CarelessDetector)

    predicted = box_predictions.run(SCENES, PredictionsSettings(), training_set)

    assert predicted.facts.n_dropped_boxes == 8
    assert "8 predicted boxes" in predicted.facts.notes[0]
    assert [len(json.loads(text)) for text in predicted.value["predicted_boxes"]] == [
        len(scene.boxes) for scene in scenes
    ]
    found = judge(boxes_are_valid, SCENES, predictions=predicted.value, training_set=rows)
    assert invalid_rows(found) == []


@pytest.mark.parametrize(
    ("shape", "is_valid"), [((11, 8, 10), True), ((11, 10, 8), False), ((10, 8, 10), False), ((11, 4, 5), False)]
)
def test_probabilities_of_pixels_have_the_size_of_their_image(shape: tuple[int, ...], *, is_valid: bool) -> None:
    rows = pd.DataFrame({"row_id": ["sound", "other"], "width": 10, "height": 8, "split": "train"})
    packed = [pack_probabilities(np.full(size, 1 / size[0], dtype=np.float32)) for size in ((11, 8, 10), shape)]
    table = pd.DataFrame({"row_id": rows["row_id"], "probabilities": packed})

    found = judge(segmentation.probabilities_are_valid, SCENES, predictions=table, training_set=rows)

    assert invalid_rows(found) == ([] if is_valid else ["other"])


def judge_tokens(**changed: list[Any]) -> CheckResult:
    rows = {
        "row_id": ["a", "b", "c", "d"],
        "sentence_id": ["s1", "s1", "s2", "s2"],
        "document": ["", "", "d", "d"],
        "split": ["train", "train", "test", "test"],
        "fold": [0, 0, -1, -1],
    }
    return judge(no_sentence_in_two_parts, training_set=pd.DataFrame(rows | changed))


def test_sentences_in_one_part_are_sound() -> None:
    assert judge_tokens().passed
    assert "documents" not in judge_tokens().description


def test_documents_in_several_parts_are_counted() -> None:
    found = judge_tokens(document=["d", "d", "d", "d"])
    assert found.passed
    assert "sentences of 1 documents lie in several parts" in found.description


@pytest.mark.parametrize(
    "torn",
    [
        {"split": ["train", "test", "test", "test"]},
        {"fold": [0, 1, -1, -1]},
        {"row_id": ["a", "b", "c", "a"]},
    ],
)
def test_torn_sentences_and_repeated_row_ids_are_errors(torn: dict[str, list[Any]]) -> None:
    assert not judge_tokens(**torn).passed


@pytest.mark.parametrize(
    ("row_ids", "images", "wrong"),
    [
        ("abcd", "1122", []),
        ("abcd", "1212", ["a", "b", "c", "d"]),
        ("abcd", "1232", ["b", "d"]),
        ("abca", "1234", ["a", "a"]),
        ("abbd", "1123", ["b", "b"]),
    ],
)
def test_equal_images_on_both_sides_and_repeated_row_ids_are_errors(
    row_ids: str, images: str, wrong: list[str]
) -> None:
    rows = pd.DataFrame(
        {
            "row_id": list(row_ids),
            "image": [image.encode() for image in images],
            "split": pd.Categorical(["train", "train", "test", "test"]),
        }
    )
    assert invalid_rows(judge(no_equal_images_across_splits, training_set=rows)) == wrong


@pytest.mark.parametrize(("row_ids", "is_valid"), [("abcd", True), ("abca", False), ("aacd", False)])
def test_row_ids_of_a_table_are_unique(row_ids: str, *, is_valid: bool) -> None:
    rows = pd.DataFrame({"row_id": list(row_ids), "split": ["train", "train", "test", "test"]})
    assert judge(no_row_in_both_splits, training_set=rows).passed == is_valid
