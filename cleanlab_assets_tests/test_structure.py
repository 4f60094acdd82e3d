"""Rules on where things stand, beyond the import contracts of pyproject.toml."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cleanlab_assets.families.registry import FAMILIES

PACKAGE = Path(__file__).parents[1] / "cleanlab_assets"
FILES = sorted(PACKAGE.rglob("*.py"))


def find(pattern: str, files: list[Path]) -> list[str]:
    expression = re.compile(pattern)
    return [
        f"{path.relative_to(PACKAGE)}:{number}: {line.strip()}"
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if expression.search(line)
    ]


def test_what_serves_all_families_names_none() -> None:
    general = [
        path
        for path in FILES
        if path.relative_to(PACKAGE).parts[0] in {"orchestration", "cli", "definitions.py", "methods", "compat.py"}
        or (path.parent == PACKAGE / "families" and path.name != "registry.py")
    ]
    assert len(general) > 50
    names = "|".join(family.name for family in FAMILIES)
    assert find(rf"""["'](?:{names})["'/|]|families\.(?:{names})\b""", general) == []


def test_facts_travel_in_results_and_not_in_attributes_of_tables() -> None:
    assert find(r"\.attrs\b", FILES) == []


def test_text_of_sources_is_opened_and_decoded_in_one_place() -> None:
    """Archives, arrays and downloads open bytes, and the records of SHA-256 that the package itself writes."""
    others = {"text_files.py", "archives.py", "matrices.py", "download.py"}
    readers = [path for path in FILES if PACKAGE / "datasets" in path.parents and path.name not in others]
    assert len(readers) > 30
    assert find(r"\.read_text\(|\.decode\(|(?<!Image)\.open\(|(?<![\w.])open\(", readers) == []


@pytest.mark.parametrize("family", [family.name for family in FAMILIES])
def test_a_family_has_the_rooms_that_all_have(family: str) -> None:
    rooms = {path.stem for path in (PACKAGE / "families" / family).glob("*.py")}
    assert {"family", "training_set", "predictions", "issues", "variants", "report", "checks"} <= rooms
