"""Predictions and features of the user's own that stand in files beside the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.datasets.dataset import OWN_PREDICTIONS
from cleanlab_assets.datasets.tables.drafting.drafts import Entry, Request, name_file
from cleanlab_assets.datasets.tables.files import read_source_table, suffix_of
from cleanlab_assets.datasets.tables.matrices import ARRAY_ENDINGS, Matrix, read_matrix
from cleanlab_assets.datasets.tables.predictions import order_classes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cleanlab_assets.datasets.descriptions import OwnDataset


def describe_matrices(
    request: Request, known: OwnDataset | None, folder: Path, classes: Sequence[str], id_column: str | None
) -> tuple[list[Entry], list[str]]:
    """Describe predictions and features in files of their own; what was described before stays."""
    entries: list[Entry] = []
    notes: list[str] = []
    if request.predictions is not None:
        entries, notes = _describe_predictions(request.predictions, request, folder, classes, id_column)
    elif known is not None:
        entries += [Entry(("predictions", name), value) for name, value in known.predictions.items()]
    if request.features is not None:
        described, found = _describe_matrix(request.features, "features", folder, id_column)
        entries += described
        entries.append(Entry(("features", "dimensions"), found.numbers.shape[1], f"columns of {found.name}"))
    elif known is not None:
        entries += [Entry(("features", name), value) for name, value in known.features.items()]
    return entries, notes


def _describe_predictions(
    given: Path | Matrix, request: Request, folder: Path, classes: Sequence[str], id_column: str | None
) -> tuple[list[Entry], list[str]]:
    """Describe the user's own predictions: their file, and the order of the classes."""
    entries, found = _describe_matrix(given, "predictions", folder, id_column)
    entries.append(Entry(("model",), OWN_PREDICTIONS, "there are predictions of your own"))
    if not classes:
        return entries, []
    option = request.option("pred_probs")
    order = order_classes(found, classes, place=f"{option} takes them in the order of the classes or by their names")
    reason = "in the order of the classes" if found.columns is None else "by the names of the columns"
    entries.append(Entry(("predictions", "class_names"), list(order), reason))
    note = f"{found.name}: its columns are taken for the classes {', '.join(order)}, in this order"
    return entries, [] if found.columns is not None else [note]


def _describe_matrix(
    given: Path | Matrix, section: str, folder: Path, id_column: str | None
) -> tuple[list[Entry], Matrix]:
    """Describe numbers of the rows that stand in a file of their own: which one, and how rows are found in it."""
    if isinstance(given, Matrix):
        return [], given
    has_ids = id_column is not None and id_column in _list_columns_of(given)
    entries = [Entry((section, "file"), name_file(given, folder))]
    if has_ids:
        entries.append(Entry((section, "id"), id_column, "rows are found by it"))
    return entries, read_matrix(given, id_column=id_column if has_ids else None)


def _list_columns_of(path: Path) -> list[str]:
    if suffix_of(path.name) in ARRAY_ENDINGS:
        return []
    return list(read_source_table(path).columns.column_names)
