from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.reports.html import Figure, Report, Section, Table, Tile, render_report
from cleanlab_assets.reports.plots import plot_class_balance

if TYPE_CHECKING:
    from collections.abc import Callable

ATTACK = "<script>alert('x')</script><img src=x onerror=alert(1)>"


class Outline(HTMLParser):
    """The tags, heading levels, image texts and anchors of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def attributes(self, name: str) -> list[str | None]:
        return [attributes[name] for _, attributes in self.tags if name in attributes]

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


def make_report(*tables: Table, text: str = "text") -> Report:
    png = plot_class_balance(pd.Series([3, 4], index=["a", "b"]))
    tile = Tile(text, text, text, "warn")
    section = Section(
        key="one",
        title=text,
        explanation=text,
        advice={text: text},
        badge=text,
        tiles=[tile],
        figures=[Figure(text, png, text)],
        tables=tables,
        notes=[text],
        facts={text: text},
    )
    return Report(title=text, subtitle=text, tiles=[tile], notes=[text], sections=[section], facts={text: text})


def without_data_uris(page: str) -> str:
    return re.sub(r"data:[\w/;,+=]*(?:base64,[A-Za-z0-9+/=]*)?", "", page)


def test_text_from_a_dataset_never_becomes_markup() -> None:
    frame = pd.DataFrame({ATTACK: [ATTACK], "group": [ATTACK]})
    table = Table(ATTACK, frame, ATTACK, full_table=ATTACK, total_rows=2, group="group")

    page = render_report(make_report(table, text=ATTACK))

    outline = Outline(page)
    assert outline.count("script") == 1
    assert outline.count("img") == 1
    assert not outline.attributes("onerror")
    assert page.count("&lt;script&gt;") > 15


def test_the_page_loads_nothing_from_outside() -> None:
    page = without_data_uris(render_report(make_report(Table("t", pd.DataFrame({"a": [1]})))))

    assert not re.search(r"https?:|//|@import|url\(", page)
    outline = Outline(page)
    assert [value for value in outline.attributes("src") if value] == []
    assert all(not value or value.startswith("#") for value in outline.attributes("href"))
    assert "default-src 'none'" in page.replace("&#39;", "'")


def test_addresses_in_the_data_stay_text() -> None:
    page = render_report(make_report(text="https://example.org/picture.png"))

    assert all(not value or value.startswith(("#", "data:")) for value in Outline(page).attributes("href"))


def test_headings_go_down_one_level_at_a_time_and_every_image_has_a_text() -> None:
    outline = Outline(render_report(make_report(Table("t", pd.DataFrame({"a": [1]})))))

    levels = [int(tag[1]) for tag, _ in outline.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert max(np.diff(levels)) <= 1
    assert outline.attributes("alt") == ["text"]


def test_every_entry_of_the_contents_leads_to_a_section() -> None:
    outline = Outline(render_report(make_report()))

    targets = [value.removeprefix("#") for value in outline.attributes("href") if value and value.startswith("#")]
    assert targets == ["summary", "one", "provenance"]
    assert set(targets) <= set(outline.attributes("id"))


def test_a_cut_table_says_so_and_where_the_rest_is() -> None:
    table = Table("t", pd.DataFrame({"row": range(1234)}), full_table="tables/issues.parquet")

    page = render_report(make_report(table))

    assert "First 50 of 1,234 rows. The full table: tables/issues.parquet." in page
    assert Outline(page).count("tr") == 51


def test_an_extract_is_counted_against_the_whole_table() -> None:
    page = render_report(make_report(Table("t", pd.DataFrame({"row": [1, 2]}), total_rows=900)))

    assert "First 2 of 900 rows." in page


def test_a_whole_table_claims_no_cut() -> None:
    page = render_report(make_report(Table("t", pd.DataFrame({"row": range(50)}))))

    assert "First 50" not in page


def test_an_empty_table_says_so() -> None:
    assert "No rows." in render_report(make_report(Table("t", pd.DataFrame({"row": []}))))


def test_only_the_rows_to_highlight_are_highlighted() -> None:
    frame = pd.DataFrame({"row": ["a", "b", "c"], "keep": pd.array([True, False, pd.NA], dtype="boolean")})

    page = render_report(make_report(Table("t", frame, highlight="keep")))

    assert page.count('<tr class="marked">') == 1


def test_columns_of_shares_are_written_in_per_cent_and_sort_by_value() -> None:
    page = render_report(make_report(Table("t", pd.DataFrame({"row": ["a"], "share": [0.09666]}), shares={"share"})))

    assert 'data-v="0.09666">9.7 %<' in page


def test_columns_of_one_name_are_all_shown() -> None:
    frame = pd.DataFrame([[1, 2]], columns=["same", "same"])

    assert Outline(render_report(make_report(Table("t", frame)))).attributes("data-v") == ["1", "2"]


def test_a_table_refuses_to_highlight_a_column_that_it_lacks() -> None:
    with pytest.raises(ValueError, match=r"table 't' has no column 'keep': it has \['row'\]"):
        render_report(make_report(Table("t", pd.DataFrame({"row": [1]}), highlight="keep")))


def test_two_sections_of_one_key_are_refused() -> None:
    section = Section(key="same", title="t", explanation="e")
    report = Report(title="t", subtitle="s", tiles=[], sections=[section, section], facts={})

    with pytest.raises(ValueError, match=r"\['same'\] more than once"):
        render_report(report)


SORTED = """
<script>
var button = function (i) { return document.querySelectorAll("thead button")[i]; };
var ids = function () { return Array.from(document.querySelectorAll("tbody tr"), (row) => row.cells[0].textContent); };
var state = function (i) { return document.querySelectorAll("thead th")[i].getAttribute("aria-sort"); };
var found = [];
[1, 1, 1, 0].forEach(function (i) { button(i).focus(); button(i).click(); found.push([state(i), ids()]); });
found.push([document.activeElement === button(0), Array.from(document.querySelectorAll("tr.first")).length]);
document.title = JSON.stringify(found);
</script></body>"""


def test_the_script_may_run_under_the_policy_of_the_page(open_in_browser: Callable[[str], str]) -> None:
    page = open_in_browser(render_report(make_report(Table("t", pd.DataFrame({"a": [1], "b": [2]})))))

    assert Outline(page).count("button") == 2


def test_columns_sort_up_down_and_back_by_value_with_missing_last(open_in_browser: Callable[[str], str]) -> None:
    frame = pd.DataFrame({"row_id": ["f:10", "f:9", "f:2", "f:1"], "score": [1000.5, np.nan, 9.25, 20]})
    page = render_report(make_report(Table("t", frame.assign(set=[1, 1, 2, 2]), group="set")))
    page = re.sub(r"<meta http-equiv[^>]*>", "", page).replace("</body>", SORTED)

    title = re.search(r"<title>(.*)</title>", open_in_browser(page))

    assert title is not None
    assert json.loads(title[1]) == [
        ["ascending", ["f:2", "f:1", "f:10", "f:9"]],
        ["descending", ["f:10", "f:1", "f:2", "f:9"]],
        [None, ["f:10", "f:9", "f:2", "f:1"]],
        ["ascending", ["f:1", "f:2", "f:9", "f:10"]],
        [True, 1],
    ]
