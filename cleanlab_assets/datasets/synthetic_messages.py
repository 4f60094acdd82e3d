"""Synthetic messages: short texts to a shop that a few patterns write, so that the topic of each is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cleanlab_assets.datasets.dataset import Column, Dataset
from cleanlab_assets.datasets.source_tables import label_column, row_ids

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NAME = "synthetic_messages"
TEXT = "message"
LABEL = "topic"
CLASS_NAMES = ("delivery", "invoice", "product", "return")
N_ROWS = 800
SEED = 11
_PATTERNS: Mapping[str, tuple[str, ...]] = {
    "delivery": (
        "{hello} my {thing} has not arrived, the parcel was due {when}.",
        "{hello} where is the parcel with the {thing}? Tracking shows nothing since {when}.",
        "The courier left the {thing} with a neighbour {when}. {please}",
        "{hello} can you ship the {thing} to another address? It should leave {when}.",
    ),
    "invoice": (
        "{hello} I was charged twice for the {thing} {when}. {please}",
        "The invoice for the {thing} shows the wrong amount. {please}",
        "{hello} I need a receipt with our tax number for the {thing} paid {when}.",
        "My card was debited {when}, yet the {thing} is listed as unpaid. {please}",
    ),
    "product": (
        "{hello} does the {thing} work with an older model? {please}",
        "The {thing} stopped working {when}: it makes a strange noise.",
        "{hello} how do I clean the {thing}? The manual says nothing about it.",
        "Which size of the {thing} suits a small room? {please}",
    ),
    "return": (
        "{hello} I want to send the {thing} back, it came {when}. {please}",
        "I sent the {thing} back {when} and still wait for the refund.",
        "{hello} can I exchange the {thing} for another colour? I unpacked it {when}.",
        "The label for sending back the {thing} cannot be printed. {please}",
    ),
}
_WORDS: Mapping[str, tuple[str, ...]] = {
    "hello": ("Hello,", "Hi,", "Good morning,", "Dear team,", "To whom it may concern:"),
    "thing": (
        *("kettle", "desk lamp", "rain coat", "office chair", "bicycle pump", "coffee grinder", "backpack"),
        *("wool blanket", "headphones", "garden hose", "alarm clock", "tool box", "picture frame", "bread knife"),
    ),
    "when": ("yesterday", "on Monday", "last week", "two days ago", "on the third", "at the weekend", "this morning"),
    "please": ("Please help.", "Can you look into it?", "Thank you!", "I look forward to your answer.", "What now?"),
}
_ENDINGS = ("", "", " Kind regards, Anna", " Best, Tomas", " Order 4{number}.", " My order is 7{number}.")


def load_synthetic_messages(files: Mapping[str, Path]) -> pd.DataFrame:  # noqa: ARG001 - there is no file to read
    """Write the messages; they are the same every time."""
    rng = np.random.default_rng(SEED)
    topics = rng.choice(CLASS_NAMES, size=N_ROWS)
    table = pd.DataFrame({TEXT: [_write_message(rng, topic) for topic in topics]})
    table.insert(0, "row_id", row_ids(NAME, range(1, N_ROWS + 1)))
    table[LABEL] = label_column(pd.Series(topics), CLASS_NAMES)
    return table


def _write_message(rng: np.random.Generator, topic: str) -> str:
    pattern = _PATTERNS[topic][rng.integers(len(_PATTERNS[topic]))]
    words = {name: choices[rng.integers(len(choices))] for name, choices in _WORDS.items()}
    ending = _ENDINGS[rng.integers(len(_ENDINGS))].format(number=rng.integers(1000, 9999))
    return pattern.format(**words) + ending


DATASET = Dataset(
    name=NAME,
    families=("classification",),
    title="Messages to a shop (synthetic)",
    description=(
        "Tell what a short message to a shop is about. Synthetic: a few patterns write the messages, so that every "
        "label is right until errors are planted."
    ),
    homepage="https://en.wikipedia.org/wiki/Template_processor",
    licence="MIT, as this package, which writes the messages",
    citation="Written by a few patterns of this package; synthetic.",
    files=(),
    load=load_synthetic_messages,
    label=LABEL,
    class_names=CLASS_NAMES,
    columns=(
        Column(name=TEXT, kind="text", description="The message."),
        Column(name=LABEL, kind="categorical", is_feature=False, description="What the pattern is about."),
    ),
    expected_rows=N_ROWS,
)
