"""California housing: what is a house worth in each of 20,640 block groups of the 1990 census?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from cleanlab_assets.datasets.dataset import Column, Dataset, Gates, Location, NumericLabel, SourceFile
from cleanlab_assets.datasets.source_tables import parse_numbers, read_fields

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE = "cal_housing.data"
LABEL = "median_house_value"
UNIT_DOLLARS = 100_000
HIGHEST_VALUE = 5.00001  # the census writes 500,001 dollars for all that is dearer

_FIELDS = (
    "longitude",
    "latitude",
    "house_age",
    "total_rooms",
    "total_bedrooms",
    "population",
    "households",
    "med_inc",
    LABEL,
)

COLUMNS = (
    Column(name="med_inc", kind="numeric", minimum=0, description="Median income, 10,000 dollars; capped at 15.0001."),
    Column(name="house_age", kind="numeric", minimum=0, maximum=52, description="Median age in years; 52 is a cap."),
    Column(
        name="ave_rooms",
        kind="numeric",
        minimum=0,
        description="Rooms per household; high where many houses are vacant.",
    ),
    Column(name="ave_bedrms", kind="numeric", minimum=0, description="Bedrooms per household."),
    Column(name="population", kind="numeric", minimum=1, description="People in the block group."),
    Column(name="ave_occup", kind="numeric", minimum=0, description="People per household."),
    Column(name="latitude", kind="numeric", minimum=32, maximum=43, description="Degrees north."),
    Column(name="longitude", kind="numeric", minimum=-125, maximum=-114, description="Degrees east."),
    Column(
        name=LABEL,
        kind="numeric",
        is_feature=False,
        description="Median house value, 100,000 dollars; 5.00001 marks all values above 500,000 dollars.",
    ),
)


def load_california_housing(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the raw table from ``cal_housing.data``, which has no header.

    Totals become averages per household, as in ``sklearn.datasets.fetch_california_housing``, whose values these are.

    Raises:
        SourceFormatError: a line does not have nine numbers.
    """
    fields = read_fields(files[FILE], _FIELDS)
    source = pd.DataFrame({name: parse_numbers(fields, name) for name in _FIELDS})
    return pd.DataFrame(
        {
            "row_id": fields["row_id"],
            "med_inc": source["med_inc"],
            "house_age": source["house_age"],
            "ave_rooms": source["total_rooms"] / source["households"],
            "ave_bedrms": source["total_bedrooms"] / source["households"],
            "population": source["population"],
            "ave_occup": source["population"] / source["households"],
            "latitude": source["latitude"],
            "longitude": source["longitude"],
            LABEL: source[LABEL] / UNIT_DOLLARS,
        }
    )


DATASET = Dataset(
    name="california_housing",
    families=("regression",),
    title="California Housing",
    description="Predict the median house value of a Californian block group from income, houses, people and place.",
    homepage="https://www.dcc.fc.up.pt/~ltorgo/Regression/cal_housing.html",
    licence="none stated (StatLib); derived from the 1990 US census",
    citation=(
        "Pace, R. K. & Barry, R. (1997). Sparse Spatial Autoregressions. Statistics and Probability Letters 33, "
        "291-297. https://doi.org/10.1016/S0167-7152(96)00140-X"
    ),
    files=(
        SourceFile(
            name=FILE,
            sha256=(
                "a2b44dcc7e1c9091b43c4f458b25cbd1f7e8068d08edd26bc4703108d3fa6214",
                # the same lines with CRLF line ends
                "6d162d5b100aecd3de3ee781e3e4bbf65e40123f87a4ab336028a2c2983be95b",
            ),
            locations=(
                Location(
                    url="https://ndownloader.figshare.com/files/5976036",
                    member="CaliforniaHousing/cal_housing.data",
                    archive_sha256="aaa5c9a6afe2225cc2aed2723682ae403280c4a3695a2ddda4ffb5d8215ea681",
                ),
            ),
        ),
    ),
    load=load_california_housing,
    label=LABEL,
    numeric_label=NumericLabel(minimum=0, maximum=HIGHEST_VALUE, unit="100,000 dollars"),
    columns=COLUMNS,
    expected_rows=20_640,
    # Rows are in order of place, so that neighbours resemble each other. About 6 % lie apart by nature: remote places
    # and block groups with few households, whose averages are extreme.
    gates=Gates(non_iid_p_value=0.0, outlier_rate=0.08),
)
