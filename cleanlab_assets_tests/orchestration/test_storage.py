from __future__ import annotations

import json
import signal
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from upath import UPath

from cleanlab_assets.families.step import DATASET, MODEL, Step
from cleanlab_assets.methods.detection_power import DetectionPower
from cleanlab_assets.methods.result import Facts, NoFacts, Provenance, Result
from cleanlab_assets.orchestration.atomic_files import write_atomically
from cleanlab_assets.orchestration.families import all_families
from cleanlab_assets.orchestration.storage import (
    ArtifactFormatError,
    HtmlIOManager,
    JsonIOManager,
    ParquetIOManager,
    read_result,
)

if TYPE_CHECKING:
    from pathlib import Path

    from cleanlab_assets.families.step import Level, StorageFormat
    from cleanlab_assets.orchestration.family import Family


class Origin(Facts):
    """The facts of the table of these tests."""

    seed: int
    score: float


FACTS = Origin(seed=42, score=float("inf"))


def never_run() -> Result[Any, Any]:
    raise NotImplementedError


def make_step(level: Level, name: str, storage: StorageFormat, value: type, facts: type[Facts] = NoFacts) -> Step:
    return Step(
        name=name,
        level=level,
        run=never_run,
        code_version="1",
        kinds=frozenset(),
        value=value,
        facts=facts,
        storage=storage,
    )


TABLE = make_step(DATASET, "table", "parquet", pd.DataFrame, Origin)
METRICS = make_step(MODEL, "metrics", "json", DetectionPower)
PAGE = make_step(MODEL, "page", "html", str)


def make_provenance(**config: object) -> Provenance:
    return Provenance(
        asset="test/table",
        partition="pets",
        code_version="1",
        run_id="a run",
        config=config,
        inputs={"test/raw": "a version"},
        catalogue_hash="hash of the entry",
        display_hash="hash of its title",
        data_hash="hash of the result",
        versions={"python": "3"},
        started="2026-03-01T02:00:00+00:00",
        seconds=1.5,
        durations={"fit_seconds": 0.5},
    )


SLOW_WRITER = """
import sys, time
from upath import UPath
import cleanlab_assets.orchestration.atomic_files as files

def stall(_descriptor):
    print("half written", flush=True)
    time.sleep(60)

files.os.fsync = stall
files.write_atomically(UPath(sys.argv[1]), b"new " * 1000)
"""


