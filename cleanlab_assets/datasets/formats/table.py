"""A table of the user's own, with a label: text, Parquet, JSON lines, Arrow or Excel, wherever the file lies.

``cleanlab-demo audit FILE --label COLUMN`` writes the ``dataset.toml``; every line may be edited::

    family = "classification"
    format = "table"
    class_names = ["billing", "delivery", "other"]

    [files]
    table = "/home/me/tickets.csv"     # or an address: https://..., s3://...

    [columns]
    label = "category"
    id = "ticket"
    group = "customer"
    ignore = ["country"]

    [columns.kinds]
    amount = "numeric"
    channel = "categorical"

    [options]
    delimiter = ";"
    decimal = ","

A relative path begins in the folder of the description. A file ``test`` beside ``table`` holds the test rows; else the
column of the role ``split`` says which these are, or they are drawn. Out-of-sample predictions of the user's own, and
features such as embeddings, are files, too::

    [predictions]
    file = "probabilities.npy"
    class_names = ["billing", "delivery", "other"]

    [features]
    file = "embeddings.npy"
    dimensions = 384
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cleanlab_assets.datasets.addresses import locate
from cleanlab_assets.datasets.dataset import Column
from cleanlab_assets.datasets.descriptions import (
    DESCRIPTION_FILE,
    Format,
    OwnDatasetError,
    read_section,
)
from cleanlab_assets.datasets.errors import quote
from cleanlab_assets.datasets.source_tables import LABEL_SEPARATOR
from cleanlab_assets.datasets.tables.corrected_files import write_corrected_files
from cleanlab_assets.datasets.tables.description import (
    GIVEN_SPLIT,
    TABLE,
    TEST_TABLE,
    Columns,
    FeaturesFile,
    MatrixFile,
    Options,
    PredictionsFile,
)
from cleanlab_assets.datasets.tables.loading import TableLoader
from cleanlab_assets.datasets.tables.matrices import name_feature_columns
from cleanlab_assets.datasets.tables.predictions import name_prediction_columns

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cleanlab_assets.datasets.dataset import ColumnKind, Dataset, NotedTable
    from cleanlab_assets.datasets.descriptions import OwnDataset
    from cleanlab_assets.datasets.tables.files import SourceTable
    from cleanlab_assets.datasets.tables.matrices import Matrix


def describe(description: OwnDataset, folder: Path) -> Dataset:
    """Make a catalogue entry; the file itself is not read.

    Raises:
        OwnDatasetError: a role is unknown or missing, a column has two, or classes are named as they may not be.
    """
    place = folder / DESCRIPTION_FILE
    if TABLE not in description.files or description.files.keys() - {TABLE, TEST_TABLE}:
        raise OwnDatasetError(
            f"{place}: files: found {', '.join(description.files)}, expected {TABLE}, and optionally {TEST_TABLE}"
        )
    columns = read_section(Columns, description.columns, "columns", place)
    options = read_section(Options, description.options, "options", place)
    predictions, features = None, None
    if description.predictions:
        predictions = read_section(PredictionsFile, description.predictions, "predictions", place)
    if description.features:
        features = read_section(FeaturesFile, description.features, "features", place)
    roles = (TABLE, TEST_TABLE) if TEST_TABLE in description.files else (TABLE,)
    located = {role: locate(description.files[role], folder, description.sha256.get(role, "")) for role in roles}
    files = list(located.values())
    _check_roles(description, columns, place, [file.name for file in files])
    if unknown := sorted(description.sha256.keys() - located.keys()):
        raise OwnDatasetError(f"{place}: sha256: found {', '.join(unknown)}, expected one of {', '.join(located)}")
    for section, matrix in (("predictions", predictions), ("features", features)):
        if matrix is not None:
            files.append(locate(matrix.file, folder))
            _check_matrix(matrix, section, columns, place, [file.name for file in files])
    if predictions is not None:
        _check_order(predictions, description, place)
    loader = TableLoader(
        files={role: file.name for role, file in located.items()},
        columns=columns,
        options=options,
        family=description.family,
        class_names=description.class_names,
        encoding=description.encoding,
        predictions=predictions,
        features=features,
    )
    return _make_entry(
        description,
        loader,
        has_predictions=predictions is not None,
        n_features=0 if features is None else features.dimensions,
        files=tuple(files),
        load=loader.load,
        load_with_notes=loader.load_with_notes,
    )


def describe_in_memory(
    description: OwnDataset, source: SourceTable, *, predictions: Matrix | None = None, features: Matrix | None = None
) -> Dataset:
    """Make a catalogue entry of a table that is in memory: it has no files, and is loaded from there.

    Args:
        description: what the table is, as ``draft_description`` says.
        source: the table.
        predictions: the user's own predictions of its rows.
        features: features of its rows, beside those of the table.
    """
    loader = TableLoader(
        files={TABLE: source.name},
        columns=Columns(**description.columns),
        options=Options(**description.options),
        family=description.family,
        class_names=description.class_names,
        encoding=None,
    )

    def load_with_notes(_: Mapping[str, Path]) -> NotedTable:
        return loader.convert({TABLE: source}, predictions=predictions, features=features)

    return _make_entry(
        description,
        loader,
        has_predictions=predictions is not None,
        n_features=0 if features is None else features.numbers.shape[1],
        files=(),
        load=lambda files: load_with_notes(files).table,
        load_with_notes=load_with_notes,
    )


def _make_entry(
    description: OwnDataset, loader: TableLoader, *, has_predictions: bool, n_features: int, **how: Any
) -> Dataset:
    columns, options = loader.columns, loader.options
    predicted = name_prediction_columns(loader.class_names) if has_predictions else ()
    has_split = columns.split is not None or TEST_TABLE in loader.files
    is_numeric = description.family == "regression"
    return description.to_dataset(
        **how,
        label=columns.label_name,
        columns=(
            *_list_columns(columns, is_numeric=is_numeric, has_split=has_split),
            *(Column(name=name, kind="numeric") for name in name_feature_columns(n_features)),
            *(Column(name=name, kind="numeric", is_feature=False) for name in predicted),
        ),
        prediction_columns=predicted,
        class_names=description.class_names,
        label_separator=LABEL_SEPARATOR if description.family == "multilabel" else None,
        numeric_label=options.numeric_label() if is_numeric else None,
        id_column=columns.id,
        group_column=columns.group,
        time_column=columns.time,
        time_block=options.time_block,
        slice_columns=columns.all_slices,
        split_column=GIVEN_SPLIT if has_split else None,
        weight_column=columns.weight,
        truth_column=columns.truth,
        may_lack_labels=description.family != "multilabel",
        encoders=options.encoders,
    )


def _check_roles(description: OwnDataset, columns: Columns, place: Path, files: list[str]) -> None:
    """Refuse what each part of a description may say, but not together with the others."""
    names, n_labels = description.class_names, len(columns.labels)
    if description.family == "regression" and names:
        raise OwnDatasetError(f"{place}: class_names: found {len(names)} classes, expected none: the label is a number")
    if description.family != "regression" and len(names) < 2:  # noqa: PLR2004 - one class leaves nothing to tell apart
        raise OwnDatasetError(f"{place}: class_names: found {list(names)}, expected at least two")
    if wrong := [name for name in names if LABEL_SEPARATOR in name or not name]:
        raise OwnDatasetError(
            f"{place}: class_names: found {quote(wrong[0])}, expected names without {LABEL_SEPARATOR}"
        )
    if not isinstance(columns.label, str) and (description.family != "multilabel" or n_labels != len(names)):
        raise OwnDatasetError(
            f"{place}: columns.label: found {n_labels} columns, expected one, or for multilabel one for each of the "
            f"{len(names)} class_names"
        )
    if len(pictures := [name for name, kind in columns.kinds.items() if kind == "picture"]) > 1:
        raise OwnDatasetError(
            f"{place}: columns.kinds: found pictures in {', '.join(pictures)}, expected one such column"
        )
    if columns.split is not None and len(files) > 1:
        raise OwnDatasetError(f"{place}: columns.split: a file holds the test rows too, expected one of the two")
    if len(set(files)) < len(files):
        raise OwnDatasetError(f"{place}: files: both are named {quote(files[0])}: rename one of them")


def _check_matrix(matrix: MatrixFile, section: str, columns: Columns, place: Path, files: list[str]) -> None:
    """Refuse a file of numbers whose rows cannot be found, or that cannot be told from another file."""
    if matrix.id is not None and columns.id is None:
        raise OwnDatasetError(f"{place}: {section}.id: the rows have none: name their column under columns.id")
    if files.count(files[-1]) > 1:
        raise OwnDatasetError(f"{place}: {section}.file: another file is named {quote(files[-1])}: rename one of them")


def _check_order(predictions: PredictionsFile, description: OwnDataset, place: Path) -> None:
    """Refuse an order of other classes than those of the labels."""
    found = predictions.class_names
    if found and sorted(found) != sorted(description.class_names):
        raise OwnDatasetError(
            f"{place}: predictions.class_names: found {', '.join(found)}, expected each of the class_names once"
        )


def _list_columns(columns: Columns, *, is_numeric: bool, has_split: bool) -> list[Column]:
    """List the columns of the raw table in order: features, label, roles and the split."""
    listed: dict[str, dict[str, Any]] = {name: {"kind": kind, "nullable": True} for name, kind in columns.kinds.items()}
    role = {"is_feature": False, "nullable": True}
    listed[columns.label_name] = {"kind": "numeric" if is_numeric else "categorical", **role}
    slices: list[tuple[str | None, ColumnKind]] = [(name, "name") for name in columns.all_slices]
    roles: list[tuple[str | None, ColumnKind]] = [
        (columns.id, "name"),
        (columns.group, "name"),
        *slices,
        (columns.time, "date"),
    ]
    for name, kind in roles:
        if name is not None:
            listed.setdefault(name, {"kind": kind, **role})
    if columns.truth is not None:
        listed[columns.truth] = {"kind": "numeric" if is_numeric else "name", **role}
    if columns.weight is not None:
        listed[columns.weight] = {"kind": "numeric", "is_feature": False, "minimum": 0.0}
    if has_split:
        listed[GIVEN_SPLIT] = {"kind": "categorical", "is_feature": False}
    return [Column(name=name, **said) for name, said in listed.items()]


FORMAT = Format(
    name="table",
    families=("classification", "regression", "multilabel"),
    describe=describe,
    rules=__doc__,
    files={
        TABLE: "the table, as a path or an address",
        TEST_TABLE: "the test rows, in the same columns; may be absent",
    },
    options=Options,
    is_table=True,
    lies_anywhere=True,
    takes_predictions=True,
    takes_models=True,
    write_corrected=write_corrected_files,
)
