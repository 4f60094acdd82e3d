from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.models.tagging.bilstm_tagger import BiLSTMTagger

SMALL = {"word_size": 16, "letter_size": 4, "hidden_size": 16}


def make_sentences(n_sentences: int, *, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Sentences of which the last word is a verb after "to" and a noun after "the", and the tags of their words."""
    rng = np.random.default_rng(seed)
    records = []
    for _ in range(n_sentences):
        first, last = rng.choice(["to", "the"]), rng.choice(["walk", "watch", "talk", "plan"])
        sentence = f"{first} {last}"
        records += [
            {"sentence": sentence, "position": 1, "tag": "PART" if first == "to" else "DET"},
            {"sentence": sentence, "position": 2, "tag": "VERB" if first == "to" else "NOUN"},
        ]
    rows = pd.DataFrame.from_records(records)
    return rows[["sentence", "position"]], rows["tag"].to_numpy(dtype=object)


@pytest.fixture(scope="module")
def tagger() -> BiLSTMTagger:
    rows, tags = make_sentences(300, seed=0)
    return BiLSTMTagger(**SMALL, random_state=1).fit(rows, tags)


def test_the_tag_of_a_word_is_read_from_the_word_before_it(tagger: BiLSTMTagger) -> None:
    rows, tags = make_sentences(50, seed=1)

    assert (tagger.predict(rows) == tags).all()
    assert tagger.classes_.tolist() == ["DET", "NOUN", "PART", "VERB"]
    np.testing.assert_allclose(tagger.predict_proba(rows).sum(axis=1), 1)


def test_rows_may_come_in_any_order_and_sentences_of_equal_text_stay_apart(tagger: BiLSTMTagger) -> None:
    rows, _ = make_sentences(40, seed=2)
    order = np.random.default_rng(0).permutation(len(rows))

    shuffled = tagger.predict_proba(rows.iloc[order])

    assert rows.duplicated().any()
    np.testing.assert_allclose(shuffled, tagger.predict_proba(rows)[order], atol=1e-6)


def test_unknown_and_long_words_have_tags_too(tagger: BiLSTMTagger) -> None:
    rows = pd.DataFrame({"sentence": [f"to {'zigzag' * 8}"] * 2, "position": [1, 2]})

    assert tagger.predict(rows)[0] == "PART"
    assert np.isfinite(tagger.predict_proba(rows)).all()
