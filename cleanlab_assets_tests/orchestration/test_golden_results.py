"""What the families compute is what they computed before, by the golden file ``results.json``.

Tables are read from the artifacts directory without the project's own functions, so that storage may change.
"""

from __future__ import annotations

import hashlib
import json
import math
import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets_tests.conftest import build_workbench, open_instance
from cleanlab_assets_tests.golden.files import is_update_wanted, read_golden, update_command, write_golden

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cleanlab_assets.families.step import Level

pytestmark = pytest.mark.slow

GOLDEN = "results.json"
DIGITS = 5
"""Significant digits of floats that count."""
DURATIONS = {"fit_seconds", "seconds"}
"""Columns and keys that differ from run to run."""
LIBRARIES = ("numpy", "pandas", "scikit-learn", "cleanlab", "torch")
ON_TABLES = {"planted_error_fraction": 0.1, "folds": 3, "seed": 3}
ON_IMAGES = {"planted_error_fraction": 0.3, "folds": 2, "seed": 3, "max_rows": 40}
LEARNING_CURVE = {"seeds": 2, "max_examples": 150, "start": 100, "batch_size": 30, "rounds": 1}
SMALL_DETECTOR = {"epochs": 1, "width": 16, "image_size": 64}
SMALL_UNET = {"epochs": 1, "width": 4, "longest_side": 64}
AUDITS: dict[str, tuple[str, str, dict[str, dict[str, Any]]]] = {
    "classification": ("breast_cancer", "logistic_regression", {"training_set": ON_TABLES}),
    "regression": ("diabetes", "ridge", {"training_set": ON_TABLES}),
    "multilabel": ("synthetic_topics", "logistic_regression", {"training_set": ON_TABLES}),
    "token_classification": ("grammar_sentences", "logistic_regression", {"training_set": ON_TABLES}),
    "multiannotator": (
        "digits_panel",
        "logistic_regression",
        {"training_set": {**ON_TABLES, "max_rows": 900}, "learning_curve": LEARNING_CURVE},
    ),
    "object_detection": (
        "digit_scenes",
        "small_detector",
        {"training_set": ON_IMAGES, "predictions": {"parameters": SMALL_DETECTOR}},
    ),
    "segmentation": (
        "digit_scenes",
        "small_unet",
        {"training_set": ON_IMAGES, "predictions": {"parameters": SMALL_UNET}},
    ),
}
"""Dataset, model and settings of the one audit of each family."""
COMMON_SETTINGS = {"variant_comparison": {"resamples": 100}, "ai_summary": {"use_ai": False}}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Run on one thread: on several, sums of floats depend on how the work is shared out."""
    import faiss  # noqa: F401 - the thread pools of a library can be limited once it is loaded
    import sklearn.ensemble  # noqa: F401
    import torch
    from threadpoolctl import threadpool_limits

    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        torch.set_num_threads(n_threads)


def _audit(family: str, directory: Path) -> None:
    """Materialize all levels of a family's chain for its dataset and model."""
    dataset, model, settings = AUDITS[family]
    ops = {f"{family}__{asset}": {"config": values} for asset, values in (settings | COMMON_SETTINGS).items()}
    levels: tuple[tuple[Level, str], ...] = (
        ("dataset", dataset),
        ("model", f"{dataset}|{model}"),
        ("comparison", dataset),
    )
    with open_instance(directory) as instance:
        bench = build_workbench(directory, instance, family)
        for level, partition in levels:
            outcome = bench.materialize(level, partition, {"ops": ops})
            assert outcome.success, outcome.error


def _to_plain(value: Any) -> Any:
    """Turn a value into what JSON can tell: floats rounded, bytes by their hash, durations left out."""
    if isinstance(value, dict):
        return {str(name): _to_plain(item) for name, item in value.items() if name not in DURATIONS}
    if isinstance(value, list | tuple | np.ndarray):
        return [_to_plain(item) for item in value]
    if isinstance(value, bytes):
        return hashlib.sha256(value).hexdigest()
    if isinstance(value, np.generic):
        return _to_plain(value.item())
    if isinstance(value, float):
        return str(value) if not math.isfinite(value) else float(f"{value:.{DIGITS}g}") + 0.0  # no negative zero
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(_to_plain(content), sort_keys=True).encode()).hexdigest()


