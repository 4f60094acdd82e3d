"""The list of broken lines stays true, and what breaks them tells what the tests saw."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = "def double(number):\n    return 2 * number\n\n\ndef halve(number):\n    return number / 2\n"
TESTS = """
from cleanlab_assets.numbers import double, halve

def test_double():
    assert double(3) == 6

def test_halve():
    while halve(4) != 2:
        pass
"""


@pytest.fixture(scope="module")
def mutants() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        yield importlib.import_module("mutants")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree of one module and its tests."""
    for name, text in {"cleanlab_assets/numbers.py": SOURCE, "cleanlab_assets_tests/test_numbers.py": TESTS}.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\nmarkers = ['slow']\n", encoding="utf-8")
    return tmp_path


def test_every_broken_line_of_the_list_is_found_exactly_once_and_has_tests(mutants: Any) -> None:
    listed = mutants.read_mutants(mutants.LIST)

    assert mutants.find_faults(listed, ROOT) == []
    assert len(listed) > 40
    assert len({(mutant.file, mutant.what) for mutant in listed}) == len(listed)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"fragment": "3 * number"}, "the fragment is found 0 times, expected once: 3 * number"),
        ({"fragment": "return"}, "the fragment is found 2 times, expected once: return"),
        ({"file": "other.py"}, "the fragment is found 0 times"),
        ({"replacement": "2 * number"}, "it changes nothing"),
        ({"tests": ("test_other.py",)}, "there are no tests test_other.py"),
        ({"tests": ()}, "there are no tests"),
    ],
)
def test_a_mutant_that_does_not_apply_is_named_with_the_reason(
    mutants: Any, tree: Path, changes: dict[str, Any], why: str
) -> None:
    sound = mutants.Mutant("no double", "numbers.py", "2 * number", "number", ("test_numbers.py",))
    assert mutants.find_faults([sound], tree) == []

    (fault,) = mutants.find_faults([replace(sound, **changes)], tree)

    assert fault.partition(": does not apply: ")[0].endswith(", no double")
    assert why in fault


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fragment", "replacement", "outcome"),
    [
        ("2 * number", "3 * number", "killed"),
        ("2 * number", "number * 2", "survived"),
        ("number / 2", "number / 3", "time limit"),
        ("def halve", "def quarter", "tests did not run"),
    ],
)
def test_a_mutant_is_killed_stopped_or_survives_and_the_tree_is_mended(
    mutants: Any, tree: Path, fragment: str, replacement: str, outcome: str
) -> None:
    mutant = mutants.Mutant("wrong", "numbers.py", fragment, replacement, ("test_numbers.py",))
    before = (tree / "cleanlab_assets" / "numbers.py").stat()

    assert mutants.judge(mutant, tree, limit=10) == outcome

    after = (tree / "cleanlab_assets" / "numbers.py").stat()
    assert (tree / "cleanlab_assets" / "numbers.py").read_text(encoding="utf-8") == SOURCE
    assert after.st_mtime_ns == before.st_mtime_ns
