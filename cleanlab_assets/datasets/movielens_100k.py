"""MovieLens 100K: people rate movies. Users are the annotators, movies the examples, ratings from 1 to 5 the labels."""

from __future__ import annotations

import re
import zipfile
from typing import TYPE_CHECKING

import pandas as pd

from cleanlab_assets.datasets.dataset import Column, Dataset, Gates, Location, Panel, SourceFile
from cleanlab_assets.datasets.source_tables import SourceFormatError, label_column, row_ids
from cleanlab_assets.datasets.text_files import decode_text, split_lines

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE = "ml-100k.zip"
RATINGS = "ml-100k/u.data"
MOVIES = "ml-100k/u.item"
CLASS_NAMES = ("1", "2", "3", "4", "5")
LABEL = "rating"
GENRES = (
    *("unknown", "action", "adventure", "animation", "children", "comedy", "crime", "documentary", "drama", "fantasy"),
    *("film_noir", "horror", "musical", "mystery", "romance", "sci_fi", "thriller", "war", "western"),
)
RATING_FIELDS = 4
MOVIE_FIELDS = 5 + len(GENRES)
MAX_MEMBER_BYTES = 64 * 1024**2
_YEAR = re.compile(r"\((\d{4})\)\s*$")


def load_movielens(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read ratings and movies from the archive: one row for each rating, with title, release year and genres.

    Raises:
        SourceFormatError: the archive lacks a file, or a line has another form.
    """
    movies: dict[str, tuple[object, ...]] = {}
    for number, fields in enumerate(_read_lines(files[FILE], MOVIES, "|", MOVIE_FIELDS), start=1):
        identifier, title, flags = fields[0], fields[1], fields[5:]
        if set(flags) - {"0", "1"}:
            raise SourceFormatError(f"{FILE}, {MOVIES}, line {number}: genres are {flags}, expected 0 or 1 each")
        year = _YEAR.search(title)
        movies[identifier] = (title, float(year[1]) if year else None, *map(int, flags))
    ratings = _read_lines(files[FILE], RATINGS, "\t", RATING_FIELDS)
    for number, fields in enumerate(ratings, start=1):
        if fields[1] not in movies:
            raise SourceFormatError(f"{FILE}, {RATINGS}, line {number}: movie {fields[1]!r} is not in {MOVIES}")
    known = pd.DataFrame.from_records(
        [movies[fields[1]] for fields in ratings], columns=["title", "release_year", *GENRES]
    )
    table = pd.DataFrame(
        {
            "row_id": row_ids("u.data", range(1, len(ratings) + 1)),
            "movie": pd.Categorical([fields[1] for fields in ratings]),
            "user": pd.Categorical([fields[0] for fields in ratings]),
            LABEL: label_column([fields[2] for fields in ratings], CLASS_NAMES),
        }
    )
    return pd.concat([table, known.astype({"release_year": "float64"})], axis=1)


def _read_lines(archive: Path, member: str, separator: str, n_fields: int) -> list[list[str]]:
    """Return the fields of each line of a member; the archive itself was verified by its SHA-256."""
    with zipfile.ZipFile(archive) as opened:
        if member not in opened.namelist():
            raise SourceFormatError(f"{archive.name} has no {member}: found {', '.join(opened.namelist()[:20])}")
        if opened.getinfo(member).file_size > MAX_MEMBER_BYTES:
            raise SourceFormatError(f"{archive.name}: {member} is larger than {MAX_MEMBER_BYTES:,} bytes")
        lines = split_lines(decode_text(opened.read(member), member, "latin-1"))
    records = [line.split(separator) for line in lines]
    for number, record in enumerate(records, start=1):
        if len(record) != n_fields:
            raise SourceFormatError(
                f"{archive.name}, {member}, line {number}: found {len(record)} fields, expected {n_fields}"
            )
    return records


DATASET = Dataset(
    name="movielens_100k",
    families=("multiannotator",),
    title="MovieLens 100K",
    description=(
        "Rate a movie from 1 to 5. Users are the annotators; ratings are tastes, so users who differ may all be right."
    ),
    homepage="https://grouplens.org/datasets/movielens/100k/",
    licence="research use; no redistribution without permission of the GroupLens Research Project",
    citation=(
        "Harper, F. M. & Konstan, J. A. (2015). The MovieLens Datasets: History and Context. ACM TiiS 5(4). "
        "https://doi.org/10.1145/2827872"
    ),
    files=(
        SourceFile(
            name=FILE,
            sha256=("50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",),
            locations=(Location(url="https://files.grouplens.org/datasets/movielens/ml-100k.zip"),),
        ),
    ),
    load=load_movielens,
    label=LABEL,
    class_names=CLASS_NAMES,
    columns=(
        Column(name="movie", kind="categorical", is_feature=False, description="Number of the movie in u.item."),
        Column(name="user", kind="categorical", is_feature=False, description="Number of the user."),
        Column(name=LABEL, kind="categorical", is_feature=False, description="1 (worst) to 5 (best)."),
        Column(name="title", kind="categorical", is_feature=False, description="Title and year of the movie."),
        Column(name="release_year", kind="numeric", nullable=True, minimum=1890, maximum=2000),
        *(Column(name=name, kind="binary", minimum=0, maximum=1) for name in GENRES),
    ),
    expected_rows=100_000,
    panel=Panel(
        example="movie",
        annotator="user",
        has_ordered_classes=True,
        is_preference=True,
        max_examples=800,
        max_annotators=50,
        min_labels_per_example=10,
        min_labels_per_annotator=100,
    ),
    # Of five grades the vote holds but a part, and CROWDLAB often prefers its neighbor: as common as in a noisy panel.
    gates=Gates(label_issue_rate=0.40),
)
