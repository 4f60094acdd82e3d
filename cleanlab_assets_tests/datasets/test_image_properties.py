"""Any valid dataset of annotated images is read back equal, and no small damage passes in silence.

A damaged dataset ends in equal data, in a note, in one clear error, or in what its files now say: for this they are
read a second time, as plainly as their form allows.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cleanlab_assets.datasets.errors import UnreadableInputError
from cleanlab_assets_tests.datasets.own_images import CLASSES, mask, read, save, voc, write

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cleanlab_assets.datasets.images import AnnotatedImage

Box = tuple[float, ...]
Truth = dict[str, list[tuple[Box, str]]]
FORMS = ("coco", "voc", "yolo", "mask_pairs")
SIZE = (12, 10)
NAMES = ("a.png", "b.png", "sub/c.png", "d é.png")
LONGEST_MESSAGE = 2000
JUNK = ("", "nan", "-1", "0", "1e999", "x", "9" * 400, "null", "[]", "{}", "<", "é", "\x00", "inf", "0.5.5", "true")
COMMON = settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def _edges(longest: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(0, longest - 1), st.integers(1, longest)).filter(lambda ends: ends[0] < ends[1])


@st.composite
def truths(draw: st.DrawFn) -> Truth:
    """One to three pictures with whole boxes, at least one of which is on the first."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
    truth: Truth = {}
    for number, name in enumerate(names):
        boxes: list[tuple[Box, str]] = []
        for _ in range(draw(st.integers(int(number == 0), 3))):
            (x1, x2), (y1, y2) = draw(_edges(SIZE[0])), draw(_edges(SIZE[1]))
            boxes.append(((float(x1), float(y1), float(x2), float(y2)), draw(st.sampled_from(CLASSES))))
        truth[name] = boxes
    return truth


def write_truth(form: str, truth: Truth) -> dict[str, bytes]:
    """The files of a dataset of a form, by their path."""
    rng = np.random.default_rng(0)
    files = {f"images/{name}": save(rng.integers(0, 255, (*SIZE[::-1], 3)).astype(np.uint8)) for name in truth}
    if form == "coco":
        annotations = [
            {
                "id": len(boxes) * number + place,
                "image_id": number,
                "category_id": CLASSES.index(label),
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "iscrowd": 0,
            }
            for number, boxes in enumerate(truth.values())
            for place, ((x1, y1, x2, y2), label) in enumerate(boxes)
        ]
        content = {
            "images": [
                {"id": n, "file_name": name, "width": SIZE[0], "height": SIZE[1]} for n, name in enumerate(truth)
            ],
            "categories": [{"id": n, "name": name} for n, name in enumerate(CLASSES)],
            "annotations": annotations,
        }
        files["a.json"] = json.dumps(content, indent=1).encode()
    for name, boxes in truth.items():
        stem = name.removesuffix(".png")
        if form == "voc":
            counted = [(label, int(x1) + 1, int(y1) + 1, int(x2), int(y2)) for (x1, y1, x2, y2), label in boxes]
            files[f"xml/{stem}.xml"] = voc(*counted, filename=name, size=SIZE).replace("><", ">\n<").encode()
        elif form == "yolo":
            lines = [
                f"{CLASSES.index(label)} {(x1 + x2) / 2 / SIZE[0]} {(y1 + y2) / 2 / SIZE[1]} {(x2 - x1) / SIZE[0]} "
                f"{(y2 - y1) / SIZE[1]}\n"
                for (x1, y1, x2, y2), label in boxes
            ]
            files[f"labels/{stem}.txt"] = "".join(lines).encode()
        elif form == "mask_pairs":
            files[f"masks/{name}"] = save(paint(boxes))
    return files


def paint(boxes: list[tuple[Box, str]]) -> np.ndarray:
    places = [(int(x1), int(y1), int(x2), int(y2), CLASSES.index(label) + 1) for (x1, y1, x2, y2), label in boxes]
    return mask(*places, width=SIZE[0], height=SIZE[1])


def read_coco_plainly(files: Mapping[str, bytes]) -> Truth:
    content = json.loads(files["a.json"])
    names = {one["id"]: one["name"] for one in content["categories"]}
    truth: Truth = {image["file_name"]: [] for image in content["images"]}
    of_id = {image["id"]: image["file_name"] for image in content["images"]}
    for one in content["annotations"]:
        if not one.get("iscrowd"):
            x, y, width, height = map(float, one["bbox"])
            truth[of_id[one["image_id"]]].append(((x, y, x + width, y + height), names[one["category_id"]]))
    return truth


def read_voc_plainly(files: Mapping[str, bytes]) -> Truth:
    truth: Truth = {}
    for name, content in files.items():
        if name.endswith(".xml"):
            root = ET.fromstring(content)  # noqa: S314 - our own text
            truth[root.findtext("filename", "").strip()] = [
                (
                    tuple(float(one.findtext(f"bndbox/{edge}", "")) - (edge[1:] == "min") for edge in EDGES),
                    one.findtext("name", "").strip(),
                )
                for one in root.findall("object")
            ]
    return truth


EDGES = ("xmin", "ymin", "xmax", "ymax")


