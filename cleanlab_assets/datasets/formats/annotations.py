"""Labels of several annotators in delimited text, and features of the examples where there are some.

``dataset.toml`` beside the files::

    family = "multiannotator"
    format = "annotations"
    class_names = ["cat", "dog"]       # taken from the labels if absent

    [files]
    labels = "labels.csv"
    features = "examples.csv"

    [options]
    categorical = ["camera"]

The labels are in long form, a line for each label with the columns ``example``, ``annotator`` and ``label``; or in wide
form, a line for each example with a column for each annotator, empty where one gave no label. Options say how columns
are called if they have other names. Wide form is found out where every column but ``example`` holds nothing but
classes; else ``annotators`` names the columns::

    [options]
    example = "item"
    annotators = ["ann", "bob", "cho"]
    truth = "checked"

The features have the column ``example`` and one for each feature: numbers, but for those that ``categorical`` names.
A column without a name that numbers the rows is left out. ``truth`` names a column of the true class; no column is
taken for it by its name. A comma, semicolon, tab or bar between fields, and a comma before fractions, are found out and
told. A line without a label is left out and told; a label that is none of the classes fails the check ``label_domain``.

Labels that come later go into files ``new_labels*.csv``. An example of the features without any label waits to be
labelled.

Refused, each with file and line: a header that lacks a column or names one twice, a line of another number of fields, a
label without example or annotator, an example that the features lack or describe twice, a feature that is no number,
and a truth that is absent, unknown, or not the same for all labels of an example.

Single labels of annotators are not corrected: ``cleanlab-demo export`` writes the decided labels of the examples as a
table.

The catalogue is read once in a process. A command of the shell and a run that the web UI starts are processes of their
own, so they take up a file that came since; a code location that is already loaded sees it when it is reloaded.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from cleanlab_assets.datasets.dataset import Column, NotedTable, Panel, SourceFile
from cleanlab_assets.datasets.descriptions import DESCRIPTION_FILE, Format, OwnDatasetError, read_section
from cleanlab_assets.datasets.errors import quote
from cleanlab_assets.datasets.faults import Faults
from cleanlab_assets.datasets.headers import AUDIT_COLUMNS, check_header
from cleanlab_assets.datasets.names import to_nfc
from cleanlab_assets.datasets.panel_files import (
    TRUTH,
    PanelOptions,
    read_features,
    read_labels,
    read_panel_header,
    take_class_names,
)
from cleanlab_assets.datasets.source_tables import SourceFormatError, label_column

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.datasets.descriptions import OwnDataset

NEW_LABELS = "new_labels*.csv"


def describe(description: OwnDataset, folder: Path) -> Dataset:
    """Make a catalogue entry from the description of a panel's labels.

    Raises:
        OwnDatasetError: a role is unknown or missing, there are fewer than two classes, or an option is wrong.
        UnreadableInputError: the header of the features cannot be read, or its columns cannot be told apart; the
            labels cannot be read where the classes are taken from them.
    """
    place = folder / DESCRIPTION_FILE
    if "labels" not in description.files or description.files.keys() - {"labels", "features"}:
        raise OwnDatasetError(
            f"{place}: files: found {', '.join(description.files)}, expected labels, and optionally features"
        )
    options = read_section(PanelOptions, description.options, "options", place)
    newer = sorted(path.name for path in folder.glob(NEW_LABELS) if path.name not in description.files.values())
    label_files = (description.files["labels"], *newer)
    class_names = description.class_names or _take_class_names(folder, label_files, options, description.encoding)
    if len(class_names) < 2:  # noqa: PLR2004 - one class leaves nothing to tell apart
        raise OwnDatasetError(f"{place}: class_names: found {list(class_names)}, expected at least two")
    features = description.files.get("features")
    columns = _describe_features(folder / features, options, description.encoding) if features else ()
    load = partial(
        load_annotations,
        label_files=label_files,
        feature_file=features,
        columns=columns,
        class_names=class_names,
        options=options,
        encoding=description.encoding,
        takes_class_names=not description.class_names,
    )
    truth = () if options.truth is None else (Column(name=TRUTH, kind="categorical", is_feature=False, nullable=True),)
    return description.to_dataset(
        files=tuple(SourceFile(name=name, sha256=()) for name in (*description.files.values(), *newer)),
        load=lambda files: load(files).table,
        load_with_notes=load,
        label="label",
        columns=(
            Column(name="example", kind="categorical", is_feature=False),
            Column(name="annotator", kind="categorical", is_feature=False, nullable=True),
            Column(name="label", kind="categorical", is_feature=False, nullable=True),
            *truth,
            *columns,
        ),
        class_names=class_names,
        panel=Panel(
            truth=TRUTH if truth else None,
            has_ordered_classes=options.ordered_classes,
            is_preference=options.preference,
        ),
    )


def load_annotations(
    files: Mapping[str, Path],
    *,
    label_files: Sequence[str],
    feature_file: str | None,
    columns: Sequence[Column],
    class_names: Sequence[str],
    options: PanelOptions,
    encoding: str | None = None,
    takes_class_names: bool = False,
) -> NotedTable:
    """Read the labels of all files, one row each, then the examples that nobody labelled.

    Args:
        files: paths by the names of the files.
        label_files: those of the labels.
        feature_file: that of the features, if there is one.
        columns: the features.
        class_names: the classes.
        options: names of columns, and how the files are written.
        encoding: that of a file without byte order mark.
        takes_class_names: whether the classes were taken from the labels, which is told then.

    Raises:
        SourceFormatError: a line lacks a value, a number column holds something else, an example is described twice or
            not at all, or its truth is absent or unknown.
        UnreadableInputError: a file cannot be read in its encoding, or its columns cannot be told apart.
    """
    said = () if takes_class_names else class_names
    read = [read_labels(files[name], options, said, encoding) for name in label_files]
    labels = pd.concat([part.table for part in read], ignore_index=True)
    notes = [note for part in read for note in part.notes]
    if takes_class_names:
        notes.append(f"the classes are those of the labels: class_names = {quote(list(class_names))}")
    table, faults = labels, Faults()
    if feature_file is not None:
        names, numeric = _columns_to_read(columns, options, labels)
        features, told = read_features(files[feature_file], names, numeric, options, encoding)
        notes += told
        absent = labels[~labels["example"].isin(features["example"])].drop_duplicates("example")
        for row, example in absent[["row_id", "example"]].to_numpy():
            faults.add(f"{row}: example {quote(example)} is not in {feature_file}")
        waiting = features.loc[~features["example"].isin(labels["example"]), ["row_id", "example"]]
        texts = [column.name for column in columns if column.name not in numeric]
        described = features.drop(columns="row_id").astype(dict.fromkeys(texts, "category"))
        table = pd.concat([labels, waiting], ignore_index=True).merge(described, on="example", how="left", sort=False)
    if options.truth is not None:
        _check_truth(table, class_names, options.truth, faults)
    faults.raise_any(SourceFormatError)
    table["label"] = _to_classes(table["label"], class_names)
    if options.truth is not None:
        table[TRUTH] = _to_classes(table[TRUTH], class_names)
        names_in_order = ["row_id", "example", "annotator", "label", TRUTH, *(column.name for column in columns)]
        table = table[names_in_order]
    return NotedTable(table.astype({"example": "category", "annotator": "category"}), tuple(notes))


def _take_class_names(
    folder: Path, label_files: Sequence[str], options: PanelOptions, encoding: str | None
) -> tuple[str, ...]:
    for name in label_files:
        _require_file(folder / name)
    tables = [read_labels(folder / name, options, (), encoding).table for name in label_files]
    return take_class_names(label for table in tables for label in table["label"].unique())


def _describe_features(path: Path, options: PanelOptions, encoding: str | None) -> tuple[Column, ...]:
    _require_file(path)
    header = read_panel_header(path, options, encoding)
    named = [name for name in header if name]
    features = [name for name in named if name not in {options.example, options.truth}]
    check_header(header, path.name, needed=named)
    check_header(header, path.name, needed=features, taken=AUDIT_COLUMNS | {"example", "annotator", "label", TRUTH})
    if options.example not in header:
        raise OwnDatasetError(
            f"{path}, line 1: found the columns {', '.join(header)}, expected {options.example} among them, or "
            "under [options] example with the name of another one"
        )
    if unknown := {*options.categorical, *options.descriptive} - set(header):
        raise OwnDatasetError(
            f"{path}, line 1: options name columns that do not exist: {', '.join(sorted(unknown))}; found "
            f"{', '.join(header)}"
        )
    texts = {*options.categorical, *options.descriptive}
    return tuple(
        Column(
            name=name,
            kind="categorical" if name in texts else "numeric",
            is_feature=name not in options.descriptive,
            nullable=True,
        )
        for name in features
    )


def _require_file(path: Path) -> None:
    if not path.exists():
        raise OwnDatasetError(f"{path} does not exist: put the file there, or correct {DESCRIPTION_FILE}")


def _columns_to_read(
    columns: Sequence[Column], options: PanelOptions, labels: pd.DataFrame
) -> tuple[list[str], list[str]]:
    """Return the columns to read of the features, the truth if the labels do not have it, and which are numbers."""
    names = [column.name for column in columns]
    truth = [options.truth] if options.truth is not None and TRUTH not in labels else []
    return [*names, *truth], [column.name for column in columns if column.kind == "numeric"]


def _check_truth(table: pd.DataFrame, class_names: Sequence[str], name: str, faults: Faults) -> None:
    """Note labelled examples without a true class, with several, or with one that is none of the classes."""
    if TRUTH not in table:
        faults.add(f"column {name}, the truth, is neither in the labels nor in the features")
        return
    first = table.groupby("example", sort=False)[TRUTH].transform("first")
    table[TRUTH] = table[TRUTH].where(table[TRUTH].notna(), first)
    labelled = table[table["label"].notna()]
    several = set(labelled.loc[labelled[TRUTH] != first[labelled.index], "example"].dropna())
    known = {to_nfc(name) for name in class_names}
    for row, example, truth in labelled.drop_duplicates(["example", TRUTH])[["row_id", "example", TRUTH]].to_numpy():
        if pd.isna(truth):
            faults.add(f"{row}, column {name}: example {quote(example)} has no truth, expected one for each")
        elif example in several:
            faults.add(f"{row}, column {name}: example {quote(example)} has several truths, one is {quote(truth)}")
        elif to_nfc(truth) not in known:
            faults.add(f"{row}, column {name}: found {quote(truth)}, expected one of {', '.join(class_names)}")


def _to_classes(labels: pd.Series, class_names: Sequence[str]) -> pd.Series:
    """Return labels as classes, missing where there is none; unknown ones stay, for the check that names them."""
    as_said = {to_nfc(name): name for name in class_names}
    names = labels.map(as_said, na_action="ignore").where(labels.isin(list(as_said)), labels)
    is_known = labels.isna() | labels.isin(list(as_said))
    return names.astype(pd.CategoricalDtype(list(class_names))) if is_known.all() else label_column(names, class_names)


FORMAT = Format(
    name="annotations",
    families=("multiannotator",),
    describe=describe,
    rules=__doc__,
    files={"labels": "the labels", "features": "the features of the examples; may be absent"},
    options=PanelOptions,
)
