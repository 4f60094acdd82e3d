"""What a language model is shown of a row whose label it judges: its features, its given label and the classes.

It is shown neither the suggested label nor anything else that an audit found. The row is JSON, so that no text of it
can look like the end of the row or like a part of the instructions.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cleanlab_assets.datasets.images import DAMAGED, draw_for_screen
from cleanlab_assets.reviews.elements import has_elements
from cleanlab_assets.reviews.row_keys import has_tokens
from cleanlab_assets.reviews.rows import find_label_kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cleanlab_assets.datasets.dataset import Column, Dataset
    from cleanlab_assets.reviews.rows import ReviewedRows

LONGEST_TEXT = 4_000
"""Characters of a cell that are shown."""
LONGEST_SIDE = 768
"""Pixels of the longer side of a picture that are shown."""
SIGNIFICANT_DIGITS = 6


@dataclass(frozen=True, kw_only=True)
class Question:
    """A row and what is shown of it.

    Attributes:
        row_key: key of the row.
        given: its given label: a class, a number or a list of classes.
        message: what is shown, JSON.
        pictures: its pictures as PNG.
        is_cut: whether a text of it is shown in part.
        obstacle: why it cannot be asked of; empty where it can.
    """

    row_key: str
    given: str | float | list[str]
    message: str
    pictures: tuple[bytes, ...] = ()
    is_cut: bool = False
    obstacle: str = ""

    def hash(self, *instructions: str) -> str:
        """Hash all that a language model is shown, its instructions too: 32 hex digits."""
        pictures = [hashlib.sha256(picture).hexdigest() for picture in self.pictures]
        content = json.dumps([*instructions, self.message, pictures])
        return hashlib.sha256(content.encode()).hexdigest()[:32]


def explain_not_offered(dataset: Dataset, raw: pd.DataFrame, *, shows_pictures: bool) -> str:
    """Say why no second opinion on the rows of a dataset is offered; empty where it is.

    Args:
        dataset: catalogue entry.
        raw: raw table.
        shows_pictures: whether the language model is shown pictures.
    """
    if has_elements(dataset):
        return "not offered for boxes and masks: a verdict is of a row with one label"
    if has_tokens(dataset, raw):
        return "not offered for the tokens of sentences: a verdict is of a row with a label of its own"
    if dataset.panel is not None:
        return "not offered for labels of several annotators: a verdict is of a row with one given label"
    if not _list_features(dataset, shows_pictures=shows_pictures):
        return "the rows are pictures: set second_opinion.show_pictures if the language model sees pictures"
    return ""


def make_questions(rows: ReviewedRows, audited: pd.DataFrame, *, shows_pictures: bool) -> list[Question]:
    """Make the questions on rows of an audit.

    Args:
        rows: the rows of the dataset, of a kind for which it is offered, see ``explain_not_offered``.
        audited: those to ask of: ``row_key`` and ``given_label`` as the audit saw it, see ``name_audited_rows``.
        shows_pictures: whether the language model is shown pictures.

    Returns:
        One question for each of them, in their order.
    """
    dataset = rows.dataset
    features = _list_features(dataset, shows_pictures=shows_pictures)
    task = _describe_task(dataset, features)
    questions = []
    for key, label in zip(audited["row_key"], audited["given_label"], strict=True):
        cells = rows.raw.iloc[rows.find(key)]
        given, shown = _read_label(dataset, label), _show_cells(cells, features)
        pictures, obstacle = _draw_pictures(cells, features)
        questions.append(
            Question(
                row_key=key,
                given=given,
                message=json.dumps({**task, "given_label": given, "row": shown}, ensure_ascii=False),
                pictures=pictures,
                is_cut=any(_is_long(cells[name]) for name in shown),
                obstacle=obstacle,
            )
        )
    return questions


def _list_features(dataset: Dataset, *, shows_pictures: bool) -> list[Column]:
    return [column for column in dataset.features if shows_pictures or column.kind != "picture"]


def _describe_task(dataset: Dataset, features: Iterable[Column]) -> dict[str, Any]:
    """Say what the dataset is, what its columns and classes mean, and which labels there are."""
    columns = {column.name: column.description for column in features if column.description}
    task: dict[str, Any] = {"dataset": dataset.title, "about": dataset.description, "label": dataset.label}
    if dataset.class_names:
        task["classes"] = {name: dataset.class_descriptions.get(name, "") for name in dataset.class_names}
    else:
        task["allowed_labels"] = dataset.allowed_labels
    return {**task, "columns": columns} if columns else task


def _read_label(dataset: Dataset, label: str) -> str | float | list[str]:
    match find_label_kind(dataset):
        case "number":
            return float(label)
        case "set":
            return dataset.split_label(label)
        case _:
            return label


def _show_cells(cells: pd.Series[Any], features: Iterable[Column]) -> dict[str, Any]:
    return {column.name: _show_cell(cells[column.name]) for column in features if column.kind != "picture"}


def _show_cell(value: Any) -> str | float | bool | None:
    if isinstance(value, str):
        return f"{value[:LONGEST_TEXT]} … ({len(value):,} characters in all)" if _is_long(value) else value
    if pd.isna(value):
        return None
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
    return str(value)


def _is_long(value: Any) -> bool:
    return isinstance(value, str) and len(value) > LONGEST_TEXT


def _draw_pictures(cells: pd.Series[Any], features: Iterable[Column]) -> tuple[tuple[bytes, ...], str]:
    """Return the pictures of a row, and why it has none that can be shown."""
    found = [(column.name, cells[column.name]) for column in features if column.kind == "picture"]
    try:
        drawn = [draw_for_screen(value, longest_side=LONGEST_SIDE) for _, value in found if isinstance(value, bytes)]
    except DAMAGED as error:
        return (), f"its picture cannot be read: {error}"
    return tuple(drawn), ""
