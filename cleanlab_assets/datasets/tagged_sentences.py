"""What the loaders of tagged sentences share: one row for each token, with its sentence beside it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cleanlab_assets.datasets.dataset import Column, SourceFile
from cleanlab_assets.datasets.descriptions import DESCRIPTION_FILE, OwnDatasetError
from cleanlab_assets.datasets.source_tables import label_column, row_ids
from cleanlab_assets.datasets.token_predictions import find_token_predictions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.datasets.descriptions import OwnDataset

FAMILY = "token_classification"
PART_FILES = {
    "train": "the sentences to train on",
    "dev": "sentences that choose between variants; may be absent",
    "test": "sentences to measure on; may be absent",
}
"""What the file of each part is."""
PARTS = tuple(PART_FILES)
LABEL = "tag"
NO_BREAK_SPACE = "\u00a0"
"""What stands in ``sentence`` for a space within a token, so that a space always ends a token."""
TOKEN_COLUMNS = (
    Column(name="part", kind="categorical", is_feature=False, description="File that the sentence is from."),
    Column(name="document", kind="categorical", is_feature=False, description="Document; empty where none is named."),
    Column(name="genre", kind="categorical", is_feature=False, description="Genre; empty where none is named."),
    Column(name="sentence_id", kind="categorical", is_feature=False, description="Name of the sentence, unique."),
    Column(name="position", kind="numeric", minimum=1, description="Place of the token in its sentence, from 1."),
    Column(name="token", kind="categorical", description="The token as it is written."),
    Column(name="sentence", kind="categorical", description="All tokens of the sentence, a space between two."),
    Column(name=LABEL, kind="categorical", is_feature=False, description="The tag of the token."),
)
"""The columns of every dataset of tagged tokens; position and sentence say all that a model sees."""


@dataclass(frozen=True, kw_only=True)
class TaggedSentence:
    """One sentence of a source: its tokens and tags, and the line of the file that each of them is on, from 1."""

    sentence_id: str
    tokens: Sequence[str]
    tags: Sequence[str]
    lines: Sequence[int]
    document: str = ""
    genre: str = ""


def to_token_table(
    files: Iterable[tuple[str, str, Sequence[TaggedSentence]]], class_names: Sequence[str]
) -> pd.DataFrame:
    """Put sentences into a table with one row for each token.

    Args:
        files: part (``train``, ``dev`` or ``test``), name and sentences of each file.
        class_names: the tags that may occur; a column with others keeps them, for a check to name.

    Returns:
        ``row_id`` (``<file>:<line>``) and the columns of ``TOKEN_COLUMNS``. A space within a token is written as a
        no-break space in ``sentence``.
    """
    parts: list[str] = []
    ids: list[str] = []
    texts: list[str] = []
    sentences: list[TaggedSentence] = []
    for part, name, found in files:
        for sentence in found:
            parts.append(part)
            texts.append(" ".join(token.replace(" ", NO_BREAK_SPACE) for token in sentence.tokens))
            ids += row_ids(name, sentence.lines)
            sentences.append(sentence)
    sizes = [len(sentence.tokens) for sentence in sentences]
    owners = np.repeat(np.arange(len(sentences)), sizes)
    return pd.DataFrame(
        {
            "row_id": ids,
            "part": _repeat(parts, owners, categories=PARTS),
            "document": _repeat([sentence.document for sentence in sentences], owners),
            "genre": _repeat([sentence.genre for sentence in sentences], owners),
            "sentence_id": _repeat([sentence.sentence_id for sentence in sentences], owners),
            "position": np.concatenate([np.arange(1, size + 1) for size in sizes]).astype(np.int64),
            "token": pd.Categorical([token for sentence in sentences for token in sentence.tokens]),
            "sentence": _repeat(texts, owners),
            LABEL: label_column((tag for sentence in sentences for tag in sentence.tags), class_names),
        }
    )


def load_tagged_files(
    files: Mapping[str, Path],
    *,
    read: Callable[[Path], Sequence[TaggedSentence]],
    parts: Mapping[str, str],
    class_names: Sequence[str],
) -> pd.DataFrame:
    """Return the raw table of files of tagged sentences: one row for each token.

    Args:
        files: paths by name.
        read: reads the sentences of a file.
        parts: name of the file of each part (``train``, and perhaps ``dev`` and ``test``).
        class_names: the tags that may occur.
    """
    found = [(part, parts[part], read(files[parts[part]])) for part in PARTS if part in parts]
    return to_token_table(found, class_names)


def describe_own_tokens(
    description: OwnDataset,
    folder: Path,
    read: Callable[[Path], Sequence[TaggedSentence]],
    class_names: Sequence[str],
) -> Dataset:
    """Make the catalogue entry of a user's own tagged sentences, and of predictions of their tags if there are some.

    Args:
        description: what the user says.
        folder: of the description.
        read: reads the sentences of a file.
        class_names: the possible tags.

    Raises:
        OwnDatasetError: what is said of the predictions is wrong.
    """
    load = partial(load_tagged_files, read=read, parts=description.files, class_names=class_names)
    predictions = find_token_predictions(description, folder, class_names)
    files = [SourceFile(name=file, sha256=()) for file in dict.fromkeys(description.files.values())]
    known: dict[str, Any] = {"load": load}
    if predictions is not None:
        files.append(predictions.file)
        known = {
            "load": lambda paths: predictions.put_beside(load(paths), paths).table,
            "load_with_notes": lambda paths: predictions.put_beside(load(paths), paths),
            "prediction_columns": predictions.columns,
        }
    return description.to_dataset(
        **known,
        files=tuple(files),
        label=LABEL,
        class_names=tuple(class_names),
        columns=(
            *TOKEN_COLUMNS,
            *(Column(name=name, kind="numeric", is_feature=False) for name in known.get("prediction_columns", ())),
        ),
        parts=tuple(part for part in PARTS if part in description.files),
    )


def check_parts(description: OwnDataset, folder: Path) -> None:
    """Refuse a description whose files are not those of a tagged dataset.

    Raises:
        OwnDatasetError: there is no ``train`` file, or a role is none of ``train``, ``dev`` and ``test``.
    """
    if "train" not in description.files or not set(description.files) <= set(PARTS):
        raise OwnDatasetError(
            f"{folder / DESCRIPTION_FILE}: files: found {', '.join(description.files)}, "
            "expected train, and optionally dev and test"
        )


def _repeat(values: Sequence[str], owners: np.ndarray, categories: Sequence[str] | None = None) -> pd.Categorical:
    """Give each token the value of its sentence."""
    known = pd.Index(sorted(set(values)) if categories is None else list(categories))
    codes = known.get_indexer(pd.Index(list(values)))
    return pd.Categorical.from_codes(codes[owners], categories=known)
