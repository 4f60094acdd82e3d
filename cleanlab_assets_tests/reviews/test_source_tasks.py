"""The flagged rows leave in the form of the source, as given and as suggested."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from cleanlab_assets.datasets.own_datasets import all_formats, read_description
from cleanlab_assets.reviews.decisions import BoxLabel, DecisionError, NoBox
from cleanlab_assets.reviews.source_tasks import make_source_tasks
from cleanlab_assets_tests.datasets.own_images import coco
from cleanlab_assets_tests.reviews.test_corrected_files import Source, _write, _write_tokens
from cleanlab_assets_tests.reviews.test_differences import _give_back

if TYPE_CHECKING:
    from pathlib import Path


def _export(source: Source, label_issues: pd.DataFrame, elements: pd.DataFrame | None = None) -> list[dict[str, bytes]]:
    """What the program for given and for suggested labels gets."""
    description = read_description(source.folder / "dataset.toml")
    write = all_formats()[description.format].write_corrected
    assert write is not None
    return [
        write(description, source.folder, table) for table in make_source_tasks(source.read(), label_issues, elements)
    ]


def _issues(row_ids: list[str], flags: list[bool], suggested: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"row_id": row_ids, "is_label_issue": flags, "suggested_label": suggested})


def test_sentences_with_a_flag_leave_whole_with_all_of_the_same_words(tmp_path: Path) -> None:
    text = "call O\nEU B\n\nYes O\n\nGerman O\n\nYes B\n"
    source = _write_tokens(tmp_path, "conll2003", text)
    lines = [f"train.txt:{number}" for number in (1, 2, 4, 6, 8)]

    given, suggested = _export(source, _issues(lines, [False, True, False, False, True], ["O", "O", "O", "O", "O"]))

    assert given == {"train.txt": b"call O\nEU B\n\nYes O\n\nYes B\n"}
    assert suggested == {"train.txt": b"call O\nEU O\n\nYes O\n\nYes O\n"}
    # What comes back is of the very rows, though two sentences are equal.
    keys = source.read().keys
    found = _give_back(source, suggested, "train.txt").decisions
    assert [(one.row_key, one.label) for one in found] == [(keys[1], "O"), (keys[4], "O")]
    assert not _give_back(source, given, "train.txt").decisions


def _boxes(given_boxes: list[dict[str, Any]], tmp_path: Path) -> Source:
    images = [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"}]
    from cleanlab_assets_tests.datasets.own_images import picture

    pictures = {"images/a.png": picture(), "images/b.png": picture(70)}
    return _write(tmp_path, "coco", {"a.json": coco(*given_boxes, images=images), **pictures})


def test_flagged_images_leave_with_their_boxes_as_suggested(tmp_path: Path) -> None:
    source = _boxes([{"bbox": [1, 1, 6, 6]}, {"bbox": [9, 1, 4, 4]}, {"bbox": [1, 1, 5, 5], "image_id": 2}], tmp_path)
    elements = pd.DataFrame(
        {
            "row_id": ["a.png", "a.png", "b.png"],
            "element": ["cat@1,1,7,7", "cat@9,1,13,5", "cat@1,1,6,6"],
            "suggestion": [
                BoxLabel(class_name="dog", corners=(1, 1, 7, 7)).model_dump_json(),
                NoBox().model_dump_json(),
                NoBox().model_dump_json(),
            ],
            "is_box_issue": [True, True, False],
        }
    )

    given, suggested = _export(source, _issues(["a.png", "b.png"], [True, False], ["dog", "cat"]), elements)

    contents = [json.loads(files["a.json"]) for files in (given, suggested)]
    assert [[one["file_name"] for one in content["images"]] for content in contents] == [["a.png"], ["a.png"]]
    assert [[one["category_id"] for one in content["annotations"]] for content in contents] == [[1, 1], [2]]
    found = _give_back(source, suggested, "a.json").decisions
    assert {one.element: str(one.label) for one in found} == {"cat@1,1,7,7": "dog@1,1,7,7", "cat@9,1,13,5": "no box"}


def test_an_audit_of_other_boxes_than_the_source_has_is_told(tmp_path: Path) -> None:
    source = _boxes([{"bbox": [1, 1, 6, 6]}], tmp_path)
    planted = pd.DataFrame(
        {
            "row_id": ["a.png"],
            "element": ["dog@1,1,7,7"],
            "suggestion": [NoBox().model_dump_json()],
            "is_box_issue": [True],
        }
    )
    with pytest.raises(DecisionError, match=r"'dog@1,1,7,7': no such box or region"):
        make_source_tasks(source.read(), _issues(["a.png"], [True], ["dog"]), planted)
