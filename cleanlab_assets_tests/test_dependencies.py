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

from cleanlab_assets.extras import EXTRAS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).parent.parent
OPTIONAL = frozenset(module for modules in EXTRAS.values() for module in modules)


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


def list_modules_of_optional_libraries() -> set[str]:
    """The modules of the package that cannot be imported without a library of an extra."""
    found = set()
    for path in sorted((ROOT / "cleanlab_assets").rglob("*.py")):
        if OPTIONAL.intersection(_find_imports_at_once(ast.parse(path.read_text(encoding="utf-8")).body)):
            found.add(".".join(path.relative_to(ROOT).with_suffix("").parts))
    return found


def _find_imports_at_once(statements: Iterable[ast.stmt]) -> Iterator[str]:
    """Yield the modules that statements import when they are run, not those of functions or for types alone."""
    for node in statements:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not _is_for_types(node):
            for _, value in ast.iter_fields(node):
                if isinstance(value, list):
                    yield from _find_imports_at_once(item for item in value if isinstance(item, ast.stmt))


def _is_for_types(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


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


def test_only_networks_and_the_review_page_import_a_library_of_an_extra_at_once() -> None:
    """They are imported where one is built or served; all else imports such a library where it has asked for it."""
    modules = list_modules_of_optional_libraries()
    assert len(modules) > 5
    assert {name for name in modules if not name.startswith("cleanlab_assets.models.estimators.")} == {
        "cleanlab_assets.models.tagging.bilstm_tagger",
        "cleanlab_assets.review_page.app",
        "cleanlab_assets.review_page.security",
    }


def test_what_makes_tables_takes_no_library_of_an_extra() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    distributions = packages_distributions()
    brought = {normalize(name) for module in OPTIONAL for name in distributions.get(module, [module])}
    assert not list_declared(project["dependencies"]) & brought
