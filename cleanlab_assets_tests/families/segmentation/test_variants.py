"""The comparison of cleaned masks, with a model whose mistakes are known: wrong masks teach it to misread pictures."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.datasets.images import AnnotatedImage, encode_png
from cleanlab_assets.families.images.variants import AuditedImages, Corrections, apply_variant, clean_images
from cleanlab_assets.families.segmentation.mask_quality import find_mask_issues
from cleanlab_assets.families.segmentation.metrics import (
    ScoredMasks,
    count_pixel_confusion,
    measure_masks,
    score_masks,
)
from cleanlab_assets.families.segmentation.predictions import pack_probabilities, predict_masks_out_of_sample
from cleanlab_assets.families.segmentation.variants import compare_mask_variants, suggest_masks
from cleanlab_assets.methods.variants import ComparisonSettings
from cleanlab_assets_tests.datasets.known_scenes import make_image

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cleanlab_assets.methods.variants import Variant, VariantComparison

SIDE = 16
COLOURS = np.array([[90, 90, 90], [200, 30, 30], [30, 200, 30]], dtype=np.uint8)
"""What background, cats and dogs look like."""
SWAP = np.array([0, 2, 1])


def draw(number: int) -> AnnotatedImage:
    """A cat or a dog, in turn, in the place that its number gives."""
    mask = np.zeros((SIDE, SIDE), dtype=np.int32)
    mask[1 + number % 7 :, 2:10][:8] = 1 + number % 2
    return AnnotatedImage(
        row_id=f"image_{number:03d}",
        image=encode_png(COLOURS[mask]),
        class_names=("cat", "dog"),
        boxes=np.zeros((0, 4)),
        box_labels=(),
        class_mask=mask,
    )


def with_wrong_class(image: AnnotatedImage) -> AnnotatedImage:
    return replace(image, class_mask=SWAP[image.class_mask])


def look_at(image: AnnotatedImage) -> np.ndarray:
    """The mask that the picture shows, whatever is given."""
    mask: np.ndarray = (image.read_pixels()[:, :, None] == COLOURS).all(axis=3).argmax(axis=2)
    return mask


def is_wrong(image: AnnotatedImage) -> bool:
    return not np.array_equal(np.asarray(image.class_mask), look_at(image))


def to_certain(mask: np.ndarray) -> np.ndarray:
    return np.where(mask == np.arange(3)[:, None, None], 0.99, 0.005).astype(np.float32)


class Eye:
    """Sees what a picture shows, but takes cats for dogs in a share of the pictures: that of wrong masks, squared."""

    fits: list[list[AnnotatedImage]]

    def __init__(self, fits: list[list[AnnotatedImage]] | None = None) -> None:
        self.fits = [] if fits is None else fits

    def fit(self, images: Sequence[AnnotatedImage]) -> Eye:
        self.fits.append(list(images))
        self.misread = float(np.mean([is_wrong(image) for image in images])) ** 2
        return self

    def predict(self, images: Sequence[AnnotatedImage]) -> Iterator[np.ndarray]:
        for image in images:
            draw_of_image = zlib.crc32(image.row_id.encode()) / 2**32
            yield to_certain(SWAP[look_at(image)] if draw_of_image < self.misread else look_at(image))


N_TRAIN = 90
FOLDS = np.arange(N_TRAIN) % 3
TRUE = [draw(number) for number in range(N_TRAIN)]
TEST = [draw(number) for number in range(200, 260)]
IS_WRONG = (FOLDS > 0) & (np.arange(N_TRAIN) % 10 < 6)
"""Masks with a planted error: none in the first fold, which judges."""
GIVEN = [with_wrong_class(image) if wrong else image for image, wrong in zip(TRUE, IS_WRONG, strict=True)]
OUT_OF_SAMPLE = predict_masks_out_of_sample(GIVEN, FOLDS, build=Eye).predictions
WRONG_IDS = [image.row_id for image, wrong in zip(GIVEN, IS_WRONG, strict=True) if wrong]


def make_issues(flagged: np.ndarray, suggested: Sequence[AnnotatedImage], rank: np.ndarray | None = None) -> Any:
    """Label issues as an oracle, or a fool, would find them."""
    order = np.argsort(~flagged, kind="stable")
    ranks = np.empty(len(flagged), dtype=np.int64)
    ranks[order] = np.arange(1, len(flagged) + 1)
    return pd.DataFrame(
        {
            "row_id": [image.row_id for image in suggested],
            "is_label_issue": flagged,
            "rank": ranks if rank is None else rank,
            "suggested_label": ["|".join(image.classes) for image in suggested],
            "suggested_mask": [encode_png(np.asarray(image.class_mask)) for image in suggested],
        }
    )


def compare(
    issues: pd.DataFrame,
    images: Sequence[AnnotatedImage] = GIVEN,
    test: Sequence[AnnotatedImage] = TEST,
    fits: list[Any] | None = None,
    **changed: Any,
) -> VariantComparison:
    settings = ComparisonSettings(primary_metric="mean_iou", prune_fraction=0.5, n_resamples=200, seed=0)
    audited = AuditedImages(
        train=images, folds=FOLDS, test=test, corrections=suggest_masks(images, issues), build=lambda: Eye(fits)
    )
    return compare_mask_variants(audited, replace(settings, **changed), out_of_sample=OUT_OF_SAMPLE)


@pytest.fixture(scope="module")
def cleaned() -> VariantComparison:
    return compare(make_issues(IS_WRONG, TRUE))


def test_true_suggestions_are_shown_to_help_and_random_removal_is_not(cleaned: VariantComparison) -> None:
    baseline, relabelled = cleaned.result("baseline"), cleaned.result("relabelled")

    assert 0.5 < baseline.metrics["mean_iou"] < 0.9
    assert relabelled.metrics == {"mean_iou": 1.0, "pixel_accuracy": 1.0}
    assert relabelled.verdict == cleaned.result("pruned").verdict == "improves"
    gain = next(item for item in relabelled.differences if item.metric == "mean_iou")
    assert gain.difference == pytest.approx(1 - baseline.metrics["mean_iou"])
    assert 0 < gain.low < gain.difference < gain.high
    assert cleaned.result("random_removal").verdict == "no effect shown"
    assert baseline.verdict is None
    assert set(relabelled.relabelled_rows) == set(WRONG_IDS)
    assert relabelled.n_train == N_TRAIN
    assert cleaned.result("pruned").n_train == cleaned.result("random_removal").n_train == N_TRAIN - len(WRONG_IDS)


def test_the_cleaned_variant_is_chosen_where_the_first_fold_shows_it_and_is_what_the_final_model_gets(
    cleaned: VariantComparison,
) -> None:
    scores = {item.variant: item.validation_score for item in cleaned.variants}
    assert cleaned.chosen in {"relabelled", "pruned"}
    assert scores["random_removal"] is None
    assert scores["baseline"] is not None
    assert scores[cleaned.chosen] == max(scores["pruned"] or 0, scores["relabelled"] or 0) > scores["baseline"] + 0.1
    assert cleaned.verdict == "improves"

    issues = make_issues(IS_WRONG, TRUE)
    for chosen in ("relabelled", "pruned", "baseline"):
        comparison = cleaned.model_copy(update={"chosen": chosen})
        images = apply_variant(comparison, GIVEN, correct=suggest_masks(GIVEN, issues).correct)
        n_wrong = sum(is_wrong(image) for image in images)
        assert (len(images), n_wrong) == {
            "relabelled": (N_TRAIN, 0),
            "pruned": (N_TRAIN - len(WRONG_IDS), 0),
            "baseline": (N_TRAIN, len(WRONG_IDS)),
        }[chosen]


def test_wrong_suggestions_are_shown_to_harm() -> None:
    right = np.flatnonzero(~IS_WRONG)
    flagged = np.zeros(N_TRAIN, dtype=bool)
    flagged[right] = True

    comparison = compare(make_issues(flagged, [with_wrong_class(image) for image in TRUE]))

    relabelled = comparison.result("relabelled")
    assert relabelled.verdict == "harms"
    assert all(difference.high < 0 for difference in relabelled.differences)
    assert comparison.result("pruned").verdict == "harms", "what is left are wrong masks more than before"


def test_the_worst_flagged_images_are_left_out_and_no_others() -> None:
    images = TRUE[:10]
    flagged = np.array([1, 0, 1, 1, 0, 0, 1, 0, 0, 0], dtype=bool)
    rank = np.array([5, 1, 2, 9, 3, 10, 4, 6, 7, 8])
    issues = make_issues(flagged, images, rank)

    def clean(prune_fraction: float) -> dict[str, Variant]:
        found = Corrections(issues, lambda position: with_wrong_class(images[position]))
        return clean_images(images, found, prune_fraction=prune_fraction, seed=0)

    def removed(variant: Variant) -> set[int]:
        return set(np.flatnonzero(~variant.keep).tolist())

    # Ranks 1 and 3 are not flagged; the flagged are worst first image 2, 6, 0 and 3.
    assert removed(clean(0.3)["pruned"]) == {2, 6, 0}
    assert removed(clean(1.0)["pruned"]) == {2, 6, 0, 3}
    some = clean(0.2)
    assert removed(some["pruned"]) == {2, 6}
    assert removed(some["relabelled"]) == set()
    for position, (before, after) in enumerate(zip(images, some["relabelled"].labels, strict=True)):
        assert (after is before) == (position not in {2, 6})
    assert len(removed(some["random_removal"])) == 2
    assert [name for name, variant in some.items() if variant.is_control] == ["random_removal"]
    assert removed(clean(0.0)["pruned"]) == set()


def test_the_choice_never_sees_an_annotation_of_the_fold_that_judges() -> None:
    issues = make_issues(IS_WRONG, TRUE)
    others = [with_wrong_class(image) if fold == 0 else image for image, fold in zip(GIVEN, FOLDS, strict=True)]
    fits: list[list[AnnotatedImage]] = []
    fits_beside_others: list[list[AnnotatedImage]] = []

    compare(issues, fits=fits)
    compare(issues, others, fits=fits_beside_others)

    n_choosing = 2 + 2  # the audit of two folds among themselves, and two candidates
    assert len(fits) == n_choosing + 4
    judges = {image.row_id for image, fold in zip(GIVEN, FOLDS, strict=True) if fold == 0}
    for images, same in zip(fits[:n_choosing], fits_beside_others[:n_choosing], strict=True):
        assert not judges & {image.row_id for image in images}
        assert [image.row_id for image in images] == [image.row_id for image in same]
        for image, other in zip(images, same, strict=True):
            np.testing.assert_array_equal(image.class_mask, other.class_mask)


def test_without_cleaning_only_the_baseline_is_trained() -> None:
    fits: list[list[AnnotatedImage]] = []
    comparison = compare(make_issues(IS_WRONG, TRUE), fits=fits, compare_cleaning=False)

    assert fits == [GIVEN]
    assert [item.variant for item in comparison.variants] == ["baseline"]
    assert (comparison.chosen, comparison.verdict, comparison.n_test) == ("baseline", "not compared", len(TEST))


def test_an_unknown_metric_absent_test_images_and_issues_of_other_images_are_refused() -> None:
    issues = make_issues(IS_WRONG, TRUE)
    with pytest.raises(ValueError, match="primary_metric is 'map_50', expected one of mean_iou, pixel_accuracy"):
        compare(issues, primary_metric="map_50")
    with pytest.raises(ValueError, match="no test items to compare variants on"):
        compare(issues, test=[])
    with pytest.raises(ValueError, match="are different rows: materialize both from the same training set"):
        compare(issues[::-1])


def test_the_audit_of_such_a_model_finds_the_wrong_masks_that_it_does_not_misread() -> None:
    """What the choice on the first fold rests on: suggestions of the audit are what the picture shows."""
    found = find_mask_issues(GIVEN, [pack_probabilities(to_certain(look_at(image))) for image in GIVEN])
    assert found.table.loc[found.table["is_label_issue"], "row_id"].tolist() == WRONG_IDS
    for position in np.flatnonzero(IS_WRONG):
        suggested = suggest_masks(GIVEN, found.pixels).correct(int(position)).class_mask
        np.testing.assert_array_equal(suggested, TRUE[position].class_mask)


def test_the_score_of_known_masks() -> None:
    given = np.array([[0, 0, 1, 1], [0, 0, 1, 1]])
    first = replace(draw(0), image=encode_png(np.zeros((2, 4, 3), dtype=np.uint8)), class_mask=given)
    second = replace(first, row_id="second", class_mask=np.array([[0, 0, 2, 2], [0, 0, 2, 2]]))
    predictions = [to_certain(given), to_certain(np.array([[0, 0, 2, 2], [0, 0, 0, 0]]))]

    scored = score_masks([first, second], predictions)

    # Background 8 of 10 pixels, cat 4 of 4, dog 2 of 4; 14 of 16 pixels are right.
    assert scored.compute() == pytest.approx({"mean_iou": (0.8 + 1 + 0.5) / 3, "pixel_accuracy": 14 / 16})
    assert scored.compute(np.array([0.0, 2.0])) == pytest.approx(
        {"mean_iou": (4 / 6 + 0.5) / 2, "pixel_accuracy": 6 / 8}
    )
    repeated = score_masks([first, second, second], [*predictions, predictions[1]])
    assert scored.compute(np.array([1.0, 2.0])) == pytest.approx(repeated.compute())
    assert isinstance(scored, ScoredMasks)
    assert scored.confusion.tolist() == [[8, 0, 0], [0, 4, 0], [2, 0, 2]]


def test_masks_that_cannot_be_scored_are_named() -> None:
    with pytest.raises(ValueError, match=r"image a\.png has no class mask"):
        score_masks([make_image()], [np.zeros((3, 16, 20))])
    with pytest.raises(ValueError, match=r"predicted mask of shape \(4, 4\), expected \(16, 16\)"):
        score_masks([draw(1)], [np.zeros((3, 4, 4))])


def test_the_score_of_weighted_images_is_that_of_their_pixels_repeated() -> None:
    rng = np.random.default_rng(0)
    masks = [(rng.integers(6, size=(9, 11)), rng.integers(6, size=(9, 11))) for _ in range(7)]
    weights = np.array([0, 1, 2, 0, 3, 1, 1])
    scored = ScoredMasks(masks, 5)
    repeated = [pair for pair, times in zip(masks, weights, strict=True) for _ in range(times)]
    assert scored.compute(weights.astype(np.float64)) == pytest.approx(ScoredMasks(repeated, 5).compute())
    assert scored.compute() == pytest.approx(dict(measure_masks(count_pixel_confusion(masks, 5))))
