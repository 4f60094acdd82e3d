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
import tomllib
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pydantic import SecretStr

from cleanlab_assets.cli.terminal import ExitCode
from cleanlab_assets.extras import EXTRAS, MissingExtraError, explain_missing
from cleanlab_assets.models.catalogue import BuildContext, all_models, build_model, models_of
from cleanlab_assets.models.encoding import FeatureKinds
from cleanlab_assets.models.trained_model import TrainedModel
from cleanlab_assets.models.trained_network import TrainedNetwork
from cleanlab_assets.orchestration.datasets import datasets_of
from cleanlab_assets.orchestration.families import all_families
from cleanlab_assets.reports.written_summary import WriterSettings, explain_absence
from cleanlab_assets_tests.cli.conftest import FAST, LEAN, Home
from cleanlab_assets_tests.test_dependencies import list_modules_of_optional_libraries

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DECLARED: dict[str, list[str]] = PROJECT["optional-dependencies"]
OF_USERS = ("web", "text", "vision", "ai", "excel")
FIXED = {
    "dagster",
    "dagster-webserver",
    "dagster-pandas",
    "cleanlab",
    "scikit-learn",
    "pandas",
    "torch",
    "torchvision",
    "pydantic",
    "pydantic-ai-slim",
    "pytest",
}
MODELS_WITH_LIBRARIES = sorted(
    (family, model.name) for model in all_models().values() if model.libraries for family in model.builders
)


def names_of(requirements: Iterable[str]) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for text in requirements}


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


def run_in_base(base: Path, program: str, home: Home) -> Any:
    """Run a program in the base, in an empty directory; return the last line that it prints, read as JSON."""
    environment = home.environment(PYTHONPATH=os.pathsep.join([str(ROOT), str(base)]))
    command = [sys.executable, "-S", "-c", program]  # -S: without the libraries of this environment
    ended = subprocess.run(
        command, env=environment, cwd=home.path, capture_output=True, text=True, timeout=280, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


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

    codes, printed = run_commands_in_base(base, home, audits)

    assert codes == [ExitCode.WRONG_USE] * len(audits)
    for (_, _, _, _, model, _, _), text in zip(audits, printed, strict=True):
        extra = "text" if model == "bilstm" else "vision"
        line = rf"error: model {model} needs torch.* not installed: pip install 'cleanlab-assets\[{extra}\]'\n"
        assert re.fullmatch(line, text), text


def test_what_the_code_knows_of_extras_is_what_is_declared() -> None:
    modules_of = {"pydantic-ai-slim": {"pydantic_ai", "anthropic", "openai"}}
    brought = {
        extra: set().union(*(modules_of.get(name, {name.replace("-", "_")}) for name in names_of(DECLARED[extra])))
        for extra in EXTRAS
    }
    assert brought == {extra: set(modules) for extra, modules in EXTRAS.items()}
    assert DECLARED.keys() == {*EXTRAS, "all", "dev"}


def test_all_holds_every_extra_of_users() -> None:
    (everything,) = DECLARED["all"]
    assert canonicalize_name(Requirement(everything).name) == PROJECT["name"]
    assert Requirement(everything).extras == set(OF_USERS)


def test_the_fixed_packages_are_declared_and_every_declared_one_is_locked() -> None:
    declared = names_of(PROJECT["dependencies"]).union(*map(names_of, DECLARED.values())) - {PROJECT["name"]}
    locked = re.findall(r"^([\w.-]+)==", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE)
    assert declared >= FIXED
    assert declared <= {canonicalize_name(name) for name in locked}


@pytest.mark.parametrize("extra", sorted(EXTRAS))
def test_what_is_missing_is_named_with_its_extra(extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in EXTRAS[extra]:
        monkeypatch.setitem(sys.modules, module, None)
    names = ", ".join(EXTRAS[extra]).replace("_", "-")
    verb = "is" if len(EXTRAS[extra]) == 1 else "are"
    assert explain_missing("the test", *EXTRAS[extra]) == (
        f"the test needs {names}, which {verb} not installed: pip install 'cleanlab-assets[{extra}]'"
    )
    assert explain_missing("the test", "openpyxl") == "" or extra == "excel"


@pytest.mark.parametrize(("family", "model"), MODELS_WITH_LIBRARIES)
def test_a_model_without_its_libraries_is_not_built(family: str, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    context = BuildContext(kinds=FeatureKinds(), n_classes=2, seed=0)
    build_model(family, model, context)
    for library in all_models()[model].libraries:
        with monkeypatch.context() as without:
            without.setitem(sys.modules, library, None)
            with pytest.raises(MissingExtraError, match=f"model {model} needs {library}, which is not installed"):
                build_model(family, model, context)


def test_a_stored_tagger_without_its_library_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    tagger = build_model("token_classification", "bilstm", BuildContext(kinds=FeatureKinds(), n_classes=2, seed=0))
    stored = TrainedModel(pipeline=tagger, card={}).to_bytes({})
    TrainedModel.from_bytes(stored)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match="model bilstm needs torch"):
        TrainedModel.from_bytes(stored)


def test_a_stored_network_without_its_library_is_neither_read_nor_written(monkeypatch: pytest.MonkeyPatch) -> None:
    network = TrainedNetwork(weights={"weight": np.zeros(2)}, card={})
    stored = network.to_bytes({})
    monkeypatch.setitem(sys.modules, "safetensors", None)
    for use in (lambda: network.to_bytes({}), lambda: TrainedNetwork.from_bytes(stored)):
        with pytest.raises(MissingExtraError, match=r"trained network needs safetensors.*\[vision\]"):
            use()


@pytest.mark.slow
def test_a_step_without_its_library_ends_the_command_in_one_line(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cleanvision", None)
    printed = home.run("run", "-d", "digit_scenes", "--max-rows", "40", *FAST)
    assert printed.exit_code == ExitCode.WRONG_USE
    assert printed.stderr.splitlines()[-1] == (
        "error: object_detection__image_issues: the asset image_issues needs cleanvision, which is not installed: "
        "pip install 'cleanlab-assets[vision]'"
    )


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize("absent", ["pydantic_ai", "the client"])
def test_without_the_libraries_of_language_models_rules_write_the_summary_and_say_so(
    provider: str, absent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = WriterSettings.model_validate({f"{provider}_api_key": SecretStr("key"), "model": f"{provider}:any"})
    assert explain_absence(writer) is None
    missing = provider if absent == "the client" else absent
    monkeypatch.setitem(sys.modules, missing, None)
    assert explain_absence(writer) == (
        f"a summary by a language model needs {missing.replace('_', '-')}, which is not installed: "
        "pip install 'cleanlab-assets[ai]'"
    )
