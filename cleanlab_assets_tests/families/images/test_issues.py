"""Images with known faults among similar ones: each fault is found, and nothing else is flagged."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFilter

from cleanlab_assets.datasets.images import AnnotationError, encode_png
from cleanlab_assets.families.images.issues import (
    IMAGE_ISSUE_TYPES,
    find_equal_images_across_splits,
    find_image_issues,
)
from cleanlab_assets.methods.picture_issues import ALL_GREY
from cleanlab_assets.models.image_embedding import embed_images
from cleanlab_assets_tests.known_images import draw_picture, make_faulty_images, make_image_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cleanlab_assets.families.images.issues import ImageIssues


def _flagged(found: ImageIssues, issue_type: str) -> set[str]:
    return set(found.table.loc[found.table[f"is_{issue_type}_issue"], "row_id"])


def _audit(pictures: Mapping[str, bytes], *, embed: bool = True, seed: int = 0) -> ImageIssues:
    table = make_image_rows(pictures)
    return find_image_issues(table, embed_images(table["image"]) if embed else None, seed=seed)


@pytest.fixture(scope="module")
def faulty() -> ImageIssues:
    return _audit(make_faulty_images())


@pytest.mark.parametrize(
    ("issue_type", "expected"),
    [
        ("dark", {"black"}),
        ("light", {"white"}),
        ("blurry", {"blurred"}),
        ("low_information", {"black", "white", "stripes"}),
        ("odd_aspect_ratio", {"strip"}),
        ("odd_size", {"huge", "scaled"}),
        ("grayscale", {"grey"}),
        ("exact_duplicate", {"good_03", "copy"}),
        ("near_duplicate", {"good_03", "copy", "good_05", "scaled", "good_07", "recoded"}),
    ],
)
def test_each_fault_is_found_and_the_other_images_are_not(
    faulty: ImageIssues, issue_type: str, expected: set[str]
) -> None:
    assert _flagged(faulty, issue_type) == expected


def test_a_hash_finds_scaled_copies_and_plain_surfaces_are_no_copies_of_each_other(faulty: ImageIssues) -> None:
    found = _flagged(faulty, "hash_duplicate")
    assert {"good_05", "scaled"} <= found
    assert found <= {"good_05", "scaled", "good_07", "recoded"}, "a recoded copy may have another hash"


def test_plain_pictures_of_different_shapes_are_no_exact_copies() -> None:
    shapes = {"wide": (8, 16), "tall": (16, 8), "wide_again": (8, 16)}
    plain = {name: encode_png(np.zeros((*shape, 3), dtype=np.uint8)) for name, shape in shapes.items()}
    found = _audit(plain | {"good": draw_picture(0)}, embed=False)
    assert _flagged(found, "exact_duplicate") == {"wide", "wide_again"}


def test_images_unlike_all_others_are_outliers_and_no_good_one_is(faulty: ImageIssues) -> None:
    found = _flagged(faulty, "outlier")
    assert {"black", "white", "stripes"} <= found
    assert not {name for name in found if name.startswith("good")}


def test_copies_form_sets_of_which_the_largest_image_is_kept(faulty: ImageIssues) -> None:
    rows = faulty.table.set_index("row_id")
    sets = rows["duplicate_set"].dropna().groupby(rows["duplicate_set"]).groups
    assert {number: set(members) for number, members in sets.items()} == {
        1: {"good_03", "copy"},
        2: {"good_05", "scaled"},
        3: {"good_07", "recoded"},
    }
    assert set(rows.index[~rows["keep"]]) == {"copy", "good_05", "recoded"}, "of different sizes the largest is kept"
    assert rows.loc["copy", "nearest_neighbor"] == "good_03"
    assert rows.loc["copy", "distance_to_nearest_neighbor"] == 0


def test_the_summary_counts_what_the_table_flags(faulty: ImageIssues) -> None:
    assert faulty.summary["issue_type"].tolist() == list(IMAGE_ISSUE_TYPES)
    assert (faulty.summary["status"] == "ran").all()
    for record in faulty.summary.to_dict("records"):
        name = record["issue_type"]
        assert record["n_issues"] == len(_flagged(faulty, name))
        assert record["share"] == pytest.approx(record["n_issues"] / len(faulty.table))
        assert faulty.table[f"{name}_score"].between(0, 1).all()
    graph_types = faulty.summary.set_index("issue_type").loc[["outlier", "near_duplicate"]]
    assert set(graph_types["metric"]) == {"euclidean"}
    assert set(graph_types["k"]) == {10}


def test_sound_images_have_no_issue() -> None:
    found = _audit({f"good_{number:02d}": draw_picture(number) for number in range(30)})
    flags = found.table.filter(regex="^is_").drop(columns="is_outlier_issue")
    assert not flags.to_numpy().any()
    assert found.table["is_outlier_issue"].mean() <= 0.05
    assert found.table["duplicate_set"].isna().all()
    assert found.table["keep"].all()


def test_the_result_does_not_depend_on_the_call(faulty: ImageIssues) -> None:
    again = _audit(make_faulty_images())
    pd.testing.assert_frame_equal(again.table, faulty.table)
    pd.testing.assert_frame_equal(again.summary, faulty.summary)


def _reasons(found: ImageIssues) -> dict[str, str]:
    skipped = found.summary[found.summary["status"] == "not run"]
    assert skipped["n_issues"].isna().all()
    return dict(zip(skipped["issue_type"], skipped["reason"], strict=True))


def test_without_embedding_the_distance_types_say_why_they_did_not_run() -> None:
    found = _audit({f"good_{number}": draw_picture(number) for number in range(6)}, embed=False)
    reason = "there is no embedding of the images"
    assert _reasons(found) == {"outlier": reason, "near_duplicate": reason}
    assert "is_outlier_issue" not in found.table


def test_one_image_is_compared_with_nothing() -> None:
    found = _audit({"only": draw_picture(0)})
    reasons = _reasons(found)
    assert set(reasons) == {"odd_size", "exact_duplicate", "hash_duplicate", "outlier", "near_duplicate"}
    assert reasons["exact_duplicate"] == "there is one image: nothing to compare it with"
    assert reasons["outlier"] == "there are 1 images, expected at least 5 to know a typical distance"
    assert found.table["keep"].tolist() == [True]


def test_five_images_are_enough_to_know_a_typical_distance() -> None:
    found = _audit({f"good_{number}": draw_picture(number) for number in range(5)})
    assert found.summary.set_index("issue_type").loc[["outlier", "near_duplicate"], "status"].tolist() == ["ran", "ran"]


def test_few_images_have_fewer_neighbours() -> None:
    found = _audit({f"good_{number}": draw_picture(number) for number in range(6)})
    assert found.summary.set_index("issue_type").loc["outlier", "k"] == 5


def test_grey_images_are_not_flagged_where_all_are_grey() -> None:
    pictures = {}
    for number in range(6):
        with Image.open(io.BytesIO(draw_picture(number))) as picture:
            pictures[f"grey_{number}"] = encode_png(np.asarray(picture.convert("L")))
    assert _reasons(_audit(pictures)) == {"grayscale": ALL_GREY}


def test_a_damaged_picture_is_named() -> None:
    whole = draw_picture(0)
    with pytest.raises(AnnotationError, match=r"^broken, field image: found \d+ bytes that cannot be decoded"):
        _audit({"good": draw_picture(1), "broken": whole[: len(whole) // 2]}, embed=False)


def test_no_image_and_missing_embeddings_are_refused() -> None:
    table = make_image_rows({"a": draw_picture(0), "b": draw_picture(1)})
    with pytest.raises(ValueError, match="there is no image to look at"):
        find_image_issues(table.head(0), None, seed=0)
    with pytest.raises(ValueError, match="found 1 embeddings, expected one for each of 2 images"):
        find_image_issues(table, np.zeros((1, 3)), seed=0)


def test_equal_pixels_across_the_split_are_found_whatever_their_encoding() -> None:
    with Image.open(io.BytesIO(draw_picture(1))) as picture:
        stream = io.BytesIO()
        picture.save(stream, format="TIFF")
        blurred = encode_png(np.asarray(picture.filter(ImageFilter.BoxBlur(1))))
    table = make_image_rows({"a": draw_picture(0), "b": draw_picture(1), "c": stream.getvalue(), "d": blurred})
    table["split"] = pd.Categorical(["train", "train", "test", "test"])
    found = find_equal_images_across_splits(table)
    assert found.to_dict("records") == [{"row_id": "c", "equal_train_row": "b"}]
