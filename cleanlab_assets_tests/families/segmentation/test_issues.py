from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.datasets.images import BACKGROUND, AnnotatedImage, decode_mask, encode_png
from cleanlab_assets.families.segmentation.mask_quality import (
    find_mask_issues,
    score_contradiction,
    score_softmin,
    with_mask,
)
from cleanlab_assets.families.segmentation.predictions import (
    measure_pixel_calibration,
    pack_probabilities,
    predict_masks_out_of_sample,
    unpack_probabilities,
)
from cleanlab_assets.families.segmentation.regions import find_regions, find_sure_regions
from cleanlab_assets_tests.datasets.known_scenes import make_scenes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def predict_truth(images: Sequence[AnnotatedImage], seed: int = 0, certainty: float = 4.0) -> list[bytes]:
    """Pack probabilities that favour the given class of most pixels, with noise."""
    rng = np.random.default_rng(seed)
    packed = []
    for image in images:
        assert image.class_mask is not None
        n_ids = len(image.class_names) + 1
        logits = rng.normal(0, 0.7, (n_ids, *image.class_mask.shape))
        logits += certainty * (np.arange(n_ids)[:, None, None] == image.class_mask)
        exponents = np.exp(logits - logits.max(axis=0))
        packed.append(pack_probabilities((exponents / exponents.sum(axis=0)).astype(np.float32)))
    return packed


def make_blank(row_id: str, mask: np.ndarray) -> AnnotatedImage:
    return AnnotatedImage(
        row_id=row_id,
        image=encode_png(np.full((*mask.shape, 3), 90, dtype=np.uint8)),
        class_names=("cat", "dog"),
        boxes=np.zeros((0, 4)),
        box_labels=(),
        class_mask=mask,
    )


def draw_square(height: int, width: int, code: int = 1) -> np.ndarray:
    mask = np.zeros((height, width), dtype=np.int32)
    mask[4:14, 4:14] = code
    return mask


def to_certain(mask: np.ndarray, n_ids: int = 3, certainty: float = 0.99) -> np.ndarray:
    probabilities = np.full((n_ids, *mask.shape), (1 - certainty) / (n_ids - 1), dtype=np.float32)
    np.put_along_axis(probabilities, mask[None], certainty, axis=0)
    return probabilities


def test_probabilities_are_packed_without_loss_that_matters() -> None:
    probabilities = np.random.default_rng(0).dirichlet(np.ones(5), (7, 11)).transpose(2, 0, 1).astype(np.float32)
    found = unpack_probabilities(pack_probabilities(probabilities))
    assert found.dtype == np.float32
    assert found.shape == (5, 7, 11)
    assert np.abs(found - probabilities).max() < 2e-3
    assert np.abs(found.sum(axis=0) - 1).max() < 1e-6


@pytest.mark.parametrize("wrong", [(0.5, 0.4), (0.5, np.nan), (1.1, -0.1), (0.9, 0.2)])
def test_what_is_no_probability_is_not_packed(wrong: tuple[float, float]) -> None:
    probabilities = np.full((2, 3, 4), 0.5, dtype=np.float32)
    probabilities[:, 2, 2] = wrong
    with pytest.raises(ValueError, match="expected none below 0 and sums of 1"):
        pack_probabilities(probabilities)


def test_pixel_issues_and_scores_are_those_of_cleanlab() -> None:
    from cleanlab.segmentation.filter import find_label_issues
    from cleanlab.segmentation.rank import get_label_quality_scores

    scenes = make_scenes(6)
    rng = np.random.default_rng(3)
    wrong = [with_mask(scene, np.roll(scene.class_mask, int(rng.integers(3, 9)), axis=1)) for scene in scenes]  # type: ignore[arg-type]
    packed = predict_truth(scenes, certainty=3.0)

    found = find_mask_issues(wrong, packed)

    labels = np.stack([image.class_mask for image in wrong])  # type: ignore[misc]
    probabilities = np.stack([unpack_probabilities(content) for content in packed])
    expected = find_label_issues(labels, probabilities, n_jobs=1, verbose=False, batch_size=16_384)
    masks = np.stack([decode_mask(content) for content in found.pixels["issue_mask"]]).astype(bool)
    assert expected.sum() > 1000
    # Pixels of equal score at the cut may be chosen one way or the other.
    assert (masks != expected).sum() <= 0.001 * expected.sum()
    scores, _ = get_label_quality_scores(labels, probabilities, n_jobs=1, verbose=False)
    assert found.table["softmin_quality"].to_numpy() == pytest.approx(scores, abs=1e-6)


