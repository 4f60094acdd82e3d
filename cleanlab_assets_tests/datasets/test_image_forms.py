"""Annotated images as people have them: what each form reads, says in its notes, and refuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from cleanlab_assets.datasets.download import file_sha256
from cleanlab_assets.datasets.errors import UnreadableInputError
from cleanlab_assets.datasets.images import IGNORED_ID, AnnotationError, decode_image
from cleanlab_assets_tests.datasets.own_images import (
    HEIGHT,
    WIDTH,
    coco,
    mask,
    picture,
    read,
    read_entry,
    save,
    voc,
    write,
)

if TYPE_CHECKING:
    from pathlib import Path

BOX = {"bbox": [2, 3, 8, 9]}
SYSTEM_FILES = ("._a.png", ".DS_Store", "Thumbs.db", "desktop.ini", ".ipynb_checkpoints/b.png", "__MACOSX/b.png")


def test_crowd_regions_are_no_boxes(tmp_path: Path) -> None:
    write(
        tmp_path,
        "coco",
        {"a.json": coco(BOX, {"bbox": [0, 0, 20, 16], "iscrowd": 1}, {"bbox": [1, 1, 9, 9], "ignore": 1})},
    )
    images, notes = read(tmp_path)
    assert images["a.png"].boxes.tolist() == [[2, 3, 10, 12]]
    assert "2 annotations are regions to be ignored (iscrowd or ignore): they are left out" in notes


def test_two_images_of_one_id_are_refused_with_both_names(tmp_path: Path) -> None:
    images = [{"id": 3, "file_name": "a.png"}, {"id": 3, "file_name": "b.png"}]
    write(tmp_path, "coco", {"a.json": coco(images=images), "images/a.png": picture(), "images/b.png": picture(7)})
    with pytest.raises(AnnotationError, match=r"the id 3 stands for 'a\.png' and for 'b\.png'"):
        read(tmp_path)


def test_two_categories_of_one_id_are_refused_with_both_names(tmp_path: Path) -> None:
    write(tmp_path, "coco", {"a.json": coco(BOX, categories=[{"id": 1, "name": "cat"}, {"id": 1, "name": "dog"}])})
    with pytest.raises(AnnotationError, match=r"the id 1 stands for 'cat' and for 'dog'"):
        read(tmp_path)


def turned_picture(*, square: bool) -> tuple[np.ndarray, bytes]:
    """A picture as people see it, with a bright corner, and its file, which says by EXIF to turn it by a quarter."""
    shown = np.zeros((16, 16 if square else 24, 3), dtype=np.uint8)
    shown[:8, :8] = (200, 0, 0)
    return shown, save(np.ascontiguousarray(np.rot90(shown)), "PNG", turn=6)


@pytest.mark.parametrize(
    ("square", "said", "options", "is_turned"),
    [
        (False, (24, 16), "", True),
        (False, (16, 24), "", False),
        (False, None, "", True),
        (True, (16, 16), "", True),
        (True, (16, 16), "turn_by_exif = false", False),
        (False, None, "turn_by_exif = false", False),
        (False, (24, 16), "turn_by_exif = true", True),
    ],
)
def test_pictures_are_turned_as_the_annotations_saw_them(
    tmp_path: Path,
    *,
    square: bool,
    said: tuple[int, int] | None,
    options: str,
    is_turned: bool,
) -> None:
    shown, content = turned_picture(square=square)
    image: dict[str, Any] = {"id": 1, "file_name": "a.png"}
    if said is not None:
        image |= {"width": said[0], "height": said[1]}
    text = coco({"bbox": [1, 1, 6, 6]}, images=[image])
    write(tmp_path, "coco", {"a.json": text, "images/a.png": content}, options=options)
    images, notes = read(tmp_path)
    expected = shown if is_turned else np.rot90(shown)
    np.testing.assert_array_equal(images["a.png"].read_pixels(), expected)
    np.testing.assert_array_equal(decode_image(images["a.png"].image), expected)
    assert ("1 (a.png)" in notes) == (is_turned or not options)


def test_a_size_that_the_picture_does_not_have_is_refused(tmp_path: Path) -> None:
    image = {"id": 1, "file_name": "a.png", "width": 16, "height": 20}
    write(tmp_path, "coco", {"a.json": coco(BOX, images=[image])})
    with pytest.raises(AnnotationError, match=r"image 1 \(a\.png\): .* 16 x 20 pixels, but the picture has 20 x 16"):
        read(tmp_path)


@pytest.mark.parametrize(("largest", "form"), [(65535, "PNG"), (4000, "PNG"), (4000, "TIFF")])
def test_pictures_of_16_bits_are_not_white(tmp_path: Path, largest: int, form: str) -> None:
    values = np.linspace(0, largest, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH).round().astype(np.uint16)
    name = f"a.{form.lower()}"
    text = coco(BOX, images=[{"id": 1, "file_name": name}])
    write(tmp_path, "coco", {"a.json": text, f"images/{name}": save(values, form)})
    images, notes = read(tmp_path)
    white = 65535 if largest > 4095 else 4095
    expected = np.round(values * (255 / white)).astype(np.uint8)
    np.testing.assert_array_equal(images[name].read_pixels()[:, :, 0], expected)
    assert f"{white} is shown as white" in notes

    write(tmp_path, "coco", {f"images/{name}": save(values, form)}, options="white = 30000")
    assert read(tmp_path)[0][name].read_pixels().max() == min(255, round(largest * 255 / 30000))


@pytest.mark.parametrize(
    ("boxes", "options", "expected", "said"),
    [
        ([("cat", 1, 4, 20, 12)], "", [0, 3, 20, 12], ""),
        ([("cat", 0, 3, 19, 11)], "", [0, 3, 20, 12], "pixels are counted from 0, since 1 of 1 boxes"),
        ([("cat", 0, 3, 20, 12)], "", [0, 3, 20, 12], "xmax and ymax lie just outside of a box"),
        ([("cat", 5, 4, 10, 12)], "counts_from = 0", [5, 4, 11, 13], ""),
        ([("cat", 5, 4, 10, 12)], 'counts_from = 0\nfar_edge = "outside"', [5, 4, 10, 12], ""),
    ],
)
def test_voc_counts_from_1_or_0(tmp_path: Path, boxes: Any, options: str, expected: list[int], said: str) -> None:
    write(tmp_path, "voc", {"xml/a.xml": voc(*boxes)}, options=options)
    images, notes = read(tmp_path)
    assert images["a.png"].boxes.tolist() == [expected]
    assert said in notes


def test_a_stated_count_is_kept_and_a_0_refused(tmp_path: Path) -> None:
    write(tmp_path, "voc", {"xml/a.xml": voc(("cat", 0, 4, 9, 9))}, options="counts_from = 1")
    with pytest.raises(AnnotationError, match=r"a\.xml, object 1 \(cat\): found xmin 0, .*xmin lies outside"):
        read(tmp_path)


def test_the_picture_of_an_xml_file_is_that_of_its_own_name_where_filename_lies(tmp_path: Path) -> None:
    both: dict[str, str | bytes] = {"images/a.png": picture(1), "images/b.png": picture(2)}
    texts: dict[str, str | bytes] = {
        "xml/a.xml": voc(("cat", 2, 2, 5, 5), filename="IMG_1.jpg"),
        "xml/b.xml": voc(filename="C:\\x\\b.png"),
    }
    write(tmp_path, "voc", texts | both)
    images, notes = read(tmp_path)
    assert {name: len(image.boxes) for name, image in images.items()} == {"a.png": 1, "b.png": 0}
    assert "is the one of their own name, not of filename: 1 (a.xml)" in notes

    write(tmp_path, "voc", texts | both | {"xml/a.xml": voc(("cat", 2, 2, 5, 5), filename="b.png"), "xml/b.xml": voc()})
    with pytest.raises(AnnotationError, match=r"a\.xml: found the filename 'b\.png', while there is a\.png, too"):
        read(tmp_path)
    write(tmp_path, "voc", both, options='picture_by = "stem"')
    assert len(read(tmp_path)[0]["a.png"].boxes) == 1
    write(tmp_path, "voc", both, options='picture_by = "filename"')
    assert len(read(tmp_path)[0]["b.png"].boxes) == 1


@pytest.mark.parametrize(
    ("form", "files", "note"),
    [
        ("coco", {"a.json": coco(BOX)}, "pictures that a.json does not name, left out: 2 (b.png, c.png)"),
        ("voc", {"xml/a.xml": voc(("cat", 2, 2, 5, 5))}, "pictures without an XML file, left out: 2 (b.png, c.png)"),
        ("yolo", {"labels/a.txt": "0 .5 .5 .2 .2"}, "taken for pictures without an object: 2 (b.png, c.png)"),
    ],
)
def test_pictures_without_annotation_are_counted(tmp_path: Path, form: str, files: dict[str, str], note: str) -> None:
    write(tmp_path, form, {**files, **{f"images/{name}.png": picture(ord(name)) for name in "abc"}})
    assert note in read(tmp_path)[1]


def test_a_picture_without_a_mask_and_a_mask_without_a_picture_are_told(tmp_path: Path) -> None:
    masks = {f"masks/{name}.png": save(mask((1, 1, 9, 9, 1), (9, 9, 12, 12, 2))) for name in "ab"}
    write(tmp_path, "mask_pairs", masks)
    assert "masks without a picture, left out: 1 (b)" in read(tmp_path)[1]
    write(tmp_path, "mask_pairs", {"images/c.png": picture()})
    with pytest.raises(
        AnnotationError, match=r"no mask for c\.png: expected masks/c\.png; found masks such as a: state"
    ):
        read(tmp_path)


@pytest.mark.parametrize("form", ["coco", "voc", "yolo", "mask_pairs"])
def test_background_named_first_shifts_no_class(tmp_path: Path, form: str) -> None:
    files: dict[str, dict[str, str | bytes]] = {
        "coco": {"a.json": coco(BOX | {"category_id": 2})},
        "voc": {"xml/a.xml": voc(("dog", 3, 4, 10, 12))},
        "yolo": {"labels/a.txt": f"2 {6 / 20} {7.5 / 16} {8 / 20} {9 / 16}"},
        "mask_pairs": {"masks/a.png": save(mask((2, 3, 10, 12, 2)))},
    }
    write(tmp_path, form, files[form], names=("background", "cat", "dog"))
    images, notes = read(tmp_path)
    assert read_entry(tmp_path).class_names == ("cat", "dog")
    assert images["a.png"].classes == ("dog",)
    assert "'background' stands first among the class names" in notes
    write(tmp_path, form, {}, names=("cat", "background", "dog"))
    with pytest.raises(UnreadableInputError, match="class_names: found 'background' in place 2"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["a|b", " "])
def test_a_class_name_that_cannot_be_told_apart_is_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path, "coco", {"a.json": coco(BOX)}, names=("cat", name))
    with pytest.raises(UnreadableInputError, match="class_names: found the name"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("form", "files", "more"),
    [
        ("coco", {"a.json": coco(BOX)}, ""),
        ("voc", {"xml/a.xml": voc(("dog", 3, 4, 10, 12), ("cat", 3, 4, 10, 12))}, ""),
        ("yolo", {"labels/a.txt": "0 .5 .5 .2 .2", "data.yaml": "nc: 2\nnames: [cat, dog]\n"}, 'classes = "data.yaml"'),
        (
            "yolo",
            {"labels/a.txt": "0 .5 .5 .2 .2", "data.yaml": "names:\n  0: cat\n  1: dog\n"},
            'classes = "data.yaml"',
        ),
        ("yolo", {"labels/a.txt": "0 .5 .5 .2 .2", "classes.txt": "cat\ndog\n"}, 'classes = "classes.txt"'),
    ],
)
def test_class_names_are_those_of_the_files(tmp_path: Path, form: str, files: dict[str, str], more: str) -> None:
    write(tmp_path, form, files, names=(), more_files=more)
    assert read_entry(tmp_path).class_names == ("cat", "dog")
    assert "classes, since class_names states none: 'cat', 'dog'" in read(tmp_path)[1]


def test_yolo_without_names_says_where_they_may_be(tmp_path: Path) -> None:
    write(tmp_path, "yolo", {"labels/a.txt": "0 .5 .5 .2 .2", "data.yaml": "names: [cat]"}, names=())
    with pytest.raises(UnreadableInputError, match=r'state classes = "data\.yaml" under \[files\]'):
        read(tmp_path)


POLYGON = [2, 3, 10, 3, 10, 12, 2, 12]
ROWS = np.zeros((HEIGHT, WIDTH), dtype=bool)
ROWS[3:12, 2:10] = True


def run_lengths(region: np.ndarray) -> list[int]:
    """Run lengths column by column, of outside and inside in turn."""
    values = np.concatenate([[False], region.T.ravel(), [not region.T.ravel()[-1]]])
    ends = np.flatnonzero(values[1:] != values[:-1])
    return [int(length) for length in np.diff([0, *ends])]


@pytest.mark.parametrize(
    "segmentation",
    [
        [POLYGON],
        [[2, 3, 10, 3, 10, 7, 2, 7], [2, 7, 10, 7, 10, 12, 2, 12]],
        {"size": [HEIGHT, WIDTH], "counts": run_lengths(ROWS)},
    ],
)
@pytest.mark.parametrize("family", ["object_detection", "segmentation"])
def test_coco_regions_are_boxes_and_masks(tmp_path: Path, family: str, segmentation: Any) -> None:
    write(tmp_path, "coco", {"a.json": coco({"segmentation": segmentation, "category_id": 2})}, family=family)
    images, notes = read(tmp_path)
    if family == "segmentation":
        np.testing.assert_array_equal(images["a.png"].class_mask, np.where(ROWS, 2, 0))
    else:
        assert images["a.png"].boxes.tolist() == [[2, 3, 10, 12]]
        assert "1 annotations without bbox have the box of their segmentation" in notes


def test_crowds_of_masks_take_no_part(tmp_path: Path) -> None:
    crowd = {"segmentation": {"size": [HEIGHT, WIDTH], "counts": run_lengths(ROWS)}, "iscrowd": 1}
    write(
        tmp_path,
        "coco",
        {"a.json": coco({"segmentation": [POLYGON]}, crowd, BOX | {"segmentation": [[12, 1, 15, 1, 15, 4]]})},
        family="segmentation",
    )
    images, notes = read(tmp_path)
    np.testing.assert_array_equal(images["a.png"].find_ignored_pixels(), ROWS)
    assert images["a.png"].classes == ("cat",)
    assert "1 annotations are regions to be ignored (iscrowd or ignore): their pixels take no part" in notes


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ([[1, 2, 3]], "found the polygon [1, 2, 3] in segmentation, expected x and y of at least 3 points"),
        ([], "found an empty segmentation"),
        ({"size": [20, 16], "counts": [320]}, "found run lengths of the size [20, 16], expected height and width"),
        ({"size": [16, 20], "counts": [319]}, "run lengths that add up to 319, expected 20 x 16 = 320 pixels"),
        ({"size": [16, 20], "counts": "\t"}, "the character '\\t' in place 1"),
        ("x", "found the segmentation 'x', expected polygons, or run lengths"),
        (None, "found the segmentation None, expected polygons, or run lengths"),
    ],
)
def test_a_wrong_segmentation_is_named(tmp_path: Path, segmentation: Any, message: str) -> None:
    write(tmp_path, "coco", {"a.json": coco(BOX | {"segmentation": segmentation})}, family="segmentation")
    with pytest.raises(AnnotationError) as caught:
        read(tmp_path)
    assert "a.json, annotation 0 (a.png): " in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize("family", ["object_detection", "segmentation"])
def test_yolo_polygons(tmp_path: Path, family: str) -> None:
    shares = " ".join(str(value / side) for value, side in zip(POLYGON, [WIDTH, HEIGHT] * 4, strict=True))
    write(tmp_path, "yolo", {"labels/a.txt": f"\n1 {shares}\n"}, family=family)
    images, notes = read(tmp_path)
    if family == "segmentation":
        np.testing.assert_array_equal(images["a.png"].class_mask, np.where(ROWS, 2, 0))
    else:
        assert images["a.png"].boxes.tolist() == [[2, 3, 10, 12]]
        assert "1 lines are polygons, of which the box around them is taken" in notes


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2 .5 .5 .2 .2", "found the class '2', expected a whole number from 0 to 1"),
        ("1.0 .5 .5 .2 .2", "found the class '1.0', expected a whole number"),
        ("0 5 .5 .2 .2", "expected shares of the picture from 0 to 1"),
        ("0 .5 .5 .2 nan", "expected shares of the picture from 0 to 1"),
        ("0 .5 .5 .2", "found 4 numbers, expected a class and 4"),
        ("0 .5 .5 .2 .2 .9", "the last one is the confidence of a prediction"),
        ("0 .5 .5 .2 x", "found '0 .5 .5 .2 x', expected numbers"),
        ("0 .5 .5 0 .2", "the box has no width"),
        ("0 .95 .5 .2 .2", "the right edge lies outside the picture of 20 x 16 pixels"),
    ],
)
def test_a_wrong_line_of_yolo_is_named(tmp_path: Path, line: str, message: str) -> None:
    write(tmp_path, "yolo", {"labels/a.txt": f"0 .5 .5 .2 .2\n{line}\n"})
    with pytest.raises(AnnotationError) as caught:
        read(tmp_path)
    assert str(caught.value).startswith("labels/a.txt, line 2: ")
    assert message in str(caught.value)


def test_an_edge_of_yolo_that_is_rounded_lies_on_the_border(tmp_path: Path) -> None:
    write(tmp_path, "yolo", {"labels/a.txt": "0 0.166667 0.5 0.333335 1.0"})
    assert read(tmp_path)[0]["a.png"].boxes[0, 0] == 0


@pytest.mark.parametrize(
    ("values", "names", "options", "expected", "said"),
    [
        (mask((1, 1, 9, 9, 255)), ("thing",), "", mask((1, 1, 9, 9, 1)), "255 is 'thing'"),
        (mask((1, 1, 9, 9, 100)), ("thing",), "ids = { thing = 100 }", mask((1, 1, 9, 9, 1)), ""),
        (
            mask((1, 1, 9, 9, 7), (9, 9, 12, 12, 9)),
            (),
            "ids = { cat = [7, 8], dog = 9 }",
            mask((1, 1, 9, 9, 1), (9, 9, 12, 12, 2)),
            "classes, since class_names states none: 'cat', 'dog'",
        ),
        (
            mask((1, 1, 9, 9, 1), (9, 9, 12, 12, 2), (0, 15, 9, 16, 255)),
            ("cat", "dog"),
            "",
            mask((1, 1, 9, 9, 1), (9, 9, 12, 12, 2), (0, 15, 9, 16, IGNORED_ID)),
            "pixels of the value 255 take no part",
        ),
        (
            mask((1, 1, 9, 9, 1), (0, 15, 9, 16, 50)),
            ("cat", "dog"),
            "ignore = [50]",
            mask((1, 1, 9, 9, 1), (0, 15, 9, 16, IGNORED_ID)),
            "pixels that take no part: those of 50",
        ),
        (np.stack([mask((1, 1, 9, 9, 1))] * 3, axis=2), ("cat",), "", mask((1, 1, 9, 9, 1)), ""),
        (
            np.stack([mask((1, 1, 9, 9, 200), (9, 9, 12, 12, 5)), mask(), mask()], axis=2),
            ("cat", "dog"),
            'colours = { cat = "#c80000", dog = "#050000" }',
            mask((1, 1, 9, 9, 1), (9, 9, 12, 12, 2)),
            "",
        ),
    ],
)
def test_values_and_colours_of_masks(  # noqa: PLR0917
    tmp_path: Path, values: np.ndarray, names: tuple[str, ...], options: str, expected: np.ndarray, said: str
) -> None:
    write(tmp_path, "mask_pairs", {"masks/a.png": save(values)}, names=names, options=options)
    images, notes = read(tmp_path)
    np.testing.assert_array_equal(images["a.png"].class_mask, expected)
    assert said in notes


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (
            save(mask((1, 1, 9, 9, 255))),
            "",
            "values 255 in masks: 1 (masks/a.png); expected 0 (background), 1 (cat), 2",
        ),
        (save(mask((1, 1, 9, 9, 1)), "JPEG"), "", "found a JPEG, whose compression changes values"),
        (
            save(mask((1, 1, 9, 9, 1))),
            "ids = { cow = 1 }",
            "found 'cow' under ids, expected background or one of cat, dog",
        ),
        (save(mask((1, 1, 9, 9, 1))), "ids = { cat = 1 }", "options: found no ids of dog"),
        (save(mask((1, 1, 9, 9, 1))), "ids = { cat = 1, dog = 1 }", "options.ids: expected each value once"),
        (save(mask((1, 1, 9, 9, 1))), 'colours = { cat = "red" }', "expected a colour such as #ff0000, found 'red'"),
        (save(mask()), "", "masks: found no object on any of 1 pictures, every mask is all background"),
        (
            save(mask((1, 1, 9, 9, 1)).astype(np.float32), "TIFF"),
            "",
            "found pixels of the kind F, expected whole numbers",
        ),
    ],
)
def test_a_mask_that_tells_no_classes_is_refused(tmp_path: Path, content: bytes, options: str, message: str) -> None:
    write(tmp_path, "mask_pairs", {"masks/a.png": content}, options=options)
    with pytest.raises(UnreadableInputError) as caught:
        read(tmp_path)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("files", "options", "row_id", "said"),
    [
        (("images/a.jpg", "masks/a_mask.png"), "", "a.jpg", "the names of masks add _mask"),
        (("images/a.tif", "masks/a.tif"), "", "a.tif", ""),
        (("images/x/y/a.bmp", "masks/x/y/a.bmp"), "", "x/y/a.bmp", ""),
        (("images/a_img.png", "masks/a_seg.png"), 'picture_suffix = "_img"\nmask_suffix = "_seg"', "a_img.png", ""),
        (("images/a.png", "images/a_mask.png"), 'mask_suffix = "_mask"', "a.png", ""),
        (("images/a.PNG", "masks/a.PNG"), "", "a.PNG", ""),
    ],
)
def test_pairs_of_pictures_and_masks(
    tmp_path: Path, files: tuple[str, str], options: str, row_id: str, said: str
) -> None:
    form_of = {"jpg": "JPEG", "tif": "TIFF", "bmp": "BMP", "png": "PNG"}
    pixels = decode_image(picture())
    contents = {
        files[0]: save(pixels, form_of[files[0].rpartition(".")[2].lower()]),
        files[1]: save(mask((1, 1, 9, 9, 1)), form_of[files[1].rpartition(".")[2].lower()]),
    }
    folder = write(tmp_path, "mask_pairs", contents, names=("cat",), options=options)
    if files[1].startswith("images/"):
        path = folder / "dataset.toml"
        path.write_text(path.read_text().replace('masks = "masks"', 'masks = "images"'))
    images, notes = read(tmp_path)
    np.testing.assert_array_equal(images[row_id].class_mask, mask((1, 1, 9, 9, 1)))
    assert images[row_id].image.startswith((b"\x89PNG", b"\xff\xd8"))
    assert said in notes


@pytest.mark.parametrize("kind", ["folder", "folder within", "file", "annotations"])
def test_links_are_followed_and_what_they_lead_to_is_known_by_its_content(tmp_path: Path, kind: str) -> None:
    data_dir, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    folder = write(
        data_dir,
        "coco",
        {"a.json": coco(BOX, images=[{"id": 1, "file_name": "sub/a.png"}]), "images/sub/a.png": picture()},
    )
    link = (
        folder
        / {"folder": "images", "folder within": "images/sub", "file": "images/sub/a.png", "annotations": "a.json"}[kind]
    )
    link.rename(elsewhere)
    link.symlink_to(elsewhere)
    assert list(read(data_dir)[0]) == ["sub/a.png"]
    before = file_sha256(folder / "images")
    (folder / "images" / "sub" / "a.png").write_bytes(picture(200))
    assert file_sha256(folder / "images") != before


def test_a_circle_of_links_ends_and_a_link_to_nothing_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path, "yolo", {"labels/a.txt": "0 .5 .5 .2 .2", "images/a.png": picture()})
    (folder / "images" / "again").symlink_to(folder / "images")
    assert list(read(tmp_path)[0]) == ["a.png"]
    (folder / "images" / "b.png").symlink_to(tmp_path / "nowhere")
    with pytest.raises(AnnotationError, match=r"b\.png: cannot read the picture: No such file"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "images/../../secret.png"])
def test_names_in_files_do_not_lead_out_of_the_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "secret.png").write_bytes(picture())
    write(tmp_path, "coco", {"a.json": coco(BOX, images=[{"id": 1, "file_name": name}])})
    with pytest.raises(AnnotationError, match=r"found the picture .*, expected a file of images"):
        read(tmp_path)
    write(tmp_path, "coco", {}).joinpath("dataset.toml").write_text(
        'family = "object_detection"\nformat = "coco"\n[files]\nannotations = "../a.json"\nimages = "i"\n'
    )
    with pytest.raises(
        UnreadableInputError, match=r"files\.annotations: found '\.\./a\.json', expected a file in the same"
    ):
        read(tmp_path)


def test_files_of_operating_systems_are_no_pictures(tmp_path: Path) -> None:
    extra = {f"images/{name}": b"x" for name in SYSTEM_FILES}
    folder = write(
        tmp_path, "yolo", {"labels/a.txt": "0 .5 .5 .2 .2", "labels/._a.txt": b"\x00\x05", "images/a.png": picture()}
    )
    before = file_sha256(folder / "images")
    write(tmp_path, "yolo", extra)
    assert list(read(tmp_path)[0]) == ["a.png"]
    assert file_sha256(folder / "images") == before


def test_names_compare_in_nfc(tmp_path: Path) -> None:
    text = coco(BOX, images=[{"id": 1, "file_name": "u\u0308.png"}], categories=[{"id": 1, "name": "Ka\u0308se"}])
    write(tmp_path, "coco", {"a.json": text, "images/\u00fc.png": picture()}, names=("K\u00e4se",))
    assert read(tmp_path)[0]["\u00fc.png"].classes == ("K\u00e4se",)


def test_all_faults_are_told_at_once_the_first_20_of_them(tmp_path: Path) -> None:
    wrong: list[dict[str, Any]] = [
        {"bbox": [0, 0, 0, 5]},
        {"bbox": [-3, 0, 5, 5]},
        {"category_id": 9, "bbox": [1, 1, 2, 2]},
    ]
    images = [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"}]
    files = {"images/a.png": picture(), "images/b.png": picture()[:50]}
    write(tmp_path, "coco", {"a.json": coco(*wrong, images=images), **files})
    with pytest.raises(AnnotationError) as caught:
        read(tmp_path)
    told = str(caught.value).split("\n")
    assert len(told) == 4
    for part in ("annotation 0 (a.png)", "annotation 1 (a.png)", "annotation 2 (a.png)", "image 2 (b.png)"):
        assert any(part in line for line in told)
    write(tmp_path, "coco", {"a.json": coco(*wrong * 10)})
    with pytest.raises(AnnotationError, match=r"and 10 more$") as caught:
        read(tmp_path)
    assert len(str(caught.value).split("\n")) == 21


@pytest.mark.parametrize(
    ("form", "files"),
    [("coco", {"a.json": coco()}), ("voc", {"xml/a.xml": voc()}), ("yolo", {"labels/a.txt": ""})],
)
def test_no_box_at_all_is_refused(tmp_path: Path, form: str, files: dict[str, str]) -> None:
    write(tmp_path, form, files)
    with pytest.raises(AnnotationError, match="found no object on any of 1 pictures, expected boxes of some class"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("bbox", "option", "expected", "said"),
    [
        ([-3, 1, 10, 10], "clip_boxes = true", [[2, 3, 10, 12], [0, 1, 7, 11]], "1 boxes pass the border"),
        (
            [3, 1, 0, 10],
            "leave_out_empty_boxes = true",
            [[2, 3, 10, 12]],
            "1 boxes without width or height are left out",
        ),
    ],
)
def test_boxes_that_do_not_fit_are_mended_where_the_user_says_so(
    tmp_path: Path, bbox: list[int], option: str, expected: list[list[int]], said: str
) -> None:
    write(tmp_path, "coco", {"a.json": coco(BOX, {"bbox": bbox})}, options=option)
    images, notes = read(tmp_path)
    assert images["a.png"].boxes.tolist() == expected
    assert said in notes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "a.json: found a list at the top, expected an object with images, categories, annotations"),
        ('{"info": 1}', "a.json: found the keys info, expected a list under images"),
        (
            json.dumps({"images": {}, "categories": [], "annotations": []}),
            "a.json: found an object, expected a list under i",
        ),
        ("{", "a.json, line 1, column 2: not JSON"),
    ],
)
def test_a_file_that_is_not_coco_is_told(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, "coco", {"a.json": text})
    with pytest.raises(UnreadableInputError) as caught:
        read(tmp_path)
    assert message in str(caught.value)


def test_an_xml_file_of_another_encoding_is_read_by_its_declaration_or_named(tmp_path: Path) -> None:
    text = '<?xml version="1.0" encoding="gb2312"?>' + voc(("猫", 2, 2, 5, 5))
    write(tmp_path, "voc", {"xml/a.xml": text.encode("gb2312")}, names=("猫",))
    assert read(tmp_path)[0]["a.png"].box_labels == ("猫",)
    write(tmp_path, "voc", {"xml/a.xml": text.encode("gb2312"), "xml/b.xml": "<a", "images/a.png": picture()})
    write(tmp_path, "voc", {"xml/c.xml": text.replace("gb2312", "no-such")}, names=("猫",))
    with pytest.raises(
        AnnotationError, match=r"(?s)b\.xml is not XML.*c\.xml, line 1: declares the encoding 'no-such'"
    ):
        read(tmp_path)
