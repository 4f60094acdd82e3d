from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from cleanlab_assets.orchestration.families import get_family
from cleanlab_assets.orchestration.storage import read_result

if TYPE_CHECKING:
    from cleanlab_assets.methods.result import Result

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[2]
CLASSES = ("cat", "dog")
N_EXAMPLES = 80
N_WAITING = 10
ACCURACY = {"ann": 0.95, "bob": 0.9, "cyd": 0.8, "dan": 0.5}
DESCRIPTION = """
family = "multiannotator"
format = "annotations"
title = "Pets"
class_names = ["cat", "dog"]

[files]
labels = "labels.csv"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the user's own panel: labels of four annotators, of whom one guesses."""
    folder = tmp_path / "data" / "pets"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    truth = rng.integers(2, size=N_EXAMPLES)
    lines = [
        f"pet_{example},{name},{CLASSES[truth[example] if rng.random() < accuracy else 1 - truth[example]]}"
        for example in range(N_EXAMPLES)
        for name, accuracy in ACCURACY.items()
        if rng.random() < 0.7
    ]
    (folder / "labels.csv").write_text("\n".join(["example,annotator,label", *lines]) + "\n")
    (folder / "dataset.toml").write_text(DESCRIPTION)
    weights = np.concatenate([np.where(truth, 20, 4), rng.choice([4, 20], N_WAITING)]) + rng.normal(0, 2, 90)
    features = [f"pet_{example},{weight:.2f}" for example, weight in enumerate(weights)]
    (folder / "weights.csv").write_text("\n".join(["example,weight", *features]) + "\n")
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(PROJECT / "data" / "dagster_home" / "dagster.yaml", home)
    return folder


def _run(folder: Path, model: str) -> None:
    """Audit the panel in a process of its own, as a user would: the catalogue is read once in a process."""
    environment = os.environ | {
        "DAGSTER_HOME": str(folder.parents[1] / "home"),
        "CLEANLAB_DEMO_DATA_DIR": str(folder.parent),
        "CLEANLAB_DEMO_ARTIFACTS_DIR": str(folder.parents[1] / "artifacts"),
        "CLEANLAB_DEMO_GATE_SEVERITY": "warn",
    }
    config = folder.parents[1] / "run.yaml"
    steps = {
        "training_set": {"folds": 3},
        "labeling_batch": {"batch_size": 5},
        "variant_comparison": {"resamples": 100},
    }
    config.write_text(
        json.dumps({"ops": {f"multiannotator__{name}": {"config": values} for name, values in steps.items()}})
    )
    shell = [sys.executable, "-c", "from cleanlab_assets.cli import main; main()"]
    command = [*shell, "run", "-d", "pets", "-m", model, "-c", str(config)]
    done = subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _result(folder: Path, asset: str, partition: str) -> Result[Any, Any]:
    step = get_family("multiannotator").step(asset)
    return read_result(f"{folder.parents[1]}/artifacts/multiannotator/{asset}/{partition}.{step.storage}", step)


def _read(folder: Path, asset: str, partition: str) -> Any:
    return _result(folder, asset, partition).value


def _notes(folder: Path) -> str:
    return "; ".join(_result(folder, "training_set", "pets").facts.notes)


def test_labels_without_features_are_audited_by_the_annotators_alone(folder: Path) -> None:
    _run(folder, "annotators_only")
    annotators = _read(folder, "annotator_quality", "pets/annotators_only")
    assert annotators["annotator"].iloc[0] == "dan"
    issues = _read(folder, "label_issues", "pets/annotators_only")
    assert issues["rank"].is_unique
    assert set(issues["given_label"].astype(str)) == set(CLASSES)
    assert "no truth is known" in _notes(folder)


def test_labels_that_come_later_lead_to_the_next_batch(folder: Path) -> None:
    (folder / "dataset.toml").write_text(DESCRIPTION + 'features = "weights.csv"\n')
    _run(folder, "logistic_regression")
    first = _read(folder, "labeling_batch", "pets/logistic_regression")
    assert len(first) == 5
    assert "labels by file" not in _notes(folder)

    waiting = [f"pet_{N_EXAMPLES + number}" for number in range(N_WAITING)]
    asked = list(dict.fromkeys([*first["row_id"], *waiting]))
    known = _read(folder, "annotations", "pets")
    pairs = set(zip(known["example"], known["annotator"].astype(str), strict=True))
    lines = [f"{example},{name},cat" for example in asked for name in ("ann", "bob") if (example, name) not in pairs]
    (folder / "new_labels.csv").write_text("\n".join(["example,annotator,label", *lines]) + "\n")
    _run(folder, "logistic_regression")

    rows = _read(folder, "training_set", "pets")
    assert set(waiting) <= set(rows["row_id"])
    assert f"new_labels.csv {len(lines)}" in _notes(folder)
    second = _read(folder, "labeling_batch", "pets/logistic_regression")
    assert set(second["row_id"]) != set(first["row_id"])
    assert (second["n_annotations"] > 0).all(), "nothing waits without a label any more"
    assert f"new_labels.csv {len(lines)}" in _read(folder, "audit_report", "pets/logistic_regression")
