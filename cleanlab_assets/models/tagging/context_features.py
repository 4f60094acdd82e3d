"""Hashed features of a word in its context: what a linear tagger sees.

Source: the features of Ratnaparkhi, A Maximum Entropy Model for Part-Of-Speech Tagging, EMNLP 1996, hashed as in
Weinberger et al., Feature Hashing for Large Scale Multitask Learning, ICML 2009 (unsigned, since features are rare).
"""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from scipy.sparse import csr_matrix

WINDOW = 2
AFFIX_LENGTHS = (1, 2, 3, 4)
LONGEST_TOLD_LENGTH = 30
"""Sentences of more words count as equally long."""
_OUTSIDE = ""
"""Stands for the words before the first and after the last of a sentence."""
_N_NEIGHBOUR_FEATURES = 4
_RUNS = re.compile(r"(.)\1+")
_MIX = np.uint64(0x9E3779B97F4A7C15)


def to_context_features(rows: pd.DataFrame, *, n_features: int = 2**18) -> csr_matrix:
    """Return the hashed features of each word: its form, affixes, shape and place, and the two words on either side.

    Affixes have 1 to 4 letters; the shape tells capitals, digits and other signs apart, with and without runs. What is
    computed from a word alone is computed once for each distinct word.

    Args:
        rows: ``sentence`` (categorical, words apart by single spaces) and ``position`` (from 1).
        n_features: columns; words and affixes that fall on the same column share a weight.

    Returns:
        float32 matrix of shape (n_rows, n_features) that counts the features.
    """
    from scipy.sparse import csr_matrix

    sentences = rows["sentence"].astype("category").cat.remove_unused_categories()
    words_of = [text.split(" ") for text in sentences.cat.categories]
    sizes = np.array([len(words) for words in words_of], dtype=np.int64)
    padding = [_OUTSIDE] * WINDOW
    padded = [word for words in words_of for word in (*padding, *words, *padding)]
    known = {word: code for code, word in enumerate(dict.fromkeys(padded))}
    codes = np.fromiter((known[word] for word in padded), dtype=np.int64, count=len(padded))
    starts = np.concatenate([[0], np.cumsum(sizes + 2 * WINDOW)[:-1]])

    sentence = sentences.cat.codes.to_numpy(dtype=np.int64)
    position = rows["position"].to_numpy(dtype=np.int64)
    place = starts[sentence] + WINDOW + position - 1
    hashes = np.array([_hash_word(word) for word in known], dtype=np.uint64)
    near = {offset: codes[place + offset] for offset in range(-WINDOW, WINDOW + 1)}
    form = {offset: hashes[near[offset], 0] for offset in near}
    blocks = [hashes[near[0]]]
    blocks += [_mix(hashes[near[offset], :_N_NEIGHBOUR_FEATURES], offset) for offset in near if offset != 0]
    pairs = [(-1, 0), (0, 1), (-2, -1), (1, 2), (-1, 1)]
    blocks += [_mix(form[a] * _MIX + form[b], 10 + number)[:, None] for number, (a, b) in enumerate(pairs)]
    length = np.minimum(sizes[sentence], LONGEST_TOLD_LENGTH)
    places = np.stack([np.minimum(position, 3), np.minimum(sizes[sentence] - position, 2), length], axis=1)
    is_first = (position == 1).astype(np.uint64)
    blocks += [
        _mix(places.astype(np.uint64) * np.uint64(8) + np.arange(3, dtype=np.uint64), 20),
        _mix(hashes[near[0], 1] * np.uint64(2) + is_first, 21)[:, None],  # a capital means little at the start
    ]
    columns = np.concatenate(blocks, axis=1) % np.uint64(n_features)
    n_rows, n_each = columns.shape
    return csr_matrix(
        (
            np.ones(columns.size, dtype=np.float32),
            columns.ravel().astype(np.int32),
            np.arange(
                0, columns.size + 1, n_each, dtype=np.int64 if columns.size > np.iinfo(np.int32).max else np.int32
            ),
        ),
        shape=(n_rows, n_features),
    )


def _hash_word(word: str) -> list[int]:
    """Hash the features of a word: those that tell of a neighbour first."""
    small = word.lower()
    shape = "".join("X" if c.isupper() else "x" if c.isalpha() else "9" if c.isdigit() else c for c in word)
    without_runs = _RUNS.sub(r"\1", shape)
    texts = [f"form {small}", f"runs {without_runs}", f"end 2 {small[-2:]}", f"end 3 {small[-3:]}"]
    texts += [f"word {word}", f"shape {shape[:12]}", f"digits {any(c.isdigit() for c in word)}"]
    texts += [f"capitals {word.isupper()} {word[:1].isupper()}", f"inner {'-' in word[1:-1]}"]
    texts += [f"start {length} {small[:length]}" for length in AFFIX_LENGTHS]
    texts += [f"end {length} {small[-length:]}" for length in AFFIX_LENGTHS if length not in (2, 3)]
    return [zlib.crc32(text.encode()) for text in texts]


def _mix(hashes: np.ndarray, purpose: int) -> np.ndarray:
    """Scramble hashes so that the same word means another feature at another place."""
    mixed = (hashes + np.uint64((purpose * 0x2545F4914F6CDD1D) % 2**64)) * _MIX
    return mixed ^ (mixed >> np.uint64(29))
