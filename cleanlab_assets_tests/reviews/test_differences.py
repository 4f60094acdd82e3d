"""A corrected source becomes the decisions that make it of the given one."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cleanlab_assets.datasets.download import resolve_source_files
from cleanlab_assets.datasets.errors import UnreadableInputError
from cleanlab_assets.datasets.images import decode_mask
from cleanlab_assets.datasets.replaced_files import replace_source_files
from cleanlab_assets.reviews.differences import find_differences
from cleanlab_assets.reviews.ledger import open_ledger
from cleanlab_assets_tests.datasets.own_images import coco, mask, picture, save
from cleanlab_assets_tests.datasets.test_image_properties import SIZE, Truth, truths, write_truth
from cleanlab_assets_tests.reviews.test_corrected_files import (
    OF_BOXES,
    REGIONS,
    SEGMENTED,
    SOME,
    Source,
    _boxes,
    _change_mask,
    _write,
    _write_tokens,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cleanlab_assets.reviews.decision_files import ReadDecisions


def _give_back(source: Source, files: Mapping[str, bytes], name: str = "") -> ReadDecisions:
    """Read files that another program gave back, laid into a folder of their own; or the one of a name."""
    rows = source.read()
    with tempfile.TemporaryDirectory() as folder:
        for place, content in files.items():
            path = Path(folder) / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        own = resolve_source_files(rows.dataset, source.data_dir)
        with replace_source_files(rows.dataset, own, Path(folder) / name) as replaced:
            table = rows.dataset.read(replaced).table
    return find_differences(rows, table, reviewer="ann", where="back")


@pytest.mark.parametrize("form", OF_BOXES)
@given(truth=truths(), data=st.data())
@SOME
def test_corrected_boxes_become_the_decisions_that_make_them(form: str, truth: Truth, data: st.DataObject) -> None:
    """Another file of the same pictures, whose boxes have nothing to do with the given ones."""
    boxes = [box for of_image in truth.values() for box in of_image]
    shuffled = data.draw(st.permutations(boxes))
    other = {name: shuffled[place :: len(truth)][:2] for place, name in enumerate(truth)}
    with tempfile.TemporaryDirectory() as folder:
        source = _write(folder, form, write_truth(form, truth))
        files = {name: file for name, file in write_truth(form, other).items() if not name.startswith("images/")}
        assume(any(other.values()))
        found = _give_back(source, files)
        again = Source(Path(folder) / "again")
        _write(again.data_dir, form, write_truth(form, other))

        # Of equal boxes in one place one is as good as several.
        corrected, wanted = (
            _boxes(table, prefix)
            for table, prefix in ((source.correct(*found.decisions), "corrected_"), (again.read().raw, ""))
        )
        assert {name: set(map(repr, of)) for name, of in corrected.items()} == {
            name: set(map(repr, of)) for name, of in wanted.items()
        }
        assert not _give_back(source, source.export()).decisions


def test_each_difference_of_a_coco_file_is_told_by_what_happened_to_the_box(tmp_path: Path) -> None:
    given_boxes: list[dict[str, Any]] = [
        {"bbox": [1, 1, 6, 6]},
        {"bbox": [9, 1, 4, 4], "category_id": 2},
        {"bbox": [1, 9, 5, 5]},
    ]
    new_boxes: list[dict[str, Any]] = [
        {"bbox": [2, 1, 6, 6]},
        {"bbox": [9, 1, 4, 4]},
        {"bbox": [14, 9, 5, 5], "category_id": 2},
    ]
    source = _write(tmp_path, "coco", {"a.json": coco(*given_boxes)})

    found = _give_back(source, {"fixed.json": coco(*new_boxes).encode()}, "fixed.json")

    assert {one.element: str(one.label) for one in found.decisions} == {
        "cat@1,1,7,7": "cat@2,1,8,7",
        "dog@9,1,13,5": "cat@9,1,13,5",
        "cat@1,9,6,14": "no box",
        "+dog@14,9,19,14": "dog@14,9,19,14",
    }
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        for _ in range(2):
            ledger.decide(found.decisions, tokens=found.tokens)
        assert len(ledger.read("mine")) == 4


@given(changes=REGIONS)
@SOME
def test_a_corrected_mask_becomes_regions(changes: list[tuple[tuple[int, int, int, int], int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        content = coco(*(SEGMENTED[part] for part in ("run lengths", "polygons")))
        pictures = {"images/a.png": picture(width=SIZE[0], height=SIZE[1])}
        source = _write(folder, "coco", {"a.json": content, **pictures}, family="segmentation")
        decisions, wanted = _change_mask(source.read(), changes)
        assume((wanted > 0).any())
        found = _give_back(source, source.export(*decisions), "a.json")
        corrected = source.correct(*found.decisions)["corrected_class_mask"].iloc[0]
        np.testing.assert_array_equal(decode_mask(corrected), wanted)
        assert all(one.given_label != one.label for one in found.decisions)


@pytest.mark.parametrize("as_folder", ["masks", ""])
def test_a_folder_of_some_masks_stands_for_these(as_folder: str, tmp_path: Path) -> None:
    masks = {f"masks/{name}.png": save(mask((1, 1, 6, 6, 1), (9, 1, 14, 6, 2))) for name in "ab"}
    source = _write(tmp_path, "mask_pairs", {"images/a.png": picture(), "images/b.png": picture(8), **masks})

    found = _give_back(source, {"masks/b.png": save(mask((1, 1, 6, 6, 1)))}, as_folder)

    assert [(one.row_key, one.element.partition(":")[0], str(one.label)[:10]) for one in found.decisions] == [
        (source.read().keys[1], "dog@9,1,14,6", "background")
    ]


def test_corrected_tags_become_decisions_and_other_words_are_told(tmp_path: Path) -> None:
    source = _write_tokens(tmp_path, "conll2003", "EU B\nrejects O\n\ncall O\n\nGerman B\n")
    found = _give_back(source, {"train.txt": b"EU O\nrejects O\n\nGerman B\n"}, "train.txt")
    assert [(one.given_label, one.label, one.row_key) for one in found.decisions] == [("B", "O", source.read().keys[0])]

    with pytest.raises(UnreadableInputError) as error:
        _give_back(source, {"train.txt": b"EC O\n\nFrench B\n"}, "train.txt")
    told = str(error.value).splitlines()
    assert [line.partition(" is none of mine")[0] for line in told] == [
        "back: row 'train.txt:1'",
        "back: row 'train.txt:3'",
    ]


def test_a_file_that_stands_for_none_of_the_source_is_told(tmp_path: Path) -> None:
    source = _write(tmp_path, "voc", {"xml/a.xml": "<annotation><object/></annotation>"}, names=())
    entry = {"xml/a.xml": "<annotation><object><name>cat</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>3</xmax>"}
    (source.folder / "xml" / "a.xml").write_text(
        entry["xml/a.xml"] + "<ymax>3</ymax></bndbox></object></annotation>", encoding="utf-8"
    )
    with pytest.raises(
        UnreadableInputError, match=r"'b\.xml' stands for no file of mine: expected one of the names xml"
    ):
        _give_back(source, {"b.xml": b"<annotation/>"}, "b.xml")


def test_a_label_that_the_dataset_does_not_have_is_told_with_its_place(tmp_path: Path) -> None:
    source = _write(tmp_path, "coco", {"a.json": coco({"bbox": [1, 1, 6, 6]})})
    other = json.loads(coco({"bbox": [1, 1, 6, 6]}, {"bbox": [1, 1, 99, 6]}))
    other["categories"][0]["name"] = "zebra"
    with pytest.raises(UnreadableInputError) as error:
        _give_back(source, {"a.json": json.dumps(other).encode()}, "a.json")
    assert "annotation 0 (a.png): found the category 'zebra'" in str(error.value)