def test_a_mask_is_contradicted_where_the_model_clearly_says_otherwise() -> None:
    given = np.zeros((10, 10), dtype=np.int32)
    given[2:6, 2:6] = 1
    sure = to_certain(given, certainty=0.98)
    assert score_contradiction(given, sure) == 1

    def lay(probabilities: tuple[float, float, float], rows: slice) -> np.ndarray:
        found = sure.copy()
        found[:, rows, 2:6] = np.array(probabilities, dtype=np.float32)[:, None, None]
        return found

    # Unsure whether there is an object, or which class it is, even by far: no word against the mask.
    assert score_contradiction(given, lay((0.8, 0.1, 0.1), slice(5, 6))) == 1
    assert score_contradiction(given, lay((0.01, 0.09, 0.9), slice(2, 6))) == 1
    # Four pixels of background that are given as an object, 98 to 2, which counts double, and as its class, 98 to 1.
    too_large = score_contradiction(given, lay((0.98, 0.01, 0.01), slice(5, 6)))
    against = 4 * (2 * np.log(0.981 / 0.021) + np.log(0.981 / 0.011))
    assert too_large == pytest.approx(np.exp(-against / 100), rel=1e-4)
    # An object where none is given is no better for being of several likely classes.
    too_small = score_contradiction(given, lay((0.02, 0.49, 0.49), slice(6, 7)))
    assert too_small == pytest.approx(np.exp(-4 * (2 * np.log(0.981 / 0.021) + np.log(0.491 / 0.021)) / 100), rel=1e-4)


def test_masks_of_test_images_change_nothing_of_what_is_found_of_train_images() -> None:
    scenes, is_train = make_scenes(6), np.arange(6) < 4
    given = [with_mask(scene, np.roll(scene.class_mask, 4, axis=1)) for scene in scenes[:4]]  # type: ignore[arg-type]
    given += [with_mask(scene, np.roll(scene.class_mask, 40, axis=0)) for scene in scenes[4:]]  # type: ignore[arg-type]
    packed = predict_truth(scenes, certainty=3.0)

    alone = find_mask_issues(given[:4], packed[:4])
    beside, together = find_mask_issues(given, packed, is_train=is_train), find_mask_issues(given, packed)

    pd.testing.assert_frame_equal(beside.table.head(4).drop(columns="rank"), alone.table.drop(columns="rank"))
    pd.testing.assert_frame_equal(beside.pixels.head(4), alone.pixels)
    assert not together.pixels.head(4).equals(alone.pixels), "the cut of all images is another"
    assert (beside.pixels["n_issue_pixels"][4:] > 0).all(), "test images are judged"


def test_confusions_are_those_of_cleanlab() -> None:
    from cleanlab.segmentation.summary import common_label_issues

    scenes = make_scenes(3)
    wrong = [with_mask(scene, np.roll(scene.class_mask, 6, axis=0)) for scene in scenes]  # type: ignore[arg-type]
    packed = predict_truth(scenes)
    found = find_mask_issues(wrong, packed)

    names = [BACKGROUND, *scenes[0].class_names]
    masks = np.stack([decode_mask(content) for content in found.pixels["issue_mask"]]).astype(bool)
    labels = np.stack([image.class_mask for image in wrong])  # type: ignore[misc]
    probabilities = np.stack([unpack_probabilities(content) for content in packed])
    expected = common_label_issues(masks, labels, probabilities, class_names=names, top=1000, verbose=False)
    counts = {
        (row["given_label"], row["predicted_label"]): row["num_pixel_issues"] for row in expected.to_dict("records")
    }
    assert counts == {
        (row["given_class"], row["suggested_class"]): row["n_pixel_issues"]
        for row in found.confusions.to_dict("records")
    }
    assert found.confusions["n_pixel_issues"].is_monotonic_decreasing
    assert found.confusions["share"].sum() == pytest.approx(1)


