from __future__ import annotations

import hashlib
import json
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest

from cleanlab_assets.datasets.download import SourceHashError, verify_first_use
from cleanlab_assets.datasets.formats.coco import load_coco
from cleanlab_assets.datasets.formats.mask_pairs import load_mask_pairs
from cleanlab_assets.datasets.formats.voc import load_voc
from cleanlab_assets.datasets.images import AnnotationError, encode_png
from cleanlab_assets.datasets.penn_fudan_ped import FILE, load_penn_fudan_ped
from cleanlab_assets.datasets.weights import WeightsError, fetch_weights
from cleanlab_assets_tests.datasets.source_server import Reply, run_source_server

if TYPE_CHECKING:
    from pathlib import Path

CLASSES = ("cat", "dog")
PICTURE = encode_png(np.full((16, 20, 3), 90, dtype=np.uint8))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "a.png").write_bytes(PICTURE)
    return folder


def _coco(tmp_path: Path, images: Path, bbox: list[float]) -> dict[str, Path]:
    content = {
        "images": [{"id": 7, "file_name": "a.png"}],
        "categories": [{"id": 3, "name": "dog"}],
        "annotations": [{"image_id": 7, "category_id": 3, "bbox": bbox}],
    }
    (tmp_path / "coco.json").write_text(json.dumps(content))
    return {"annotations": tmp_path / "coco.json", "images": images}


def test_coco_boxes_become_corners(tmp_path: Path, images: Path) -> None:
    row = load_coco(_coco(tmp_path, images, [2, 3, 8, 9]), class_names=CLASSES).table.iloc[0]
    assert json.loads(row["boxes"]) == [[2, 3, 10, 12]]
    assert (row["row_id"], row["classes"]) == ("a.png", "dog")


def test_a_coco_box_without_area_is_named(tmp_path: Path, images: Path) -> None:
    with pytest.raises(AnnotationError, match=r"coco\.json, annotation no\. 1 \(a\.png\): .*the box has no width"):
        load_coco(_coco(tmp_path, images, [2, 3, 0, 9]), class_names=CLASSES)


def test_voc_boxes_count_pixels_from_1_with_both_corners_inside(tmp_path: Path, images: Path) -> None:
    folder = tmp_path / "xml"
    folder.mkdir()
    box = "<bndbox><xmin>1</xmin><ymin>4</ymin><xmax>20</xmax><ymax>12</ymax></bndbox>"
    text = f"<annotation><filename>a.png</filename><object><name>cat</name>{box}</object></annotation>"
    (folder / "a.xml").write_text(text)
    row = load_voc({"annotations": folder, "images": images}, class_names=CLASSES).table.iloc[0]
    assert json.loads(row["boxes"]) == [[0, 3, 20, 12]]

    (folder / "a.xml").write_text(text.replace("<xmin>1<", "<xmin>one<"))
    with pytest.raises(AnnotationError, match=r"a\.xml, object 1 \(cat\): found the xmin 'one', expected a number"):
        load_voc({"annotations": folder, "images": images}, class_names=CLASSES)


def test_mask_pairs_are_joined_by_stem(tmp_path: Path, images: Path) -> None:
    masks = tmp_path / "masks"
    masks.mkdir()
    mask = np.zeros((16, 20), dtype=np.int32)
    mask[2:5, 3:9] = 2
    (masks / "a.png").write_bytes(encode_png(mask))
    assert load_mask_pairs({"images": images, "masks": masks}, class_names=CLASSES).table["classes"].tolist() == ["dog"]

    (masks / "a.png").write_bytes(encode_png(mask[:8]))
    with pytest.raises(AnnotationError, match=r"a\.png: its mask masks/a\.png has 20 x 8 pixels"):
        load_mask_pairs({"images": images, "masks": masks}, class_names=CLASSES)


def test_penn_fudan_is_read_from_its_archive(tmp_path: Path) -> None:
    mask = np.zeros((16, 20), dtype=np.int32)
    mask[1:9, 2:6], mask[4:14, 10:15] = 1, 2
    with zipfile.ZipFile(tmp_path / FILE, "w") as archive:
        for name in ("FudanPed00001", "PennPed00001"):
            archive.writestr(f"PennFudanPed/PNGImages/{name}.png", PICTURE)
            archive.writestr(f"PennFudanPed/PedMasks/{name}_mask.png", encode_png(mask))
            archive.writestr(f"PennFudanPed/Annotation/{name}.txt", "# Compatible with PASCAL Annotation Version 1.00")
    table = load_penn_fudan_ped({FILE: tmp_path / FILE})
    assert table["row_id"].tolist() == ["FudanPed00001.png", "PennPed00001.png"]
    assert json.loads(table["boxes"][0]) == [[2, 1, 6, 9], [10, 4, 15, 14]]


def test_a_file_that_changed_since_its_first_use_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "data.zip"
    path.write_bytes(b"first")
    verify_first_use(path)
    verify_first_use(path)
    path.write_bytes(b"second")
    with pytest.raises(SourceHashError, match="has changed since its first use"):
        verify_first_use(path)


def test_weights_are_fetched_once_and_verified(tmp_path: Path) -> None:
    digest = hashlib.sha256(b"weights").hexdigest()
    with run_source_server() as server:
        url = server.serve("/net-1.pth", Reply(body=b"weights"))
        for _ in range(2):
            path = fetch_weights(url, tmp_path, sha256=digest[:8])
        assert path.read_bytes() == b"weights"
        assert server.requests == ["/net-1.pth"]
        with pytest.raises(WeightsError, match=r"absent\.pth from http.*are not available: HTTP 404") as caught:
            fetch_weights(f"{server.base_url}/absent.pth", tmp_path, sha256="00")
        assert "\n" not in str(caught.value)
