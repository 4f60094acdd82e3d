from __future__ import annotations

import struct

import pandas as pd
import pytest

from cleanlab_assets.datasets.dataset import Gates
from cleanlab_assets.families.images.issues import find_image_issues
from cleanlab_assets.families.images.report import (
    TITLES,
    build_image_issue_section,
    draw_worst_images,
    rank_flagged_images,
)
from cleanlab_assets.models.image_embedding import embed_images
from cleanlab_assets.reports.html import Report, Section, render_report
from cleanlab_assets.reports.image_overlays import draw_montage
from cleanlab_assets_tests.known_images import draw_picture, make_faulty_images, make_image_rows

GATES = Gates(outlier_rate=0.5, near_duplicate_rate=0.01)


def _build(pictures: dict[str, bytes], *, embed: bool = True) -> Section:
    images = make_image_rows(pictures)
    found = find_image_issues(images, embed_images(images["image"]) if embed else None, seed=0)
    return build_image_issue_section(
        found.table, found.summary, images, gates=GATES, top_rows=5, full_table="image_issues.parquet"
    )


@pytest.fixture(scope="module")
def section() -> Section:
    return _build(make_faulty_images())


def _value_of(section: Section, label: str) -> str:
    return next(tile.value for tile in section.tiles if tile.label == label)


def test_every_type_has_a_tile_with_its_count(section: Section) -> None:
    assert set(TITLES.values()) <= {tile.label for tile in section.tiles}
    found = {name: _value_of(section, TITLES[name]) for name in ("dark", "blurry", "exact_duplicate", "near_duplicate")}
    assert found == {"dark": "1", "blurry": "1", "exact_duplicate": "2", "near_duplicate": "6"}
    assert _value_of(section, "Sets of copies") == "3"


def test_the_tones_of_tiles_follow_the_gates_of_the_dataset(section: Section) -> None:
    tones = {tile.label: tile.tone for tile in section.tiles}
    assert tones["Outliers"] == "good"
    assert tones["Near duplicates"] == "warn"
    assert tones["Dark"] == "warn"
    assert tones["Greyscale"] == "neutral", "a grey image need not be wrong"


@pytest.mark.parametrize(("limit", "tone"), [(0.25, "good"), (0.24, "warn")])
def test_a_rate_asks_for_attention_above_its_limit_and_not_at_it(limit: float, tone: str) -> None:
    images = make_image_rows({name: draw_picture(0) for name in "abcd"})
    issues = pd.DataFrame({"row_id": images["row_id"], "duplicate_set": pd.NA, "keep": True})
    summary = pd.DataFrame({"issue_type": ["outlier", "near_duplicate"], "description": "", "n_issues": 1})
    summary = summary.assign(share=0.25, status="ran", reason="", metric="euclidean", k=3)

    section = build_image_issue_section(
        issues,
        summary,
        images,
        gates=Gates(outlier_rate=limit, near_duplicate_rate=limit),
        top_rows=5,
        full_table="",
    )

    assert [tile.tone for tile in section.tiles if "limit" in tile.hint] == [tone, tone]


def test_the_worst_of_each_type_comes_first() -> None:
    names = ["a", "b", "c", "d"]
    table = pd.DataFrame(
        {
            "row_id": names,
            "is_dark_issue": [True, True, False, False],
            "dark_score": [0.2, 0.1, 0.9, 0.9],
            "is_odd_size_issue": [False, True, True, False],
            "odd_size_score": [1.0, 0.0, 0.3, 1.0],
            "is_grayscale_issue": [False, False, True, True],
            "grayscale_score": [1.0, 1.0, 0.0, 0.0],
        }
    )
    ranked = rank_flagged_images(table)
    assert ranked["row_id"].tolist() == ["b", "a", "c"], "d is grey and nothing else"
    assert ranked["issues"].tolist() == ["dark, odd size", "dark", "odd size, grayscale"]


def test_the_page_shows_the_pictures_and_says_what_was_cut(section: Section) -> None:
    page = render_report(Report(title="t", subtitle="s", tiles=[], sections=[section], facts={}))
    assert "image_issues.parquet" in page
    assert 'src="data:image/png;base64,' in page
    assert "black: dark" in page


def test_sound_images_need_no_advice() -> None:
    sound = _build({f"good_{number}": draw_picture(number) for number in range(4)}, embed=False)
    assert sound.badge == "none"
    assert not sound.advice
    assert not sound.figures
    tile = next(tile for tile in sound.tiles if tile.label == "Outliers")
    assert (tile.value, tile.hint) == ("not run", "there is no embedding of the images")


def test_a_missing_column_is_named(section: Section) -> None:
    assert section.tables
    with pytest.raises(ValueError, match="share"):
        build_image_issue_section(
            pd.DataFrame({"row_id": [], "duplicate_set": [], "keep": []}),
            pd.DataFrame(columns=["issue_type", "description", "n_issues", "status", "reason"]),
            make_image_rows({}),
            gates=GATES,
            top_rows=5,
            full_table="",
        )


def test_a_montage_has_a_row_for_each_four_pictures() -> None:
    picture = draw_picture(0)
    heights = [struct.unpack(">II", draw_montage([picture] * n, ["one line"] * n)[16:24])[1] for n in (4, 5, 12)]
    assert heights[1] == pytest.approx(2 * heights[0], abs=2)
    assert heights[2] == pytest.approx(3 * heights[0], abs=2)


def test_without_an_issue_there_is_nothing_to_draw() -> None:
    assert draw_worst_images(pd.DataFrame({"row_id": [], "issues": []}), make_image_rows({})) is None
