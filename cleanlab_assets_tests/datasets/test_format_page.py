"""docs/formats.md says what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from cleanlab_assets.datasets.format_page import describe_options, write_format_page
from cleanlab_assets.datasets.own_datasets import all_formats
from cleanlab_assets_tests.golden.files import is_update_wanted, update_command

PAGE = Path(__file__).parents[2] / "docs" / "formats.md"


def test_the_page_is_that_of_the_formats() -> None:
    text = write_format_page()
    if is_update_wanted():
        PAGE.write_text(text, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == text, f"the formats have changed: {update_command(__file__)}"


@pytest.mark.parametrize("name", sorted(all_formats()))
def test_every_form_says_its_rules_its_files_and_its_options(name: str) -> None:
    form = all_formats()[name]
    assert form.rules
    assert form.files
    if form.options is not None:
        assert all(describe_options(form.options).values())
