"""Bike sharing: how many bikes are rented in an hour, by calendar and weather? Two years, hour by hour."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from cleanlab_assets.datasets.dataset import Column, Dataset, Gates, Location, NumericLabel, SourceFile
from cleanlab_assets.datasets.source_tables import parse_codes, parse_numbers, read_fields

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE = "hour.csv"
LABEL = "cnt"
TIME = "instant"
_WEATHER = ("temp", "atemp", "hum", "windspeed")

COLUMNS = (
    Column(name=TIME, kind="numeric", is_feature=False, minimum=1, description="Number of the record, by time."),
    Column(name="dteday", kind="categorical", is_feature=False, description="Date: the calendar columns, in one."),
    Column(name="season", kind="categorical", description="1 to 4: winter, spring, summer, autumn."),
    Column(name="yr", kind="categorical", description="0 is 2011, 1 is 2012."),
    Column(name="mnth", kind="categorical", description="Month, 1 to 12."),
    Column(name="hr", kind="categorical", description="Hour, 0 to 23."),
    Column(name="holiday", kind="binary", minimum=0, maximum=1),
    Column(name="weekday", kind="categorical", description="0 (Sunday) to 6."),
    Column(name="workingday", kind="binary", minimum=0, maximum=1, description="Neither weekend nor holiday."),
    Column(name="weathersit", kind="categorical", description="1 (clear) to 4 (heavy rain, snow, fog)."),
    Column(name="temp", kind="numeric", minimum=0, maximum=1, description="Temperature, scaled to 0 to 1."),
    Column(name="atemp", kind="numeric", minimum=0, maximum=1, description="Temperature as felt, scaled to 0 to 1."),
    Column(name="hum", kind="numeric", minimum=0, maximum=1, description="Humidity as a share."),
    Column(name="windspeed", kind="numeric", minimum=0, maximum=1, description="Wind speed, as a share of 67."),
    Column(name="casual", kind="numeric", is_feature=False, minimum=0, description="Rentals by occasional users."),
    Column(
        name="registered",
        kind="numeric",
        is_feature=False,
        minimum=0,
        description="Rentals by registered users; with casual it sums to the label, so no model may see either.",
    ),
    Column(name=LABEL, kind="numeric", is_feature=False, description="Rentals in the hour."),
)


def load_bike_sharing(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the raw table from ``hour.csv``: a header, then one line for each hour with rentals.

    Codes of the calendar and of the weather become categories in the order of their numbers, counts ``int64``.

    Raises:
        SourceFormatError: the header has other names, a line does not have 17 fields, or a column other than the date
            holds something that is no number.
    """
    fields = read_fields(files[FILE], [column.name for column in COLUMNS], has_header=True)
    table = fields[["row_id"]].copy()
    for column in COLUMNS:
        name = column.name
        if name == "dteday":
            table[name] = pd.Categorical(fields[name])
        elif column.kind == "categorical":
            table[name] = parse_codes(fields, name)
        else:
            table[name] = parse_numbers(fields, name, is_integer=name not in _WEATHER)
    return table


DATASET = Dataset(
    name="bike_sharing",
    families=("regression",),
    title="Bike Sharing (hourly)",
    description="Predict the rentals of Washington's bike-sharing system in each hour of 2011 and 2012.",
    homepage="https://archive.ics.uci.edu/dataset/275/bike+sharing+dataset",
    licence="CC BY 4.0",
    citation=(
        "Fanaee-T, H. & Gama, J. (2013). Event labeling combining ensemble detectors and background knowledge. "
        "Progress in Artificial Intelligence. https://doi.org/10.1007/s13748-013-0040-3"
    ),
    files=(
        SourceFile(
            name=FILE,
            sha256=("e03de4ee4ef4dc376ac6e04bf829673c6269e8eba5c60fa121640fa2f829504f",),
            locations=(
                Location(
                    url="https://archive.ics.uci.edu/static/public/275/bike+sharing+dataset.zip",
                    member=FILE,
                    archive_sha256="b70182d0d0508e9abbb79306ce5c0cec34869000f8220175ac83d11dbe845401",
                ),
            ),
        ),
    ),
    load=load_bike_sharing,
    label=LABEL,
    numeric_label=NumericLabel(minimum=0, is_integer=True, unit="rentals"),
    time_column=TIME,
    # A week: with longer blocks, the spread of a difference between two models hardly grows any more.
    time_block=24 * 7,
    columns=COLUMNS,
    expected_rows=17_379,
    # Rows are in order of time: each hour resembles the one before it.
    gates=Gates(non_iid_p_value=0.0),
)
