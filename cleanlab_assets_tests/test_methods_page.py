"""What docs/methods.md says of the code holds: its settings and constants, the code that it names, and its links."""

from __future__ import annotations

import importlib
import inspect
import re
from ast import literal_eval
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "methods.md"
TEXT = PAGE.read_text(encoding="utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in TEXT.split("\n## ")[1:]}
CONSTANTS = "Settings and constants"
METHODS = [title for title in SECTIONS if title != CONSTANTS]
STATED = re.findall(r"^\| (.+) \| `(.+)` \| `(.+)` \|$", SECTIONS[CONSTANTS], re.MULTILINE)


def find_value(place: str) -> Any:
    """Return a constant, the default of a setting, or that of an argument after a colon, by its path in the package."""
    path, _, argument = place.partition(":")
    *parents, name = f"cleanlab_assets.{path}".split(".")
    try:
        owner: Any = importlib.import_module(".".join(parents))
    except ModuleNotFoundError:
        owner = getattr(importlib.import_module(".".join(parents[:-1])), parents[-1])
    if inspect.isclass(owner) and issubclass(owner, BaseModel):
        return owner.model_fields[name].default
    value = getattr(owner, name)
    return inspect.signature(value).parameters[argument].default if argument else value


def name_anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")


@pytest.mark.parametrize(("value", "place"), [(value, place) for _, value, place in STATED])
def test_each_setting_and_constant_is_that_of_the_code(value: str, place: str) -> None:
    assert find_value(place) == literal_eval(value)


def test_every_line_of_the_table_is_read() -> None:
    lines = [line for line in SECTIONS[CONSTANTS].splitlines() if line.startswith("|")]
    assert len(STATED) == len(lines) - 2


@pytest.mark.parametrize("title", METHODS)
def test_each_method_says_what_it_assumes_and_what_breaks_it(title: str) -> None:
    assert "**Assumes**" in SECTIONS[title]
    assert "**What breaks it.**" in SECTIONS[title]


@pytest.mark.parametrize("title", [title for title in METHODS if "\nCode: " in SECTIONS[title]])
def test_each_method_names_code_that_exists(title: str) -> None:
    named = re.findall(r"\]\(([^)]+\.py)\)((?:\s+`\w+`)*)", SECTIONS[title].partition("\nCode: ")[2])
    assert named
    for link, names in named:
        code = (PAGE.parent / link).read_text(encoding="utf-8")
        for name in re.findall(r"\w+", names):
            assert re.search(rf"^(?:def|class) {name}\b", code, re.MULTILINE), f"{link} has no {name}"


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)]+)\)", TEXT))))
def test_each_link_leads_somewhere(link: str) -> None:
    file, _, anchor = link.partition("#")
    assert (PAGE.parent / file).is_file() if file else anchor in {name_anchor(title) for title in SECTIONS}


@pytest.mark.parametrize("page", ["README.md", "docs/architecture.md"])
def test_the_page_is_linked_from(page: str) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", (ROOT / page).read_text(encoding="utf-8"))
    assert PAGE in {((ROOT / page).parent / link).resolve() for link in links}
