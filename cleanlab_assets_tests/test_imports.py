from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "torchvision", "cleanlab", "sklearn", "faiss", "matplotlib", "skops", "pydantic_ai", "scipy")


@pytest.mark.parametrize("module", ["cleanlab_assets.definitions", "cleanlab_assets.cli"])
def test_importing_the_code_location_imports_no_heavy_library(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_importing_the_package_imports_nothing_at_all() -> None:
    code = "import sys, cleanlab_assets; print([n for n in ('dagster', 'pandas', 'pydantic') if n in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