def _hash_table(path: Path) -> str:
    """Hash names, types, categories and values of all columns, in their order."""
    table = pd.read_parquet(path, engine="pyarrow")
    return _hash(
        [
            [name, str(dtype), list(getattr(dtype, "categories", ())), table[name].tolist()]
            for name, dtype in table.dtypes.items()
            if name not in DURATIONS
        ]
    )


def _hash_artifacts(directory: Path) -> dict[str, dict[str, str]]:
    """Hash the tables and the JSON results of an artifacts directory, by their path without the ending."""

    def find(suffix: str) -> Iterator[tuple[str, Path]]:
        for path in sorted(directory.rglob(f"*{suffix}")):
            yield path.relative_to(directory).with_suffix("").as_posix(), path

    return {
        "json": {name: _hash(json.loads(path.read_bytes())["result"]) for name, path in find(".json")},
        "tables": {name: _hash_table(path) for name, path in find(".parquet")},
    }


def _describe_environment() -> dict[str, str]:
    """Whatever floating-point results depend on."""
    import torch

    information = Path("/proc/cpuinfo")
    lines = information.read_text(encoding="utf-8").splitlines() if information.exists() else []
    first = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in reversed(lines))}
    processor = [first[name] for name in ("model name", "cpu family", "model") if name in first]
    return {
        **{name: version(name) for name in LIBRARIES},
        "machine": platform.machine(),
        "processor": " / ".join([*processor, torch.backends.cpu.get_cpu_capability()]),
    }


def _update(golden: dict[str, Any], family: str, found: dict[str, dict[str, str]]) -> dict[str, Any]:
    """Replace the results of a family; those of another environment are dropped."""
    environment = _describe_environment()
    known = golden if golden.get("environment") == environment else {}
    kept = {section: known.get(section, {}) for section in found}
    for section, artifacts in found.items():
        others = {name: value for name, value in kept[section].items() if not name.startswith(f"{family}/")}
        kept[section] = others | artifacts
    return {"environment": environment, **kept}


def _find_differences(golden: dict[str, Any], family: str, found: dict[str, dict[str, str]]) -> list[str]:
    """Name the artifacts of a family that are new, gone or other than before."""
    lines = []
    for section, artifacts in found.items():
        expected = {name: value for name, value in golden.get(section, {}).items() if name.startswith(f"{family}/")}
        for name in sorted(expected.keys() | artifacts.keys()):
            if name not in artifacts:
                lines.append(f"{section}: {name} is gone")
            elif name not in expected:
                lines.append(f"{section}: {name} is new")
            elif artifacts[name] != expected[name]:
                lines.append(f"{section}: {name} differs")
    return lines


@pytest.mark.parametrize("family", AUDITS)
def test_results_are_those_of_before(family: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    golden = json.loads(read_golden(GOLDEN) or "{}")
    if not is_update_wanted():
        environment, recorded = _describe_environment(), golden.get("environment", {})
        differing = [
            f"{name} {value}, here {environment.get(name)}"
            for name, value in recorded.items()
            if environment.get(name) != value
        ]
        if differing:
            pytest.skip(f"results were recorded with {'; '.join(differing)}")
    _audit(family, tmp_path)
    found = _hash_artifacts(tmp_path / "artifacts")
    if is_update_wanted():
        golden = _update(golden, family, found)
        write_golden(GOLDEN, golden)
    differences = _find_differences(golden, family, found)
    if differences:
        capfd.readouterr()  # what Dagster logged says nothing of the differences
        pytest.fail("\n".join([*differences, f"if this is wanted: {update_command(__file__)}"]), pytrace=False)
