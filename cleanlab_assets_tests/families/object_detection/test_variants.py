from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest

from cleanlab_assets.datasets.boxes import ScoredBoxes
from cleanlab_assets.families.images.variants import AuditedImages, apply_variant, clean_images
from cleanlab_assets.families.object_detection.box_quality import find_box_issues
from cleanlab_assets.families.object_detection.metrics import ScoredDetections
from cleanlab_assets.families.object_detection.plant import plant_box_errors
from cleanlab_assets.families.object_detection.variants import compare_detection_variants, suggest_boxes
from cleanlab_assets.methods.variants import ComparisonSettings
from cleanlab_assets_tests.coco_metrics import measure_as_coco
from cleanlab_assets_tests.datasets.known_scenes import make_image, make_scenes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cleanlab_assets.datasets.images import AnnotatedImage
    from cleanlab_assets.methods.variants import VariantComparison


def predict_roughly(images: list[AnnotatedImage], seed: int) -> list[ScoredBoxes]:
    """Predict boxes that are a little off, sometimes of a wrong class, sometimes missing or made up."""
    rng = np.random.default_rng(seed)
    found = []
    for image in images:
        codes = np.array([image.class_names.index(name) for name in image.box_labels], dtype=np.int64)
        keep = rng.random(len(codes)) > 0.2
        is_wrong = rng.random(len(codes)) < 0.2
        boxes = image.boxes + rng.normal(0, 1.5, image.boxes.shape)
        boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 1)
        codes = np.where(is_wrong, (codes + 1) % len(image.class_names), codes)
        found.append(ScoredBoxes(boxes=boxes[keep], codes=codes[keep], scores=rng.random(int(keep.sum()))))
    return found


class Memory:
    """Predicts the boxes it was trained on for images that look the same, as a detector that learnt by heart would."""

    def __init__(self, truth: list[AnnotatedImage]) -> None:
        self.truth = {image.row_id: image for image in truth}

    def fit(self, images: Sequence[AnnotatedImage], labels: object = None) -> Memory:
        del labels
        self.share_right = float(np.mean([image.box_labels == self.truth[image.row_id].box_labels for image in images]))
        return self

    def predict(self, images: Sequence[AnnotatedImage]) -> list[ScoredBoxes]:
        """Find the true boxes; the worse the training labels, the more classes are wrong."""
        found = []
        for image in images:
            true = self.truth[image.row_id]
            codes = np.array([true.class_names.index(name) for name in true.box_labels], dtype=np.int64)
            rng = np.random.default_rng(zlib.crc32(image.row_id.encode()))
            is_wrong = rng.random(len(codes)) > self.share_right
            codes = np.where(is_wrong, (codes + 1) % len(true.class_names), codes)
            found.append(ScoredBoxes(boxes=true.boxes, codes=codes, scores=np.full(len(codes), 0.95)))
        return found


def test_mean_average_precision_agrees_with_pycocotools() -> None:
    scenes = make_scenes(40)
    predictions = predict_roughly(scenes, seed=5)

    found = ScoredDetections(scenes, predictions).compute()

    assert 0.2 < found["map_50"] < 0.9
    assert found["map_75"] < found["map_50"]
    assert found == pytest.approx(measure_as_coco(scenes, predictions), abs=1e-6)


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ([(0, 0, 10, 10)], {"map_50": 1, "map_75": 1}),
        ([(0, 0, 10, 7.2)], {"map_50": 1, "map_75": 0}),  # an IoU of 0.72
        ([(20, 20, 30, 30)], {"map_50": 0, "map_75": 0}),
        ([], {"map_50": 0, "map_75": 0}),
    ],
)
def test_mean_average_precision_of_worked_cases(boxes: list[Sequence[float]], expected: dict[str, float]) -> None:
    image = make_image([(0, 0, 10, 10)])
    predicted = ScoredBoxes(
        boxes=np.array(boxes, dtype=np.float64).reshape(-1, 4),
        codes=np.zeros(len(boxes), dtype=np.int64),
        scores=np.full(len(boxes), 0.9),
    )

    assert ScoredDetections([image], [predicted]).compute() == pytest.approx(expected)


