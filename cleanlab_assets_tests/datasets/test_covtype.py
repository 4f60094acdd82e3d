from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from cleanlab_assets.datasets.covtype import CLASS_NAMES, DATASET, parse_covtype
from cleanlab_assets.datasets.source_tables import SourceFormatError
from cleanlab_assets_tests.datasets.table_checks import assert_fits_declared_columns

if TYPE_CHECKING:
    from pathlib import Path

MEASUREMENTS = {
    "elevation": 2596,
    "aspect": 51,
    "slope": 3,
    "horizontal_distance_to_hydrology": 258,
    "vertical_distance_to_hydrology": -6,
    "horizontal_distance_to_roadways": 7117,
    "hillshade_9am": 221,
    "hillshade_noon": 232,
    "hillshade_3pm": 148,
    "horizontal_distance_to_fire_points": 6279,
}


def line(wilderness_area: int, soil_type: int, cover_type: int) -> str:
    areas = [int(number == wilderness_area) for number in range(1, 5)]
    soils = [int(number == soil_type) for number in range(1, 41)]
    return ",".join(str(value) for value in [*MEASUREMENTS.values(), *areas, *soils, cover_type])


LINES = [line(1, 29, 5), line(4, 40, 1), line(2, 1, 7)]


def write_file(directory: Path, *lines: str) -> Path:
    path = directory / "covtype.data.gz"
    path.write_bytes(gzip.compress("".join(f"{text}\n" for text in lines).encode()))
    return path


def test_values_and_row_ids_are_those_of_the_file(tmp_path: Path) -> None:
    table = parse_covtype(write_file(tmp_path, *LINES))

    assert list(table.columns) == ["row_id", *(column.name for column in DATASET.columns)]
    assert table["row_id"].tolist() == ["covtype.data:1", "covtype.data:2", "covtype.data:3"]
    assert table[list(MEASUREMENTS)].iloc[0].to_dict() == MEASUREMENTS
    flags = table[[column.name for column in DATASET.columns if column.kind == "binary"]]
    assert [list(flags.columns[flags.iloc[row].to_numpy() == 1]) for row in range(3)] == [
        ["wilderness_area_1", "soil_type_29"],
        ["wilderness_area_4", "soil_type_40"],
        ["wilderness_area_2", "soil_type_1"],
    ]
    assert table["cover_type"].tolist() == ["Aspen", "Spruce/Fir", "Krummholz"]
    assert tuple(table["cover_type"].cat.categories) == CLASS_NAMES


def test_a_label_outside_the_domain_is_kept(tmp_path: Path) -> None:
    table = parse_covtype(write_file(tmp_path, LINES[0], line(1, 1, 8), line(1, 1, 0)))

    assert table["cover_type"].tolist() == ["Aspen", "8", "0"]
    assert not isinstance(table["cover_type"].dtype, pd.CategoricalDtype)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (LINES[1].rpartition(",")[0], r"line 2: found 54 fields, expected 55"),
        (LINES[1] + ",1", r"line 2: found 56 fields, expected 55"),
        ("", r"line 2: found 1 fields, expected 55"),
        (LINES[1].replace("2596", ""), r"line 2, column elevation: found '', expected a whole number"),
        (LINES[1].replace("2596", "NA"), r"line 2, column elevation: found 'NA', expected a whole number"),
        (LINES[1].replace("2596", "40000"), r"line 2, column elevation: found '40000', .* at most 32767"),
        (LINES[1].replace(",51,", ",51.5,"), r"line 2, column aspect: found '51\.5', expected a whole number"),
        (line(1, 1, 128), r"line 2, column cover_type: found '128', .* at most 127"),
    ],
)
def test_the_first_malformed_line_is_named_with_what_was_found_and_expected(
    tmp_path: Path, bad: str, message: str
) -> None:
    with pytest.raises(SourceFormatError, match=r"covtype\.data\.gz, " + message):
        parse_covtype(write_file(tmp_path, LINES[0], bad, LINES[2]))


@pytest.mark.parametrize("content", [b"1,2,3\n", gzip.compress(b"1,2,3\n" * 9999)[:-20]], ids=["plain", "cut short"])
def test_a_file_that_is_no_whole_gzip_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "covtype.data.gz"
    path.write_bytes(content)

    with pytest.raises(SourceFormatError, match=r"covtype\.data\.gz cannot be read as a gzip file"):
        parse_covtype(path)


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceFormatError, match=r"covtype\.data\.gz: Empty CSV file"):
        parse_covtype(write_file(tmp_path))


def test_the_head_of_the_real_file_fits_the_declared_columns(real_data_dir: Path) -> None:
    path = real_data_dir / "covtype" / "covtype.first20000.data.gz"
    if not path.is_file():
        pytest.skip(f"{path} is not at hand")

    table = parse_covtype(path)

    assert_fits_declared_columns(table, DATASET)
    assert len(table) == 20_000
    # The head of the published file is balanced: 1,620 rows of each class, then 540 of each.
    assert (table["cover_type"][:11_340].value_counts() == 1620).all()
    assert (table["cover_type"][11_340:15_120].value_counts() == 540).all()
    blocks = [[f"wilderness_area_{n}" for n in range(1, 5)], [f"soil_type_{n}" for n in range(1, 41)]]
    assert all((table[block].sum(axis=1) == 1).all() for block in blocks)
