from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from cleanlab_assets.datasets.bike_sharing import DATASET, load_bike_sharing
from cleanlab_assets.datasets.download import resolve_source_files
from cleanlab_assets.datasets.source_tables import SourceFormatError
from cleanlab_assets_tests.datasets.table_checks import assert_fits_declared_columns

if TYPE_CHECKING:
    from pathlib import Path

HEADER = ",".join(column.name for column in DATASET.columns)
LINES = (
    "1,2011-01-01,1,0,1,0,0,6,0,1,0.24,0.2879,0.81,0,3,13,16",
    "2,2011-01-01,1,0,1,10,0,6,0,1,0.22,0.2727,0.8,0.0896,8,32,40",
    "3,2011-01-02,1,0,1,9,0,0,0,2,0.46,0.4545,0.88,0.2985,0,1,1",
)


def write_file(directory: Path, *lines: str, header: str = HEADER) -> dict[str, Path]:
    path = directory / "hour.csv"
    path.write_bytes("".join(f"{line}\r\n" for line in (header, *lines)).encode())
    return {"hour.csv": path}


def test_each_row_id_points_at_the_line_that_the_row_came_from(tmp_path: Path) -> None:
    files = write_file(tmp_path, *LINES)

    table = load_bike_sharing(files)

    assert table["row_id"].tolist() == ["hour.csv:2", "hour.csv:3", "hour.csv:4"]
    lines = files["hour.csv"].read_text().splitlines()
    for row_id, instant in zip(table["row_id"], table["instant"], strict=True):
        assert lines[int(row_id.split(":")[1]) - 1].startswith(f"{instant},")


def test_values_are_those_of_the_file(tmp_path: Path) -> None:
    table = load_bike_sharing(write_file(tmp_path, *LINES))

    assert table.iloc[1].tolist() == [
        "hour.csv:3", 2, "2011-01-01", "1", "0", "1", "10", 0, "6", 0, "1", 0.22, 0.2727, 0.8, 0.0896, 8, 32, 40,
    ]  # fmt: skip
    assert list(table["hr"].cat.categories) == ["0", "9", "10"]
    assert table["cnt"].dtype == np.int64


def test_a_label_outside_the_domain_is_kept(tmp_path: Path) -> None:
    table = load_bike_sharing(write_file(tmp_path, LINES[0].replace(",16", ",-16")))

    assert table["cnt"].tolist() == [-16]


@pytest.mark.parametrize(
    ("good", "bad", "message"),
    [
        (",0.0896", "", r"hour\.csv, line 3: found 16 fields, expected 17"),
        ("0.0896", "calm", r"hour\.csv:3, column windspeed: found 'calm', expected a number"),
        (",32,40", ",32,40.5", r"hour\.csv:3, column cnt: found '40\.5', expected a whole number"),
        (",10,0,6,", ",ten,0,6,", r"hour\.csv:3, column hr: found 'ten', expected a whole number"),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, good: str, bad: str, message: str) -> None:
    with pytest.raises(SourceFormatError, match=message):
        load_bike_sharing(write_file(tmp_path, LINES[0], LINES[1].replace(good, bad), LINES[2]))


def test_the_daily_file_is_not_taken_for_the_hourly_one(tmp_path: Path) -> None:
    with pytest.raises(
        SourceFormatError, match=r"hour\.csv, line 1: found 'instant,.*', expected the header 'instant,"
    ):
        load_bike_sharing(write_file(tmp_path, *LINES, header=HEADER.replace("hr,", "")))


def test_nothing_that_gives_the_label_or_the_hour_away_is_shown_to_models() -> None:
    assert {column.name for column in DATASET.columns} - {column.name for column in DATASET.features} == {
        *("instant", "dteday"),
        *("casual", "registered", "cnt"),
    }


def test_the_real_file_runs_hour_by_hour_and_its_parts_sum_to_the_label(real_data_dir: Path) -> None:
    if not (real_data_dir / "bike_sharing" / "hour.csv").is_file():
        pytest.skip(f"hour.csv of bike_sharing not at hand in {real_data_dir}")

    table = load_bike_sharing(resolve_source_files(DATASET, real_data_dir))

    assert_fits_declared_columns(table, DATASET)
    assert table["row_id"].iloc[-1] == "hour.csv:17380"
    assert (table["instant"] == np.arange(1, 17_380)).all()
    hours = table["dteday"].astype(str) + " " + table["hr"].astype(str).str.zfill(2)
    assert hours.is_monotonic_increasing
    assert (table["casual"] + table["registered"] == table["cnt"]).all()
    assert list(table["hr"].cat.categories) == [str(hour) for hour in range(24)]
