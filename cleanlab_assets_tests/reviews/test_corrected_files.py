"""The files of a source with corrected labels: what was decided differs and nothing else, and it is read back."""

from __future__ import annotations

import io
import json
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from cleanlab_assets.datasets.download import resolve_source_files
from cleanlab_assets.datasets.errors import UnreadableInputError
from cleanlab_assets.datasets.images import decode_mask
from cleanlab_assets.datasets.own_datasets import all_formats, read_description
from cleanlab_assets.reviews.corrections import correct_dataset, list_corrections
from cleanlab_assets.reviews.decisions import Entry, find_standings
from cleanlab_assets.reviews.elements import label_region, name_region, read_given_boxes
from cleanlab_assets.reviews.rows import ReviewedRows
from cleanlab_assets_tests.datasets.own_images import CLASSES, coco, mask, picture, read_entry, save, voc, write
from cleanlab_assets_tests.datasets.test_image_properties import SIZE, Truth, truths, write_truth

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

    from cleanlab_assets.reviews.decisions import Decision

Answer = tuple[str, str]
SOME = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
OF_BOXES = ("coco", "voc", "yolo")
PICTURES = "images/"


@dataclass(frozen=True)
class Source:
    """A dataset ``mine`` in a data directory."""

    data_dir: Path

    @property
    def folder(self) -> Path:
        return self.data_dir / "mine"

    def read(self) -> ReviewedRows:
        dataset = read_entry(self.data_dir)
        return ReviewedRows(dataset, dataset.read(resolve_source_files(dataset, self.data_dir)).table)

    def correct(self, *decisions: Decision) -> pd.DataFrame:
        rows = self.read()
        entries = [
            Entry(number=number, made_at=datetime(2026, 1, 1, tzinfo=UTC), decision=decision)
            for number, decision in enumerate(decisions, start=1)
        ]
        corrections = list_corrections(rows.dataset, rows.raw, rows.keys, find_standings(entries))
        assert (corrections["state"] == "in force").all()
        return correct_dataset(rows.dataset, rows.raw, rows.keys, corrections)

    def export(self, *decisions: Decision) -> dict[str, bytes]:
        description = read_description(self.folder / "dataset.toml")
        writer = all_formats()[description.format].write_corrected
        assert writer is not None
        return writer(description, self.folder, self.correct(*decisions))

    def take_over(self, files: Mapping[str, bytes]) -> ReviewedRows:
        """Read the dataset with exported files in place of its own."""
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return self.read()


def _write(folder: str | Path, form: str, files: Mapping[str, str | bytes], **how: Any) -> Source:
    write(Path(folder), form, files, **how)
    return Source(Path(folder))


def _annotations(source: Source, files: Mapping[str, Any]) -> dict[str, bytes]:
    return {name: (source.folder / name).read_bytes() for name in files if not name.startswith(PICTURES)}


def _boxes(rows: pd.DataFrame, prefix: str = "") -> dict[str, list[tuple[str, list[float]]]]:
    return {
        row["row_id"]: sorted(
            zip(
                json.loads(row[f"{prefix}box_labels"]),
                np.round(json.loads(row[f"{prefix}boxes"]) or np.zeros((0, 4)), 4).tolist(),
                strict=True,
            )
        )
        for row in rows.to_dict("records")
    }


ANSWERS = st.sampled_from([("keep", ""), ("drop box", ""), ("class is", "cat"), ("class is", "dog"), ("move", "")])