def test_padding_or_size_never_enters_a_score() -> None:
    """An image beside larger ones is scored as it would be alone."""
    small, large = make_blank("small", draw_square(20, 24)), make_blank("large", draw_square(50, 80, 2))
    packed = predict_truth([small, large], certainty=2.0)

    together = find_mask_issues([small, large], packed).table.iloc[0]
    alone = find_mask_issues([small], packed[:1]).table.iloc[0]

    given = np.take_along_axis(unpack_probabilities(packed[0]), draw_square(20, 24)[None], axis=0)
    assert together["softmin_quality"] == pytest.approx(score_softmin(given))
    assert together["label_quality"] == alone["label_quality"]
    assert together["object_quality"] == alone["object_quality"]


@pytest.mark.parametrize(
    ("given", "quality", "suggested"),
    [
        (np.zeros((20, 24), dtype=np.int32), 0.005, "cat"),  # left out: the probability of background there
        (draw_square(20, 24, 2), 0.005, "cat"),  # another class
        (draw_square(20, 24), 0.99, "cat"),
        (np.roll(draw_square(20, 24), 5, axis=1), 50 * 0.99 + 50 * 0.005, "cat"),  # moved by half its width
    ],
)
def test_an_object_is_as_good_as_it_agrees_with_what_is_predicted(
    given: np.ndarray, quality: float, suggested: str
) -> None:
    packed = [pack_probabilities(to_certain(draw_square(20, 24)))]
    found = find_mask_issues([make_blank("a", given)], packed)
    row = found.table.iloc[0]
    if quality > 1:  # the intersection, by the object and what is predicted beside it
        quality /= 100 + 50 * 0.99
    assert row["object_quality"] == pytest.approx(quality, abs=0.003)
    assert (row["n_object_issues"] > 0) == row["is_label_issue"] == (quality < 0.5)
    assert row["worst_suggested_class"] in {suggested, BACKGROUND}
    if row["n_object_issues"]:
        assert row["suggested_label"] == suggested
        assert (decode_mask(found.pixels["suggested_mask"].iloc[0]) == draw_square(20, 24)).all()


def test_specks_are_not_judged() -> None:
    mask = np.zeros((20, 24), dtype=np.int32)
    mask[2:5, 2:5] = 1
    assert find_regions(mask, to_certain(np.zeros((20, 24), dtype=np.int32))) == []


@pytest.mark.parametrize(("width", "n_regions"), [(5, 1), (4, 0)])
def test_an_object_of_twenty_pixels_is_large_enough_to_be_judged(width: int, n_regions: int) -> None:
    mask = np.zeros((20, 24), dtype=np.int32)
    mask[2:6, 2 : 2 + width] = 1
    assert len(find_regions(mask, to_certain(np.zeros((20, 24), dtype=np.int32)))) == n_regions


def test_a_predicted_object_that_a_given_one_touches_is_judged_with_it() -> None:
    (region,) = find_regions(draw_square(20, 24), to_certain(np.roll(draw_square(20, 24), 3, axis=0)))
    assert region.n_pixels == 130
    assert (region.given, region.suggested) == (1, 1)


def test_neighbours_of_one_class_that_are_predicted_as_one_object_stay_apart() -> None:
    given, predicted = (np.zeros((20, 24), dtype=np.int32) for _ in range(2))
    given[4:14, 2:10], given[4:14, 12:20], predicted[4:14, 2:20] = 1, 1, 1

    regions = find_regions(given, to_certain(predicted))

    assert [region.n_pixels for region in regions] == [100, 100], "80 pixels, and 20 between the two"
    assert [region.quality for region in regions] == pytest.approx([80 * 0.99 / (80 + 20 * 0.99)] * 2)


