"""Encoders of texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from cleanlab_assets.datasets.errors import cut, quote
from cleanlab_assets.extras import require
from cleanlab_assets.models.embedding.errors import UnknownEncoderError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

DIMENSIONS = 100
MAX_TERMS = 50_000
"""Words, pairs of words and pieces of words that are told apart, of each sort the most frequent ones."""
BATCH = 64


@dataclass(kw_only=True)
class TfidfEncoder:
    """Words and pieces of words, weighted by how rare they are, in their principal directions (latent semantics).

    Source: Deerwester et al. 1990, "Indexing by latent semantic analysis"; the weights are scikit-learn's, with the
    logarithm of the counts. Terms that a single text has tell nothing of others, and are left out where enough remain.
    """

    seed: int
    dimensions: int = DIMENSIONS
    description: str = ""
    _weights: Any = field(default=None, repr=False)
    _directions: Any = field(default=None, repr=False)

    def fit(self, texts: Sequence[str | None]) -> Self:
        """Learn the terms, their weights and the directions of some texts."""
        from sklearn.decomposition import TruncatedSVD
        from sklearn.pipeline import make_union

        known = _as_texts(texts)
        weights = make_union(*(self._weigh(known, **terms) for terms in _TERMS))
        try:
            weighed = weights.fit_transform(known)
        except ValueError:  # what scikit-learn raises where no text has a term
            self.description = "no text has a word: all vectors are zero"
            return self
        n_terms = weighed.shape[1]
        # The solver needs fewer directions than there are terms and texts.
        n_directions = max(1, min(self.dimensions, n_terms - 1, len(known) - 1))
        self._weights = weights
        if n_terms > 1:
            with np.errstate(invalid="ignore"):  # the share of the variance, which is of no use here, may be 0 / 0
                self._directions = TruncatedSVD(n_directions, random_state=self.seed).fit(weighed)
        self.description = (
            f"TF-IDF of {n_terms:,} words, pairs of words and pieces of 2 to 4 letters, in {n_directions} principal "
            "directions, each text of length 1"
        )
        return self

    def transform(self, texts: Sequence[str | None]) -> np.ndarray:
        """Return float32 of shape (n_texts, at most ``dimensions``)."""
        from sklearn.preprocessing import normalize

        if self._weights is None:
            return np.zeros((len(texts), 1), dtype=np.float32)
        weighed = self._weights.transform(_as_texts(texts))
        if self._directions is None:
            return np.asarray(weighed.toarray(), dtype=np.float32)
        return np.asarray(normalize(self._directions.transform(weighed)), dtype=np.float32)

    def _weigh(self, texts: Sequence[str], **terms: Any) -> Any:
        from sklearn.feature_extraction.text import TfidfVectorizer

        is_enough = len(texts) >= self.dimensions
        return TfidfVectorizer(
            **terms, sublinear_tf=True, min_df=2 if is_enough else 1, max_features=MAX_TERMS, dtype=np.float32
        )


_TERMS: tuple[dict[str, Any], ...] = (
    {"analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"(?u)\b\w+\b"},
    {"analyzer": "char_wb", "ngram_range": (2, 4)},
)


@dataclass
class SentenceEncoder:
    """A model of the library sentence-transformers, by its name or its directory; nothing is fitted."""

    name: str
    description: str = ""

    def fit(self, texts: Sequence[str | None]) -> Self:  # noqa: ARG002 - the model knows what it knows
        """Say which model it is."""
        self.description = f"the model {self.name} of sentence-transformers, each text of length 1"
        return self

    def transform(self, texts: Sequence[str | None]) -> np.ndarray:
        """Return float32 of shape (n_texts, dimensions of the model).

        Raises:
            MissingExtraError: the library is not installed.
            UnknownEncoderError: it has no such model.
        """
        require("the encoder sentence-transformers", "sentence_transformers")
        from sentence_transformers import SentenceTransformer

        try:
            model = SentenceTransformer(self.name, device="cpu", trust_remote_code=False)
        except (OSError, ValueError) as error:  # what the library raises for a name that it cannot resolve
            reason = " ".join(str(error).split())
            raise UnknownEncoderError(
                f"sentence-transformers has no model {quote(self.name)}: expected the directory of one, or a name that "
                f"can be downloaded: {cut(reason, 300)}"
            ) from error
        vectors = model.encode(_as_texts(texts), batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vectors, dtype=np.float32)


def _as_texts(texts: Sequence[Any]) -> list[str]:
    """Take a missing text for an empty one."""
    return [text if isinstance(text, str) else "" for text in texts]
