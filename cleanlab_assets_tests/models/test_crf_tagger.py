"""The conditional random field: its sums over sequences are those of a list of all, and it learns what follows what."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.models.tagging.crf_tagger import CRFTagger, _run_both_ways


@pytest.mark.parametrize("length", [1, 2, 4])
def test_probabilities_are_those_of_all_sequences_of_tags(length: int) -> None:
    rng = np.random.default_rng(length)
    n_tags = 3
    factors, follow, start = rng.random((1, length + 2, n_tags)), rng.random((n_tags, n_tags)), rng.random(n_tags)
    is_word = np.arange(length + 2)[None] < length
    factors[~is_word] = 1

    found, pairs = _run_both_ways(factors, is_word, follow, start)

    expected, expected_pairs, whole = np.zeros((length, n_tags)), np.zeros((n_tags, n_tags)), 0.0
    for tags in product(range(n_tags), repeat=length):
        mass = start[tags[0]] * np.prod([factors[0, place, tag] for place, tag in enumerate(tags)])
        mass *= np.prod([follow[pair] for pair in pairwise(tags)])
        whole += mass
        expected[np.arange(length), tags] += mass
        for pair in pairwise(tags):
            expected_pairs[pair] += mass
    np.testing.assert_allclose(found[0, :length], expected / whole)
    np.testing.assert_allclose(pairs, expected_pairs / whole, atol=1e-12)


def make_rows(seed: int, n_sentences: int = 90) -> tuple[pd.DataFrame, np.ndarray]:
    """Words without a form: their tags go round, a, b, c, a, from a first word that tells which."""
    rng = np.random.default_rng(seed)
    firsts, length = rng.integers(3, size=n_sentences), 6
    texts = ["xyz"[first] + " w" * (length - 1) for first in firsts]
    rows = pd.DataFrame(
        {"sentence": np.repeat(texts, length), "position": np.tile(np.arange(1, length + 1), n_sentences)}
    )
    return rows, (np.repeat(firsts, length) + rows["position"].to_numpy() - 1) % 3


def test_tags_are_told_by_those_around_them_far_beyond_the_words_that_are_features() -> None:
    rows, tags = make_rows(0)
    is_last = (rows["position"] == 6).to_numpy()  # two words on either side are features

    tagger = CRFTagger(random_state=1).fit(rows, tags)

    unseen, expected = make_rows(1)
    assert (tagger.predict(unseen) == expected)[is_last].mean() > 0.95
    assert tagger.predict_proba(unseen).sum(axis=1) == pytest.approx(1)


def test_words_without_a_label_have_any_tag_and_join_those_around_them() -> None:
    rows, tags = make_rows(0)
    is_left_out = (rows["position"] == 3).to_numpy()

    tagger = CRFTagger(random_state=1).fit(rows[~is_left_out], tags[~is_left_out])

    unseen, expected = make_rows(1)
    found = tagger.predict(unseen)
    assert (found == expected)[~is_left_out].mean() > 0.95
    assert (found == expected)[is_left_out].mean() > 0.8, "never seen with a label, but between words that were"


def test_the_same_seed_gives_the_same_weights() -> None:
    rows, tags = make_rows(0, 40)
    first, second = (CRFTagger(random_state=3).fit(rows, tags) for _ in range(2))
    np.testing.assert_array_equal(first.weights_, second.weights_)
    np.testing.assert_array_equal(first.transitions_, second.transitions_)
