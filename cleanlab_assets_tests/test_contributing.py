"""The examples of CONTRIBUTING.md work as they stand: each is put where its first line says, and then used.

Together they are an eighth task family with a dataset, a format, models and a check of its own, which nothing else in
the project knows.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.cli.terminal import ExitCode
from cleanlab_assets.definitions import build_definitions
from cleanlab_assets.families import registry
from cleanlab_assets.models.catalogue import all_models, get_model
from cleanlab_assets.orchestration.datasets import forget_datasets
from cleanlab_assets.orchestration.families import get_family
from cleanlab_assets.settings import Settings
from cleanlab_assets_tests.cli.conftest import Home

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parents[1] / "CONTRIBUTING.md"
EXAMPLES = dict(
    re.findall(r"```python\n# (cleanlab_assets/\S+\.py)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
)
PACKAGES = ("datasets", "datasets.formats", "models", "families")
LONGEST_FAMILY = 60
N_ROWS, N_WRONG = 400, 12
FAST = ("--folds", "2", "--set", "variant_comparison.resamples=100")


def make_lamps(separator: str) -> tuple[str, set[int]]:
    """Return a file of lamps whose state follows from its brightness, and the lines of those where it does not."""
    rng = np.random.default_rng(0)
    is_on = rng.random(N_ROWS) < 0.5
    brightness, warmth = rng.normal(is_on * 6.0, 1.0), rng.normal(size=N_ROWS)
    wrong = rng.choice(N_ROWS, N_WRONG, replace=False)
    is_on[wrong] = ~is_on[wrong]
    lines = [separator.join(["brightness", "warmth", "state"])]
    lines += [
        separator.join([f"{reading:.4f}", f"{warm:.4f}", "on" if on else "off"])
        for reading, warm, on in zip(brightness, warmth, is_on, strict=True)
    ]
    return "\n".join(lines) + "\n", {int(row) + 2 for row in wrong}


def forget_catalogues() -> None:
    all_models.cache_clear()
    forget_datasets()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A directory with the examples' data, where the package holds the examples and the family is registered."""
    for path, code in EXAMPLES.items():
        file = tmp_path / "examples" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code, encoding="utf-8")
    for name in PACKAGES:
        package = importlib.import_module(f"cleanlab_assets.{name}")
        place = tmp_path / "examples" / "cleanlab_assets" / name.replace(".", "/")
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(place)])
    forget_catalogues()
    before = set(sys.modules)
    family = importlib.import_module("cleanlab_assets.families.triage.family").TRIAGE
    monkeypatch.setattr(registry, "FAMILIES", (*registry.FAMILIES, family))
    simple = get_model("classification", "logistic_regression").builders
    monkeypatch.setitem(simple, "triage", simple["classification"])

    data = tmp_path / "data"
    (data / "lamps").mkdir(parents=True)
    (data / "lamps" / "lamps.csv").write_text(make_lamps(",")[0], encoding="utf-8")
    (data / "bulbs").mkdir()
    (data / "bulbs" / "bulbs.tsv").write_text(make_lamps("\t")[0], encoding="utf-8")
    (data / "bulbs" / "dataset.toml").write_text(
        'family = "triage"\nformat = "numbers"\nclass_names = ["off", "on"]\n[files]\ntable = "bulbs.tsv"\n',
        encoding="utf-8",
    )
    yield Home(tmp_path)
    for name in set(sys.modules) - before:
        if any(name == module_of(path) for path in EXAMPLES):
            del sys.modules[name]
    forget_catalogues()


def module_of(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".")


def test_a_family_is_short_and_names_no_tool_of_the_orchestration() -> None:
    code = EXAMPLES["cleanlab_assets/families/triage/family.py"]
    assert len(code.splitlines()) <= LONGEST_FAMILY
    assert "dagster" not in code


def test_a_registered_family_has_its_chain_its_checks_its_commands_and_its_comparison(home: Home) -> None:
    models = ("nearest_centroid", "logistic_regression")
    printed = home.run("sweep", "lamps", *FAST, *(f"--model={model}" for model in models))
    assert printed.exit_code == ExitCode.FINE, printed.output
    comparison = json.loads((home.artifacts / "triage/model_comparison/lamps.json").read_bytes())["result"]
    assert {row["model"] for row in comparison["results"] if row["status"] == "compared"} == set(models)

    printed = home.run("run", "-d", "lamps", "-m", "nearest_centroid", *FAST, "-o", str(home.path / "result.json"))
    assert printed.exit_code == ExitCode.FINE, printed.output
    assert printed.stdout.count("up to date") == 2
    facts = home.read_result().facts
    assert facts is not None
    assert (facts.family, facts.n_train) == ("triage", 320)
    assert facts.verdict

    issues = pd.read_parquet(home.artifacts / "triage/label_issues/lamps/nearest_centroid.parquet")
    flagged = {int(row_id.rpartition(":")[2]) for row_id in issues.loc[issues["is_label_issue"], "row_id"]}
    wrong = make_lamps(",")[1] & {int(row_id.rpartition(":")[2]) for row_id in issues["row_id"]}
    assert wrong <= flagged
    assert len(flagged) < 2 * len(wrong)
    assert (home.artifacts / "triage/consensus_issues/lamps.parquet").exists()

    printed = home.run("gate", "-d", "lamps", "-m", "nearest_centroid")
    assert printed.exit_code == ExitCode.FINE, printed.output
    assert "triage/label_issues both_classes_are_flagged" in printed.stdout

    listed = home.run("list").stdout
    assert "triage" in listed
    assert "lamps" in listed
    described = home.run("describe", "triage").stdout
    for asset in ("label_issues", "variant_comparison", "model_comparison", "ai_summary"):
        assert asset in described
    assert "planted_error_fraction" in described


@pytest.mark.slow
def test_a_format_reads_own_data_of_any_family_that_it_can_hold(home: Home) -> None:
    printed = home.run("run", "-d", "bulbs", "-m", "logistic_regression", *FAST)
    assert printed.exit_code == ExitCode.FINE, printed.output
    issues = pd.read_parquet(home.artifacts / "triage/label_issues/bulbs/logistic_regression.parquet")
    assert issues["is_label_issue"].any()

    description = home.path / "data/bulbs/dataset.toml"
    description.write_text(description.read_text(encoding="utf-8").replace("table =", "rows ="), encoding="utf-8")
    forget_datasets()
    printed = home.run("run", "-d", "bulbs")
    assert printed.exit_code == ExitCode.WRONG_USE
    assert f"{description}: files: found rows, expected a file of the role table" in printed.stderr


def test_the_code_location_holds_the_family(home: Home) -> None:
    settings = Settings(_env_file=None, artifacts_dir=str(home.artifacts), data_dir=home.path / "data")
    definitions = build_definitions(settings)
    family = get_family("triage")
    declared = {key.to_user_string() for key in definitions.resolve_asset_graph().get_all_asset_keys()}
    assert {key.to_user_string() for level in family.assets for key in family.asset_keys(level)} <= declared
    jobs = {job.name for job in definitions.resolve_all_job_defs()}
    assert set(family.jobs) <= jobs
