"""Covertype: which of seven kinds of forest grows on a patch of 30 by 30 metres? The large dataset."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cleanlab_assets.datasets.dataset import Column, Dataset, Gates, Location, SourceFile
from cleanlab_assets.datasets.source_tables import SourceFormatError, label_column, row_ids
from cleanlab_assets.datasets.text_files import open_text

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

FILE = "covtype.data.gz"
TABLE = "covtype.data"  # row ids point at the lines of the unpacked file
LABEL = "cover_type"
CLASS_NAMES = (  # the file says 1 to 7
    "Spruce/Fir",
    "Lodgepole Pine",
    "Ponderosa Pine",
    "Cottonwood/Willow",
    "Aspen",
    "Douglas-fir",
    "Krummholz",
)
_INT16_MAX = 2**15 - 1
_INT8_MAX = 2**7 - 1
_WILDERNESS_AREAS = ("Rawah", "Neota", "Comanche Peak", "Cache la Poudre")

COLUMNS = (
    Column(name="elevation", kind="numeric", minimum=0, maximum=5000, description="Metres."),
    Column(name="aspect", kind="numeric", minimum=0, maximum=360, description="Degrees azimuth."),
    Column(name="slope", kind="numeric", minimum=0, maximum=90, description="Degrees."),
    Column(name="horizontal_distance_to_hydrology", kind="numeric", minimum=0, description="Metres to water."),
    Column(name="vertical_distance_to_hydrology", kind="numeric", description="Metres to water; may be negative."),
    Column(name="horizontal_distance_to_roadways", kind="numeric", minimum=0, description="Metres to a road."),
    Column(name="hillshade_9am", kind="numeric", minimum=0, maximum=255, description="At the summer solstice."),
    Column(name="hillshade_noon", kind="numeric", minimum=0, maximum=255, description="At the summer solstice."),
    Column(name="hillshade_3pm", kind="numeric", minimum=0, maximum=255, description="At the summer solstice."),
    Column(name="horizontal_distance_to_fire_points", kind="numeric", minimum=0, description="Metres to an ignition."),
    *(
        Column(name=f"wilderness_area_{number}", kind="binary", minimum=0, maximum=1, description=area)
        for number, area in enumerate(_WILDERNESS_AREAS, start=1)
    ),
    *(Column(name=f"soil_type_{number}", kind="binary", minimum=0, maximum=1) for number in range(1, 41)),
    Column(name=LABEL, kind="categorical", is_feature=False, description="The dominant kind of tree."),
)


def parse_covtype(path: Path) -> pd.DataFrame:
    """Read a file in the format of ``covtype.data.gz``: 55 whole numbers a line, no header.

    Measurements become ``int16``, flags ``int8``. A label that is not 1 to 7 is kept as it is.

    Args:
        path: the whole file or a part of it, compressed with gzip.

    Raises:
        SourceFormatError: a line does not have 55 whole numbers in range, or the file is not gzip.
            The message names line and column.
    """
    import pyarrow as pa
    from pyarrow import csv

    names = [column.name for column in COLUMNS]
    types = {column.name: pa.int16() if column.kind == "numeric" else pa.int8() for column in COLUMNS}
    try:
        with pa.input_stream(path, compression="gzip") as stream:
            numbers = csv.read_csv(
                stream,
                read_options=csv.ReadOptions(column_names=names),
                parse_options=csv.ParseOptions(quote_char=False, ignore_empty_lines=False),
                convert_options=csv.ConvertOptions(column_types=types, null_values=[]),
            )
    except OSError as error:
        raise SourceFormatError(f"{path.name} cannot be read as a gzip file: {error}") from error
    except pa.ArrowInvalid as error:
        raise _locate_format_error(path, str(error)) from error
    class_names = dict(enumerate(CLASS_NAMES, start=1))
    labels = [class_names.get(code, str(code)) for code in numbers[LABEL].to_pylist()]
    table: pd.DataFrame = numbers.drop_columns([LABEL]).to_pandas()
    table.insert(0, "row_id", row_ids(TABLE, range(1, len(table) + 1)))
    table[LABEL] = label_column(labels, CLASS_NAMES)
    return table


def _locate_format_error(path: Path, parser_message: str) -> SourceFormatError:
    """Find the first line that is not as it should be; slow, and only used once it is known that there is one."""
    with open_text(path, "latin-1") as lines:  # it has a character for every byte
        for number, line in enumerate(lines, start=1):
            fields = line.rstrip("\r\n").split(",")
            if len(fields) != len(COLUMNS):
                return SourceFormatError(
                    f"{path.name}, line {number}: found {len(fields)} fields, expected {len(COLUMNS)}"
                )
            for column, field in zip(COLUMNS, fields, strict=True):
                limit = _INT16_MAX if column.kind == "numeric" else _INT8_MAX
                if not re.fullmatch(r"-?[0-9]+", field) or abs(int(field)) > limit:
                    return SourceFormatError(
                        f"{path.name}, line {number}, column {column.name}: found {field!r}, "
                        f"expected a whole number of at most {limit}"
                    )
    return SourceFormatError(f"{path.name}: {parser_message}")


DATASET = Dataset(
    name="covtype",
    families=("classification",),
    title="Covertype",
    description="Predict the dominant tree on a 30 x 30 m patch of Colorado wilderness, from terrain and soil.",
    homepage="https://archive.ics.uci.edu/dataset/31/covertype",
    licence="CC BY 4.0; keep the copyright line of Jock A. Blackard and Colorado State University",
    citation=(
        "Blackard, J. (1998). Covertype. UCI Machine Learning Repository. https://doi.org/10.24432/C50K5N. "
        "Copyright Jock A. Blackard and Colorado State University."
    ),
    files=(
        SourceFile(
            name=FILE,
            sha256=("614360d0257557dd1792834a85a1cdebfadc3c4f30b011d56afee7ffb5b15771",),
            locations=(Location(url="https://ndownloader.figshare.com/files/5976039"),),
        ),
    ),
    load=lambda files: parse_covtype(files[FILE]),
    label=LABEL,
    class_names=CLASS_NAMES,
    columns=COLUMNS,
    expected_rows=581_012,
    # Cottonwood/Willow is 2,747 rows of 581,012 by nature, about 0.47 %.
    gates=Gates(rarest_class_share=0.004),
)