@pytest.mark.parametrize(("margin", "n_pixels"), [(0.96, 0), (0.98, 100)])
def test_a_model_is_sure_where_another_class_is_far_more_probable(margin: float, n_pixels: int) -> None:
    probabilities = to_certain(draw_square(20, 24), certainty=1.0)
    probabilities[:, 4:14, 4:14] = np.array([(1 - margin) / 2, (1 + margin) / 2, 0])[:, None, None]
    assert find_sure_regions(np.zeros((20, 24), dtype=np.int32), probabilities).sum() == n_pixels


@pytest.mark.parametrize(("n_wrong_rows", "n_issues"), [(5, 0), (6, 1)])
def test_an_object_has_an_issue_if_less_than_half_of_it_is_right(n_wrong_rows: int, n_issues: int) -> None:
    """Probabilities are parts of 128, so that all sums are exact."""
    probabilities = np.zeros((3, 20, 24), dtype=np.float32)
    is_seen = draw_square(20, 24) == 1
    is_seen[4 : 4 + n_wrong_rows] = False
    probabilities[1] = np.where(is_seen, 127 / 128, 1 / 128)
    probabilities[0] = 1 - probabilities[1]

    row = find_mask_issues([make_blank("a", draw_square(20, 24))], [pack_probabilities(probabilities)]).table.iloc[0]

    assert row["object_quality"] == pytest.approx(0.5 if n_wrong_rows == 5 else 0.4, abs=0.01)
    assert row["n_object_issues"] == n_issues


def test_an_object_that_the_model_is_not_sure_of_has_no_issue() -> None:
    probabilities = to_certain(np.zeros((20, 24), dtype=np.int32), certainty=0.9)
    row = find_mask_issues([make_blank("a", draw_square(20, 24))], [pack_probabilities(probabilities)]).table.iloc[0]
    assert row["object_quality"] < 0.2
    assert (row["n_object_issues"], bool(row["is_label_issue"])) == (0, False)


def test_a_pixel_that_is_predicted_as_it_is_given_is_no_issue_however_unsure() -> None:
    """A hundred pixels are given as background and look like a cat; thirty look like nothing, background first."""
    mask = np.zeros((20, 24), dtype=np.int32)
    mask[:, 20:] = 1
    probabilities = to_certain(np.zeros((20, 24), dtype=np.int32), certainty=0.98)
    probabilities[:, :, 20:] = np.array([0.45, 0.55, 0])[:, None, None]
    probabilities[:, 4:14, 4:14] = np.array([0.4, 0.6, 0])[:, None, None]
    probabilities[:, 16:19, 4:14] = np.array([0.35, 0.33, 0.32])[:, None, None]

    found = find_mask_issues([make_blank("a", mask)], [pack_probabilities(probabilities)])

    is_issue = decode_mask(found.pixels["issue_mask"].iloc[0]).astype(bool)
    assert is_issue[4:14, 4:14].all()
    assert is_issue.sum() == 100


def test_the_largest_region_of_pixel_issues_is_told_with_its_classes() -> None:
    images = [make_blank(str(number), draw_square(20, 24)) for number in range(6)]
    images[0] = make_blank("0", np.zeros((20, 24), dtype=np.int32))
    predicted = pack_probabilities(to_certain(draw_square(20, 24)))

    pixels = find_mask_issues(images, [predicted] * 6).pixels

    first = pixels.iloc[0]
    assert (first["region_x1"], first["region_y1"], first["region_x2"], first["region_y2"]) == (4, 4, 14, 14)
    assert (first["region_given_class"], first["region_suggested_class"]) == (BACKGROUND, "cat")
    assert first["n_issue_pixels"] == first["region_pixels"] == 100
    assert first["issue_share"] == pytest.approx(100 / 480)
    assert (pixels["n_issue_pixels"].iloc[1:] == 0).all()


