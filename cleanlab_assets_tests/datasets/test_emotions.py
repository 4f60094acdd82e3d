from __future__ import annotations

import os
from pathlib import Path

import pytest

from cleanlab_assets.datasets.download import resolve_source_files
from cleanlab_assets.datasets.emotions import CLASS_NAMES, DATASET, FILE, load_emotions
from cleanlab_assets.datasets.source_tables import SourceFormatError

FEATURES = [column.name for column in DATASET.features]


def _write(path: Path, *moods: list[str], quote: str = "", fields: int = len(FEATURES)) -> Path:
    names = [*FEATURES, *CLASS_NAMES]
    header = ["% a comment", "@relation music", *(f"@attribute {quote}{name}{quote} numeric" for name in names)]
    rows = [",".join([*["0.5"] * fields, *row]) for row in moods]
    path.write_text("\n".join([*header, "@data", *rows]), encoding="utf-8")
    return path


@pytest.mark.parametrize(("no", "yes"), [("0", "1"), ("FALSE", "TRUE")])
def test_both_ways_of_writing_a_mood_are_read(tmp_path: Path, no: str, yes: str) -> None:
    path = _write(tmp_path / FILE, [yes, no, no, no, no, yes], [no] * 6, quote="'" if no == "FALSE" else "")
    table = load_emotions({FILE: path})
    assert table["moods"].tolist() == ["amazed-suprised|angry-aggresive", ""]
    assert table["row_id"].tolist() == ["emotions.arff:82", "emotions.arff:83"]
    assert (table[FEATURES] == 0.5).all(axis=None)


@pytest.mark.parametrize("wrong", ["2", "yes", "", "TRUE"])
def test_any_other_way_is_refused_with_line_and_column(tmp_path: Path, wrong: str) -> None:
    path = _write(tmp_path / FILE, ["0"] * 6, ["0", wrong, "0", "0", "0", "0"])
    with pytest.raises(SourceFormatError, match=r"emotions.arff:83, column happy-pleased: found .* expected 0 or 1"):
        load_emotions({FILE: path})


def test_a_ragged_row_is_refused_with_its_line(tmp_path: Path) -> None:
    path = _write(tmp_path / FILE, ["0"] * 6, ["0"] * 5)
    with pytest.raises(SourceFormatError, match="line 83: found 77 fields, expected 78"):
        load_emotions({FILE: path})


def test_the_real_file_has_the_documented_counts() -> None:
    directory = os.environ.get("CLEANLAB_DEMO_DATA_DIR")
    if directory is None or not (Path(directory) / "emotions" / FILE).is_file():
        pytest.skip("emotions.arff is not in the data directory")
    table = load_emotions(resolve_source_files(DATASET, Path(directory)))
    counts = table["moods"].map(DATASET.split_label).explode().value_counts()
    assert len(table) == DATASET.expected_rows
    assert [counts[name] for name in CLASS_NAMES] == [173, 166, 264, 148, 168, 189]
