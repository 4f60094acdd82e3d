"""A user's own folder of pictures, in each of the four forms, from its description into the raw table."""

from __future__ import annotations

import itertools
import json
import re
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from cleanlab_assets.datasets.download import file_sha256, resolve_source_files
from cleanlab_assets.datasets.errors import UnreadableInputError
from cleanlab_assets.datasets.images import AnnotationError, decode_mask, encode_png, read_image_table
from cleanlab_assets.orchestration.contracts import find_schema_violation
from cleanlab_assets.orchestration.datasets import datasets_of, forget_datasets, get_dataset
from cleanlab_assets_tests.datasets.table_checks import hash_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pandas as pd

CLASSES = ("cat", "dog")
BOXES = {
    "one.png": [((2, 3, 10, 12), "dog"), ((0, 0, 20, 16), "cat")],
    "two.png": [],
    "three.png": [((5, 5, 6, 6), "cat")],
}
FORMATS = ("coco", "voc", "yolo", "mask_pairs")


def draw_picture(shade: int) -> bytes:
    return encode_png(np.full((16, 20, 3), shade, dtype=np.uint8))


def draw_mask(name: str) -> np.ndarray:
    mask = np.zeros((16, 20), dtype=np.int32)
    for (x1, y1, x2, y2), label in reversed(BOXES[name]):
        mask[y1:y2, x1:x2] = CLASSES.index(label) + 1
    return mask


def write_coco(folder: Path) -> str:
    content: dict[str, Any] = {
        "images": [{"id": 10 * number, "file_name": name} for number, name in enumerate(BOXES)],
        "categories": [{"id": 3, "name": "dog"}, {"id": 7, "name": "cat"}],
        "annotations": [
            {"image_id": 10 * number, "category_id": {"dog": 3, "cat": 7}[label], "bbox": [x1, y1, x2 - x1, y2 - y1]}
            for number, found in enumerate(BOXES.values())
            for (x1, y1, x2, y2), label in found
        ],
    }
    (folder / "boxes.json").write_text(json.dumps(content))
    return 'annotations = "boxes.json"'


def write_voc(folder: Path) -> str:
    (folder / "xml").mkdir()
    for name, found in BOXES.items():
        objects = "".join(
            f"<object><name>{label}</name><bndbox><xmin>{x1 + 1}</xmin><ymin>{y1 + 1}</ymin><xmax>{x2}</xmax>"
            f"<ymax>{y2}</ymax></bndbox></object>"
            for (x1, y1, x2, y2), label in found
        )
        text = f"<annotation><filename>{name}</filename>{objects}</annotation>"
        (folder / "xml" / name.replace(".png", ".xml")).write_text(text)
    return 'annotations = "xml"'


def write_yolo(folder: Path) -> str:
    (folder / "labels").mkdir()
    for name, found in BOXES.items():
        lines = [
            f"{CLASSES.index(label)} {(x1 + x2) / 40} {(y1 + y2) / 32} {(x2 - x1) / 20} {(y2 - y1) / 16}\n"
            for (x1, y1, x2, y2), label in found
        ]
        (folder / "labels" / name.replace(".png", ".txt")).write_text("".join(lines))
    return 'labels = "labels"'


def write_mask_pairs(folder: Path) -> str:
    (folder / "masks").mkdir()
    for name in BOXES:
        (folder / "masks" / name).write_bytes(encode_png(draw_mask(name)))
    return 'masks = "masks"'


WRITERS: dict[str, Callable[[Path], str]] = {
    "coco": write_coco,
    "voc": write_voc,
    "yolo": write_yolo,
    "mask_pairs": write_mask_pairs,
}


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data directory that the catalogue reads, with one folder for each form."""
    for form, write in WRITERS.items():
        folder = tmp_path / f"my_{form}"
        (folder / "images").mkdir(parents=True)
        for number, name in enumerate(BOXES):
            (folder / "images" / name).write_bytes(draw_picture(40 * (number + 1)))
        family = "segmentation" if form == "mask_pairs" else "object_detection"
        (folder / "dataset.toml").write_text(
            f'family = "{family}"\nformat = "{form}"\ntitle = "Pets"\nclass_names = {list(CLASSES)}\n'
            f'[files]\nimages = "images"\n{write(folder)}\n'
        )
    monkeypatch.setenv("CLEANLAB_DEMO_DATA_DIR", str(tmp_path))
    forget_datasets()
    yield tmp_path
    forget_datasets()


def load(data_dir: Path, form: str) -> pd.DataFrame:
    dataset = get_dataset(f"my_{form}")
    return dataset.load(resolve_source_files(dataset, data_dir))


def source_hashes(data_dir: Path, form: str) -> dict[str, str]:
    """What the freshness of a user's own files is told by."""
    dataset = get_dataset(f"my_{form}")
    return {name: file_sha256(path) for name, path in resolve_source_files(dataset, data_dir).items()}


