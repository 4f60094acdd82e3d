"""Labels of several annotators in a long table: a CSV file with a line for each label, and features by example.

``dataset.toml`` beside the files::

    family = "multiannotator"
    format = "annotations"
    class_names = ["cat", "dog"]

    [files]
    labels = "labels.csv"
    features = "examples.csv"

    [options]
    categorical = ["camera"]

The labels have the columns ``example``, ``annotator`` and ``label``; the features, which may be absent, the column
``example`` and one for each feature: numbers, but for those that ``categorical`` names. ``descriptive`` names columns
that people see and models do not; ``ordered_classes`` and ``preference`` say of the labels what ``Panel`` says of them.
Labels that come later go into files ``new_labels*.csv`` of the same columns. An example of the features without any
label waits to be labelled.

The catalogue is read once in a process. A command of the shell and a run that the web UI starts are processes of their
own, so they take up a file that came since; a code location that is already loaded sees it when it is reloaded.
"""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, field_validator

from cleanlab_assets.datasets.dataset import Column, Panel, SourceFile
from cleanlab_assets.datasets.descriptions import (
    DESCRIPTION_FILE,
    Format,
    OwnDatasetError,
    read_section,
    require_distinct,
)
from cleanlab_assets.datasets.headers import AUDIT_COLUMNS, check_header
from cleanlab_assets.datasets.names import to_nfc
from cleanlab_assets.datasets.source_tables import SourceFormatError, label_column, parse_number_columns
from cleanlab_assets.datasets.text_files import open_csv

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.datasets.descriptions import OwnDataset

LABEL_COLUMNS = ("example", "annotator", "label")
NEW_LABELS = "new_labels*.csv"
BLOCK_FIELDS = 500_000
"""Fields of a file that are held as text at once: a text takes eight times the memory of its number."""