def test_a_weight_counts_an_image_as_often() -> None:
    scenes = make_scenes(12)
    predictions = predict_roughly(scenes, seed=6)
    weights = np.array([2, 0, 1, 3, 0, 1, 1, 0, 2, 1, 1, 0], dtype=float)
    repeated = [number for number, weight in enumerate(weights) for _ in range(int(weight))]

    found = ScoredDetections(scenes, predictions).compute(weights)

    expected = ScoredDetections([scenes[number] for number in repeated], [predictions[number] for number in repeated])
    assert found == pytest.approx(expected.compute(), abs=1e-6)


def test_images_without_boxes_have_no_average_precision() -> None:
    scenes = make_scenes(3)
    assert np.isnan(ScoredDetections(scenes, predict_roughly(scenes, 1)).compute(np.zeros(3))["map_50"])


def test_variants_leave_out_or_correct_the_worst_images() -> None:
    scenes = make_scenes(30)
    planted, truth = plant_box_errors(scenes, fraction=0.2, seed=2, kinds=["wrong_class"])
    memory = Memory(scenes).fit(scenes)
    issues = find_box_issues(planted, memory.predict(planted))

    cleaned = clean_images(planted, suggest_boxes(planted, issues.table, issues.boxes), prune_fraction=0.1, seed=0)

    worst = ~cleaned["pruned"].keep
    assert {planted[position].row_id for position in np.flatnonzero(worst)} < set(truth["row_id"])
    assert cleaned["pruned"].keep.sum() == cleaned["random_removal"].keep.sum() == 27
    assert cleaned["relabelled"].keep.all()
    for given, corrected, scene, is_worst in zip(planted, cleaned["relabelled"].labels, scenes, worst, strict=True):
        assert (corrected is not given) == is_worst
        assert not is_worst or corrected.box_labels == scene.box_labels


@pytest.mark.slow
def test_cleaning_is_shown_to_help_where_it_does_and_the_choice_is_applied() -> None:
    scenes = make_scenes(160)
    train, test = scenes[:100], scenes[100:]
    planted, truth = plant_box_errors(train, fraction=0.4, seed=2, kinds=["wrong_class"])
    folds = np.arange(len(train)) % 4
    perfect = Memory(scenes).fit(scenes)
    issues = find_box_issues(planted, perfect.predict(planted))

    suggested = suggest_boxes(planted, issues.table, issues.boxes)

    comparison = compare_detection_variants(
        AuditedImages(train=planted, folds=folds, test=test, corrections=suggested, build=lambda: Memory(scenes)),
        ComparisonSettings(primary_metric="map_50", prune_fraction=0.4, n_resamples=100, seed=0),
        out_of_sample=Memory(scenes).fit(planted).predict(planted),
    )

    assert comparison.result("relabelled").verdict == "improves"
    assert comparison.result("random_removal").verdict != "improves"
    difference = comparison.result("relabelled").metrics["map_50"] - comparison.result("baseline").metrics["map_50"]
    assert difference > 0.1
    assert set(comparison.result("relabelled").relabelled_rows) == set(truth["row_id"])
    assert {image.row_id for image in apply_variant(comparison, planted, correct=suggested.correct)} >= {
        image.row_id for image in planted
    } - set(comparison.result(comparison.chosen).removed_rows)


def test_an_unknown_metric_absent_test_images_and_issues_of_other_images_are_refused() -> None:
    scenes = make_scenes(6)
    predictions = predict_roughly(scenes, 1)
    issues = find_box_issues(scenes, predictions)

    def compare(train: Sequence[AnnotatedImage], test: Sequence[AnnotatedImage], metric: str) -> VariantComparison:
        settings = ComparisonSettings(primary_metric=metric, prune_fraction=0.1, n_resamples=100, seed=0)
        folds = np.arange(6) % 2
        suggested = suggest_boxes(train, issues.table, issues.boxes)
        audited = AuditedImages(
            train=train, folds=folds, test=test, corrections=suggested, build=lambda: Memory(scenes)
        )
        return compare_detection_variants(audited, settings, out_of_sample=predictions)

    with pytest.raises(ValueError, match="primary_metric is 'accuracy', expected one of map_50, map_75"):
        compare(scenes, scenes, "accuracy")
    with pytest.raises(ValueError, match="no test items to compare variants on"):
        compare(scenes, [], "map_50")
    with pytest.raises(ValueError, match="are different rows: materialize both from the same training set"):
        compare(scenes[::-1], scenes, "map_50")
