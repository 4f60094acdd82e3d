"""Boxes, regions and tags from the shell: decided, corrected, written in the form of the source, and read back."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from cleanlab_assets.cli.terminal import ExitCode
from cleanlab_assets.datasets.images import decode_mask, encode_png
from cleanlab_assets_tests.datasets.known_scenes import make_scenes

if TYPE_CHECKING:
    from pathlib import Path

    from cleanlab_assets_tests.cli.conftest import Home

pytestmark = pytest.mark.slow
MATERIALIZE = """
import sys
from cleanlab_assets.cli.instance import open_instance
from cleanlab_assets.definitions import defs
from cleanlab_assets.families.step import DATASET
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.families import family_of
from cleanlab_assets.orchestration.runs import materialize_level

family, wanted = family_of(get_dataset(sys.argv[1]), []), ("raw_dataset", "corrections", "corrected_dataset")
left_out = [key for key in family.asset_keys(DATASET) if key.path[-1] not in wanted]
with open_instance() as instance:
    outcome = materialize_level(defs, instance, family, DATASET, sys.argv[1], configs={}, left_out=left_out)
assert outcome.success, outcome
"""
"""Reads a dataset and makes its corrected one, without an audit: that of images would take minutes."""


def _run(home: Home, *arguments: str, **settings: str) -> str:
    printed = home.run(*arguments, **settings)
    assert printed.exit_code == ExitCode.FINE, printed.output
    return printed.stdout


def _read_anew(home: Home, dataset: str) -> None:
    subprocess.run(
        [sys.executable, "-c", MATERIALIZE, dataset],
        env=home.environment(),
        cwd=home.path,
        check=True,
        timeout=280,
        capture_output=True,
    )


@pytest.fixture
def boxes(home: Home) -> dict[str, Any]:
    """A COCO dataset of digits on pictures, and its content."""
    folder = home.path / "data" / "boxes"
    (folder / "images").mkdir(parents=True)
    scenes = make_scenes(12)
    names = scenes[0].class_names
    images, annotations = list[dict[str, Any]](), list[dict[str, Any]]()
    for number, scene in enumerate(scenes):
        (folder / "images" / f"{number}.png").write_bytes(scene.image)
        images.append({"id": number, "file_name": f"{number}.png"})
        for (x1, y1, x2, y2), label in zip(scene.boxes.tolist(), scene.box_labels, strict=True):
            box = {"bbox": [x1, y1, x2 - x1, y2 - y1], "category_id": names.index(label) + 1, "image_id": number}
            annotations.append({"id": len(annotations) + 1, **box})
    categories = [{"id": place, "name": name} for place, name in enumerate(names, start=1)]
    content = {"images": images, "categories": categories, "annotations": annotations}
    (folder / "instances.json").write_text(json.dumps(content, indent=2), encoding="utf-8")
    (folder / "dataset.toml").write_text(
        'family = "object_detection"\nformat = "coco"\n[files]\nannotations = "instances.json"\nimages = "images"\n',
        encoding="utf-8",
    )
    _read_anew(home, "boxes")
    return content


def test_boxes_are_decided_written_and_read_back(home: Home, boxes: dict[str, Any]) -> None:
    first, second = boxes["annotations"][:2]
    names = {one["id"]: one["name"] for one in boxes["categories"]}

    def name(one: dict[str, Any]) -> str:
        x, y, width, height = one["bbox"]
        return f"{names[one['category_id']]}@{x:g},{y:g},{x + width:g},{y + height:g}"

    other = next(one for one in names.values() if one != names[first["category_id"]])
    told = _run(home, "decide", "-d", "boxes", "0.png", "class is", other, "--element", name(first))
    assert f"of {name(first)} (given label {name(first)}): label is {other}@" in told
    _run(home, "decide", "-d", "boxes", "0.png", "drop box", "--element", name(second))
    _run(home, "decide", "-d", "boxes", "1.png", "exclude the row")
    _read_anew(home, "boxes")

    fixed = home.path / "fixed.json"
    printed = _run(home, "export", "boxes", "-o", str(fixed))
    assert "1 changed, 1 rows excluded" in printed
    assert "take the excluded pictures away from the others: 1 (1.png)" in printed
    expected = {
        **boxes,
        "images": [one for one in boxes["images"] if one["id"] != 1],
        "annotations": [one for one in boxes["annotations"] if one["image_id"] != 1 and one is not second],
    }
    category = next(number for number, known in names.items() if known == other)
    expected["annotations"][0] = {**first, "category_id": category}
    assert fixed.read_text(encoding="utf-8") == json.dumps(expected, indent=2)

    # Another ledger learns the same from the corrected file, once.
    elsewhere = {"CLEANLAB_DEMO_LEDGER_URL": f"sqlite:///{home.path / 'other.db'}"}
    for told in ("2 decisions entered, 0 were", "0 decisions entered, 2 were"):
        assert told in _run(home, "import-decisions", str(fixed), "-d", "boxes", **elsewhere)


def test_what_boxes_cannot_be_ends_with_one_line(home: Home, boxes: dict[str, Any]) -> None:  # noqa: ARG001 - read
    for arguments, message in (
        (["decide", "-d", "boxes", "0.png", "drop box"], "'drop box' is said of a box or region: name it as element"),
        (["decide", "-d", "boxes", "0.png", "drop box", "--element", "7@1,1,2,2"], "no such box or region"),
        (["export", "boxes", "-o", "fixed.xml"], "expected the ending .csv or .parquet, that of its own file, or a"),
        (["import-decisions", str(home.path), "-d", "boxes"], "stands for no file of boxes: expected one of the names"),
        (["decide-all", "-d", "boxes"], "expected either --merge CLASS INTO, or --pair GIVEN SUGGESTED --above"),
        (["undo"], "expected the number of an entry, or --rule"),
    ):
        printed = home.run(*arguments)
        assert printed.exit_code == ExitCode.WRONG_USE, printed.output
        assert message in " ".join(printed.stderr.split())


def test_regions_are_decided_written_and_read_back(home: Home) -> None:
    folder = home.path / "data" / "masks"
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    scenes = make_scenes(12)
    for number, scene in enumerate(scenes):
        (folder / "images" / f"{number}.png").write_bytes(scene.image)
        assert scene.class_mask is not None
        (folder / "masks" / f"{number}.png").write_bytes(encode_png(scene.class_mask))
    (folder / "dataset.toml").write_text(
        f'family = "segmentation"\nformat = "mask_pairs"\nclass_names = {json.dumps(scenes[0].class_names)}\n'
        '[files]\nimages = "images"\nmasks = "masks"\n',
        encoding="utf-8",
    )
    _read_anew(home, "masks")
    printed = home.run("decide", "-d", "masks", "0.png", "class is", "background", "--element", "x@1,1,2,2:abc")
    element = printed.stderr.partition("its elements are")[2].partition("(")[2].split(", ")[0]
    assert "@" in element, printed.output
    _run(home, "decide", "-d", "masks", "0.png", "class is", "background", "--element", element.strip())
    _read_anew(home, "masks")

    fixed = home.path / "fixed"
    assert "1 changed, 0 rows excluded" in _run(home, "export", "masks", "-o", str(fixed))
    given, new = (decode_mask((place / "masks" / "0.png").read_bytes()) for place in (folder, fixed))
    differs = given != new
    assert differs.any()
    assert set(np.unique(new[differs])) == {0}
    assert (fixed / "masks" / "1.png").read_bytes() == (folder / "masks" / "1.png").read_bytes()
    again = home.run("export", "masks", "-o", str(fixed))
    assert again.exit_code == ExitCode.WRONG_USE
    assert "is not empty" in again.stderr
    elsewhere = {"CLEANLAB_DEMO_LEDGER_URL": f"sqlite:///{home.path / 'other.db'}"}
    assert "1 decisions entered" in _run(home, "import-decisions", str(fixed), "-d", "masks", **elsewhere)


def _write_tokens(home: Home) -> Path:
    """Sentences of capitals and small words, two of them tagged wrong."""
    rng = np.random.default_rng(0)
    path = home.path / "data" / "words" / "train.txt"
    path.parent.mkdir(parents=True)
    sentences = []
    for _ in range(60):
        words = [
            rng.choice(["Rome", "Oslo", "Bern", "Kiel"])
            if rng.random() < 0.4
            else rng.choice(["is", "in", "was", "of"])
            for _ in range(5)
        ]
        sentences.append([f"{word}\t{'NAME' if word[0].isupper() else 'WORD'}\n" for word in words])
    sentences[3][0], sentences[7][0] = "Rome\tWORD\n", "Oslo\tWORD\n"
    path.write_text("\n".join("".join(sentence) for sentence in sentences), encoding="utf-8")
    (path.parent / "dataset.toml").write_text(
        'family = "token_classification"\nformat = "conll2003"\n[files]\ntrain = "train.txt"\n', encoding="utf-8"
    )
    return path


def test_tags_are_decided_by_a_rule_and_come_back_from_another_program(home: Home) -> None:
    source = _write_tokens(home)
    _read_anew(home, "words")
    told = _run(home, "decide-all", "-d", "words", "--merge", "NAME", "WORD", "--yes")
    assert "rule: label 'NAME' is 'WORD'" in told
    assert "rule 1: entries" in told
    assert "entries of rule 1 are taken back" in _run(home, "undo", "--rule", "1")
    asked = home.run("decide-all", "-d", "words", "--merge", "NAME", "WORD")
    assert asked.exit_code == ExitCode.WRONG_USE
    assert "nothing was entered, since nobody answered: say --yes" in " ".join(asked.stderr.split())

    lines = source.read_text(encoding="utf-8").splitlines()
    mended = [line.replace("WORD", "NAME") if line[:1].isupper() else line for line in lines]
    back = home.path / "mended.txt"
    back.write_text("\n".join(mended), encoding="utf-8")
    assert "2 decisions entered, 0 were" in _run(home, "import-decisions", str(back), "-d", "words")
    _read_anew(home, "words")
    _run(home, "export", "words", "-o", str(home.path / "fixed.txt"))
    assert (home.path / "fixed.txt").read_text(encoding="utf-8").splitlines() == mended
