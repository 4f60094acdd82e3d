from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from cleanlab.token_classification.filter import find_label_issues as find_nested
from cleanlab.token_classification.rank import get_label_quality_scores
from sklearn.metrics import accuracy_score, f1_score, log_loss

from cleanlab_assets.datasets.errors import UnreadableInputError
from cleanlab_assets.datasets.grammar_sentences import DATASET as GRAMMAR
from cleanlab_assets.families.token_classification.issues import (
    count_common_errors,
    describe_contexts,
    find_sentence_issues,
)
from cleanlab_assets.families.token_classification.metrics import ScoredTokens
from cleanlab_assets.families.token_classification.plant import model_confusion
from cleanlab_assets.families.token_classification.training_set import build_token_training_set
from cleanlab_assets.methods.class_predictions import to_predictions_table
from cleanlab_assets.methods.folds import divide_rows
from cleanlab_assets.methods.label_issues import find_label_issues
from cleanlab_assets_tests.known_data import name_splits

if TYPE_CHECKING:
    from cleanlab_assets.methods.training_set import TrainingSet

TAGS = ["A", "B", "C"]
SIZES = [4, 7, 1, 12, 9, 3, 8, 6]


def _make_issues() -> tuple[pd.DataFrame, list[np.ndarray], list[np.ndarray]]:
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=sum(SIZES))
    probabilities = rng.dirichlet([0.4] * 3, size=len(labels)) * 0.5
    probabilities[np.arange(len(labels)), np.where(rng.random(len(labels)) < 0.8, labels, 0)] += 0.5
    owner = np.repeat(np.arange(len(SIZES)), SIZES)
    rows = pd.DataFrame(
        {
            "row_id": [f"f:{number}" for number in range(len(labels))],
            "split": name_splits(len(labels)),
            "given_label": pd.Categorical([TAGS[code] for code in labels], categories=TAGS),
            "token": rng.choice(["light", "walk"], size=len(labels)),
        }
    )
    probabilities = probabilities.astype(np.float32)
    predictions, folds = to_predictions_table(rows, probabilities, TAGS), np.arange(len(rows)) % 2
    table = find_label_issues(predictions, rows[["token"]], folds, filter_by="prune_by_noise_rate").table
    ends = np.cumsum(SIZES)[:-1]
    nested = np.split(to_double(probabilities), ends)
    return table.assign(sentence_id=owner.astype(str), sentence="x"), np.split(labels, ends), nested


def to_double(probabilities: np.ndarray) -> np.ndarray:
    values = probabilities.astype(np.float64)
    normalized: np.ndarray = values / values.sum(axis=1, keepdims=True)
    return normalized


def test_tokens_are_flagged_and_scored_as_cleanlab_does_sentence_by_sentence() -> None:
    table, labels, nested = _make_issues()
    starts = np.concatenate([[0], np.cumsum(SIZES)[:-1]])
    expected = find_nested([part.tolist() for part in labels], nested, n_jobs=1)
    assert set(np.flatnonzero(table["is_label_issue"])) == {starts[sentence] + place for sentence, place in expected}
    sentence_scores, _ = get_label_quality_scores(
        [part.tolist() for part in labels], nested, sentence_score_method="min"
    )
    found = find_sentence_issues(table)
    assert found["label_quality"].to_numpy() == pytest.approx(sentence_scores, abs=1e-6)


def test_common_errors_are_counted_by_word_and_tags() -> None:
    table, _, _ = _make_issues()
    counts = count_common_errors(table)
    flagged = table[table["is_label_issue"]]
    assert counts["count"].sum() == len(flagged)
    first = counts.iloc[0]
    same = (flagged["token"] == first["token"]) & (flagged["given_label"] == first["given_label"])
    assert first["count"] == (same & (flagged["suggested_label"] == first["suggested_label"])).sum()


def test_the_share_of_a_word_is_that_of_all_its_occurrences() -> None:
    flagged = [True, False, False, False, True, True]
    table = pd.DataFrame({"token": ["light"] * 4 + ["walk"] * 2, "is_label_issue": flagged})
    counts = count_common_errors(table.assign(given_label="A", suggested_label="B")).set_index("token")
    assert counts["share_of_token"].to_dict() == {"walk": 1, "light": 0.25}


def test_a_context_marks_the_token_and_says_what_is_left_out() -> None:
    rows = pd.DataFrame({"sentence": ["a b c d e"] * 4, "position": [1, 2, 3, 4]})
    assert describe_contexts(rows, n_words=1) == ["«a» b …", "a «b» c …", "… b «c» d …", "… c «d» e"]


