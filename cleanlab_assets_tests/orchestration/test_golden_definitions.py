"""What the code location declares is what it declared before, by the golden file ``definitions.json``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cleanlab_assets_tests.golden.files import is_update_wanted, read_golden, update_command, write_golden

if TYPE_CHECKING:
    from collections.abc import Iterator

GOLDEN = "definitions.json"
PROJECT = Path(__file__).parents[2]
LONGEST_DIFF = 60


def _describe_without_own_datasets(empty_directory: Path) -> str:
    """Describe the code location in a process of its own, where no setting and no dataset of the user counts."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLEANLAB_DEMO_")}
    command = [sys.executable, "-m", "cleanlab_assets_tests.golden.description"]
    environment["CLEANLAB_DEMO_DATA_DIR"] = str(empty_directory)
    environment["PYTHONHASHSEED"] = "0"  # the contracts' descriptions list sets of names
    result = subprocess.run(command, env=environment, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def _to_lines(content: Any, path: str = "") -> Iterator[str]:
    """Tell each value in one line with the way to it, so that a line of a difference says what it is about."""
    if isinstance(content, dict) and content:
        for name, value in content.items():
            yield from _to_lines(value, f"{path} > {name}" if path else name)
    elif isinstance(content, list) and content:
        for value in content:
            yield from _to_lines(value, path)
    else:
        yield f"{path}: {json.dumps(content, ensure_ascii=False)}"


def test_the_code_location_declares_what_it_declared_before(tmp_path: Path) -> None:
    text = _describe_without_own_datasets(tmp_path)
    if is_update_wanted():
        write_golden(GOLDEN, json.loads(text))
    if text == read_golden(GOLDEN):
        return
    expected, found = (list(_to_lines(json.loads(content or "{}"))) for content in (read_golden(GOLDEN), text))
    diff = list(unified_diff(expected, found, GOLDEN, "now", lineterm="", n=0))
    more = [f"... and {len(diff) - LONGEST_DIFF} more lines"] if len(diff) > LONGEST_DIFF else []
    lines = [*diff[:LONGEST_DIFF], *more, f"if this is wanted: {update_command(__file__)}"]
    pytest.fail("\n".join(lines), pytrace=False)
