from __future__ import annotations

import io
import re
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from cleanlab_assets.datasets.images import (
    AnnotatedImage,
    AnnotationError,
    boxes_of_instances,
    decode_mask,
    encode_png,
    make_image_table,
    read_image_table,
    read_mask,
)
from cleanlab_assets_tests.datasets.known_scenes import make_image, make_scenes
from cleanlab_assets_tests.datasets.table_checks import hash_table


def _read(content: bytes) -> AnnotatedImage:
    """Return a picture without boxes."""
    return AnnotatedImage(row_id="a.png", image=content, class_names=("cat",), boxes=np.zeros((0, 4)), box_labels=())


def write_png_header(width: int, height: int) -> bytes:
    """A PNG that says its size and breaks off behind it: what a file of any size costs to write."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(100))
    chunks = [struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in (header, data)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize(("width", "height"), [(30_000, 30_000), (10_000, 10_000), (1, 50_000_001)])
def test_a_picture_or_mask_of_too_many_pixels_is_told_with_its_size_and_the_limit(width: int, height: int) -> None:
    content = write_png_header(width, height)
    told = f"found {width} x {height} pixels, expected at most 50,000,000 in total"
    with pytest.raises(AnnotationError, match=rf"^a\.png, field image: {told}$"):
        _read(content)
    with pytest.raises(AnnotationError, match=rf"^masks/a\.png: {told}$"):
        read_mask(content, "masks/a.png")


@pytest.mark.parametrize("n_bytes", [0, 8, 20, 60, 400])
def test_a_picture_that_breaks_off_anywhere_is_named(n_bytes: int) -> None:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8)).save(stream, format="JPEG")
    with pytest.raises(AnnotationError, match=r"a\.png, field image: found"):
        make_image_table([_read(stream.getvalue()[:n_bytes])])


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ((5, 3, 5, 9), "a.png, box 0, field x2: found 5, expected more than x1 = 5: the box has no area"),
        ((5, 9, 8, 4), "a.png, box 0, field y2: found 4, expected more than y1 = 9"),
        ((5, 3, 21, 9), "a.png, box 0, field x2: found 21, outside the image: expected 0 to 20"),
        ((-1, 3, 8, 9), "a.png, box 0, field x1: found -1, outside the image"),
        ((5, float("nan"), 8, 9), "a.png, box 0, field y1: found nan, expected a finite number"),
    ],
)
def test_a_wrong_box_is_named_with_image_number_and_field(box: tuple[float, ...], message: str) -> None:
    with pytest.raises(AnnotationError, match=re.escape(message)):
        make_image([box])


def test_an_unknown_class_is_named() -> None:
    with pytest.raises(AnnotationError, match=r"a\.png, box 0, field label: found 'cow', expected one of cat, dog"):
        make_image(labels=("cow",))


def test_a_mask_of_another_size_or_with_an_unknown_id_is_named() -> None:
    small = np.zeros((4, 5), dtype=np.int32)
    with pytest.raises(AnnotationError, match=r"field class_mask: found a mask of 5 x 4 pixels, expected 20 x 16"):
        make_image(class_mask=small)
    with pytest.raises(AnnotationError, match=r"field class_mask: found id 3, expected 0 to 2"):
        make_image(class_mask=np.full((16, 20), 3))
    with pytest.raises(AnnotationError, match=r"field instance_mask: found float64 values"):
        make_image(instance_mask=np.full((16, 20), np.nan))


def test_a_table_gives_back_the_images_it_was_made_of_and_has_a_hash() -> None:
    scenes = make_scenes(3)
    table = make_image_table(scenes)

    for before, after in zip(scenes, read_image_table(table, scenes[0].class_names), strict=True):
        assert (before.row_id, before.box_labels) == (after.row_id, after.box_labels)
        np.testing.assert_array_equal(before.boxes, after.boxes)
        assert before.instance_mask is not None
        assert after.instance_mask is not None
        np.testing.assert_array_equal(before.instance_mask, after.instance_mask)
    assert hash_table(table) == hash_table(make_image_table(make_scenes(3)))
    changed = table.assign(boxes=["[]", *table["boxes"][1:]])
    assert hash_table(table) != hash_table(changed)


def test_masks_of_many_ids_survive_encoding() -> None:
    mask = np.arange(600, dtype=np.int32).reshape(20, 30)
    np.testing.assert_array_equal(decode_mask(encode_png(mask)), mask)


def test_boxes_and_masks_of_a_scene_agree() -> None:
    for scene in make_scenes(5):
        assert scene.instance_mask is not None
        assert scene.class_mask is not None
        np.testing.assert_array_equal(boxes_of_instances(scene.instance_mask), scene.boxes)
        for number, label in enumerate(scene.box_labels, start=1):
            assert set(scene.class_mask[scene.instance_mask == number]) == {int(label) + 1}