def test_token_metrics_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    labels, probabilities = rng.integers(3, size=80), rng.dirichlet([1, 1, 1], size=80)
    weights = rng.integers(3, size=80).astype(float)
    predicted = probabilities.argmax(axis=1)
    found = ScoredTokens(labels, probabilities, tags=TAGS).compute(weights)
    assert found["accuracy"] == pytest.approx(accuracy_score(labels, predicted, sample_weight=weights))
    f1 = f1_score(labels, predicted, average=None, sample_weight=weights)
    assert [found[f"f1_{tag}"] for tag in TAGS] == pytest.approx(list(f1))
    assert found["macro_f1"] == pytest.approx(f1.mean())
    assert found["log_loss"] == pytest.approx(log_loss(labels, probabilities, sample_weight=weights))


def test_a_models_confusion_leaves_out_the_right_tag() -> None:
    probabilities = np.array([[0.6, 0.3, 0.1], [0.2, 0.6, 0.2]])
    confusion = model_confusion(np.array([0, 0]), probabilities)
    assert confusion[0] == pytest.approx([0, 0.9 / 1.2, 0.3 / 1.2])
    assert confusion[2] == pytest.approx([0.5, 0.5, 0])


def test_a_sample_keeps_every_genre_and_other_parts_whole() -> None:
    raw = GRAMMAR.load({})
    settings = {"validation_fraction": 0.1, "test_fraction": 0.2, "folds": 3, "seed": 1}
    built = build_token_training_set(raw, GRAMMAR, max_sentences=90, **settings).table  # type: ignore[arg-type]
    train = built[built["split"] == "train"]
    assert train["sentence_id"].nunique() == 90
    assert train.groupby("genre", observed=True)["sentence_id"].nunique().tolist() == [30, 30, 30]
    assert (built["split"] == "test").sum() == (raw["part"] == "test").sum()


def test_documents_are_put_aside_where_there_is_no_dev_or_test_file() -> None:
    raw = GRAMMAR.load({})
    raw = raw[raw["part"] == "train"]
    settings = {"validation_fraction": 0.1, "test_fraction": 0.2, "folds": 3, "seed": 1}
    built = build_token_training_set(raw, GRAMMAR, max_sentences=None, **settings)  # type: ignore[arg-type]
    shares = built.table["split"].value_counts(normalize=True)
    assert shares["test"] == pytest.approx(0.2, abs=0.05)
    assert shares["validation"] == pytest.approx(0.08, abs=0.05)
    assert built.table.groupby("document", observed=True)["split"].nunique().eq(1).all()
    assert any("no file of test rows" in note for note in built.notes)


def test_an_unknown_tag_is_named_with_its_row() -> None:
    raw = GRAMMAR.load({})
    raw["tag"] = raw["tag"].astype(object)
    raw.loc[5, "tag"] = "WORD"
    settings = {"validation_fraction": 0.1, "test_fraction": 0.2, "folds": 3, "seed": 1}
    with pytest.raises(ValueError, match=rf"row '{raw.loc[5, 'row_id']}' has tag 'WORD', expected one of ADJ"):
        build_token_training_set(raw, GRAMMAR, max_sentences=None, **settings)  # type: ignore[arg-type]


SETTINGS = {"max_sentences": None, "validation_fraction": 0.1, "test_fraction": 0.2, "folds": 3, "seed": 1}


def build(raw: pd.DataFrame, **changed: int) -> TrainingSet:
    return build_token_training_set(raw, GRAMMAR, **(SETTINGS | changed))  # type: ignore[arg-type]


def test_sentences_of_no_document_are_told_apart_where_others_have_one() -> None:
    raw = GRAMMAR.load({})
    nameless = raw["part"].eq("train") & raw["sentence_id"].isin(raw["sentence_id"].unique()[::2])
    built = build(raw.assign(document=raw["document"].astype(str).mask(nameless, "").astype("category"))).table
    train = built[built["split"] == "train"]
    assert sorted(train.loc[train["document"] == "", "fold"].unique()) == [0, 1, 2]
    assert train.groupby("sentence", observed=True)["fold"].nunique().eq(1).all()


def name_documents(sizes: list[int], genre: str = "") -> pd.DataFrame:
    """The train sentences of the grammar in documents of these sizes (of sentences)."""
    raw = GRAMMAR.load({})
    raw = raw[raw["part"] == "train"].reset_index(drop=True)
    numbers = pd.factorize(raw["sentence_id"])[0]
    raw = raw[numbers < sum(sizes)].reset_index(drop=True)
    owners = np.repeat(np.arange(len(sizes)), sizes)[numbers[numbers < sum(sizes)]]
    named = pd.Categorical([f"{genre}{owner}" for owner in owners])
    return raw.assign(document=named, genre=named if genre else raw["genre"])