class Options(BaseModel):
    """What ``[options]`` may say.

    Attributes:
        categorical: columns of the features that are categories; the others are numbers.
        descriptive: columns of the features that people see and models do not.
        ordered_classes: whether the classes are steps of a scale, in their order.
        preference: whether labels are tastes, so that annotators who disagree may all be right.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    categorical: tuple[str, ...] = ()
    descriptive: tuple[str, ...] = ()
    ordered_classes: bool = False
    preference: bool = False

    @field_validator("categorical", "descriptive")
    @classmethod
    def _check_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return require_distinct(value)


def describe(description: OwnDataset, folder: Path) -> Dataset:
    """Make a catalogue entry from the description of a panel's labels.

    Raises:
        OwnDatasetError: a role is unknown or missing, there are fewer than two classes, or an option is wrong.
        UnreadableInputError: the header of the features cannot be read, or its columns cannot be told apart.
    """
    place = folder / DESCRIPTION_FILE
    if "labels" not in description.files or description.files.keys() - {"labels", "features"}:
        raise OwnDatasetError(
            f"{place}: files: found {', '.join(description.files)}, expected labels, and optionally features"
        )
    if len(description.class_names) < 2:  # noqa: PLR2004 - one class leaves nothing to tell apart
        raise OwnDatasetError(f"{place}: class_names: found {list(description.class_names)}, expected at least two")
    options = read_section(Options, description.options, "options", place)
    newer = sorted(path.name for path in folder.glob(NEW_LABELS) if path.name not in description.files.values())
    features = description.files.get("features")
    columns = _describe_features(folder / features, options, description.encoding) if features else ()
    return description.to_dataset(
        files=tuple(SourceFile(name=name, sha256=()) for name in (*description.files.values(), *newer)),
        load=partial(
            load_annotations,
            label_files=(description.files["labels"], *newer),
            feature_file=features,
            columns=columns,
            class_names=description.class_names,
            encoding=description.encoding,
        ),
        label="label",
        columns=(
            Column(name="example", kind="categorical", is_feature=False),
            Column(name="annotator", kind="categorical", is_feature=False, nullable=True),
            Column(name="label", kind="categorical", is_feature=False, nullable=True),
            *columns,
        ),
        class_names=description.class_names,
        panel=Panel(has_ordered_classes=options.ordered_classes, is_preference=options.preference),
    )


def load_annotations(
    files: Mapping[str, Path],
    *,
    label_files: tuple[str, ...],
    feature_file: str | None,
    columns: tuple[Column, ...],
    class_names: tuple[str, ...],
    encoding: str | None = None,
) -> pd.DataFrame:
    """Read the labels of all files, one row each, then the examples that nobody labelled.

    Raises:
        SourceFormatError: a line lacks a value, a number column holds something else, or an example is described twice
            or not at all.
        UnreadableInputError: a file is no CSV in its encoding, or two of its columns have one name.
    """
    labels = pd.concat(
        [_read_csv(files[name], LABEL_COLUMNS, required=LABEL_COLUMNS, encoding=encoding) for name in label_files],
        ignore_index=True,
    )
    table = labels
    if feature_file is not None:
        names = [column.name for column in columns]
        numeric = [column.name for column in columns if column.kind == "numeric"]
        features = _read_csv(
            files[feature_file], ("example", *names), required=("example",), numeric=numeric, encoding=encoding
        )
        if (repeated := features["example"].duplicated()).any():
            row = features[repeated].iloc[0]
            raise SourceFormatError(f"{row['row_id']}: example {row['example']!r} is described twice")
        if (absent := ~labels["example"].isin(features["example"])).any():
            row = labels[absent].iloc[0]
            raise SourceFormatError(f"{row['row_id']}: example {row['example']!r} is not in {feature_file}")
        waiting = features.loc[~features["example"].isin(labels["example"]), ["row_id", "example"]]
        table = pd.concat([labels, waiting], ignore_index=True)
        described = features[["example", *names]].astype(dict.fromkeys(set(names).difference(numeric), "category"))
        table = table.merge(described, on="example", how="left", sort=False)
    table["label"] = _to_labels(table["label"], class_names)
    return table.astype({"example": "category", "annotator": "category"})


def _describe_features(path: Path, options: Options, encoding: str | None) -> tuple[Column, ...]:
    if not path.exists():
        raise OwnDatasetError(f"{path} does not exist: put the file there, or correct {DESCRIPTION_FILE}")
    with open_csv(path, encoding) as reader:
        header: list[str] = next(reader, [])
    check_header(header, path.name, taken=AUDIT_COLUMNS | {"annotator", "label"})
    if "example" not in header:
        raise OwnDatasetError(f"{path}, line 1: found the columns {', '.join(header)}, expected example among them")
    if unknown := {*options.categorical, *options.descriptive} - set(header):
        raise OwnDatasetError(f"{path}, line 1: options name columns that do not exist: {', '.join(sorted(unknown))}")
    texts = {*options.categorical, *options.descriptive}
    return tuple(
        Column(
            name=name,
            kind="categorical" if name in texts else "numeric",
            is_feature=name not in options.descriptive,
            nullable=True,
        )
        for name in header
        if name != "example"
    )


def _read_csv(
    path: Path,
    names: tuple[str, ...],
    *,
    required: tuple[str, ...],
    numeric: Sequence[str] = (),
    encoding: str | None = None,
) -> pd.DataFrame:
    """Read the named columns as text, None where empty, or as numbers, NaN where empty; other columns are left out."""
    lines = _read_lines(path, names, encoding)
    size, blocks, is_last = max(1, BLOCK_FIELDS // len(names)), [], False
    while not is_last:
        rows = list(islice(lines, size))
        is_last = len(rows) < size
        blocks.append(_parse_rows(rows, names, required=required, numeric=numeric))
    return pd.concat(blocks, ignore_index=True)


def _read_lines(path: Path, names: tuple[str, ...], encoding: str | None) -> Iterator[tuple[str, list[str | None]]]:
    """Yield the row id and the named fields of each line, without white space around them, None where empty."""
    with open_csv(path, encoding) as reader:
        header: list[str] = next(reader, [])
        check_header(header, path.name, needed=names)
        if missing := [name for name in names if name not in header]:
            raise SourceFormatError(f"{path.name}, line 1: missing columns: {', '.join(missing)}")
        places = [header.index(name) for name in names]
        for fields in reader:
            if not fields:
                continue
            row_id = f"{path.name}:{reader.line_num}"
            if len(fields) != len(header):
                raise SourceFormatError(f"{row_id}: found {len(fields)} fields, expected {len(header)}")
            yield row_id, [fields[place].strip() or None for place in places]


def _parse_rows(
    rows: list[tuple[str, list[str | None]]],
    names: tuple[str, ...],
    *,
    required: tuple[str, ...],
    numeric: Sequence[str],
) -> pd.DataFrame:
    fields = np.array([texts for _, texts in rows], dtype=object).reshape(len(rows), len(names))
    table = pd.DataFrame(fields, columns=list(names), dtype=object)
    table.insert(0, "row_id", [row_id for row_id, _ in rows])
    for name in required:
        if table[name].isna().any():
            row = table.loc[table[name].isna(), "row_id"].iloc[0]
            raise SourceFormatError(f"{row}, column {name}: found an empty value")
    if not numeric:
        return table
    numbers = pd.DataFrame(parse_number_columns(table, numeric), columns=list(numeric))
    return pd.concat([table.drop(columns=list(numeric)), numbers], axis=1)


def _to_labels(labels: pd.Series, class_names: tuple[str, ...]) -> pd.Series:
    """Return labels as classes, missing where there is none; unknown ones stay, for the check that names them."""
    labels = labels.map(to_nfc, na_action="ignore")
    known = labels.isna() | labels.isin(list(class_names))
    dtype = pd.CategoricalDtype(list(class_names))
    return labels.astype(dtype) if known.all() else label_column(labels, class_names)


FORMAT = Format(
    name="annotations",
    families=("multiannotator",),
    describe=describe,
    rules=__doc__,
    files={"labels": "the labels", "features": "the features of the examples; may be absent"},
    options=Options,
)
