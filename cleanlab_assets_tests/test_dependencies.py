"""Whatever is imported is declared, and does not merely come along with something else."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parent.parent


def list_imports(folder: Path) -> set[str]:
    """The top-level modules that a folder imports anywhere, other than its own and those of Python."""
    found: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    own = {"cleanlab_assets", "cleanlab_assets_tests"} | {path.stem for path in folder.glob("*.py")}
    return found - own - sys.stdlib_module_names


def normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def list_declared(requirements: Iterable[str]) -> set[str]:
    """The names of requirements and of their extras, which are called after the library that they bring."""
    names = {name for text in requirements for name in re.split(r"[\[\],]", re.split(r"[<>=~;]", text)[0])}
    return {normalize(name) for name in names if name}


@pytest.mark.parametrize("folder", ["cleanlab_assets", "cleanlab_assets_tests", "benchmarks"])
def test_every_imported_library_is_declared(folder: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    declared = list_declared(project["dependencies"])
    for extra in extras if folder != "cleanlab_assets" else extras.keys() - {"dev"}:
        declared |= list_declared(extras[extra])
    distributions = packages_distributions()

    undeclared = {
        module
        for module in list_imports(ROOT / folder)
        if not declared & {normalize(name) for name in distributions.get(module, [module])}
    }

    assert undeclared == set()