def test_a_writer_killed_in_the_middle_leaves_the_old_artifact_whole(tmp_path: Path) -> None:
    target = tmp_path / "table.parquet"
    target.write_bytes(b"old")
    command = [sys.executable, "-c", SLOW_WRITER, str(target)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline().strip() == "half written"
        writer.send_signal(signal.SIGKILL)
    assert target.read_bytes() == b"old"


def test_a_failing_write_leaves_the_old_artifact_and_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "table.parquet"
    target.write_bytes(b"old")

    def fail(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(UPath(target), b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_table_comes_back_with_its_types_facts_and_provenance() -> None:
    rows = pd.DataFrame(
        {
            "row_id": ["a:1", "a:2"],
            "given_label": pd.Categorical(["x", "y"], categories=["x", "y", "z"]),
            "probability": np.array([0.5, 1.0], dtype=np.float32),
            "duplicate_set": pd.array([pd.NA, 1], dtype="Int64"),
        }
    )
    stored: Result[pd.DataFrame, Origin] = Result(value=rows, facts=FACTS, provenance=make_provenance(seed=42))
    manager = ParquetIOManager(UPath("nowhere"), {})

    read = manager.from_bytes(manager.to_bytes(stored), TABLE)

    pd.testing.assert_frame_equal(read.value, rows)
    assert read.facts == FACTS
    assert read.origin == stored.origin
    assert read.value.attrs == {}, "facts travel in the result alone"


def test_a_model_of_figures_comes_back_checked_with_its_provenance() -> None:
    power = DetectionPower(n_planted=1, planted_share=0.1, precision=1, recall=1, f1=1, average_precision=1, auroc=1)
    manager = JsonIOManager(UPath("nowhere"), {})

    content = manager.to_bytes(Result(value=power, facts=NoFacts(), provenance=make_provenance()))

    read = manager.from_bytes(content, METRICS)
    assert read.value == power
    assert read.origin == make_provenance()
    assert json.loads(content)["result"]["n_planted"] == 1, "people can read the file"


def test_results_can_lie_in_an_object_store() -> None:
    path = UPath(f"memory://{uuid.uuid4().hex}/table.parquet")
    rows = pd.DataFrame({"row_id": ["a:1"]})
    write_atomically(path, ParquetIOManager(path.parent, {}).to_bytes(Result(value=rows, facts=FACTS)))
    read = read_result(str(path), TABLE)
    pd.testing.assert_frame_equal(read.value, rows)
    assert read.facts == FACTS
    with pytest.raises(ValueError, match="not stored yet"):
        _ = read.origin


def test_a_local_directory_can_be_given_as_an_address(tmp_path: Path) -> None:
    path = UPath(f"file://{tmp_path}/table.parquet")
    write_atomically(path, b"content")
    assert (tmp_path / "table.parquet").read_bytes() == b"content"


def test_pages_carry_their_provenance_in_a_comment_that_data_cannot_end() -> None:
    manager = HtmlIOManager(UPath("nowhere"), {})
    stored = Result(value="<html></html>\n", facts=NoFacts(), provenance=make_provenance(note="--> <script>"))
    content = manager.to_bytes(stored)
    comment = content.decode().removeprefix("<html></html>\n")
    assert comment.count("-->") == 1
    record = comment.strip().removeprefix("<!-- provenance: ").removesuffix(" -->")
    assert json.loads(record)["config"] == {"note": "--> <script>"}
    read = manager.from_bytes(content, PAGE)
    assert (read.value, read.origin) == (stored.value, stored.origin)


def write_old_table(path: Path) -> None:
    """A table as versions before this one wrote it: what belongs to it beside its rows, with no name."""
    rows = pd.DataFrame({"row_id": ["a:1"]})
    rows.attrs = {"seed": 42, "provenance": make_provenance().model_dump(mode="json")}
    rows.to_parquet(path)


@pytest.mark.parametrize(
    ("stored_by", "name", "content", "command"),
    [
        (TABLE, "pets.parquet", None, "cleanlab-demo run -d pets --force"),
        (TABLE, "pets.parquet", b"PAR1 and no more", "cleanlab-demo run -d pets --force"),
        (METRICS, "pets/knn.json", b'{"provenance": {}}', "cleanlab-demo run -d pets -m knn --force"),
        (METRICS, "pets/knn.json", b"no JSON", "cleanlab-demo run -d pets -m knn --force"),
        (PAGE, "pets/knn.html", b"<html></html>", "cleanlab-demo run -d pets -m knn --force"),
    ],
    ids=["table of an older version", "half a table", "no figures", "no JSON", "page without provenance"],
)
def test_a_file_of_another_version_is_named_with_how_to_make_it_anew(
    tmp_path: Path, stored_by: Step, name: str, content: bytes | None, command: str
) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    if content is None:
        write_old_table(path)
    else:
        path.write_bytes(content)

    with pytest.raises(ArtifactFormatError) as caught:
        read_result(str(path), stored_by)

    assert str(caught.value).startswith(f"{path} is no result of {stored_by.name} as this version stores it (")
    assert str(caught.value).endswith(f"Make it anew with: {command}")


@pytest.mark.parametrize("family", all_families(), ids=lambda family: family.name)
def test_no_step_has_facts_that_its_file_does_not_keep(family: Family) -> None:
    """Pages and models have no place for facts beside their provenance."""
    for steps in family.steps.values():
        for item in steps:
            assert item.facts is NoFacts or item.storage in ("parquet", "json"), item.name
