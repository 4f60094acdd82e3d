"""Reading golden files, and rewriting them when ``UPDATE_GOLDEN=1`` asks for it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

_DIRECTORY = Path(__file__).parent


def is_update_wanted() -> bool:
    """Whether golden files are to be rewritten in place of compared."""
    return os.environ.get("UPDATE_GOLDEN") == "1"


def update_command(test: str) -> str:
    """The command that rewrites the golden file of a test module."""
    return f"UPDATE_GOLDEN=1 .venv/bin/pytest -m 'slow or not slow' {Path(test).relative_to(_DIRECTORY.parents[1])}"


def to_text(content: Any) -> str:
    """The text of a golden file: one value a line, in an order that never changes."""
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def read_golden(name: str) -> str:
    """The text of a golden file; empty if it was never written."""
    path = _DIRECTORY / name
    return path.read_text(encoding="utf-8") if path.exists() else ""


def write_golden(name: str, content: Any) -> None:
    """Rewrite a golden file."""
    (_DIRECTORY / name).write_text(to_text(content), encoding="utf-8")