def test_every_form_is_offered_to_its_family(data_dir: Path) -> None:
    assert {"my_coco", "my_voc", "my_yolo"} <= set(datasets_of("object_detection"))
    assert "my_mask_pairs" in datasets_of("segmentation")
    for form in FORMATS:
        table = load(data_dir, form)
        assert find_schema_violation(get_dataset(f"my_{form}"), table) is None
        assert sorted(table["row_id"]) == sorted(BOXES)


@pytest.mark.parametrize("form", ["coco", "voc", "yolo"])
def test_boxes_and_classes_are_those_of_the_annotation(data_dir: Path, form: str) -> None:
    images = {image.row_id: image for image in read_image_table(load(data_dir, form), CLASSES)}
    for name, expected in BOXES.items():
        assert images[name].boxes.tolist() == [list(box) for box, _ in expected]
        assert images[name].box_labels == tuple(label for _, label in expected)
        assert images[name].class_mask is None
    table = load(data_dir, form).set_index("row_id")
    assert table["classes"].to_dict() == {"one.png": "cat|dog", "two.png": "", "three.png": "cat"}
    assert table.loc["three.png", "image"] == draw_picture(120)


def test_masks_and_classes_are_those_of_the_pairs(data_dir: Path) -> None:
    table = load(data_dir, "mask_pairs").set_index("row_id")
    for name, content in table["class_mask"].items():
        np.testing.assert_array_equal(decode_mask(content), draw_mask(str(name)))
    assert table["classes"].to_dict() == {"one.png": "cat|dog", "two.png": "", "three.png": "cat"}
    assert (table["boxes"] == "[]").all()


@pytest.mark.parametrize("form", FORMATS)
def test_a_changed_picture_or_annotation_changes_the_hashes(data_dir: Path, form: str) -> None:
    places = {"coco": "boxes.json", "voc": "xml/three.xml", "yolo": "labels/three.txt", "mask_pairs": "masks/three.png"}
    annotation = places[form]
    folder = data_dir / f"my_{form}"
    seen = [(hash_table(load(data_dir, form)), source_hashes(data_dir, form))]

    assert (hash_table(load(data_dir, form)), source_hashes(data_dir, form)) == seen[0]
    (folder / "images" / "two.png").write_bytes(draw_picture(200))
    seen.append((hash_table(load(data_dir, form)), source_hashes(data_dir, form)))
    path = folder / annotation
    if form == "mask_pairs":
        path.write_bytes(encode_png(np.roll(draw_mask("three.png"), 1, axis=0)))
    else:
        text = path.read_text().replace('"category_id": 7', '"category_id": 3').replace("<name>cat", "<name>dog")
        path.write_text(re.sub("^0 ", "1 ", text))
    seen.append((hash_table(load(data_dir, form)), source_hashes(data_dir, form)))

    data_hashes = {data_hash for data_hash, _ in seen}
    changed = [
        {name for name in before if before[name] != after[name]} for (_, before), (_, after) in itertools.pairwise(seen)
    ]
    assert changed == [{"images"}, {annotation.partition("/")[0]}]
    assert len(data_hashes) == len(seen), "the classes or masks of the table changed, and so did its data version"


@pytest.mark.parametrize("form", FORMATS)
def test_a_picture_that_is_absent_damaged_or_no_picture_is_named(data_dir: Path, form: str) -> None:
    folder = data_dir / f"my_{form}"
    picture = folder / "images" / "three.png"
    rng = np.random.default_rng(0)
    whole = encode_png(rng.integers(0, 256, (16, 20, 3)).astype(np.uint8))
    picture.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AnnotationError, match=r"three\.png\)?: found a damaged picture"):
        load(data_dir, form)
    picture.write_text("no picture")
    with pytest.raises(AnnotationError, match=r"three\.png\)?: found 10 bytes that are not an image"):
        load(data_dir, form)
    if form in {"coco", "voc"}:
        picture.unlink()
        with pytest.raises(
            AnnotationError, match=r"(boxes\.json, image 20|three\.xml): found the picture 'three\.png', exp"
        ):
            load(data_dir, form)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"bbox": [5, 5, 1]},
            r"annotation no\. 3 \(three\.png\): found the bbox \[5, 5, 1\], expected x, y",
        ),
        (
            {"bbox": [5, "five", 1, 1]},
            r"annotation no\. 3 \(three\.png\): found the bbox \[5, 'five', 1, 1\]",
        ),
        ({"bbox": None}, r"annotation no\. 3 \(three\.png\): found neither bbox nor segmentation"),
        (
            {"id": 17, "bbox": [5, 5, 15.5, 1]},
            r"annotation 17 \(three\.png\): .*x \+ width lies outside the .* 20 x 16",
        ),
        ({"bbox": [5, 5, 1, -1]}, r"annotation no\. 3 \(three\.png\): .*\[5, 5, 1, -1\]: y lies behind y \+ height"),
        ({"bbox": [5, 5, 0, 1]}, r"annotation no\. 3 \(three\.png\): .*\[5, 5, 0, 1\]: the box has no width"),
        (
            {"category_id": 8},
            r"annotation no\. 3 \(three\.png\): found the category_id 8, which categories",
        ),
        ({"image_id": 99}, r"boxes\.json, annotation no\. 3: found the image_id 99, which images does not hold"),
        ({"iscrowd": "yes"}, r"annotation no\. 3 \(three\.png\): found iscrowd 'yes', expected 0 or 1"),
    ],
)
def test_a_wrong_coco_annotation_is_named(data_dir: Path, change: dict[str, Any], message: str) -> None:
    path = data_dir / "my_coco" / "boxes.json"
    content = json.loads(path.read_text())
    content["annotations"][2] |= change
    path.write_text(json.dumps(content))
    with pytest.raises(AnnotationError, match=message):
        load(data_dir, "coco")


