from __future__ import annotations

import json
import signal
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from upath import UPath

from cleanlab_assets.methods.detection_power import DetectionMetrics
from cleanlab_assets.orchestration.storage import (
    HtmlIOManager,
    JsonIOManager,
    ParquetIOManager,
    read_artifact,
    write_atomically,
)

if TYPE_CHECKING:
    from pathlib import Path

SLOW_WRITER = """
import sys, time
from upath import UPath
import cleanlab_assets.orchestration.storage as storage

def stall(_descriptor):
    print("half written", flush=True)
    time.sleep(60)

storage.os.fsync = stall
storage.write_atomically(UPath(sys.argv[1]), b"new " * 1000)
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


def test_tables_come_back_with_types_and_attrs_and_carry_their_provenance() -> None:
    table = pd.DataFrame(
        {
            "row_id": ["a:1", "a:2"],
            "given_label": pd.Categorical(["x", "y"], categories=["x", "y", "z"]),
            "probability": np.array([0.5, 1.0], dtype=np.float32),
            "duplicate_set": pd.array([pd.NA, 1], dtype="Int64"),
        }
    )
    table.attrs["seed"] = 42
    manager = ParquetIOManager()
    read = manager.from_bytes(manager.to_bytes(table, {"asset": "test"}), None)
    pd.testing.assert_frame_equal(read, table)
    assert read.attrs == {"seed": 42, "provenance": {"asset": "test"}}
    assert "provenance" not in table.attrs


def test_models_come_back_checked_and_carry_their_provenance() -> None:
    metrics = DetectionMetrics(
        n_planted=1, planted_share=0.1, precision=1, recall=1, f1=1, average_precision=1, auroc=1
    )
    content = JsonIOManager().to_bytes(metrics, {"asset": "test"})
    assert JsonIOManager().from_bytes(content, DetectionMetrics) == metrics
    assert json.loads(content)["provenance"] == {"asset": "test"}


def test_artifacts_can_lie_in_an_object_store() -> None:
    path = UPath(f"memory://{uuid.uuid4().hex}/table.parquet")
    table = pd.DataFrame({"row_id": ["a:1"]})
    write_atomically(path, ParquetIOManager().to_bytes(table, {}))
    pd.testing.assert_frame_equal(read_artifact(str(path)), table)


def test_a_local_directory_can_be_given_as_an_address(tmp_path: Path) -> None:
    path = UPath(f"file://{tmp_path}/table.parquet")
    write_atomically(path, b"content")
    assert (tmp_path / "table.parquet").read_bytes() == b"content"


def test_pages_carry_their_provenance_in_a_comment_that_data_cannot_end() -> None:
    page = HtmlIOManager().to_bytes("<html></html>\n", {"config": {"note": "--> <script>"}}).decode()
    comment = page.removeprefix("<html></html>\n")
    assert comment.count("-->") == 1
    record = comment.strip().removeprefix("<!-- provenance: ").removesuffix(" -->")
    assert json.loads(record) == {"config": {"note": "--> <script>"}}


def test_a_file_that_no_asset_writes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"unknown extension '\.pickle'"):
        read_artifact(str(tmp_path / "model.pickle"))