@pytest.mark.parametrize(
    ("sizes", "folds", "named"),
    [([80], 5, "1 document,"), ([30, 20, 30], 2, "3 documents,"), ([200, *[5] * 12], 3, "13 documents,")],
    ids=["one", "fewer than parts", "one of nearly all sentences"],
)
def test_where_documents_cannot_fill_every_part_sentences_do_and_it_is_said(
    sizes: list[int], folds: int, named: str
) -> None:
    built = build(name_documents(sizes), folds=folds)
    shares = built.table["split"].value_counts(normalize=True)
    assert shares["test"] == pytest.approx(0.2, abs=0.05)
    assert shares["validation"] == pytest.approx(0.08, abs=0.05)
    sizes_of_folds = built.table.loc[built.table["split"] == "train", "fold"].value_counts(normalize=True)
    assert sizes_of_folds.min() > 0.5 / folds
    assert built.table.groupby("sentence", observed=True)[["split", "fold"]].nunique().eq(1).all(axis=None)
    (note,) = [note for note in built.notes if "several parts" in note]
    assert f"the train file names {named} too few or too unequal for test rows, validation rows and" in note


def test_documents_of_a_genre_each_are_divided_whatever_their_genre() -> None:
    built = build(name_documents([6] * 40, genre="genre"))
    shares = built.table["split"].value_counts(normalize=True)
    assert shares["test"] == pytest.approx(0.2, abs=0.05)
    assert shares["validation"] == pytest.approx(0.08, abs=0.05)
    assert built.table.groupby("document", observed=True)[["split", "fold"]].nunique().eq(1).all(axis=None)
    assert build(name_documents([6] * 40, genre="genre"), max_sentences=30).table["sentence_id"].nunique() == 30


def test_too_few_sentences_are_refused_with_what_to_do() -> None:
    with pytest.raises(UnreadableInputError, match=r"found 4 sentences .* at least 5, .* 3 folds, .*--folds"):
        build(name_documents([2, 2]))


def test_a_tag_of_a_single_fold_is_told() -> None:
    raw = GRAMMAR.load({})
    document = raw.loc[raw["part"] == "train", "document"].iloc[0]
    is_verb, is_there = raw["tag"] == "VERB", raw["document"] == document
    raw["tag"] = raw["tag"].mask(is_verb & raw["part"].eq("train") & ~is_there, "NOUN")
    told = "the train rows of tag 'VERB' are all in one fold: its model never saw the tag"
    assert told in build(raw).notes
    assert told not in build(GRAMMAR.load({})).notes


def test_sentences_on_both_sides_of_the_split_are_counted_by_their_words() -> None:
    raw = GRAMMAR.load({})
    texts = {part: raw.loc[raw["part"] == part, "sentence"].drop_duplicates() for part in ("train", "test")}
    copied = texts["train"].iloc[:3].tolist()
    free = texts["test"][~texts["test"].isin(texts["train"])].iloc[:3].tolist()
    alike = raw.assign(sentence=raw["sentence"].astype(str).replace(dict(zip(free, copied, strict=True))))
    found = [build(table).notes for table in (raw, alike.astype({"sentence": "category"}))]
    counts = [[int(note.split()[0]) for note in notes if "test sentences have the words" in note] for notes in found]
    assert sum(counts[1]) == sum(counts[0]) + 3


def test_tags_that_no_row_has_are_told_once() -> None:
    raw = GRAMMAR.load({})
    built = build(raw[~raw["tag"].isin(["ADV", "NUM"])])
    assert [note for note in built.notes if "ADV" in note or "NUM" in note] == ["no row has the tags ADV, NUM"]


def test_one_tag_alone_is_refused() -> None:
    raw = GRAMMAR.load({})
    with pytest.raises(UnreadableInputError, match="found the tag 'NOUN' alone"):
        build(raw[raw["tag"] == "NOUN"])


def test_folds_are_drawn_apart_from_the_split() -> None:
    raw = GRAMMAR.load({})
    built = build(raw[raw["part"] == "train"])
    train = built.table[built.table["split"] == "train"]
    documents = pd.factorize(train["document"])[0]
    for seed in (1, 1 + len("test"), 1 + len("validation")):
        as_a_split = divide_rows(np.zeros(len(train), dtype=int), documents, [1 / 3] * 3, seed=seed)
        assert (train["fold"] != as_a_split).mean() > 0.3
