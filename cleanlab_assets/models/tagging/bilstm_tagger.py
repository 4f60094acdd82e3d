"""A recurrent tagger: words and their letters, read from both sides.

Source: Plank, Søgaard and Goldberg, Multilingual Part-of-Speech Tagging with Bidirectional Long Short-Term Memory
Models and Auxiliary Loss, ACL 2016, without the auxiliary loss; letters by convolution as in Ma and Hovy, ACL 2016.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from torch import Tensor, nn

from cleanlab_assets.models.estimators.torch_training import load_weights, pick_device, seeded
from cleanlab_assets.models.tagging.sentences import split_sentences

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

_PADDING, _UNKNOWN = 0, 1
_N_RESERVED = 2
_LONGEST_WORD = 16
_LOWEST_SHARE_OF_GAIN = 1e-4
_SMALLEST_BATCH, _FEWEST_BATCHES = 100, 50
_IGNORED = -100
"""Target of words that take no part in the loss: padding, rows left out, the stopping share."""


@dataclass(kw_only=True, eq=False, repr=False)
class BiLSTMTagger(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Tags words with a bidirectional LSTM over word and letter embeddings; same seed, same result on the CPU.

    A word that is left out of the rows keeps its place in its sentence and takes no part in the loss. Words seen once
    are replaced by the unknown word half of the time, so that its embedding is learned. A share of the sentences is
    held out to stop early; the weights of the epoch with the lowest loss there are kept, as numpy arrays.

    Args:
        word_size: size of a word's embedding.
        letter_size: size of a letter's embedding, and of half a word's vector made from letters.
        hidden_size: size of the LSTM's state in each direction.
        dropout: share of the inputs and outputs of the LSTM dropped while learning.
        learning_rate: largest step of Adam; it falls linearly over the epochs.
        batch_words: most words of a batch, of sentences of about equal length.
        max_epochs: most passes over the sentences.
        patience: epochs without gain after which the fit stops.
        stopping_share: share of the sentences held out to stop early.
        random_state: seed of weights, order, dropout and the sentences held out.
    """

    word_size: int = 96
    letter_size: int = 32
    hidden_size: int = 128
    dropout: float = 0.4
    learning_rate: float = 4e-3
    batch_words: int = 1200
    max_epochs: int = 8
    patience: int = 2
    stopping_share: float = 0.05
    random_state: int = 0

    def fit(self, rows: pd.DataFrame, labels: np.ndarray) -> Self:
        """Learn from rows with ``sentence`` (words apart by single spaces) and ``position`` (from 1).

        Args:
            rows: shape (n_rows, 2 or more columns).
            labels: class codes or names, shape (n_rows,).
        """
        self.classes_, targets = np.unique(labels, return_inverse=True)
        sentences, owner, place = split_sentences(rows)
        words, counts = np.unique([word.lower() for words in sentences for word in words], return_counts=True)
        self.words_ = words
        self.letters_ = np.unique(list("".join(word for words in sentences for word in words)))
        rare = words[counts == 1]
        target_of = [np.full(len(words), _IGNORED, dtype=np.int64) for words in sentences]
        for number, position, target in zip(owner, place, targets, strict=True):
            target_of[number][position] = target

        rng = np.random.default_rng(self.random_state)
        order = rng.permutation(len(sentences))
        n_aside = min(max(1, round(self.stopping_share * len(sentences))), len(sentences) - 1)
        aside, learned = order[:n_aside], order[n_aside:]
        device = pick_device()
        with _one_thread(), seeded(self.random_state):
            network = self._build_network().to(device)
            optimizer = torch.optim.Adam(network.parameters(), lr=self.learning_rate, betas=(0.9, 0.99))
            inputs = self._encode(sentences)
            is_rare = np.zeros(len(words) + _N_RESERVED, dtype=bool)
            is_rare[np.searchsorted(words, rare) + _N_RESERVED] = True
            schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, total_iters=self.max_epochs - 1)
            best, kept, waited = np.inf, network.state_dict(), 0
            for _ in range(self.max_epochs):
                network.train()
                for batch in self._batch(inputs, learned, rng):
                    word_codes = inputs.pad_words(batch)
                    drop = is_rare[word_codes] & (rng.random(word_codes.shape) < 1 / 2)
                    word_codes[drop] = _UNKNOWN
                    goal = torch.from_numpy(_pad([target_of[i] for i in batch], _IGNORED)).to(device)
                    if not (goal != _IGNORED).any():
                        continue
                    scores = self._score(network, word_codes, inputs.pad_letters(batch), device)
                    loss = torch.nn.functional.cross_entropy(
                        scores.flatten(0, 1), goal.flatten(), ignore_index=_IGNORED
                    )
                    optimizer.zero_grad()
                    loss.backward()  # type: ignore[no-untyped-call]
                    torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
                    optimizer.step()
                schedule.step()
                current = self._measure_loss(network, inputs, aside, target_of, device)
                if current < best * (1 - _LOWEST_SHARE_OF_GAIN):
                    best, waited = current, 0
                    kept = {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}
                else:
                    waited += 1
                if waited >= self.patience:
                    break
        self.weights_ = {name: tensor.cpu().numpy() for name, tensor in kept.items()}
        return self

    def predict_proba(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the probability of each class, float64 of shape (n_rows, n_classes), in the order of ``classes_``."""
        sentences, owner, place = split_sentences(rows)
        device = pick_device()
        network = load_weights(self._build_network(), self.weights_).to(device).eval()
        inputs = self._encode(sentences)
        found: list[np.ndarray] = [np.empty(0)] * len(sentences)
        with _one_thread(), torch.no_grad():
            for batch in self._batch(inputs, np.arange(len(sentences)), None):
                scores = self._score(network, inputs.pad_words(batch), inputs.pad_letters(batch), device)
                probabilities = torch.softmax(scores.double(), dim=-1).cpu().numpy()
                for number, values in zip(batch, probabilities, strict=True):
                    found[number] = values[: len(sentences[number])]
        starts = np.concatenate([[0], np.cumsum([len(words) for words in sentences])[:-1]]).astype(np.int64)
        result: np.ndarray = np.concatenate(found)[starts[owner] + place]
        return result

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the likeliest class of each row, shape (n_rows,)."""
        likeliest: np.ndarray = self.classes_[self.predict_proba(rows).argmax(axis=1)]
        return likeliest

    def _build_network(self) -> nn.ModuleDict:
        joined = self.word_size + 2 * self.letter_size
        return nn.ModuleDict(
            {
                "words": nn.Embedding(len(self.words_) + _N_RESERVED, self.word_size, padding_idx=_PADDING),
                "letters": nn.Embedding(len(self.letters_) + _N_RESERVED, self.letter_size, padding_idx=_PADDING),
                "patterns": nn.Conv1d(self.letter_size, 2 * self.letter_size, kernel_size=3, padding=1),
                "dropout": nn.Dropout(self.dropout),
                "lstm": nn.LSTM(joined, self.hidden_size, bidirectional=True, batch_first=True),
                "tags": nn.Linear(2 * self.hidden_size, len(self.classes_)),
            }
        )

    def _score(self, network: nn.ModuleDict, words: np.ndarray, letters: np.ndarray, device: torch.device) -> Tensor:
        """Return the unnormalized scores of a batch, shape (n_sentences, longest, n_classes)."""
        distinct, which = np.unique(letters.reshape(-1, letters.shape[-1]), axis=0, return_inverse=True)
        embedded = network["letters"](torch.from_numpy(distinct).to(device)).transpose(1, 2)
        patterns = torch.relu(network["patterns"](embedded)).amax(dim=2)
        of_letters = patterns[torch.from_numpy(which.reshape(words.shape)).to(device)]
        of_words = network["words"](torch.from_numpy(words).to(device))
        inputs = network["dropout"](torch.cat([of_words, of_letters], dim=-1))
        lengths = torch.from_numpy((words != _PADDING).sum(axis=1))
        packed = torch.nn.utils.rnn.pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
        hidden, _ = torch.nn.utils.rnn.pad_packed_sequence(network["lstm"](packed)[0], batch_first=True)
        scores: Tensor = network["tags"](network["dropout"](hidden))
        return scores

    def _measure_loss(
        self,
        network: nn.ModuleDict,
        inputs: _Inputs,
        sentences: np.ndarray,
        targets: list[np.ndarray],
        device: torch.device,
    ) -> float:
        total, n_words = 0.0, 0
        network.eval()
        with torch.no_grad():
            for batch in self._batch(inputs, sentences, None):
                goal = torch.from_numpy(_pad([targets[i] for i in batch], _IGNORED)).to(device)
                scores = self._score(network, inputs.pad_words(batch), inputs.pad_letters(batch), device)
                total += float(
                    torch.nn.functional.cross_entropy(
                        scores.flatten(0, 1), goal.flatten(), ignore_index=_IGNORED, reduction="sum"
                    )
                )
                n_words += int((goal != _IGNORED).sum())
        return total / max(n_words, 1)

    def _encode(self, sentences: list[list[str]]) -> _Inputs:
        word_code = {word: code for code, word in enumerate(self.words_.tolist(), start=_N_RESERVED)}
        letter_code = {letter: code for code, letter in enumerate(self.letters_.tolist(), start=_N_RESERVED)}
        letters: dict[str, np.ndarray] = {}
        for word in {word for words in sentences for word in words}:
            # The ends of a long word say more than its middle.
            half = _LONGEST_WORD // 2
            shown = word if len(word) <= _LONGEST_WORD else word[:half] + word[-half:]
            codes = np.zeros(_LONGEST_WORD, dtype=np.int64)
            codes[: len(shown)] = [letter_code.get(letter, _UNKNOWN) for letter in shown]
            letters[word] = codes
        return _Inputs(
            [np.array([word_code.get(word.lower(), _UNKNOWN) for word in words]) for words in sentences],
            [np.stack([letters[word] for word in words]) for words in sentences],
        )

    def _batch(self, inputs: _Inputs, sentences: np.ndarray, rng: np.random.Generator | None) -> Iterator[np.ndarray]:
        """Yield batches of sentences of about equal length; in random order where there is a generator."""
        lengths = np.array([len(inputs.words[i]) for i in sentences])
        order = np.lexsort((rng.random(len(sentences)), lengths)) if rng is not None else np.argsort(lengths)
        # Few words make small batches, so that an epoch has steps enough to learn from.
        most_words = min(self.batch_words, max(_SMALLEST_BATCH, int(lengths.sum()) // _FEWEST_BATCHES))
        batches: list[np.ndarray] = []
        batch: list[int] = []
        for number in sentences[order]:
            if batch and (len(batch) + 1) * len(inputs.words[number]) > most_words:
                batches.append(np.array(batch))
                batch = []
            batch.append(number)
        if batch:
            batches.append(np.array(batch))
        if rng is not None:
            rng.shuffle(batches)
        yield from batches


class _Inputs:
    """Sentences as codes: words of shape (n_words,), letters of shape (n_words, longest word)."""

    def __init__(self, words: list[np.ndarray], letters: list[np.ndarray]) -> None:
        self.words = words
        self.letters = letters

    def pad_words(self, batch: np.ndarray) -> np.ndarray:
        return _pad([self.words[number] for number in batch], _PADDING)

    def pad_letters(self, batch: np.ndarray) -> np.ndarray:
        return _pad([self.letters[number] for number in batch], _PADDING)


def _pad(parts: list[np.ndarray], value: int) -> np.ndarray:
    """Stack arrays of different lengths, filled up with a value."""
    longest = max(len(part) for part in parts)
    padded = np.full((len(parts), longest, *parts[0].shape[1:]), value, dtype=np.int64)
    for row, part in enumerate(parts):
        padded[row, : len(part)] = part
    return padded


@contextmanager
def _one_thread() -> Iterator[None]:
    """Use one thread: the steps of a small LSTM are too short to share, and waiting threads cost more than they do."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)
