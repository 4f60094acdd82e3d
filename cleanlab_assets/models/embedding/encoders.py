"""Which encoders there are for texts and for pictures, and what they have in common.

An encoder is fitted on some values, never on labels, and turns any values into vectors. Vectors are centred and scaled
as a whole, so that a coordinate has mean 0 and a coordinate's mean square is 1 on the rows that the encoder was fitted
on: distances keep their proportions, and linear models need no other scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from cleanlab_assets.datasets.errors import quote
from cleanlab_assets.models.embedding.errors import UnknownEncoderError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any, Self

EmbeddedKind = Literal["text", "picture"]
DEFAULT_ENCODERS: dict[EmbeddedKind, str] = {"text": "tfidf", "picture": "patches"}
"""Encoders that need no download."""
SENTENCE_TRANSFORMER = "sentence-transformers:"
"""What stands before the name, or the directory, of a model of that library."""


class Encoder(Protocol):
    """Turns values into vectors.

    Attributes:
        description: how, in words.
    """

    description: str

    def fit(self, values: Sequence[Any]) -> Self:
        """Learn from values what vectors are made of."""

    def transform(self, values: Sequence[Any]) -> np.ndarray:
        """Return a vector for each value, float32 of shape (n_values, n_dimensions)."""


@dataclass(frozen=True)
class Embedding:
    """The vectors of some values, float32 of shape (n_values, n_dimensions), and how they were made, in words."""

    vectors: np.ndarray
    description: str


def embed(
    values: Sequence[Any], kind: EmbeddedKind, encoder: str, *, fit_on: np.ndarray, seed: int, data_dir: Path
) -> Embedding:
    """Turn the texts or pictures of some rows into vectors.

    Args:
        values: texts, None where one is missing; or encoded pictures.
        kind: what they are.
        encoder: ``tfidf`` or ``sentence-transformers:<name or directory>`` for texts; ``patches`` or ``resnet18`` for
            pictures.
        fit_on: bool of shape (n_values,): the rows that the encoder is fitted on.
        seed: seed of what is random in it.
        data_dir: where published weights are kept.

    Returns:
        The vectors, centred and scaled as a whole.

    Raises:
        UnknownEncoderError: there is no such encoder.
        WeightsError: published weights cannot be had.
        ValueError: no row to fit on.
    """
    if not fit_on.any():
        raise ValueError("there is no row to fit an encoder on")
    chosen = build_encoder(kind, encoder, seed=seed, data_dir=data_dir)
    found = chosen.fit([value for value, is_known in zip(values, fit_on, strict=True) if is_known]).transform(values)
    return Embedding(scale_as_a_whole(found, fit_on=fit_on), chosen.description)


def build_encoder(kind: EmbeddedKind, encoder: str, *, seed: int, data_dir: Path) -> Encoder:
    """Return an encoder that is not fitted yet, see ``embed``."""
    from cleanlab_assets.models.embedding.pictures import PatchEncoder, ResnetEncoder
    from cleanlab_assets.models.embedding.texts import SentenceEncoder, TfidfEncoder

    if kind == "text":
        if encoder == "tfidf":
            return TfidfEncoder(seed=seed)
        if encoder.startswith(SENTENCE_TRANSFORMER):
            return SentenceEncoder(encoder.removeprefix(SENTENCE_TRANSFORMER))
        raise UnknownEncoderError(
            f"encoder of texts {quote(encoder)}: expected tfidf, or {SENTENCE_TRANSFORMER}NAME with the name or the "
            "directory of a model of that library"
        )
    if encoder == "patches":
        return PatchEncoder(seed=seed)
    if encoder == "resnet18":
        return ResnetEncoder(data_dir=data_dir)
    raise UnknownEncoderError(f"encoder of pictures {quote(encoder)}: expected patches or resnet18")


def scale_as_a_whole(vectors: np.ndarray, *, fit_on: np.ndarray) -> np.ndarray:
    """Give the coordinates mean 0, and a mean square of 1 over all of them, by the rows of a mask.

    Args:
        vectors: shape (n_rows, n_dimensions).
        fit_on: bool of shape (n_rows,).

    Returns:
        float32 of the same shape; zeros where all rows of the mask are alike.
    """
    centred = vectors.astype(np.float64) - vectors[fit_on].mean(axis=0, dtype=np.float64)
    size = float(np.sqrt(np.mean(centred[fit_on] ** 2)))
    scaled: np.ndarray = (centred / size if size > 0 else np.zeros_like(centred)).astype(np.float32)
    return scaled
