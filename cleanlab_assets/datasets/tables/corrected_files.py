"""The files of a user's own table with corrected labels: all else in them stays as it was."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cleanlab_assets.datasets.addresses import locate
from cleanlab_assets.datasets.source_tables import LABEL_SEPARATOR
from cleanlab_assets.datasets.tables.delimited import Dialect, TableError
from cleanlab_assets.datasets.tables.description import TAKEN_NAMES, Columns, Options
from cleanlab_assets.datasets.tables.files import read_source_table, suffix_of
from cleanlab_assets.datasets.tables.json_rewriting import replace_members
from cleanlab_assets.datasets.tables.rewriting import replace_fields

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cleanlab_assets.datasets.descriptions import OwnDataset
    from cleanlab_assets.datasets.tables.files import SourceTable

_LABELS_OF_IMAGES = ("boxes", "box_labels", "class_mask")
DELIMITED_ENDINGS = (".csv", ".tsv", ".tab", ".txt")
JSON_ENDINGS = (".jsonl", ".ndjson")
AS_TABLE = "export it with -o FILE.parquet, where the corrected label stands beside the columns of the source"


def find_changed_labels(corrected: pd.DataFrame, label: str) -> np.ndarray:
    """Return which rows of a corrected dataset have another label than the given one, bool of shape (n_rows,).

    Of an image the label is each of its boxes and its mask.
    """
    given_by_new = {"corrected_label": label, **{f"corrected_{name}": name for name in _LABELS_OF_IMAGES}}
    is_changed = np.zeros(len(corrected), dtype=bool)
    for new_name, given_name in given_by_new.items():
        if new_name in corrected:
            is_changed |= differs(corrected[given_name], corrected[new_name])
    return is_changed


def differs(given: pd.Series[Any], new: pd.Series[Any]) -> np.ndarray:
    """Return where two columns of labels differ, bool of shape (n_rows,); two that are missing are alike."""
    one, other = given.astype(object), new.astype(object)
    return ((one != other) & ~(one.isna() & other.isna())).to_numpy(dtype=bool)


def write_corrected_files(description: OwnDataset, folder: Path, corrected: pd.DataFrame) -> dict[str, bytes]:
    """Return the content of each file with the corrected labels in it, and without excluded rows.

    Args:
        description: of the table.
        folder: of the description.
        corrected: corrected dataset: ``row_id``, the label, ``corrected_label`` and ``is_excluded``.

    Returns:
        By the name of the file. Of a text file every byte but the changed labels and the excluded records is as it was.

    Raises:
        TableError: the label stands in several columns, or the files are of a form that is not written.
    """
    columns, options = Columns(**description.columns), Options(**description.options)
    if len(columns.labels) > 1:
        raise TableError(f"{description.name}: the label stands in {len(columns.labels)} columns: {AS_TABLE}")
    label = columns.label_name
    new, is_changed = corrected["corrected_label"].astype(object), find_changed_labels(corrected, label)
    written = {}
    for role, file in description.files.items():
        place = locate(file, folder, description.sha256.get(role, ""))
        path = place.path_in(folder)
        source = read_source_table(path, options.form(description.encoding), taken=TAKEN_NAMES)
        rows = pd.Index(corrected["row_id"]).get_indexer(pd.Index(source.row_ids))
        there = rows >= 0
        changed = there & is_changed[rows]
        excluded = there & corrected["is_excluded"].to_numpy(dtype=bool)[rows]
        texts = [_to_text(new.iloc[row], options) for row in rows[changed]]
        labels = dict(zip(np.flatnonzero(changed).tolist(), texts, strict=True))
        written[place.name] = _write(
            path,
            source,
            column=source.columns.column_names.index(label),
            labels=labels,
            excluded=excluded,
            encoding=description.encoding,
        )
    return written


def _write(
    path: Path,
    source: SourceTable,
    *,
    column: int,
    labels: Mapping[int, str],
    excluded: np.ndarray,
    encoding: str | None,
) -> bytes:
    """Write a file with other labels in a column, by the place of their rows, and without the excluded rows."""
    if path.suffix.lower() in DELIMITED_ENDINGS:
        lines = source.numbers.tolist()
        return replace_fields(
            path.read_bytes(),
            path.name,
            source.form.dialect or Dialect(),
            column=column,
            new={lines[place]: text for place, text in labels.items()},
            left_out={line for line, is_out in zip(lines, excluded, strict=True) if is_out},
            encoding=encoding,
        )
    if path.suffix.lower() in JSON_ENDINGS:
        lines = source.numbers.tolist()
        return replace_members(
            path.read_bytes(),
            path.name,
            column=column,
            new={lines[place]: text for place, text in labels.items()},
            left_out={line for line, is_out in zip(lines, excluded, strict=True) if is_out},
            encoding=encoding,
        )
    if path.suffix.lower() == ".parquet":
        return _write_parquet(path, column, labels, excluded)
    raise TableError(f"{path.name}: files of the ending {suffix_of(path.name)} are not written back: {AS_TABLE}")


def _write_parquet(path: Path, column: int, labels: Mapping[int, str], excluded: np.ndarray) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    field = table.schema.field(column)
    values: list[Any] = table.column(column).to_pylist()
    is_number = pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
    for place, text in labels.items():
        values[place] = float(text) if is_number else text
    table = table.set_column(column, field, pa.array(values, field.type))
    stream = io.BytesIO()
    pq.write_table(table.filter(pa.array(~excluded)), stream)
    return stream.getvalue()


def _to_text(label: Any, options: Options) -> str:
    """Return a label as the file writes it."""
    if isinstance(label, float):
        text = str(int(label)) if label.is_integer() else repr(label)
        return text.replace(".", options.decimal)
    if options.separator is not None:
        return str(label).replace(LABEL_SEPARATOR, options.separator)
    return str(label)
