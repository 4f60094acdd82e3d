from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from cleanlab_assets.datasets.arff import parse_indicators, read_arff
from cleanlab_assets.datasets.source_tables import SourceFormatError

if TYPE_CHECKING:
    from pathlib import Path

HEADER = """% a comment
@relation songs

@attribute 'mean pitch' numeric
@ATTRIBUTE "calm" {0,1}
@attribute sad {0,1}
@data
"""
NAMES = ["mean pitch", "calm", "sad"]


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "songs.arff"
    path.write_text(text)
    return path


def test_rows_are_text_and_named_by_their_line(tmp_path: Path) -> None:
    table = read_arff(write(tmp_path, f"{HEADER}1.5,0,'1'\n\n% between\n -2 , 1 ,\"0\"\n"), NAMES)

    assert table.to_dict("list") == {
        "row_id": ["songs.arff:8", "songs.arff:11"],
        "mean pitch": ["1.5", "-2"],
        "calm": ["0", "1"],
        "sad": ["1", "0"],
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{HEADER}1,0\n", "songs.arff, line 8: found 2 fields, expected 3"),
        (HEADER.replace("sad", "glad"), "songs.arff: attribute 3 is 'glad', expected 'sad'"),
        (HEADER.replace("@attribute sad {0,1}\n", ""), "songs.arff, line 6: the header names 2 attributes, expected 3"),
        (HEADER.replace("@data\n", ""), "songs.arff: found no line @data"),
    ],
)
def test_what_is_not_in_the_format_is_named_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SourceFormatError, match=message):
        read_arff(write(tmp_path, text), NAMES)


@pytest.mark.parametrize(("no", "yes"), [("0", "1"), ("FALSE", "TRUE")])
def test_indicators_are_numbers_or_words(no: str, yes: str) -> None:
    fields = pd.DataFrame({"row_id": ["f:1", "f:2"], "calm": [no, yes], "sad": [yes, yes]})

    assert parse_indicators(fields, ["calm", "sad"]).tolist() == [[False, True], [True, True]]


def test_a_file_that_mixes_both_ways_is_refused() -> None:
    fields = pd.DataFrame({"row_id": ["f:1", "f:2"], "calm": ["0", "1"], "sad": ["1", "TRUE"]})

    with pytest.raises(SourceFormatError, match="f:2, column sad: found 'TRUE', expected 0 or 1"):
        parse_indicators(fields, ["calm", "sad"])