@pytest.mark.parametrize("form", OF_BOXES)
@given(truth=truths(), answers=st.lists(ANSWERS, min_size=9, max_size=9), adds=st.booleans())
@SOME
def test_decided_boxes_are_written_and_read_back(form: str, truth: Truth, answers: list[Answer], *, adds: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = write_truth(form, truth)
        source = _write(folder, form, files)
        assert source.export() == _annotations(source, files)

        rows, left = source.read(), iter(answers)
        decisions = []
        for place, row in enumerate(rows.raw.to_dict("records")):
            for name, box in read_given_boxes(row).items():
                said, label = next(left)
                if said == "move":
                    x1, y1, x2, y2 = box.corners
                    said, label = "label is", f"{box.class_name}@{x1 / 2},{y1},{x2},{(y1 + y2) / 2 + 0.25}"
                if said != "keep":
                    decisions.append(rows.decide(row["row_id"], said, label, element=name, reviewer="ann"))
            if adds and place == 0:
                element = "+dog@0.5,1,8,9.25"
                decisions.append(rows.decide(row["row_id"], "add the predicted box", element=element, reviewer="ann"))
        corrected = source.correct(*decisions)
        assume(any(json.loads(labels) for labels in corrected["corrected_box_labels"]))
        again = source.take_over(source.export(*decisions))
        assert _boxes(again.raw) == _boxes(corrected, "corrected_")


def test_a_renamed_box_changes_one_number_of_a_coco_file_and_a_moved_one_the_edges_that_moved(tmp_path: Path) -> None:
    """Indented as no library would, with numbers as nobody would write them, and a byte order mark."""
    text = (
        '\ufeff{"info": {"é": 1e3},\r\n "categories": [{"id": 7, "name": "cat"}, {"name": "dog", "id": 9}],\r\n'
        '  "images":[ {"id":"p","file_name":"a.png"} ],\r\n  "annotations": [\r\n'
        '    {"id": 4, "image_id": "p", "bbox": [1.50,2,3,4.0], "area": 12, "category_id" : 7, "score": 0.10},\r\n'
        '    {"id": 5,  "image_id": "p", "bbox": [1, 1, 2, 2], "category_id": 9}\r\n  ]}\r\n'
    )
    source = _write(tmp_path, "coco", {"a.json": text.encode()})
    assert source.export() == {"a.json": text.encode()}
    rows = source.read()

    renamed = rows.decide("a.png", "class is", "dog", element="cat@1.5,2,4.5,6", reviewer="ann")
    assert source.export(renamed)["a.json"].decode() == text.replace('"category_id" : 7', '"category_id" : 9')
    moved = rows.decide("a.png", "label is", "cat@1.5,2,4.5,9", element="cat@1.5,2,4.5,6", reviewer="ann")
    expected = text.replace("3,4.0]", "3,7.0]").replace('"area": 12', '"area": 21')
    assert source.export(moved)["a.json"].decode() == expected
    dropped = rows.decide("a.png", "drop box", element="cat@1.5,2,4.5,6", reviewer="ann")
    first = text.index('{"id": 4')
    assert source.export(dropped)["a.json"].decode() == text[:first] + text[text.index('{"id": 5') :]
    added = rows.decide("a.png", "add the predicted box", element="+dog@0,0,5,5", reviewer="ann")
    new = source.export(added)["a.json"].decode()
    assert new.startswith(text[: text.rindex("\r\n  ]}")])
    assert json.loads(new.removeprefix("\ufeff"))["annotations"][2] == {
        "id": 6,
        "image_id": "p",
        "category_id": 9,
        "bbox": [0, 0, 5, 5],
        "area": 25,
        "iscrowd": 0,
        "segmentation": [],
    }


def test_an_indented_coco_file_stays_indented(tmp_path: Path) -> None:
    text = json.dumps(json.loads(coco({"bbox": [1, 2, 3, 4]})), indent=2)
    source = _write(tmp_path, "coco", {"a.json": text})
    added = source.read().decide("a.png", "add the predicted box", element="+dog@0,0,5,5", reviewer="ann")
    new = source.export(added)["a.json"].decode()
    assert new == json.dumps(json.loads(new), indent=2)


def test_what_changes_in_a_voc_file_are_the_elements_of_the_box(tmp_path: Path) -> None:
    text = (
        '<?xml version="1.0" encoding="iso-8859-1"?>\r\n<annotation>\r\n\t<!-- drawn by J\xf6rg > twice -->\r\n'
        "\t<filename>a.png</filename>\r\n"
        "\t<object>\r\n\t\t<name> cat </name>\r\n\t\t<pose/>\r\n\t\t<bndbox>\r\n\t\t\t<xmax>5</xmax>\r\n"
        "\t\t\t<xmin>2</xmin><ymin>3</ymin><ymax>6</ymax>\r\n\t\t</bndbox>\r\n\t</object>\r\n</annotation>\r\n"
    )
    source = _write(tmp_path, "voc", {"xml/a.xml": text.encode("latin-1")})
    assert source.export() == {"xml/a.xml": text.encode("latin-1")}
    rows, element = source.read(), "cat@1,2,5,6"

    def export(said: str, label: str = "", of: str = element) -> str:
        return source.export(rows.decide("a.png", said, label, element=of, reviewer="ann"))["xml/a.xml"].decode(
            "latin-1"
        )

    assert export("class is", "dog") == text.replace("> cat <", "> dog <")
    assert export("label is", "cat@1,2,7.5,6") == text.replace("<xmax>5<", "<xmax>7.5<")
    assert export("drop box") == text[: text.index("\r\n\t<object>")] + "\r\n</annotation>\r\n"
    new = export("add the predicted box", of="+dog@0,0,4,4")
    place = text.index("\r\n</annotation>")
    assert (new[:place], new[-len(text[place:]) :]) == (text[:place], text[place:])
    assert "\r\n\t<object>\r\n\t\t<name>dog</name>" in new
    assert "\r\n\t\t<bndbox>\r\n\t\t\t<xmin>1</xmin>" in new


def test_excluded_pictures_are_left_out_as_each_form_has_it(tmp_path: Path) -> None:
    pictures = {"images/a.png": picture(), "images/b.png": picture(80)}
    annotation = {"bbox": [1, 1, 4, 4]}
    images = [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"}]
    files: dict[str, dict[str, str | bytes]] = {
        "coco": {"a.json": coco(annotation, {**annotation, "image_id": 2}, images=images)},
        "voc": {"xml/a.xml": voc(("cat", 1, 1, 4, 4)), "xml/b.xml": voc(("cat", 1, 1, 4, 4), filename="b.png")},
        "yolo": {"labels/a.txt": "0 0.5 0.5 0.2 0.2\n", "labels/b.txt": "0 0.5 0.5 0.2 0.2"},
        "mask_pairs": {"masks/a.png": save(mask((0, 0, 4, 4, 1))), "masks/b.png": save(mask((0, 0, 4, 4, 2)))},
    }
    for form, written_by_hand in files.items():
        source = _write(tmp_path / form, form, {**pictures, **written_by_hand})
        out = source.read().decide("b.png", "exclude the row", reviewer="ann")
        written = source.export(out)
        if form == "coco":
            content = json.loads(written["a.json"])
            assert [one["file_name"] for one in content["images"]] == ["a.png"]
            assert [one["image_id"] for one in content["annotations"]] == [1]
        else:
            kept, first = next(iter(written_by_hand.items()))
            assert written == {kept: first.encode() if isinstance(first, str) else first}


def _change_mask(
    rows: ReviewedRows, changes: list[tuple[tuple[int, int, int, int], int]]
) -> tuple[list[Decision], np.ndarray]:
    """Decide of the regions of the first picture so that boxes of pixels get classes, one after the other."""
    row = rows.raw.iloc[0].to_dict()
    old = decode_mask(row["class_mask"])
    new, names, decisions = old.copy(), ("background", *CLASSES), []
    for (x1, y1, x2, y2), code in changes:
        box = np.zeros(old.shape, dtype=bool)
        box[y1:y2, x1:x2] = True
        for given_code in np.unique(old[box]).tolist():
            inside = box & (old == given_code)
            new[inside] = code
            decisions.append(
                rows.decide(
                    row["row_id"],
                    "take the predicted region",
                    element=name_region(names[given_code], inside),
                    suggestion=label_region(names[code], inside),
                    reviewer="ann",
                )
            )
    return decisions, new


REGIONS = st.lists(
    st.tuples(
        st.sampled_from([(0, 0, 4, 4), (2, 1, 9, 6), (3, 3, 12, 10), (0, 0, 12, 10), (5, 5, 6, 6)]), st.integers(0, 2)
    ),
    max_size=3,
    unique_by=lambda change: change[0],
)
SEGMENTED = {
    "run lengths": {"segmentation": {"size": [10, 12], "counts": [0, 50, 70]}, "bbox": [0, 0, 5, 10], "area": 50},
    "polygons": {"segmentation": [[1, 1, 8, 1, 8, 7, 1, 7]], "bbox": [1, 1, 7, 6], "category_id": 2},
    "crowd": {"segmentation": [[9, 6, 12, 6, 12, 10, 9, 10]], "iscrowd": 1, "category_id": 2},
}


@given(changes=REGIONS, parts=st.permutations(sorted(SEGMENTED)))
@SOME
def test_decided_regions_of_a_coco_file_are_painted_as_decided(
    changes: list[tuple[tuple[int, int, int, int], int]], parts: list[str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        content = coco(*(SEGMENTED[part] for part in parts))
        picture_file = {"images/a.png": picture(width=SIZE[0], height=SIZE[1])}
        source = _write(folder, "coco", {"a.json": content, **picture_file}, family="segmentation")
        assert source.export() == {"a.json": content.encode()}
        ignored = decode_mask(source.read().raw["class_mask"].iloc[0]) == 255
        changes = [(box, code) for box, code in changes if not ignored[box[1] : box[3], box[0] : box[2]].any()]
        decisions, wanted = _change_mask(source.read(), changes)
        assume((wanted == 1).any() or (wanted == 2).any())
        again = source.take_over(source.export(*decisions))
        np.testing.assert_array_equal(decode_mask(again.raw["class_mask"].iloc[0]), wanted)


def test_a_region_that_became_another_class_changes_its_category_alone(tmp_path: Path) -> None:
    content = coco(
        {"segmentation": [[1, 1, 8, 1, 8, 7, 1, 7]], "bbox": [1, 1, 7, 6]},
        {"segmentation": [[9, 9, 12, 9, 12, 12, 9, 12]]},
    )
    source = _write(tmp_path, "coco", {"a.json": content}, family="segmentation")
    rows = source.read()
    inside = decode_mask(rows.raw["class_mask"].iloc[0]) == 1
    inside[9:] = False
    renamed = rows.decide("a.png", "class is", "dog", element=name_region("cat", inside), reviewer="ann")
    expected = json.loads(content)
    expected["annotations"][0]["category_id"] = 2
    assert json.loads(source.export(renamed)["a.json"]) == expected


@pytest.mark.parametrize("mode", ["L", "P", "1", "I;16", "LA", "RGB", "TIFF", "GIF", "colours"])
def test_a_mask_keeps_its_mode_and_palette(mode: str, tmp_path: Path) -> None:
    values = mask((1, 1, 8, 8, 1), (10, 2, 14, 9, 1), width=20, height=16)
    names, options, form = CLASSES[:1], "", mode if mode in {"TIFF", "GIF"} else "PNG"
    image = Image.fromarray(values)
    if mode == "P" or form == "GIF":
        image = Image.fromarray(values)
        image.putpalette([10, 20, 30, 200, 0, 7, 1, 2, 3])
    elif mode == "1":
        image = Image.fromarray(values.astype(bool))
    elif mode == "I;16":
        image, options = Image.fromarray(values.astype(np.uint16) * 300), "ids = { cat = 300 }"
    elif mode == "LA":
        image = Image.merge("LA", [Image.fromarray(values), Image.fromarray(values * 99)])
    elif mode == "RGB":
        image = Image.fromarray(np.repeat(values[:, :, None], 3, axis=2))
    elif mode == "colours":
        image = Image.fromarray((values[:, :, None] * np.array([255, 0, 7])).astype(np.uint8))
        options = 'colours = { cat = "#ff0007" }'
    stream = io.BytesIO()
    image.save(stream, format=form)
    name = f"masks/a.{form.lower()}"
    other = {"images/b.png": picture(70), f"masks/b.{form.lower()}": stream.getvalue()}
    files = {"images/a.png": picture(), name: stream.getvalue(), **other}
    source = _write(tmp_path, "mask_pairs", files, names=names, options=options)
    assert source.export() == _annotations(source, files)

    rows = source.read()
    first = values.astype(bool)
    first[:, 9:] = False
    gone = rows.decide("a.png", "class is", "background", element=name_region("cat", first), reviewer="ann")
    written = source.export(gone)
    assert written[f"masks/b.{form.lower()}"] == stream.getvalue()
    with Image.open(io.BytesIO(written[name])) as new, Image.open(stream) as old:
        assert (new.mode, new.format, new.getpalette()) == (old.mode, old.format, old.getpalette())
        expected = np.asarray(old).copy()
        expected[first] = np.asarray(old)[0, 0] if mode != "LA" else expected[first] * [0, 1]
        np.testing.assert_array_equal(np.asarray(new), expected)
    again = source.take_over(written)
    np.testing.assert_array_equal(decode_mask(again.raw["class_mask"].iloc[0]), np.where(first, 0, values))


def test_whole_polygons_of_yolo_are_renamed_and_other_regions_are_refused(tmp_path: Path) -> None:
    text = "0 0.05 0.05 0.4 0.05 0.4 0.5 0.05 0.5\r\n1 0.6 0.6 0.9 0.6 0.9 0.9\r\n"
    source = _write(tmp_path, "yolo", {"labels/a.txt": text}, family="segmentation")
    assert source.export() == {"labels/a.txt": text.encode()}
    rows = source.read()
    codes = decode_mask(rows.raw["class_mask"].iloc[0])
    cat, dog = (name_region(name, codes == code) for code, name in enumerate(CLASSES, start=1))
    renamed = rows.decide("a.png", "class is", "dog", element=cat, reviewer="ann")
    gone = rows.decide("a.png", "class is", "background", element=dog, reviewer="ann")
    assert source.export(renamed, gone)["labels/a.txt"].decode() == "1" + text[1 : text.index("1 0.6")]
    part = codes == 1
    part[5:] = False
    half = rows.decide(
        "a.png",
        "take the predicted region",
        element=name_region("cat", part),
        suggestion=label_region("dog", part),
        reviewer="ann",
    )
    with pytest.raises(UnreadableInputError, match=r"a\.png: the decided regions are no whole polygons: .* -o FILE"):
        source.export(half)


TOKEN_FILES = {
    "conllu": (
        "# newdoc id = d1\r\n# sent_id = s1\r\n1-2\tzum\t_\t_\t_\t_\t_\t_\t_\t_\r\n"
        "1\tzu\t_\tADP\t_\t_\t_\t_\t_\t_\r\n2\tdem\t_\t DET \t_\t_\t_\t_\t_\t_\r\n\r\n\r\n"
        "# sent_id = s2\r\n1\tHaus\t_\tNOUN\t_\t_\t_\t_\t_\tx=1\r\n1.1\t_\t_\t_\t_\t_\t_\t_\t_\t_\r\n\r\n"
    ),
    "conll2003": (
        "-DOCSTART- -X- O O\n\nEU NNP\tI-NP  B-ORG\n rejects VBZ I-VP O \n\n# a remark\nGerman JJ I-NP B-MISC\n"
        "call NN I-NP O"
    ),
}
TOKEN_CHANGES = {
    "conllu": ("train.txt:5", "PRON", ("\t DET \t", "\t PRON \t")),
    "conll2003": ("train.txt:3", "B-MISC", ("I-NP  B-ORG", "I-NP  B-MISC")),
}


def _write_tokens(folder: Path, form: str, text: str, encoding: str = "utf-8") -> Source:
    (folder / "mine").mkdir(parents=True)
    said = (
        f'family = "token_classification"\nformat = "{form}"\nencoding = "{encoding}"\n[files]\ntrain = "train.txt"\n'
    )
    (folder / "mine" / "dataset.toml").write_text(said, encoding="utf-8")
    (folder / "mine" / "train.txt").write_bytes(text.encode(encoding))
    return Source(folder)


@pytest.mark.parametrize("form", sorted(TOKEN_FILES))
def test_of_tagged_text_the_field_of_the_tag_changes_alone(form: str, tmp_path: Path) -> None:
    text = TOKEN_FILES[form]
    source = _write_tokens(tmp_path, form, text)
    assert source.export() == {"train.txt": text.encode()}
    row, tag, (old, new) = TOKEN_CHANGES[form]

    written = source.export(source.read().decide(row, "label is", tag, reviewer="ann"))

    assert text.count(old) == 1
    assert written["train.txt"].decode() == text.replace(old, new)


def test_with_a_token_its_sentence_is_left_out_and_the_document_stays(tmp_path: Path) -> None:
    text = TOKEN_FILES["conllu"]
    source = _write_tokens(tmp_path, "conllu", text)
    out = source.read().decide("train.txt:4", "exclude the row", reviewer="ann")

    written = source.export(out)["train.txt"].decode()

    assert written == "# newdoc id = d1\r\n" + text[text.index("\r\n\r\n") + 4 :]
    assert source.correct(out)["is_excluded"].tolist() == [True, True, False]
    last = source.read().decide("train.txt:9", "exclude the row", reviewer="ann")
    assert source.export(last)["train.txt"].decode() == text[: text.index("# sent_id = s2")]


TOKENS = st.lists(
    st.lists(st.tuples(st.text("aZ9.,é名", min_size=1, max_size=4), st.sampled_from(CLASSES)), min_size=1, max_size=4),
    min_size=1,
    max_size=4,
)


@pytest.mark.parametrize("form", sorted(TOKEN_FILES))
@given(sentences=TOKENS, place=st.integers(0, 99), end=st.sampled_from(["\n", "\r\n", "\r"]), is_out=st.booleans())
@SOME
def test_any_tagged_text_is_written_and_read_back(
    form: str, sentences: list[list[tuple[str, str]]], place: int, end: str, *, is_out: bool
) -> None:
    tails = {"conllu": "\t_\t{}\t_\t_\t_\t_\t_\t_", "conll2003": " x {}"}
    blocks = [
        [
            f"{f'{number}{chr(9)}' if form == 'conllu' else ''}{token}{tails[form].format(tag)}"
            for number, (token, tag) in enumerate(sentence, start=1)
        ]
        for sentence in sentences
    ]
    text = (end + end).join(end.join(block) for block in blocks) + end
    with tempfile.TemporaryDirectory() as folder:
        source = _write_tokens(Path(folder), form, text)
        with (source.folder / "dataset.toml").open("r+", encoding="utf-8") as file:
            said = file.read()
            file.seek(0)
            file.write(f"class_names = {list(CLASSES)}\n{said}")
        assert source.export() == {"train.txt": text.encode()}
        rows = source.read()
        row = rows.raw["row_id"].iloc[place % len(rows.raw)]
        tag = next(name for name in CLASSES if name != rows.raw["tag"].iloc[place % len(rows.raw)])
        assume(not is_out or len(sentences) > 1)
        said_of_row = ("exclude the row", "") if is_out else ("label is", tag)
        decision = rows.decide(row, *said_of_row, reviewer="ann")
        corrected = source.correct(decision)

        again = source.take_over(source.export(decision))

        kept = corrected[~corrected["is_excluded"]]
        assert again.raw[["token", "tag"]].astype(str).to_numpy().tolist() == (
            kept[["token", "corrected_label"]].astype(str).to_numpy().tolist()
        )


def test_a_tag_that_the_encoding_cannot_write_is_refused(tmp_path: Path) -> None:
    source = _write_tokens(tmp_path, "conll2003", "a X\nb Ö\n", "latin-1")
    with (source.folder / "dataset.toml").open("r+", encoding="utf-8") as file:
        said = file.read()
        file.seek(0)
        file.write(f'class_names = ["X", "Ö", "名"]\n{said}')
    decision = source.read().decide("train.txt:1", "label is", "名", reviewer="ann")
    with pytest.raises(UnreadableInputError, match=r"train\.txt: latin-1 cannot write '名': save the file as UTF-8"):
        source.export(decision)


def test_of_json_lines_the_value_of_the_label_changes_alone(tmp_path: Path) -> None:
    first = '{"size": 1.50, "team" : "a\\u00e9", "n": "{\\"team\\": 1}"}\r\n'
    text = first + '\n{"team":"b","size":2}\n{"team": "b", "size": 9}'
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "t.jsonl").write_text(text, encoding="utf-8", newline="")
    (folder / "dataset.toml").write_text(
        'family = "classification"\nformat = "table"\nclass_names = ["aé", "b"]\n[files]\ntable = "t.jsonl"\n'
        '[columns]\nlabel = "team"\n[columns.kinds]\nsize = "numeric"\nn = "categorical"\n',
        encoding="utf-8",
    )
    source = Source(tmp_path)
    assert source.export() == {"t.jsonl": text.encode()}
    rows = source.read()
    made = [
        rows.decide(row, "label is", label, reviewer="ann") for row, label in (("t.jsonl:1", "b"), ("t.jsonl:3", "aé"))
    ]
    out = rows.decide("t.jsonl:4", "exclude the row", reviewer="ann")
    expected = text.replace('"a\\u00e9"', '"b"').replace('{"team":"b"', '{"team":"a\\u00e9"')
    assert source.export(*made, out)["t.jsonl"].decode() == expected[: expected.rindex("\n")]


def test_a_source_that_changed_since_is_refused(tmp_path: Path) -> None:
    source = _write(tmp_path, "yolo", {"labels/a.txt": "0 0.5 0.5 0.2 0.2\n"})
    corrected = source.correct()
    (source.folder / "labels" / "a.txt").write_text("1 0.5 0.5 0.4 0.4\n0 0.5 0.5 0.1 0.1\n", encoding="utf-8")
    writer: Callable[..., Any] | None = all_formats()["yolo"].write_corrected
    assert writer is not None
    with pytest.raises(UnreadableInputError, match=r"a\.png: its text has other boxes by now: run the audit anew"):
        writer(read_description(source.folder / "dataset.toml"), source.folder, corrected)
