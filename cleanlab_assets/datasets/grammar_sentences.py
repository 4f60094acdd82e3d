"""Grammar sentences: synthetic tagged sentences that a small probabilistic grammar writes, without any file.

The words are made up of a small lexicon in which some words are nouns and verbs alike (``the light falls``, ``they
light the fire``), so that only the context tells their tag. The tags are right by construction: what an audit flags
here is an error that was planted, or a false flag.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.datasets.dataset import Dataset
from cleanlab_assets.datasets.tagged_sentences import LABEL, TOKEN_COLUMNS, TaggedSentence, to_token_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

NAME = "grammar_sentences"
CLASS_NAMES = ("ADJ", "ADP", "ADV", "DET", "NOUN", "NUM", "PRON", "PROPN", "PUNCT", "VERB")
SEED = 7
N_DOCUMENTS = {"train": 60, "dev": 12, "test": 20}
SENTENCES_OF_A_DOCUMENT = 10
N_WORDS = 6345
_NOUN_AND_VERB = (
    *("light", "watch", "plan", "walk", "fish", "hammer", "paint", "answer", "report"),
    *("drink", "dream", "fight", "guard", "judge", "need", "order"),
)
_LEXICON: Mapping[str, tuple[str, ...]] = {
    "ADJ": ("small", "quiet", "green", "old", "careful", "heavy", "bright", "slow", "wooden", "famous"),
    "ADP": ("in", "on", "near", "under", "behind", "with", "from"),
    "ADV": ("slowly", "often", "quietly", "never", "gladly", "soon", "carefully"),
    "DET": ("the", "a", "this", "every", "some"),
    "NOUN": ("river", "teacher", "garden", "engine", "letter", "city", "basket", "window", "doctor", *_NOUN_AND_VERB),
    "PRON": ("they", "we", "you", "I"),
    "PROPN": ("Anna", "Berlin", "Tomas", "Lima", "Greta", "Oslo", "Pavel", "Quito"),
    "VERB": ("see", "carry", "build", "follow", "hear", "remember", "find", "admire", *_NOUN_AND_VERB),
}
_GENRES: Mapping[str, Mapping[str, float]] = {
    "tale": {"ADJ": 0.6, "ADV": 0.4, "PROPN": 0.2, "NUM": 0.1},
    "news": {"ADJ": 0.2, "ADV": 0.1, "PROPN": 0.6, "NUM": 0.4},
    "chat": {"ADJ": 0.3, "ADV": 0.5, "PROPN": 0.1, "NUM": 0.2},
}
"""How often each genre takes an optional word."""


def load_grammar_sentences(files: Mapping[str, Path]) -> pd.DataFrame:  # noqa: ARG001 - there is no file to read
    """Write the sentences; they are the same every time."""
    rng = np.random.default_rng(SEED)
    parts = []
    for part, n_documents in N_DOCUMENTS.items():
        line, sentences = 1, []
        for number in range(n_documents):
            genre = list(_GENRES)[number % len(_GENRES)]
            document = f"{genre}-{part}-{number + 1:02d}"
            for index in range(SENTENCES_OF_A_DOCUMENT):
                pairs = _write_sentence(rng, _GENRES[genre])
                lines = range(line, line + len(pairs))
                line += len(pairs) + 1  # as if a blank line stood between two sentences
                sentences.append(
                    TaggedSentence(
                        sentence_id=f"{document}-{index + 1:02d}",
                        tokens=[token for token, _ in pairs],
                        tags=[tag for _, tag in pairs],
                        lines=lines,
                        document=document,
                        genre=genre,
                    )
                )
        parts.append((part, f"{NAME}-{part}", sentences))
    return to_token_table(parts, CLASS_NAMES)


def _write_sentence(rng: np.random.Generator, habits: Mapping[str, float]) -> list[tuple[str, str]]:
    """Subject, verb phrase and full stop: the grammar's start symbol."""
    subject = [_choose(rng, "PRON")] if rng.random() < 1 / 3 else _write_noun_phrase(rng, habits)
    verb = [_choose(rng, "VERB")]
    if rng.random() < habits["ADV"]:
        verb.insert(int(rng.integers(2)), _choose(rng, "ADV"))
    rest = _write_noun_phrase(rng, habits)
    if rng.random() < 1 / 3:
        rest += [_choose(rng, "ADP"), *_write_noun_phrase(rng, habits)]
    return [*subject, *verb, *rest, (".", "PUNCT")]


def _write_noun_phrase(rng: np.random.Generator, habits: Mapping[str, float]) -> list[tuple[str, str]]:
    if rng.random() < habits["PROPN"]:
        return [_choose(rng, "PROPN")]
    number = [(str(rng.integers(2, 100)), "NUM")] if rng.random() < habits["NUM"] else [_choose(rng, "DET")]
    adjective = [_choose(rng, "ADJ")] if rng.random() < habits["ADJ"] else []
    return [*number, *adjective, _choose(rng, "NOUN")]


def _choose(rng: np.random.Generator, tag: str) -> tuple[str, str]:
    words = _LEXICON[tag]
    return words[rng.integers(len(words))], tag


DATASET = Dataset(
    name=NAME,
    families=("token_classification",),
    title="Sentences of a small grammar (synthetic)",
    description="Predict the part of speech of each word in synthetic sentences; some words can be noun or verb.",
    homepage="https://en.wikipedia.org/wiki/Probabilistic_context-free_grammar",
    licence="MIT, as this package, which writes the sentences",
    citation="Written by a small probabilistic grammar of this package; synthetic.",
    files=(),
    load=load_grammar_sentences,
    label=LABEL,
    class_names=CLASS_NAMES,
    columns=TOKEN_COLUMNS,
    parts=tuple(N_DOCUMENTS),
    expected_rows=N_WORDS,
)