def test_a_sum_of_decimals_may_reach_the_border(data_dir: Path) -> None:
    """Centre and width of a share of the picture, as other forms have them, become an edge 4e-15 outside."""
    x, width = (0.918 - 0.164 / 2) * 20, 0.164 * 20
    assert x + width > 20
    path = data_dir / "my_coco" / "boxes.json"
    content = json.loads(path.read_text())
    content["annotations"][2]["bbox"] = [x, 5, width, 1]
    path.write_text(json.dumps(content))
    (image,) = [image for image in read_image_table(load(data_dir, "coco"), CLASSES) if image.row_id == "three.png"]
    assert image.boxes.tolist() == [[x, 5, 20, 6]]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<xmin>6<", "<xmin>six<", r"three\.xml, object 1 \(cat\): found the xmin 'six', expected a number"),
        ("<ymax>6<", "<ymax>17<", r"three\.xml, object 1 \(cat\): .*ymax 17: ymax lies outside the picture of 20 x 16"),
        ("<xmax>6</xmax>", "", r"three\.xml, object 1 \(cat\): found no xmax in bndbox"),
        ("<name>cat<", "<name>cow<", r"three\.xml, object 1: found the name 'cow', expected one of cat, dog"),
        ("</annotation>", "", r"three\.xml is not XML"),
        (
            "three.png",
            "../../secret.png",
            r"four\.xml: found the picture '\.\./\.\./secret\.png', expected a file of images",
        ),
    ],
)
def test_a_wrong_voc_annotation_is_named(data_dir: Path, old: str, new: str, message: str) -> None:
    path = data_dir / "my_voc" / "xml" / "three.xml"
    path.write_text(path.read_text().replace(old, new))
    path = path.rename(path.with_name("three.xml" if "secret" not in new else "four.xml"))
    shutil.copy(data_dir / "my_voc" / "images" / "one.png", data_dir / "secret.png")
    with pytest.raises(UnreadableInputError, match=message):
        load(data_dir, "voc")


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (None, r"no mask for three\.png: expected masks/three\.png"),
        (b"no mask", r"masks/three\.png: found 7 bytes that are not an image"),
        (
            encode_png(np.full((16, 20), 3)),
            r"values 3 in masks: 1 \(masks/three\.png\); expected 0 \(background\), 1 \(cat\), 2 \(dog\)",
        ),
        (
            encode_png(np.zeros((8, 20), dtype=np.uint8)),
            r"three\.png: its mask masks/three\.png has 20 x 8 pixels, but the picture has 20 x 16",
        ),
        (
            encode_png(np.full((16, 20, 3), (200, 0, 0), dtype=np.uint8)),
            r"masks in colours: 1 \(masks/three\.png\): found #c80000 .*colours = ",
        ),
    ],
)
def test_a_wrong_mask_is_named(data_dir: Path, mask: bytes | None, message: str) -> None:
    path = data_dir / "my_mask_pairs" / "masks" / "three.png"
    path.unlink()
    if mask is not None:
        path.write_bytes(mask)
    with pytest.raises(AnnotationError, match=message):
        load(data_dir, "mask_pairs")


def test_a_palette_mask_gives_its_indices(data_dir: Path) -> None:
    from PIL import Image

    picture = Image.fromarray(draw_mask("one.png").astype(np.uint8))
    picture.putpalette([0, 0, 0, 200, 10, 10, 10, 200, 10] + [0] * 759)
    picture.save(data_dir / "my_mask_pairs" / "masks" / "one.png")
    (found,) = [image for image in read_image_table(load(data_dir, "mask_pairs"), CLASSES) if image.row_id == "one.png"]
    np.testing.assert_array_equal(found.class_mask, draw_mask("one.png"))