def read_yolo_plainly(files: Mapping[str, bytes]) -> Truth:
    truth: Truth = {}
    for picture in (name for name in files if name.startswith("images/")):
        name = picture.removeprefix("images/")
        text = files.get(f"labels/{name.removesuffix('.png')}.txt", b"").decode()
        truth[name] = []
        for line in text.split("\n"):
            if line.strip():
                number, *shares = line.split()
                numbers = np.array(shares, dtype=float)
                if len(numbers) == 4:
                    low, high = numbers[:2] - numbers[2:] / 2, numbers[:2] + numbers[2:] / 2
                else:
                    low, high = numbers.reshape(-1, 2).min(axis=0), numbers.reshape(-1, 2).max(axis=0)
                box = np.concatenate([low, high]) * (*SIZE, *SIZE)
                truth[name].append((tuple(box.tolist()), CLASSES[int(number)]))
    return truth


PLAIN_READERS: dict[str, Callable[[Mapping[str, bytes]], Truth]] = {
    "coco": read_coco_plainly,
    "voc": read_voc_plainly,
    "yolo": read_yolo_plainly,
}


def is_as_said(images: Mapping[str, AnnotatedImage], truth: Truth) -> bool:
    """Whether the boxes are those of a truth, to a hundredth of a pixel, in its order."""
    return images.keys() == truth.keys() and all(
        images[name].box_labels == tuple(label for _, label in boxes)
        and np.allclose(images[name].boxes, np.reshape([box for box, _ in boxes], (-1, 4)), rtol=0, atol=0.01)
        for name, boxes in truth.items()
    )


def is_equal(found: Mapping[str, AnnotatedImage], expected: Mapping[str, AnnotatedImage]) -> bool:
    return found.keys() == expected.keys() and all(
        np.array_equal(found[name].read_pixels(), one.read_pixels())
        and np.array_equal(found[name].boxes, one.boxes)
        and found[name].box_labels == one.box_labels
        and (one.class_mask is None or found[name].to_row()["class_mask"] == one.to_row()["class_mask"])
        for name, one in expected.items()
    )


@pytest.mark.parametrize("form", FORMS)
def test_any_valid_dataset_is_read_back_equal(form: str) -> None:
    @COMMON
    @given(truths())
    def check(truth: Truth) -> None:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), form, write_truth(form, truth))
            images, _ = read(Path(folder))
        if form == "mask_pairs":
            assert images.keys() == truth.keys()
            for name, boxes in truth.items():
                np.testing.assert_array_equal(images[name].class_mask, paint(boxes))
        else:
            assert is_as_said(images, truth)

    check()


@st.composite
def damages(draw: st.DrawFn, files: Mapping[str, bytes]) -> tuple[str, bytes | None]:
    """One file of a dataset and its content after a small damage; None where it is gone."""
    name = draw(st.sampled_from(sorted(files)))
    content = files[name]
    place = draw(st.integers(0, max(len(content) - 1, 0)))
    byte = bytes([draw(st.integers(0, 255))])
    lines = content.split(b"\n")
    line = draw(st.integers(0, len(lines) - 1))
    damaged = {
        "another byte": content[:place] + byte + content[place + 1 :],
        "a byte more": content[:place] + byte + content[place:],
        "bytes gone": content[:place] + content[place + draw(st.integers(1, 4)) :],
        "cut off": content[:place],
        "a line gone": b"\n".join(lines[:line] + lines[line + 1 :]),
        "a line twice": b"\n".join(lines[: line + 1] + lines[line:]),
        "another field": _replace_field(draw, content),
        "another digit": _replace_digit(draw, content),
        "gone": None,
    }
    return name, damaged[draw(st.sampled_from(sorted(damaged)))]


def _replace_digit(draw: st.DrawFn, content: bytes) -> bytes:
    digits = [place for place in range(len(content)) if content[place : place + 1].isdigit()]
    if not digits:
        return content
    place = draw(st.sampled_from(digits))
    return content[:place] + draw(st.sampled_from("0123456789")).encode() + content[place + 1 :]


def _replace_field(draw: st.DrawFn, content: bytes) -> bytes:
    """Put something else in the place of a number or word."""
    starts = [place for place in range(len(content)) if content[place : place + 1].isalnum()]
    if not starts:
        return content
    start = draw(st.sampled_from(starts))
    end = start
    while end < len(content) and (content[end : end + 1].isalnum() or content[end : end + 1] in b".-_"):
        end += 1
    return content[:start] + draw(st.sampled_from(JUNK)).encode() + content[end:]


def judge_damage(form: str, files: Mapping[str, bytes], damaged: str, content: bytes | None) -> str:
    """Read a dataset before and after a damage, and say how it ended; ``silent`` where nobody was told."""
    after = {name: one for name, one in files.items() if name != damaged}
    if content is not None:
        after[damaged] = content
    with tempfile.TemporaryDirectory() as folder:
        if not any(name.startswith("images/") for name in after):
            (Path(folder) / "mine" / "images").mkdir(parents=True)
            after["images/none.txt"] = b""
        write(Path(folder), form, after)
        try:
            images, notes = read(Path(folder))
        except UnreadableInputError as error:
            told = str(error)
            assert told.strip()
            assert all(len(line) < LONGEST_MESSAGE for line in told.split("\n")), told
            return "error"
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), form, files)
        before, notes_before = read(Path(folder))
    if is_equal(images, before):
        return "equal"
    if set(notes.split("\n")) - set(notes_before.split("\n")):
        return "note"
    if form in PLAIN_READERS and is_as_said(images, PLAIN_READERS[form](after)):
        return "as the files say"
    return "silent"


@pytest.mark.parametrize("form", FORMS)
def test_no_small_damage_passes_in_silence(form: str) -> None:
    @COMMON
    @given(st.data())
    def check(data: Any) -> None:
        files = write_truth(form, data.draw(truths()))
        damaged, content = data.draw(damages(files))
        assert judge_damage(form, files, damaged, content) != "silent"

    check()
