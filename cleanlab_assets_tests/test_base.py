"""The base alone audits tables, and what takes more says which extra to install.

The base is an environment of links to the installed libraries that the base dependencies bring, with all that those
need themselves, and to no others.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cleanlab_assets.cli.terminal import ExitCode
from cleanlab_assets.extras import EXTRAS
from cleanlab_assets.models.catalogue import models_of
from cleanlab_assets.orchestration.datasets import datasets_of
from cleanlab_assets.orchestration.families import all_families
from cleanlab_assets_tests.cli.conftest import FAST, LEAN, Home
from cleanlab_assets_tests.test_dependencies import list_modules_of_optional_libraries
from cleanlab_assets_tests.test_extras import MODELS_WITH_LIBRARIES, PROJECT, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable


def collect_distributions(requirements: Iterable[str]) -> set[str]:
    """Names of the distributions that requirements bring, with all that those need themselves."""
    open_ = [(Requirement(text), "") for text in requirements]
    seen: set[tuple[str, str]] = set()
    while open_:
        requirement, extra = open_.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        for wanted in ("", *requirement.extras):
            if (key := (canonicalize_name(requirement.name), wanted)) not in seen:
                seen.add(key)
                open_ += [(Requirement(text), wanted) for text in distribution(requirement.name).requires or ()]
    return {name for name, _ in seen}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of libraries that holds those of the base alone."""
    folder = tmp_path_factory.mktemp("base") / "site-packages"  # by which libraries know where libraries lie
    folder.mkdir()
    for name in (*collect_distributions(PROJECT["dependencies"]), "cleanlab-assets"):
        installed = distribution(name)
        tops = {path.parts[0] for path in installed.files or ()} - {"..", "__pycache__"}
        for top in tops:
            if not (folder / top).is_symlink():
                (folder / top).symlink_to(Path(str(installed.locate_file(top))))
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def run_in_base(base: Path, program: str, home: Home) -> Any:
    """Run a program in the base, in an empty directory; return the last line that it prints, read as JSON."""
    environment = home.environment(PYTHONPATH=os.pathsep.join([str(ROOT), str(base)]))
    command = [sys.executable, "-S", "-c", program]  # -S: without the libraries of this environment
    ended = subprocess.run(
        command, env=environment, cwd=home.path, capture_output=True, text=True, timeout=280, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


def run_commands_in_base(base: Path, home: Home, commands: list[list[str]]) -> tuple[list[int], list[str]]:
    """Run commands in the base; return their exit codes and what each printed."""
    program = f"""
import json
from typer.testing import CliRunner
from cleanlab_assets.cli import app
ended = [CliRunner().invoke(app, command) for command in {commands!r}]
print(json.dumps([[one.exit_code for one in ended], [one.output for one in ended]]))
"""
    codes, printed = run_in_base(base, program, home)
    return codes, printed


def write_table(path: Path) -> set[str]:
    """Write a table whose column tells the class; return the names of the rows that are given another one."""
    rng = np.random.default_rng(0)
    is_large = rng.integers(2, size=120).astype(bool)
    wrong = rng.choice(120, 5, replace=False)
    given = is_large.copy()
    given[wrong] = ~given[wrong]
    table = pd.DataFrame({"size": is_large * 6 + rng.normal(size=120), "label": np.where(given, "large", "small")})
    table.to_csv(path, index=False)
    return {f"rows.csv:{row + 2}" for row in wrong}


def test_the_base_holds_no_library_of_an_extra(base: Path, home: Home) -> None:
    optional = sorted({module for modules in EXTRAS.values() for module in modules})
    assert all(find_spec(module) for module in optional if module != "sentence_transformers")

    found = run_in_base(
        base,
        "import json; from importlib.util import find_spec; "
        f"print(json.dumps([name for name in {[*optional, 'dagster', 'sqlalchemy', 'sklearn']!r} if find_spec(name)]))",
        home,
    )

    assert found == ["dagster", "sqlalchemy", "sklearn"]


def test_in_the_base_every_module_but_those_of_the_networks_can_be_imported(base: Path, home: Home) -> None:
    program = """
import json, pkgutil, importlib, cleanlab_assets
failed = []
for info in pkgutil.walk_packages(cleanlab_assets.__path__, "cleanlab_assets."):
    try:
        importlib.import_module(info.name)
    except ModuleNotFoundError:
        failed.append(info.name)
print(json.dumps(failed))
"""
    failed = run_in_base(base, program, home)
    assert set(failed) == list_modules_of_optional_libraries() != set()


def test_in_the_base_a_table_is_audited_from_python(base: Path, home: Home) -> None:
    wrong = write_table(home.path / "rows.csv")
    program = """
import json, pandas as pd
from cleanlab_assets import audit
run = audit(pd.read_csv("rows.csv"), label="label", model="logistic_regression", settings={"training_set.folds": 3})
issues = run.label_issues
worst = issues.loc[issues["rank"] == 1, "row_id"].item()
print(json.dumps([issues.loc[issues["is_label_issue"], "row_id"].tolist(), worst in run.report().content]))
"""
    flagged, is_reported = run_in_base(base, program, home)
    rows = {f"table:{int(name.partition(':')[2]) - 1}" for name in wrong}
    assert set(flagged) >= rows
    assert is_reported


@pytest.mark.slow
def test_in_the_base_a_table_is_audited_and_judged_by_commands(base: Path, home: Home) -> None:
    wrong = write_table(home.path / "rows.csv")
    commands = [
        ["audit", "rows.csv", "--label", "label", "-m", "logistic_regression", *LEAN],
        ["gate", "-d", "rows", "-m", "logistic_regression"],
    ]
    codes, printed = run_commands_in_base(base, home, commands)
    assert codes == [ExitCode.FINE, ExitCode.FINE], printed
    issues = pd.read_parquet(home.artifacts / "classification/label_issues/rows/logistic_regression.parquet")
    assert set(issues.loc[issues["is_label_issue"], "row_id"]) >= wrong
    assert "gate passed" in printed[1]


def test_in_the_base_a_table_is_described_and_datasets_are_listed(base: Path, home: Home) -> None:
    write_table(home.path / "rows.csv")
    codes, printed = run_commands_in_base(
        base, home, [["audit", "rows.csv", "--label", "label", "--describe-only"], ["list"]]
    )
    assert codes == [ExitCode.FINE, ExitCode.FINE]
    assert "task: classification" in printed[0]
    for family in all_families():
        assert f"{family.name}: {', '.join(models_of(family.name))}\n" in printed[1]
        assert all(f" {dataset} " in printed[1] for dataset in datasets_of(family.name))


def test_in_the_base_models_with_other_libraries_say_what_to_install(base: Path, home: Home) -> None:
    datasets = {"token_classification": "grammar_sentences"}
    audits = [
        [command, *("-d", datasets.get(family, "digit_scenes"), "-m", model, "--family", family)]
        for family, model in MODELS_WITH_LIBRARIES
        for command in ("run", "gate")
    ]

    codes, (described, *printed) = run_commands_in_base(base, home, [["describe", "bilstm"], *audits])

    assert "missing: model bilstm needs torch" in described
    assert codes == [ExitCode.FINE] + [ExitCode.WRONG_USE] * len(audits)
    for (_, _, _, _, model, _, _), text in zip(audits, printed, strict=True):
        extra = "text" if model == "bilstm" else "vision"
        line = rf"error: model {model} needs torch.* not installed: pip install 'cleanlab-assets\[{extra}\]'\n"
        assert re.fullmatch(line, text), text


@pytest.mark.slow
def test_a_step_without_its_library_ends_the_command_in_one_line(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cleanvision", None)
    printed = home.run("run", "-d", "digit_scenes", "--max-rows", "40", *FAST)
    assert printed.exit_code == ExitCode.WRONG_USE
    assert printed.stderr.splitlines()[-1] == (
        "error: object_detection__image_issues: a check of pictures needs cleanvision, which is not installed: "
        "pip install 'cleanlab-assets[vision]'"
    )