def test_class_summary_counts_pixels_by_hand() -> None:
    given, predicted = draw_square(20, 24), np.roll(draw_square(20, 24), 5, axis=1)
    classes = find_mask_issues([make_blank("a", given)], [pack_probabilities(to_certain(predicted))]).classes.set_index(
        "class_name"
    )
    assert classes.loc["cat", "given_pixels"] == classes.loc["cat", "predicted_pixels"] == 100
    assert classes.loc["cat", "iou"] == pytest.approx(50 / 150)
    assert bool(classes["iou"].isna()["dog"])
    assert classes.loc["cat", "mean_quality"] == pytest.approx((50 * 0.99 + 50 * 0.005) / 100, abs=0.002)
    assert classes["given_pixels"].sum() == 480


def test_calibration_is_the_gap_between_confidence_and_accuracy() -> None:
    image = make_blank("a", draw_square(20, 24))
    curve = measure_pixel_calibration([image], [pack_probabilities(to_certain(draw_square(20, 24)))])
    assert curve.expected_calibration_error == pytest.approx(0.01, abs=0.002)
    assert sum(curve.counts) == 480


class Counting:
    """Predicts what it was told, and counts its fits and its predictions."""

    fits = 0
    predicted = 0
    fails_after: int | None = None

    def fit(self, images: Sequence[AnnotatedImage]) -> Counting:
        Counting.fits += 1
        self.seen = {image.row_id for image in images}
        return self

    def predict(self, images: Sequence[AnnotatedImage]) -> Iterator[np.ndarray]:
        for image in images:
            assert image.row_id not in self.seen, "predicted by a model that saw it"
            if Counting.fails_after is not None and Counting.predicted >= Counting.fails_after:
                raise KeyboardInterrupt
            Counting.predicted += 1
            assert image.class_mask is not None
            yield to_certain(image.class_mask)


def test_an_interrupted_prediction_goes_on_with_the_images_that_are_missing() -> None:
    images = [make_blank(str(number), draw_square(20, 24, 1 + number % 2)) for number in range(12)]
    folds = np.arange(12) % 3
    stored: dict[str, bytes] = {}

    def keep(part: Sequence[AnnotatedImage], packed: Sequence[bytes]) -> None:
        stored.update({image.row_id: content for image, content in zip(part, packed, strict=True)})

    Counting.fits = Counting.predicted = 0
    Counting.fails_after = 7
    with pytest.raises(KeyboardInterrupt):
        predict_masks_out_of_sample(images, folds, build=Counting, keep=keep, keep_every=2)
    assert len(stored) == 6, "whole parts of two images are kept"

    Counting.fails_after = None
    Counting.fits = Counting.predicted = 0
    found = predict_masks_out_of_sample(images, folds, build=Counting, at_hand=stored, keep=keep, keep_every=2)
    assert Counting.fits == 2, "the first fold was complete"
    assert Counting.predicted == 6
    assert found.fit_seconds[0] == 0.0
    whole = predict_masks_out_of_sample(images, folds, build=Counting)
    assert found.predictions == whole.predictions


def test_one_fold_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least two folds, got 1"):
        predict_masks_out_of_sample([], np.zeros(3, dtype=int), build=Counting)


def test_predictions_of_another_size_are_an_error_that_names_the_image() -> None:
    packed = [pack_probabilities(to_certain(draw_square(20, 24)))]
    with pytest.raises(ValueError, match=r"image b has predictions of shape \(3, 20, 24\), expected \(3, 24, 20\)"):
        find_mask_issues([make_blank("b", draw_square(24, 20))], packed)


def test_only_images_where_the_model_is_sure_of_another_class_are_flagged() -> None:
    scenes = make_scenes(20)
    masks = [scene.class_mask for scene in scenes]
    assert masks[4] is not None
    given = [*scenes[:4], with_mask(scenes[4], np.zeros_like(masks[4])), *scenes[5:]]
    table = find_mask_issues(given, predict_truth(scenes, certainty=9.0)).table
    assert table.loc[table["is_label_issue"], "row_id"].tolist() == [scenes[4].row_id]
    assert table["rank"].iloc[4] == 1
