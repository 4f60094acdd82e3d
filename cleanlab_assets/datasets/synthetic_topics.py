"""Synthetic topics: word counts of invented documents with any number of topics, generated, so that labels are true."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cleanlab_assets.datasets.dataset import Column, Dataset
from cleanlab_assets.datasets.source_tables import LABEL_SEPARATOR, label_set_column, row_ids

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LABEL = "topics"
CLASS_NAMES = ("economy", "health", "science", "sports")
N_ROWS = 1500
N_WORDS = 20
_SEED = 20_240_501


def generate_topics(n_rows: int, n_classes: int, n_words: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Generate documents as counts of words, each with the topics that its words were drawn from.

    Source: ``sklearn.datasets.make_multilabel_classification``: a document takes a Poisson number of topics, two on
    average, and its words from the word distributions of these topics; one without a topic has random words.

    Args:
        n_rows: documents.
        n_classes: topics.
        n_words: words of the vocabulary.
        seed: seed of everything drawn.

    Returns:
        Counts, float64 of shape (n_rows, n_words), and the topics of each document, bool of shape (n_rows, n_classes).
    """
    from sklearn.datasets import make_multilabel_classification

    counts, topics = make_multilabel_classification(
        n_samples=n_rows, n_features=n_words, n_classes=n_classes, n_labels=2, length=50, random_state=seed
    )
    return np.asarray(counts), np.asarray(topics, dtype=bool)


def load_synthetic_topics(files: Mapping[str, Path]) -> pd.DataFrame:  # noqa: ARG001 - there is no file
    """Generate the raw table; the row id counts the documents as if they were lines of a file."""
    counts, topics = generate_topics(N_ROWS, len(CLASS_NAMES), N_WORDS, seed=_SEED)
    table = pd.DataFrame(counts, columns=[column.name for column in DATASET.features])
    table.insert(0, "row_id", row_ids("generated", range(1, N_ROWS + 1)))
    table[LABEL] = label_set_column(topics, CLASS_NAMES)
    return table


DATASET = Dataset(
    name="synthetic_topics",
    families=("multilabel",),
    title="Synthetic topics",
    description=(
        "Predict the topics of an invented document, any number of four, from its word counts. Synthetic: generated "
        "with scikit-learn, so that every label is true until errors are planted."
    ),
    homepage="https://scikit-learn.org/stable/modules/generated/sklearn.datasets.make_multilabel_classification.html",
    licence="no rights: generated numbers",
    citation="Generated with sklearn.datasets.make_multilabel_classification.",
    files=(),
    load=load_synthetic_topics,
    label=LABEL,
    class_names=CLASS_NAMES,
    label_separator=LABEL_SEPARATOR,
    columns=(
        *(Column(name=f"word_{number}", kind="numeric", minimum=0) for number in range(1, N_WORDS + 1)),
        Column(name=LABEL, kind="categorical", is_feature=False, description="The topics that the words came from."),
    ),
    expected_rows=N_ROWS,
)
